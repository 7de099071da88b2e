"""python -m sse_stream"""

import sys

from .cli import main

sys.exit(main())
