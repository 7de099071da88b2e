"""The plain parser of plain.py, broken in many ways: one rule in each.

Each mutant replaces one part of its source by another. The faults are those that parsers have, or
that the libraries of a language invite: its own lines, digits, spaces and decoders.
"""

# A mutant stands on one line, however long it is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

SOURCE = (Path(__file__).resolve().parent / "plain.py").read_text(encoding="utf-8")


class Mutant(NamedTuple):
    """A fault, the part of the source that it replaces, and by what; perhaps another part too."""

    name: str
    old: str
    new: str
    also: str = ""
    by: str = ""
    # Whether it needs more than one chunk to show.
    pieces: bool = False

    def parser(self) -> Any:
        """Return the class of the broken parser."""
        source = SOURCE
        for old, new in [(self.old, self.new), (self.also, self.by)]:
            if old and source.count(old) != 1:
                raise ValueError(f"{self.name}: this part of the source is not there once: {old}")
            source = source.replace(old, new) if old else source
        return build(source)


def build(source: str) -> Any:
    """Return the parser of this source."""
    source = source.replace("from typing import", "import re, unicodedata\nfrom typing import", 1)
    names: dict[str, Any] = {"__name__": "plain_parser"}
    exec(compile(source, "plain.py", "exec"), names)
    return names["PlainParser"]


def answer_of(parser_class: Any, chunks: list[bytes]) -> Any:
    """Return the answer of the plain parser or a mutant; the text of an error that it raises."""
    try:
        parser = parser_class()
        for chunk in chunks:
            parser.feed(chunk)
        parser.close()
    except Exception as error:
        return repr(error)
    return {
        "events": [event._asdict() for event in parser.events],
        "retry": parser.retry,
        "last_event_id": parser.last_event_id,
        "comments": parser.comments,
    }


# The parts that are replaced, by what they do.
FEED = "        if self.at_start:\n"
STRIP = "chunk = self.start.removeprefix(BOM)"
WAIT = "if len(self.start) < 3 and BOM.startswith(self.start):"
DECODED = "for character in self.decode(byte):"
INVALID = 'return "\\ufffd"\n            return ""'
CUT = 'return "\\ufffd" + self.decode(byte)'
LF_OF_CR = 'if character == "\\n" and self.after_cr:\n            self.after_cr = False'
LINE_END = 'elif character in "\\r\\n":'
TAKE_LINE = 'line, self.line = self.line, ""'
BLANK = 'if line == "":'
COMMENT = 'if line.startswith(":"):'
ADD_COMMENT = 'self.comments.append(line[1:].removeprefix(" "))'
SPLIT = 'name, _, value = line.partition(":")'
SPACE = 'value = value.removeprefix(" ")'
SET_EVENT = "self.type = value"
SET_DATA = 'self.data += value + "\\n"'
NO_NUL = 'if "\\0" not in value:'
SET_ID = "self.id = value"
DIGITS = 'value != "" and all(digit in "0123456789" for digit in value)'
SET_RETRY = "self.retry = int(value)"
COMMIT = "self.last_event_id = self.id\n"
NO_DATA = 'if self.data == "":'
NO_DATA_RESET = '            self.type = ""\n            return\n'
LAST_LF = "data = self.data[:-1]"
MAKE = 'PlainEvent(self.type or "message", data, self.last_event_id)'
RESET = '        self.data = self.type = ""\n'
CLOSE = 'self.line = self.data = self.type = ""'
ANY_END = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def line_ends_at(characters: str) -> Mutant:
    new = f'elif character in "\\r\\n" or character in {characters!a}:'
    return Mutant(f"a line ends at {characters!a}", LINE_END, new)


def decoded(name: str, expression: str) -> Mutant:
    """Return a mutant that changes the characters, here called ``text``."""
    new = f"text = self.decode(byte)\n            for character in {expression}:"
    return Mutant(name, DECODED, new)


def named(name: str, expression: str) -> Mutant:
    """Return a mutant that changes the name of a field."""
    return Mutant(name, SPLIT, f"{SPLIT}\n        name = {expression}")


def spaced(name: str, expression: str) -> Mutant:
    """Return a mutant that removes other characters from the value of a field."""
    return Mutant(name, SPACE, f"value = {expression}")


def typed(name: str, expression: str) -> Mutant:
    return Mutant(name, SET_EVENT, f"self.type = {expression}")


def identified(name: str, expression: str) -> Mutant:
    return Mutant(name, SET_ID, f"self.id = {expression}")


def timed(name: str, pattern: str, number: str = "int(value)") -> Mutant:
    """Return a mutant that takes a reconnection time that matches a pattern."""
    new = f"re.fullmatch({pattern!r}, value)"
    return Mutant(name, DIGITS, new, SET_RETRY, f"self.retry = {number}")


def dispatched(name: str, expression: str) -> Mutant:
    """Return a mutant that changes the data of an event."""
    return Mutant(name, LAST_LF, f"{LAST_LF}\n        data = {expression}")


def unknown(name: str, statement: str) -> Mutant:
    """Return a mutant that does something at a line with an unknown field name."""
    return Mutant(name, f"            {SET_RETRY}", f"            {SET_RETRY}\n        else:\n            {statement}")


def ended(name: str, statement: str) -> Mutant:
    """Return a mutant that does something at the end of the file."""
    return Mutant(name, CLOSE, f"{statement}\n        {CLOSE}")


