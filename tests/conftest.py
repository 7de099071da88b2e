"""Settings for all tests."""

import os

import pytest
from hypothesis import settings

# No time limit for an example; with CI set, the same code gets the same examples.
settings.register_profile("sse-stream", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sse-stream")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pure", action="store_true", help="test the pure form, not the compiled one")
    parser.addoption(
        "--no-fast-path",
        action="store_true",
        help="test the pure form without its fast path, which must not change any result",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before any test imports the package; the processes that tests start get it too.
    without_fast_path = config.getoption("--no-fast-path")
    if config.getoption("--pure") or without_fast_path:
        os.environ["SSE_STREAM_PURE"] = "1"
    if without_fast_path:
        from sse_stream import parser

        parser.FAST_PATH = False
