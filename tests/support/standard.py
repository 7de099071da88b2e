"""A plain transcription of the two standards that define an event stream.

The UTF-8 decoder is that of the Encoding standard, the rest is section 9.2.6 of the HTML standard.
It processes a whole stream character by character and shares no code with the package. Where the
package does more than the HTML standard (comments, DONE, `retry` of an event, the upper bound of
`retry`, `incomplete`), so does this.
"""

from __future__ import annotations

from typing import NamedTuple

# ("event", type, data, id, retry), ("comment", text), ("ignored", line) or ("done",)
PlainItem = tuple[object, ...]


class Outcome(NamedTuple):
    """The items that a stream gives, the state that it leaves, and whether its end gives DONE."""

    items: list[PlainItem]
    last_event_id: str
    retry: int | None
    incomplete: bool
    ignored: int
    done_at_end: bool


def decode(stream: bytes) -> str:
    """Do the Encoding standard's "UTF-8 decode": strip one byte order mark, replace errors."""
    text: list[str] = []
    code_point = seen = needed = 0
    lower, upper = 0x80, 0xBF
    position = 3 if stream.startswith(b"\xef\xbb\xbf") else 0
    while position < len(stream):
        byte = stream[position]
        position += 1
        if needed == 0:
            if byte <= 0x7F:
                text.append(chr(byte))
            elif 0xC2 <= byte <= 0xDF:
                needed, code_point = 1, byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                lower = 0xA0 if byte == 0xE0 else lower
                upper = 0x9F if byte == 0xED else upper
                needed, code_point = 2, byte & 0xF
            elif 0xF0 <= byte <= 0xF4:
                lower = 0x90 if byte == 0xF0 else lower
                upper = 0x8F if byte == 0xF4 else upper
                needed, code_point = 3, byte & 0x7
            else:
                text.append("\ufffd")
        elif lower <= byte <= upper:
            lower, upper = 0x80, 0xBF
            code_point = code_point << 6 | byte & 0x3F
            seen += 1
            if seen == needed:
                text.append(chr(code_point))
                code_point = seen = needed = 0
        else:
            # The invalid byte is decoded again, as the first byte of the next sequence.
            code_point = seen = needed = 0
            lower, upper = 0x80, 0xBF
            position -= 1
            text.append("\ufffd")
    if needed:
        text.append("\ufffd")
    return "".join(text)


def split(text: str) -> tuple[list[str], str]:
    """Return the lines, and the rest that no line ending follows."""
    lines: list[str] = []
    line: list[str] = []
    previous = ""
    for character in text:
        if character in "\r\n":
            # The LF of a CRLF ends no line: its CR already did.
            if not (character == "\n" and previous == "\r"):
                lines.append("".join(line))
                line.clear()
        else:
            line.append(character)
        previous = character
    return lines, "".join(line)


def process(line: str) -> tuple[str, str]:
    """Return the name and the value of a field; a comment has no name."""
    name, _, value = line.partition(":")
    return name, value[1:] if value.startswith(" ") else value


def is_done(data: str, done: str | None) -> bool:
    """Whether the data is the sentinel, with at most 16 spaces around it."""
    if done is None:
        return False
    spaces = len(data) - len(done)
    return any(
        data == " " * before + done + " " * (spaces - before)
        for before in range(spaces + 1)
        if spaces <= 16
    )


def interpret(
    stream: bytes,
    done: str | None = "[DONE]",
    last_event_id: str = "",
    report_ignored: bool = False,
) -> Outcome:
    """Interpret a whole event stream; discard what follows its last blank line."""
    items: list[PlainItem] = []
    lines, rest = split(decode(stream))
    data_buffer = event_type_buffer = ""
    last_event_id_buffer = last_event_id
    retry: int | None = None
    # Not in the standard: the retry of this block, whether the end now would lose a field, and
    # how many lines were ignored.
    block_retry: int | None = None
    fields = False
    ignored = 0
    for line in lines:
        if line == "":
            last_event_id = last_event_id_buffer
            if data_buffer != "":
                assert data_buffer[-1] == "\n"
                data = data_buffer[:-1]
                if is_done(data, done):
                    items.append(("done",))
                else:
                    kind = event_type_buffer if event_type_buffer != "" else "message"
                    items.append(("event", kind, data, last_event_id, block_retry))
            data_buffer = event_type_buffer = ""
            block_retry = None
            fields = False
            continue
        name, value = process(line)
        ignored_before = ignored
        if name == "":
            items.append(("comment", value))
        elif name == "event":
            event_type_buffer = value
            fields = True
        elif name == "data":
            data_buffer = data_buffer + value + "\n"
            fields = True
        elif name == "id" and "\0" not in value:
            last_event_id_buffer = value
            fields = True
        elif name == "retry" and value != "" and all("0" <= digit <= "9" for digit in value):
            # int() may refuse very many digits; without leading zeros, more than 20 are too large.
            digits = value.lstrip("0")
            if len(digits) <= 20 and int(digits or "0") < 2**64:
                retry = block_retry = int(digits or "0")
            else:
                ignored += 1
        else:
            ignored += 1
        if report_ignored and ignored > ignored_before:
            items.append(("ignored", line))
    # Not in the standard: DONE needs no blank line.
    name, value = process(rest)
    if rest != "" and name == "data":
        data_buffer = data_buffer + value + "\n"
    done_at_end = data_buffer != "" and is_done(data_buffer[:-1], done)
    incomplete = (fields or rest != "") and not done_at_end
    return Outcome(items, last_event_id, retry, incomplete, ignored, done_at_end)