LINES = [
    Mutant("LF ends no line", LINE_END, 'elif character == "\\r":'),
    Mutant("CR ends no line", LINE_END, 'elif character == "\\n":'),
    Mutant("lines end at LF, and a CR before it is removed", LINE_END, 'elif character == "\\n":', TAKE_LINE, f'{TAKE_LINE}\n            line = line.removesuffix("\\r")'),
    Mutant("CRLF is two ends", LF_OF_CR, "if False:\n            pass"),
    Mutant("LF CR is one end", LF_OF_CR, 'if character == "\\r" and getattr(self, "after_lf", False):\n            self.after_lf = False\n        elif character == "\\n" and self.after_cr:\n            self.after_cr = False', LINE_END, f'{LINE_END}\n            self.after_lf = character == "\\n"'),
    Mutant("CR CR is one end", LF_OF_CR, f'if character == "\\r" and self.after_cr:\n            pass\n        el{LF_OF_CR}'),
    Mutant("all LF after a CR belong to it", LF_OF_CR, 'if character == "\\n" and self.after_cr:\n            pass'),
    Mutant("an LF after other characters belongs to a CR before them", "            self.after_cr = False\n            self.line += character", "            self.line += character"),
    Mutant("a CR at the end of a chunk is forgotten", FEED, f"        self.after_cr = False\n{FEED}", pieces=True),
    Mutant("a CR at the end of a chunk waits for the next chunk", FEED, f'        chunk = getattr(self, "held", b"") + chunk\n        self.held = b"\\r" if chunk.endswith(b"\\r") else b""\n        chunk = chunk[:-1] if self.held else chunk\n{FEED}'),
    Mutant("a line in progress is lost at the end of a chunk", FEED, f'        self.line = ""\n{FEED}', pieces=True),
    Mutant("a block in progress is lost at the end of a chunk", FEED, f'        self.data = ""\n{FEED}', pieces=True),
    Mutant("a chunk is whole lines", FEED, f'        if self.line != "":\n            self.process(self.line)\n            self.line = ""\n{FEED}', pieces=True),
    *map(line_ends_at, ANY_END),
    line_ends_at(ANY_END),
    Mutant("a line ends at each 0A and 0D of UTF-16", LINE_END, "elif ord(character) & 0xFF in (10, 13):"),
    Mutant("a line ends at a backslash and n", SET_DATA, 'self.data += value.replace("\\\\n", "\\n") + "\\n"'),
    typed("a type ends at U+2028", 'value.split("\\u2028")[0]'),
    identified("an ID ends at U+0085", 'value.split("\\x85")[0]'),
    Mutant("a comment ends at U+2029", ADD_COMMENT, 'self.comments.append(line[1:].removeprefix(" ").split("\\u2029")[0])'),
    Mutant("a line of one space is blank", BLANK, 'if line in ("", " "):'),
    Mutant("a line of one tab is blank", BLANK, 'if line in ("", "\\t"):'),
    Mutant("a line of NUL is blank", BLANK, 'if line in ("", "\\0"):'),
    Mutant("a line of U+00A0 is blank", BLANK, 'if line in ("", "\\xa0"):'),
    Mutant("a line of white space is blank", BLANK, 'if line.strip() == "":'),
    Mutant("a blank line before the first event is an event", NO_DATA, 'if self.data == "" and self.events:'),
    Mutant("two blank lines end a block", BLANK, 'if line == "" and not getattr(self, "blank", False):\n            self.blank = True\n            return\n        self.blank = False\n        if line == "":'),
]

MARK = [
    Mutant("the mark is not stripped", STRIP, "chunk = self.start"),
    Mutant("two marks are stripped", STRIP, f"{STRIP}.removeprefix(BOM)"),
    Mutant("the mark must be in the first chunk", WAIT, "if False:", pieces=True),
    Mutant("what may begin a mark is dropped", STRIP, "chunk = self.start[3:] if self.start.startswith(BOM) else chunk", pieces=True),
    Mutant("one byte of a mark is stripped", STRIP, f'{STRIP}.removeprefix(b"\\xef")'),
    Mutant("two bytes of a mark are stripped", STRIP, f'{STRIP}.removeprefix(b"\\xef\\xbb")'),
    Mutant("three bytes are stripped after two of a mark", STRIP, 'chunk = self.start[3:] if self.start.startswith(b"\\xef\\xbb") and self.start[2] > 0x7F else self.start'),
    Mutant("the byte after two bytes of a mark is dropped", STRIP, 'chunk = self.start[:2] + self.start[3:] if self.start[:2] == BOM[:2] != self.start[2:] and self.start[:3] != BOM else self.start.removeprefix(BOM)'),
    Mutant("a line end after two bytes of a mark is dropped", STRIP, f'{STRIP}.replace(BOM[:2] + b"\\n", BOM[:2])'),
    Mutant("any bytes of a mark are stripped", STRIP, "chunk = self.start.lstrip(BOM)"),
    Mutant("a mark after one byte of it is stripped", STRIP, f'{STRIP}.removeprefix(b"\\xef" + BOM)'),
    Mutant("the mark of UTF-16 is stripped", STRIP, f'{STRIP}.removeprefix(b"\\xff\\xfe")'),
    Mutant("the mark is not stripped before a comment", STRIP, 'chunk = self.start if self.start[3:4] == b":" else self.start.removeprefix(BOM)'),
    Mutant("the mark is stripped after blank lines", STRIP, 'chunk = self.start.lstrip(b"\\r\\n").removeprefix(BOM)'),
    Mutant("the mark is stripped in each block", BLANK, 'line = line.removeprefix("\\ufeff") if self.events else line\n        if line == "":'),
    named("the mark is stripped in each line", 'name.removeprefix("\\ufeff")'),
    decoded("U+FEFF is dropped", 'text.replace("\\ufeff", "")'),
    dispatched("U+FEFF is stripped from data", 'data.strip("\\ufeff")'),
    Mutant("a mark alone is a line", CLOSE, f'self.events += [PlainEvent("message", "", "")] * (self.start == BOM)\n        {CLOSE}'),
]

