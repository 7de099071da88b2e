# SPDX-License-Identifier: MIT
# For type checkers, the compiled form and the pure one are the same.

from .items import DONE as DONE
from .items import Block as Block
from .items import Comment as Comment
from .items import Done as Done
from .items import Event as Event
from .items import Ignored as Ignored
from .parser import Parser as Parser
