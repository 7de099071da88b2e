"""python -m sse_stream"""

# Until the command starts to read, Ctrl-C ends the process by the signal itself, without a
# traceback. If the signal is ignored, as in a background job, it stays ignored.
try:
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
except KeyboardInterrupt:
    raise SystemExit(130) from None

from .cli import main

raise SystemExit(main())