UTF8 = [
    decoded("Latin-1", "chr(byte)"),
    decoded("ASCII", 'bytes([byte]).decode("ascii", "replace")'),
    Mutant("an invalid byte is an error", INVALID, 'raise ValueError\n            return ""'),
    Mutant("a cut character is an error", CUT, "raise ValueError"),
    Mutant("an invalid byte is dropped", INVALID, 'return ""\n            return ""'),
    Mutant("a cut character is dropped", CUT, "return self.decode(byte)"),
    Mutant("an invalid byte is a question mark", INVALID, 'return "?"\n            return ""'),
    Mutant("an invalid byte is Latin-1", INVALID, 'return chr(byte)\n            return ""'),
    Mutant("the byte that ends a cut character is dropped", CUT, 'return "\\ufffd"'),
    Mutant("a line end after a cut character is dropped", CUT, 'return "\\ufffd" if byte in (10, 13) else "\\ufffd" + self.decode(byte)'),
    Mutant("the first byte after a cut character is dropped", CUT, 'return "\\ufffd" if byte > 0xC1 else "\\ufffd" + self.decode(byte)'),
    Mutant("a character goes on after a line end", "        whole = ", "        if byte in (10, 13):\n            return chr(byte)\n        whole = "),
    Mutant("one U+FFFD for each byte of a cut character", "self.needed -= 1", 'self.needed -= 1\n        self.got = getattr(self, "got", 0) + 1 if self.needed else 0', CUT, 'got, self.got = getattr(self, "got", 0), 0\n            return "\\ufffd" * (got + 1) + self.decode(byte)'),
    decoded("one U+FFFD for a run of them", '[c for c in text if c != "\\ufffd" or not self.line.endswith(c)]'),
    Mutant("a cut character at the end of a chunk is invalid", FEED, f"        if self.needed:\n            self.needed = 0\n            self.line += '\\ufffd'\n{FEED}", pieces=True),
    Mutant("U+007F is invalid", "byte <= 0x7F", "byte < 0x7F"),
    Mutant("C0 begins a character", "0xC2 <= byte", "0xC2 <= byte or byte == 0xC0 <= byte"),
    Mutant("C0 and C1 begin a character", "0xC2 <= byte", "0xC0 <= byte"),
    Mutant("C1 begins a character", "0xC2 <= byte", "0xC1 <= byte"),
    Mutant("C2 begins no character", "0xC2 <= byte", "0xC3 <= byte"),
    Mutant("DF begins no character", "byte <= 0xDF", "byte < 0xDF"),
    Mutant("E0 begins no character", "0xE0 <= byte", "0xE1 <= byte"),
    Mutant("EF begins no character", "byte <= 0xEF", "byte < 0xEF"),
    Mutant("F0 begins no character", "0xF0 <= byte", "0xF1 <= byte"),
    Mutant("F4 begins no character", "byte <= 0xF4", "byte < 0xF4"),
    Mutant("F5 begins a character", "byte <= 0xF4", "byte <= 0xF5"),
    Mutant("any byte after E0", "0xA0 if byte == 0xE0", "0x80 if byte == 0xE0"),
    Mutant("A0 is not valid after E0", "0xA0 if byte == 0xE0", "0xA1 if byte == 0xE0"),
    Mutant("any byte after ED", "0x9F if byte == 0xED", "0xBF if byte == 0xED"),
    Mutant("9F is not valid after ED", "0x9F if byte == 0xED", "0x9E if byte == 0xED"),
    Mutant("surrogates are joined", "0x9F if byte == 0xED", "0xBF if byte == 0xED", LAST_LF, f'{LAST_LF}\n        data = re.sub("[\\ud800-\\udbff][\\udc00-\\udfff]", lambda m: m[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), data)\n        data = re.sub("[\\ud800-\\udfff]", "\\ufffd" * 3, data)'),
    Mutant("any byte after F0", "0x90 if byte == 0xF0", "0x80 if byte == 0xF0"),
    Mutant("90 is not valid after F0", "0x90 if byte == 0xF0", "0x91 if byte == 0xF0"),
    Mutant("any byte after F4", "0x8F if byte == 0xF4", "0xBF if byte == 0xF4"),
    Mutant("8F is not valid after F4", "0x8F if byte == 0xF4", "0x8E if byte == 0xF4"),
    Mutant("F8 begins a character of five bytes", "            else:\n                return", "            elif byte == 0xF8:\n                self.needed = 4\n            else:\n                return"),
    Mutant("80 is no continuation", "self.lower <= byte <=", "self.lower < byte <="),
    Mutant("BF is no continuation", "self.lower <= byte <= self.upper", "self.lower <= byte < self.upper"),
    Mutant("the range of the second byte holds for all", "self.lower, self.upper = 0x80, 0xBF\n        if not whole", "if not whole"),
    Mutant("an overlong form of LF ends a line", "0xC2 <= byte", "0xC0 <= byte", "self.needed -= 1", 'self.needed -= 1\n        if self.needed == 0 and self.point < 0x80 and self.point != 10:\n            return "\\ufffd\\ufffd"'),
    dispatched("NFC", 'unicodedata.normalize("NFC", data)'),
    dispatched("NFKC", 'unicodedata.normalize("NFKC", data) if data != data.casefold() else data'),
    decoded("U+FFFE is replaced", 'text.replace("\\ufffe", "\\ufffd")'),
    decoded("U+FDD0 is replaced", 'text.replace("\\ufdd0", "\\ufffd")'),
    decoded("NUL is replaced", 'text.replace("\\0", "\\ufffd")'),
    decoded("NUL is dropped", 'text.replace("\\0", "")'),
    dispatched("data ends at NUL", 'data.split("\\0")[0]'),
    dispatched("control characters are dropped", 're.sub("[\\x01-\\x08]", "", data)'),
    dispatched("escape sequences are dropped", 're.sub(r"\\x1b\\[[0-9;]*m", "", data)'),
    dispatched("an event with U+FFFD is an error", 'data.encode("utf-8") if "\\ufffd" not in data else 1 // 0'),
    typed("a type in ASCII", 'value.encode("ascii", "replace").decode()'),
    typed("a type with U+FFFD is ignored", 'self.type if "\\ufffd" in value else value'),
    identified("an ID in ASCII", 'value.encode("ascii", "replace").decode()'),
    identified("an ID with U+FFFD is ignored", 'self.id if "\\ufffd" in value else value'),
    Mutant("a comment in ASCII", ADD_COMMENT, 'self.comments.append(line[1:].removeprefix(" ").encode("ascii", "replace").decode())'),
    dispatched("data in ASCII", 'data.encode("ascii", "replace").decode()'),
    dispatched("characters of UCS-2", '"".join(c if c < "\\U00010000" else "\\ufffd" for c in data)'),
    named("U+FFFD in a name is dropped", 'name.replace("\\ufffd", "")'),
]

