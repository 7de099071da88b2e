"""Settings for all tests."""

import os

import pytest
from hypothesis import settings

# No time limit for an example; with CI set, the same code gets the same examples.
settings.register_profile("sse-stream", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sse-stream")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pure", action="store_true", help="test the pure form, not the compiled one")


def pytest_configure(config: pytest.Config) -> None:
    # Before any test imports the package; the processes that tests start get it too.
    if config.getoption("--pure"):
        os.environ["SSE_STREAM_PURE"] = "1"
