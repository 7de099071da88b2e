"""What all tests share."""

from importlib.util import find_spec

# The tests of the transports need the clients and a server, which not every environment has.
collect_ignore = [
    name
    for name in ("test_transports.py", "test_readme.py")
    if not all(map(find_spec, ("aiohttp", "httpx", "requests", "urllib3")))
]