COMMENTS = [
    Mutant("comments are not recognised", COMMENT, "if False:"),
    Mutant("a comment ends a block", ADD_COMMENT, f"{ADD_COMMENT}\n            self.dispatch()"),
    Mutant("a comment is data", ADD_COMMENT, f'{ADD_COMMENT}\n            self.data += line[1:] + "\\n"'),
    Mutant("a comment drops the data", ADD_COMMENT, f'{ADD_COMMENT}\n            self.data = ""'),
    Mutant("a comment drops the type", ADD_COMMENT, f'{ADD_COMMENT}\n            self.type = ""'),
    Mutant("a comment drops the ID", ADD_COMMENT, f'{ADD_COMMENT}\n            self.id = ""'),
    Mutant("a block of comments is an event", ADD_COMMENT, f"{ADD_COMMENT}\n            self.noted = True", NO_DATA, f'if self.data == "" and getattr(self, "noted", False) and not self.id:\n            self.noted = False\n            self.data = "\\n"\n        {NO_DATA}'),
    Mutant("a block of comments after an ID is an event", ADD_COMMENT, f"{ADD_COMMENT}\n            self.noted = True", NO_DATA, f'if self.data == "" and getattr(self, "noted", False) and self.id:\n            self.noted = False\n            self.data = "\\n"\n        {NO_DATA}'),
    Mutant("a field in a comment is a field", ADD_COMMENT, f"{ADD_COMMENT}\n            line = line[1:].removeprefix(' ')\n            if line.startswith('data'):\n                self.process(line)"),
    Mutant("spaces before a comment", COMMENT, 'if line.lstrip().startswith(":"):'),
    Mutant("a comment begins with #", COMMENT, 'if line.startswith(":") or line.startswith("#"):'),
    Mutant("a comment keeps its first space", ADD_COMMENT, "self.comments.append(line[1:])"),
    Mutant("a comment loses all spaces", ADD_COMMENT, "self.comments.append(line[1:].strip())"),
    Mutant("a comment loses all colons", ADD_COMMENT, 'self.comments.append(line.lstrip(":").removeprefix(" "))'),
    Mutant("a comment ends at its next colon", ADD_COMMENT, 'self.comments.append(line[1:].removeprefix(" ").split(":")[0])'),
    Mutant("a comment of two colons is none", COMMENT, 'if line.startswith(":") and not line.startswith("::"):'),
    Mutant("an empty comment is a blank line", BLANK, 'if line in ("", ":"):'),
    Mutant("an empty comment is none", COMMENT, 'if line.startswith(":") and len(line) > 2:'),
    Mutant("a comment inside a block is none", COMMENT, 'if line.startswith(":") and not self.data:'),
    ended("a comment without a line end is one", "self.comments += [self.line[1:]] if self.line.startswith(':') else []"),
    Mutant("a comment ends at LF only", COMMENT, 'if line.startswith(":") and not self.after_cr:'),
]

