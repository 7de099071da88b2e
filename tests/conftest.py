"""Settings for all tests."""

import os
from importlib.util import find_spec

import pytest
from hypothesis import settings

# These tests need HTTP clients and a server, which not every environment has.
collect_ignore = [
    name
    for name in (
        "test_transports.py",
        "test_pages.py",
        "test_other_clients.py",
        "test_moving_over.py",
        "test_recipes.py",
    )
    if not all(map(find_spec, ("aiohttp", "httpx", "requests", "urllib3")))
]
if not all(map(find_spec, ("aiohttp", "httpx", "starlette", "uvicorn"))):
    collect_ignore.append("test_gateway.py")

# No time limit for an example; with CI set, the same code gets the same examples.
settings.register_profile("sse-stream", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sse-stream")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pure", action="store_true", help="test the pure form, not the compiled one")


def pytest_configure(config: pytest.Config) -> None:
    # Before any test imports the package; the processes that tests start get it too.
    if config.getoption("--pure"):
        os.environ["SSE_STREAM_PURE"] = "1"
