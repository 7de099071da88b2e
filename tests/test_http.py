"""read_chunks over the standard library's HTTP client, against a server on loopback."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from sse_stream import Event, Item, iter_items, read_chunks

CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunk(data: bytes, framing: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if framing else data


@pytest.fixture(params=[CHUNKED, b""], ids=["chunked", "close"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, threading.Event, bytes]]:
    """Sends one event, waits to be released, sends another and drops amid a third."""
    framing: bytes = request.param
    release = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + framing + b"\r\n"
            connection.sendall(head + chunk(b"data: 1\r\r", framing))
            if release.wait(10):
                connection.sendall(chunk(b"\ndata: 2\n\nda", framing))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], release, framing
    release.set()
    thread.join()
    listener.close()


def test_items_arrive_while_the_server_still_sends(
    server: tuple[int, threading.Event, bytes],
) -> None:
    port, release, framing = server
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/")
    items = iter_items(read_chunks(client.getresponse()))
    # The server sends the second event only once the first has been seen.
    assert next(items) == Event(data="1")
    release.set()
    got: list[Item] = []
    if framing:
        with pytest.raises(http.client.IncompleteRead):
            got.extend(items)
    else:
        # A body that ends by closing cannot tell an end from a drop.
        got.extend(items)
    assert got == [Event(data="2")]
    client.close()