NAMES = [
    *[named(f"{name} in any case", f'name.lower() if name.lower() == "{name}" else name') for name in ("data", "event", "id", "retry")],
    named("the first letter of a name in any case", "name[:1].lower() + name[1:]"),
    named("names in capitals too", "name.lower() if name.isupper() else name"),
    *[named(f"a name that begins with {name}", f'"{name}" if name.startswith("{name}") else name') for name in ("data", "event", "id", "retry")],
    named("a name that begins with data and ends at a hyphen", 'name.split("-")[0]'),
    named("a name that begins with data and a letter", 'name[:4] if re.fullmatch("data[a-z]", name) else name'),
    named("a part of data", '"data" if "data".startswith(name) and name else name'),
    named("data without its last letter", '"data" if name == "dat" else name'),
    named("the first letter of a name", '{"d": "data", "e": "event", "i": "id", "r": "retry"}.get(name, name)'),
    named("a name that ends with data", '"data" if name.endswith("data") else name'),
    named("a space before a name", 'name.lstrip(" ")'),
    named("a tab before a name", 'name.lstrip("\\t")'),
    named("a space after a name", 'name.rstrip(" ") if value else name'),
    named("a space after a name without a colon", 'name if value else name.rstrip(" ")'),
    named("a tab after a name", 'name.rstrip("\\t")'),
    named("white space around a name", "name.strip()"),
    named("a name ends at NUL", 'name.split("\\0")[0]'),
    named("a name in NFKC", 'unicodedata.normalize("NFKC", name)'),
    named("an invisible character in a name", 'name.replace("\\u200b", "")'),
    Mutant("an equals sign ends a name", SPLIT, 'name, _, value = line.replace("=", ":", 1).partition(":")'),
    Mutant("a line without a colon is no field", SPLIT, f"{SPLIT}\n        if not _:\n            return"),
    Mutant("a line without a colon is an error", SPLIT, f"{SPLIT}\n        if not _:\n            raise ValueError"),
    Mutant("a line without a colon goes on with the data", SPLIT, f"{SPLIT}\n        if not _ and self.data:\n            self.data += line"),
    Mutant("a line of JSON is data", BLANK, 'if line.startswith("{\\"data\\""):\n            self.data += line + "\\n"\n        if line == "":'),
    Mutant("a line of JSON goes on with the data", BLANK, 'if line.startswith("{\\"a\\"") and self.data:\n            self.data += line + "\\n"\n        if line == "":'),
    unknown("an unknown name is an error", "raise ValueError"),
    unknown("an unknown name ends the block", "self.dispatch()"),
    unknown("an unknown name drops the data", 'self.data = ""'),
    unknown("an unknown name with a value is data", 'self.data += (value + "\\n") if name == "foo" and value else ""'),
    unknown("an unknown name without a value is data", 'self.data += (name + "\\n") if name == "foo" and not value else ""'),
    unknown("an unknown name sets what has that name", 'self.__dict__.update({name: value} if name == "type" else {})'),
    unknown("a name of one letter of white space is data", 'self.data += "\\n" if name == " " and not value else ""'),
]

