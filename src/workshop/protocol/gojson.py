"""JSON as Docker reads and writes it, which is Go's: the first value counts, and an error has Go's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LITERALS = {"t": "true", "f": "false", "n": "null"}
WHERE = {
    "Expecting property name": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Expecting value": "looking for beginning of value",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character": "in string literal",
    "Invalid \\escape": "in string escape code",
}


def decode(text: str) -> Any:
    """Return the first JSON value of a text; what follows it is not looked at.

    Raises ValueError with the words of Go's encoding/json (Decoder.Decode, scanner.go), as far as they are known here.
    """
    start = text.lstrip(" \t\r\n")  # Go skips these four only
    if not start:
        raise ValueError("EOF")
    try:
        return json.JSONDecoder(parse_constant=_no_number).raw_decode(start)[0]
    except json.JSONDecodeError as error:
        raise ValueError(_go_message(start, error.msg, error.pos)) from None
    except RecursionError:
        raise ValueError("exceeded max depth") from None


def _no_number(word: str) -> None:
    """Raise ValueError: to Go, NaN, Infinity and -Infinity are no numbers."""
    where = "in numeric literal" if word.startswith("-") else "looking for beginning of value"
    raise ValueError(f"invalid character {_quote(word.lstrip('-')[0])} {where}")


def _go_message(text: str, message: str, position: int) -> str:
    """Return what Go says where Python says message."""
    if message.startswith("Illegal trailing comma"):
        position += 1  # Python names the comma, Go what follows it
    if not message.startswith("Invalid control character"):  # that may be the end of a line itself
        position += len(text[position:]) - len(text[position:].lstrip())
    if position >= len(text) or message.startswith("Unterminated string"):
        return "unexpected EOF"
    if message == "Expecting value" and text[position] in LITERALS:
        return _literal_message(LITERALS[text[position]], text[position:])
    if message == "Expecting ',' delimiter":
        where = "after object key:value pair" if _innermost(text[:position]) == "{" else "after array element"
    else:
        said = (words for start, words in WHERE.items() if message.startswith(start))
        where = next(said, "looking for beginning of value")
    return f"invalid character {_quote(text[position])} {where}"


def _literal_message(word: str, text: str) -> str:
    """Return what Go says of a word that begins like true, false or null: it names the letter that breaks it."""
    for expected, found in zip(word, text + " ", strict=False):
        if expected != found:
            return f"invalid character {_quote(found)} in literal {word} (expecting {_quote(expected)})"
    return "unexpected EOF"


def _innermost(text: str) -> str:
    """Return the bracket that is open at the end of a text."""
    brackets: list[str] = []
    for character in re.sub(r'"(\\.|[^"\\])*"', "", text):
        if character in "{[":
            brackets.append(character)
        elif character in "}]" and brackets:
            brackets.pop()
    return brackets[-1] if brackets else ""


def _quote(character: str) -> str:
    """Return a character as Go quotes one: of one that is not ASCII it sees the first byte. Source: quoteChar."""
    byte = chr(character.encode("utf-8", "surrogateescape")[0])
    return {"'": r"'\''", '"': "'\"'"}.get(byte, f"'{_escaped(byte)}'")


def field(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of an object, its name in any case: Go takes "addr" for Addr. The last one counts."""
    found = [each for key, each in value.items() if key.lower() == name.lower()]
    return found[-1] if found and found[-1] is not None else default


def kind(value: Any) -> str:
    """Return what Go calls the type of a JSON value."""
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def quote_text(text: str) -> str:
    """Return a text as Go quotes one. Source: strconv.Quote; a surrogate stands for a byte that is not UTF-8."""
    return '"' + "".join(map(_escaped, text)) + '"'


ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
}


def _escaped(character: str) -> str:
    """Return a character as it is in a text that Go quotes."""
    if character in ESCAPES or character.isprintable():
        return ESCAPES.get(character, character)
    code = ord(character)
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# what the answers of a volume plugin may hold: moby daemon/volume/drivers/proxy.go and adapter.go
FIELD_NAMES = (
    "Implements",
    "Err",
    "Volume",
    "Volumes",
    "Name",
    "Mountpoint",
    "CreatedAt",
    "Status",
    "Capabilities",
    "Scope",
)
FIELDS = {name.lower(): name for name in FIELD_NAMES}


def as_go_reads(value: Any) -> Any:
    """Return value with the protocol's own keys in their own case: Go takes "err" and "ERR" for Err."""
    if isinstance(value, dict):
        return {FIELDS.get(key.lower(), key): as_go_reads(each) for key, each in value.items()}
    return [as_go_reads(each) for each in value] if isinstance(value, list) else value


def to_json(body: Mapping[str, Any]) -> bytes:
    """Return body as Go's json.Encoder writes it: no spaces, <, > and & escaped, a newline at the end."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass") + b"\n"
