"""A plain parser of event streams, each rule of the standard on lines of its own.

It is the parser that tests/conformance/mutants.py breaks, one rule at a time. It is slow, and no
part of the package.
"""

from __future__ import annotations

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"


class PlainEvent(NamedTuple):
    type: str
    data: str
    id: str


class PlainParser:
    def __init__(self) -> None:
        # The bytes that may begin a byte order mark, as long as that is not decided.
        self.at_start = True
        self.start = b""
        # The UTF-8 decoder: bytes still needed, the character so far, the next byte's range.
        self.needed = self.point = 0
        self.lower, self.upper = 0x80, 0xBF
        self.line = ""
        self.after_cr = False
        self.data = self.type = self.id = ""
        self.last_event_id = ""
        self.retry: int | None = None
        self.events: list[PlainEvent] = []
        self.comments: list[str] = []

    def feed(self, chunk: bytes) -> None:
        if self.at_start:
            self.start += chunk
            if len(self.start) < 3 and BOM.startswith(self.start):
                return
            self.at_start = False
            chunk = self.start.removeprefix(BOM)
        for byte in chunk:
            for character in self.decode(byte):
                self.add(character)

    def close(self) -> None:
        self.line = self.data = self.type = ""

    def decode(self, byte: int) -> str:
        """Return the characters that a byte completes."""
        if self.needed == 0:
            if byte <= 0x7F:
                return chr(byte)
            if 0xC2 <= byte <= 0xDF:
                self.needed, self.point = 1, byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                self.needed, self.point = 2, byte & 0xF
                self.lower = 0xA0 if byte == 0xE0 else 0x80
                self.upper = 0x9F if byte == 0xED else 0xBF
            elif 0xF0 <= byte <= 0xF4:
                self.needed, self.point = 3, byte & 0x7
                self.lower = 0x90 if byte == 0xF0 else 0x80
                self.upper = 0x8F if byte == 0xF4 else 0xBF
            else:
                return "\ufffd"
            return ""
        whole = self.lower <= byte <= self.upper
        self.lower, self.upper = 0x80, 0xBF
        if not whole:
            self.needed = 0
            return "\ufffd" + self.decode(byte)
        self.point = self.point << 6 | byte & 0x3F
        self.needed -= 1
        return chr(self.point) if self.needed == 0 else ""

    def add(self, character: str) -> None:
        """Add a character to the line, or end the line."""
        if character == "\n" and self.after_cr:
            self.after_cr = False
        elif character in "\r\n":
            self.after_cr = character == "\r"
            line, self.line = self.line, ""
            self.process(line)
        else:
            self.after_cr = False
            self.line += character

    def process(self, line: str) -> None:
        if line == "":
            self.dispatch()
            return
        if line.startswith(":"):
            self.comments.append(line[1:].removeprefix(" "))
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self.type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id":
            if "\0" not in value:
                self.id = value
        elif name == "retry" and value != "" and all(digit in "0123456789" for digit in value):
            self.retry = int(value)

    def dispatch(self) -> None:
        self.last_event_id = self.id
        if self.data == "":
            self.type = ""
            return
        data = self.data[:-1]
        self.events.append(PlainEvent(self.type or "message", data, self.last_event_id))
        self.data = self.type = ""