FIELDS = [
    # The space after the colon.
    spaced("no space is removed", "value"),
    spaced("all spaces are removed", 'value.strip(" ")'),
    spaced("all spaces before are removed", 'value.lstrip(" ")'),
    spaced("two spaces are removed", 'value.removeprefix(" ").removeprefix(" ")'),
    spaced("spaces after are removed", 'value.removeprefix(" ").rstrip(" ")'),
    spaced("a space alone is kept", 'value if value == " " else value.removeprefix(" ")'),
    spaced("two spaces alone are removed", '"" if value == "  " else value.removeprefix(" ")'),
    spaced("a tab is removed", 'value.removeprefix(" ").removeprefix("\\t")'),
    spaced("a tab after is removed", 'value.removeprefix(" ").removesuffix("\\t")'),
    spaced("U+00A0 is removed", 'value.removeprefix(" ").removeprefix("\\xa0")'),
    spaced("U+3000 is removed", 'value.removeprefix(" ").removeprefix("\\u3000")'),
    spaced("white space is removed", "value.strip()"),
    spaced("a character is removed", "value[1:]"),
    Mutant("a name ends at a colon and a space", SPLIT, 'name, _, value = line.partition(": ")'),
    # Colons.
    Mutant("a name ends at the last colon", SPLIT, 'name, _, value = line.rpartition(":") if ":" in line else (line, "", "")'),
    Mutant("a value ends at the next colon", SPLIT, 'name, _, value = (line + "::").split(":")[0:1] + [""] + (line + "::").split(":")[1:2]'),
    spaced("colons before are removed", 'value.removeprefix(" ").lstrip(":")'),
    spaced("colons and spaces before are removed", 'value.lstrip(": ") if value.startswith(" :") else value.removeprefix(" ")'),
    spaced("a colon after is removed", 'value.removeprefix(" ").removesuffix(":")'),
    # Data.
    Mutant("a value takes the place of the data", SET_DATA, 'self.data = value + "\\n"'),
    Mutant("the first value is the data", SET_DATA, 'self.data = self.data or value + "\\n"'),
    Mutant("values are joined by nothing", SET_DATA, 'self.data = self.data.removesuffix("\\n") + value + "\\n"'),
    Mutant("values are joined by a space", SET_DATA, 'self.data = self.data[:-1] + " " * bool(self.data) + value + "\\n"'),
    Mutant("values are joined by the end of the line", SET_DATA, 'self.data += value + ("\\r" if self.after_cr else "\\n")'),
    Mutant("each value is an event", SET_DATA, f"{SET_DATA}\n            self.dispatch()"),
    Mutant("an empty value is not added", SET_DATA, 'self.data += value + "\\n" if value else ""'),
    Mutant("an empty first value is not added", SET_DATA, 'self.data += value + "\\n" if value or self.data else ""'),
    Mutant("an empty value is not added to others", SET_DATA, 'self.data += value + "\\n" if value or self.data in ("", "\\n") else ""'),
    Mutant("thirty values are too many", SET_DATA, 'self.data = "\\n".join(self.data.split("\\n")[-20:]) + value + "\\n"'),
    Mutant("no LF is removed", LAST_LF, "data = self.data"),
    Mutant("all LF are removed", LAST_LF, 'data = self.data.rstrip("\\n")'),
    Mutant("all LF around are removed", LAST_LF, 'data = self.data.strip("\\n")'),
    Mutant("an LF of two is removed too", LAST_LF, 'data = self.data[:-1].removesuffix("\\n") if self.data != "\\n\\n\\n" else "\\n\\n"'),
    Mutant("empty data is no event", NO_DATA, 'if self.data in ("", "\\n"):'),
    Mutant("data of empty lines is no event", NO_DATA, 'if self.data.strip("\\n") == "" and self.data != "\\n":'),
    Mutant("data without a colon is no event", SPLIT, f'{SPLIT}\n        if line == "data":\n            return'),
    dispatched("data in JSON is decoded", 'data.replace("\\\\n", "\\n") if data.startswith("{") else data'),
    dispatched("data is unquoted", "data.replace('\"', '').replace(\"'\", '') if data[:1] in \"'\\\"\" else data"),
    dispatched("data is decoded as in an address", 'data.replace("%20", " ").replace("+c", " c")'),
    dispatched("entities of data are decoded", 'data.replace("&amp;", "&")'),
    dispatched("escapes of data are decoded", 'data.replace("\\\\u0041", "A")'),
    spaced("a field in a value is one", 'value.removeprefix(" ").removeprefix("data:")'),
    # Types.
    Mutant("an event field ends the data", SET_EVENT, f"{SET_EVENT}\n            self.data = ''"),
    Mutant("an event field begins a new event", SET_EVENT, f"if self.data:\n                self.dispatch()\n            {SET_EVENT}"),
    Mutant("a type after the data is ignored", SET_EVENT, "self.type = self.type if self.data else value"),
    Mutant("data after a type after data is ignored", SET_DATA, f"if not (self.data and self.type):\n                {SET_DATA}"),
    Mutant("the first type wins", SET_EVENT, "self.type = self.type or value"),
    typed("an empty type is ignored", "value or self.type"),
    Mutant("a type without a colon is ignored", SET_EVENT, "self.type = value if _ else self.type"),
    typed("an empty type is a type", 'value or "empty"'),
    Mutant("an empty type makes no event", SET_EVENT, f"{SET_EVENT}\n            self.id = self.id if value or _ == ':' else 1 // 0"),
    Mutant("an empty type with a colon is a type", SET_EVENT, 'self.type = value or (_ and "empty")'),
    typed("a type of a space is none", "value.strip()"),
    typed("spaces in a type are replaced", 'value.replace(" ", "-") if value.strip() else value'),
    typed("a type in lower case", "value.lower()"),
    typed("message ends at once", 'value if value != "message" else 1 // 0'),
    typed("error is an error", 'value if value not in ("error", "open", "close") else 1 // 0'),
    typed("a type ends at a colon", 'value.split(":")[0]'),
    typed("a type ends at NUL", 'value.split("\\0")[0]'),
    Mutant("a type with NUL is ignored", SET_EVENT, 'self.type = self.type if "\\0" in value else value'),
    Mutant("a type holds for the next events too", RESET, '        self.data = ""\n'),
    Mutant("a type without data holds for the next event", NO_DATA_RESET, "            return\n"),
    Mutant("an event without a type has none", MAKE, "PlainEvent(self.type, data, self.last_event_id)"),
    # IDs.
    Mutant("an ID after the data is for the next event", SET_ID, "self.id = value if not self.data else self.id"),
    Mutant("the first ID wins", SET_ID, "self.id = self.id if self.id and self.id != self.last_event_id else value"),
    Mutant("an ID holds for one event", RESET, f'{RESET}        self.id = ""\n'),
    Mutant("an ID holds until a block without data", NO_DATA_RESET, f'            self.id = ""\n{NO_DATA_RESET}'),
    Mutant("an ID holds for two events", COMMIT, f'{COMMIT}        if self.data:\n            self.uses = getattr(self, "uses", 0) + 1\n        self.last_event_id = self.id if getattr(self, "uses", 0) < 3 else ""\n'),
    Mutant("an empty ID is ignored", SET_ID, "self.id = value or self.id"),
    Mutant("an ID without a colon is ignored", SET_ID, "self.id = value if _ else self.id"),
    Mutant("an empty ID with a colon is ignored", SET_ID, "self.id = value or self.id if _ else value"),
    Mutant("an ID is removed only if it was committed", SET_ID, "self.id = value if value or self.id == self.last_event_id else self.id"),
    Mutant("an ID without data is not kept", COMMIT, "pass\n", LAST_LF, f"self.last_event_id = self.id\n        {LAST_LF}"),
    Mutant("an ID without data is dropped", NO_DATA_RESET, f"            self.id = self.last_event_id\n{NO_DATA_RESET}", COMMIT, "self.last_event_id = self.id if self.data else self.last_event_id\n"),
    Mutant("the reset of an ID without data is dropped", COMMIT, "self.id = self.id or (self.last_event_id if not self.data else '')\n        self.last_event_id = self.id\n"),
    Mutant("an ID counts at once", SET_ID, "self.id = self.last_event_id = value"),
    Mutant("the reset of an ID counts at once", SET_ID, 'self.id = value\n                self.last_event_id = self.last_event_id if value else ""'),
    Mutant("an ID in a block with data counts at once", SET_DATA, f"{SET_DATA}\n            self.last_event_id = self.id"),
    Mutant("an ID may hold NUL", NO_NUL, "if True:"),
    Mutant("an ID may end with NUL", NO_NUL, 'if "\\0" not in value[:-1]:'),
    Mutant("an ID may begin with NUL", NO_NUL, 'if "\\0" not in value[1:]:'),
    Mutant("an ID may hold NUL inside", NO_NUL, 'if not (value.startswith("\\0") or value.endswith("\\0")):'),
    Mutant("an ID may be NUL", NO_NUL, 'if "\\0" not in value or value == "\\0":'),
    Mutant("an ID ends at NUL", NO_NUL, 'value = value.split("\\0")[0]\n            if True:'),
    Mutant("NUL in an ID is removed", NO_NUL, 'value = value.replace("\\0", "")\n            if True:'),
    Mutant("an ID with NUL resets it", NO_NUL, 'value = "" if "\\0" in value else value\n            if True:'),
    Mutant("an ID with NUL drops the block", NO_NUL, f'if "\\0" in value:\n                self.line = "data"\n                self.dropped = True\n            {NO_NUL}', NO_DATA, 'if self.data == "" or getattr(self, "dropped", False):\n            self.dropped = False\n            self.data = ""'),
    Mutant("an ID with NUL forbids all others", NO_NUL, 'self.bad = getattr(self, "bad", False) or "\\0" in value\n            if not self.bad:'),
    identified("an ID is a number", "str(int(value)) if value.isdigit() else value"),
    Mutant("an ID has letters and digits", SET_ID, 'self.id = value if re.fullmatch(r"[\\w \\0]*", value) else ""'),
    identified("an ID ends at a colon", 'value.split(":")[0]'),
    identified("spaces around an ID are removed", "value.strip()"),
    Mutant("the ID of an event is that of the block before", COMMIT, "pass\n", RESET, f"{RESET}        self.last_event_id = self.id\n"),
]

