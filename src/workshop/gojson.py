"""JSON as Docker reads it, which is Go's decoder: the first value counts, and what is wrong is said in Go's words."""

from __future__ import annotations

import json
import re
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
    start = text.lstrip(" \t\r\n")
    if not start:
        raise ValueError("EOF")
    try:
        return json.JSONDecoder().raw_decode(start)[0]
    except json.JSONDecodeError as error:
        raise ValueError(in_go(start, error.msg, error.pos)) from None
    except RecursionError:
        raise ValueError("exceeded max depth") from None


def in_go(text: str, message: str, position: int) -> str:
    """Return what Go says where Python says message."""
    if message.startswith("Illegal trailing comma"):
        position += 1  # Python names the comma, Go what follows it
    if not message.startswith("Invalid control character"):  # that may be the end of a line itself
        position += len(text[position:]) - len(text[position:].lstrip())
    if position >= len(text) or message.startswith("Unterminated string"):
        return "unexpected EOF"
    if message == "Expecting value" and text[position] in LITERALS:
        return in_literal(LITERALS[text[position]], text[position:])
    if message == "Expecting ',' delimiter":
        where = "after object key:value pair" if innermost(text[:position]) == "{" else "after array element"
    else:
        said = (words for start, words in WHERE.items() if message.startswith(start))
        where = next(said, "looking for beginning of value")
    return f"invalid character {quoted(text[position])} {where}"


def in_literal(word: str, text: str) -> str:
    """Return what Go says of a word that begins like true, false or null: it names the letter that breaks it."""
    for expected, found in zip(word, text + " ", strict=False):
        if expected != found:
            return f"invalid character {quoted(found)} in literal {word} (expecting {quoted(expected)})"
    return "unexpected EOF"


def innermost(text: str) -> str:
    """Return the bracket that is open at the end of a text."""
    brackets: list[str] = []
    for character in re.sub(r'"(\\.|[^"\\])*"', "", text):
        if character in "{[":
            brackets.append(character)
        elif character in "}]" and brackets:
            brackets.pop()
    return brackets[-1] if brackets else ""


def quoted(character: str) -> str:
    """Return a character as Go quotes one: of one that is not ASCII it sees the first byte. Source: quoteChar."""
    byte = chr(character.encode("utf-8", "surrogateescape")[0])
    return {"'": r"'\''", '"': "'\"'"}.get(byte, f"'{escaped(byte)}'")


def field(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of an object, its name in any case: Go takes "addr" for Addr. The last one counts."""
    found = [each for key, each in value.items() if key.lower() == name.lower()]
    return found[-1] if found and found[-1] is not None else default


def kind(value: Any) -> str:
    """Return what Go calls the type of a JSON value."""
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def quoted_text(text: str) -> str:
    """Return a text as Go quotes one. Source: strconv.Quote; a surrogate stands for a byte that is not UTF-8."""
    return '"' + "".join(map(escaped, text)) + '"'


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


def escaped(character: str) -> str:
    """Return a character as it is in a text that Go quotes."""
    if character in ESCAPES or character.isprintable():
        return ESCAPES.get(character, character)
    code = ord(character)
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