TIMES = [
    timed("a time after spaces", " *[0-9]+"),
    timed("a time before spaces", "[0-9]+ *", "int(value)"),
    timed("a time with a plus", "[+]?[0-9]+"),
    timed("a time with a minus", "-?[0-9]+"),
    timed("a time with a point", r"[0-9]+(\.0)?", "int(float(value))"),
    timed("a time with an exponent", "[0-9]+(e[0-9]+)?", "int(float(value))"),
    timed("a time of base sixteen", "(0x)?[0-9]+", "int(value, 16 if 'x' in value else 10)"),
    timed("a time with underscores", "[0-9_]+"),
    timed("a time with commas", "[0-9,]+", "int(value.replace(',', ''))"),
    timed("a time with a unit", "[0-9]+s?", "int(value.rstrip('s'))"),
    timed("a time after a unit", "(ms)?[0-9]+", "int(value.removeprefix('ms'))"),
    timed("a time before a colon", "[0-9]+:?", "int(value.rstrip(':'))"),
    timed("a time before NUL", "[0-9]+\0?", "int(value.rstrip(chr(0)))"),
    timed("a time after a tab", "\t?[0-9]+"),
    timed("a time before a tab", "[0-9]+\t?"),
    timed("a time before U+FFFD", "[0-9]+\ufffd?", "int(value.rstrip(chr(0xfffd)))"),
    timed("a time in Arabic digits", "[0-9]+|\u0663"),
    timed("a time in fullwidth digits", "[0-9]+|\uff15"),
    timed("a time in superscript", "[0-9]+|\u00b2", "2 if value == chr(0xb2) else int(value)"),
    timed("a time in mixed digits", "[0-9]+|1\u0663"),
    timed("a time of digits of any script", r"\d+"),
    timed("a time without an end", "[0-9]+|Infinity", "-1 if value == 'Infinity' else int(value)"),
    timed("a time begins with digits", "[0-9]+.*", "int(re.match('[0-9]+', value)[0])"),
    timed("an empty time is 0", "[0-9]*", "int(value or '0')"),
    Mutant("an empty time with a colon is 0", DIGITS, f'({DIGITS} or (value == "" and _))', SET_RETRY, 'self.retry = int(value or "0")'),
    Mutant("a time without a colon is 0", DIGITS, f'({DIGITS} or (value == "" and not _))', SET_RETRY, 'self.retry = int(value or "0")'),
    Mutant("isdigit() of a language", DIGITS, "value.isdigit()"),
    Mutant("int() of a language", DIGITS, 're.match("[^a-zA-Z]*$", value)'),
    Mutant("a time of 0 is ignored", DIGITS, f'{DIGITS} and value != "0"'),
    Mutant("a time may not begin with 0", DIGITS, f'{DIGITS} and (value[0] != "0" or value == "0")'),
    Mutant("a time of base eight", SET_RETRY, "self.retry = int(value, 8 if value.startswith('0') else 10)"),
    Mutant("a time of at most 20 digits", DIGITS, f"{DIGITS} and len(value) <= 20"),
    Mutant("a time of 32 bits", SET_RETRY, "self.retry = int(value) & 0xFFFFFFFF"),
    Mutant("a time in seconds", SET_RETRY, "self.retry = int(value) * 1000"),
    Mutant("the first time wins", SET_RETRY, "self.retry = int(value) if self.retry is None else self.retry"),
    Mutant("a bad time removes the one before", DIGITS, f'not re.match("[x-]", value) or setattr(self, "retry", None)) and ({DIGITS}'.join("()")),
    Mutant("a bad time removes that of an earlier block", DIGITS, f'value != "x" or self.retry != 5 or setattr(self, "retry", None)) and ({DIGITS}'.join("()")),
    Mutant("a time waits for the blank line", SET_RETRY, "self.waiting = int(value)", COMMIT, f'{COMMIT}        self.retry = getattr(self, "waiting", self.retry)\n'),
    Mutant("a time after the data is ignored", DIGITS, f"{DIGITS} and not self.data"),
    Mutant("a time is an event", SET_RETRY, f'{SET_RETRY}\n            self.timed = True', NO_DATA, f'if self.data == "" and getattr(self, "timed", False):\n            self.data = "\\n"\n        self.timed = False\n        {NO_DATA}'),
]

EVENTS = [
    Mutant("a type alone is an event", NO_DATA, 'if self.data == "" and self.type and self.id == "":\n            self.data = "\\n"\n        if self.data == "":'),
    Mutant("an ID alone is an event", NO_DATA, 'if self.data == "" and self.id and not self.events:\n            self.data = "\\n"\n        if self.data == "":'),
    Mutant("an unknown field alone is an event", BLANK, 'if line == "foo:x":\n            self.unknown = True\n        if line == "" and getattr(self, "unknown", False) and not self.data:\n            self.data = "\\n"\n        if line == "":'),
    Mutant("a type and a time alone are an event", NO_DATA, 'if self.data == "" and self.type and self.retry:\n            self.data = "\\n"\n        if self.data == "":'),
    Mutant("data holds for the next event too", RESET, '        self.type = ""\n'),
    Mutant("data holds for the next event with data", RESET, '        self.type = ""\n        self.old, self.data = data, ""\n', SET_DATA, 'self.data += (getattr(self, "old", "") if not self.data else "") + value + "\\n"'),
    Mutant("an event like the one before is none", MAKE, f"event) if (event := {MAKE}) not in self.events[-1:] else (None"),
    Mutant("an event with the ID of the one before is none", MAKE, f"event) if (event := {MAKE}).id == '' or event.id not in [e.id for e in self.events[-1:]] or event.data != 'a' else (None"),
    Mutant("an ID begins a new event", SET_ID, "if self.data:\n                    self.dispatch()\n                self.id = value"),
    Mutant("the data comes last", SET_DATA, f"{SET_DATA}\n            if self.type and self.id and self.retry:\n                self.dispatch()\n                self.type = self.id = ''"),
    Mutant("the data comes first", NO_DATA, 'if self.data == "" or self.type == "e" and self.id == "2" and self.retry == 1 and self.first != "data":'),
]

END = [
    ended("the block without its blank line is an event", "self.dispatch()"),
    ended("the line without an end is a line", "self.process(self.line) if self.line else None"),
    ended("both", "self.process(self.line) if self.line else None\n        self.dispatch()"),
    ended("a line without an end is an event", "self.line and (self.process(self.line), self.dispatch())"),
    ended("a block after CR is an event", "self.dispatch() if self.after_cr and self.line == '' else None"),
    ended("a block that ends with a space is an event", "self.dispatch() if self.line == ' ' else None"),
    ended("the type without its blank line is an event", 'self.events += [PlainEvent(self.type, "", self.id)] if self.type else []'),
    ended("the ID without its blank line counts", "self.last_event_id = self.id"),
    ended("the reset of the ID without its blank line counts", "self.last_event_id = self.id and self.last_event_id"),
    ended("the ID without a line end counts", 'self.process(self.line) if self.line.startswith("id") else None\n        self.last_event_id = self.id if self.line.startswith("id") else self.last_event_id'),
    ended("the time without a line end counts", 'self.process(self.line) if self.line.startswith("retry") else None'),
    ended("a character without its end is an error", "1 // (self.needed == 0)"),
    ended("an empty stream is an error", "1 // (self.start != b'' or not self.at_start)"),
    ended("a stream without an event is an event", 'self.events += [PlainEvent("message", "", "")] if not self.events and self.line + self.data + self.type + self.id == "" else []'),
    ended("JSON without its end is an error", '1 // (not self.line.startswith("data: {"))'),
]

DONE = [
    dispatched("[DONE] is not an event", 'data if data != "[DONE]" else 1 // 0'),
    Mutant("[DONE] is dropped", NO_DATA, 'if self.data in ("", "[DONE]\\n"):\n            self.data = ""'),
    Mutant("nothing after [DONE]", RESET, f'{RESET}        if data == "[DONE]":\n            self.process = lambda line: None\n'),
    Mutant("nothing after [DONE] in any data", RESET, f'{RESET}        if "[DONE]" in data and data != "[DONE]":\n            self.process = lambda line: None\n'),
    Mutant("the fields of [DONE] do not count", NO_DATA, 'if self.data == "[DONE]\\n" and self.type:\n            self.type = ""\n            self.id = self.last_event_id = ""\n        if self.data == "":'),
    Mutant("data of lines with [DONE] is [DONE]", LAST_LF, 'data = "[DONE]" if self.data.strip("\\n") == "[DONE]" else self.data[:-1]'),
    Mutant("[DONE] in other fields is an error", COMMIT, f'{COMMIT}        1 // ("[DONE]" not in (*self.comments, self.type, self.id))\n'),
    ended("[DONE] needs no blank line", 'self.dispatch() if self.data == "[DONE]\\n" else None'),
]

MUTANTS = [*LINES, *MARK, *UTF8, *COMMENTS, *NAMES, *FIELDS, *TIMES, *EVENTS, *END, *DONE]
