"""JSON as Docker reads and writes it, which is Go's: what counts as JSON, what fits into a type, and Go's errors.

tests/test_gojson.py holds it against a table that Go's own decoder makes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DEEPEST = 10_000
"""How deep objects and lists may be nested. Source: encoding/json scanner.go (maxNestingDepth)."""


class Object(dict[str, Any]):
    """An object. pairs has every pair of it, in their order: a key may come twice, or in another case too."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[str, Any]] = []

    def add(self, key: str, value: Any) -> None:
        """Add a pair; as a mapping, the object has the last one of each key."""
        self.pairs.append((key, value))
        self[key] = value


def decode(data: bytes | str, whole: bool = False) -> Any:
    """Return the first JSON value of data, each object of it as an Object. What follows it is not looked at.

    With whole nothing may follow it. A str holds a byte that is not UTF-8 as a surrogate (surrogateescape). Raises
    ValueError in Go's words. Source: encoding/json scanner.go, and stream.go (Decode), which reads the answers with
    status 200 and .json files; decode.go (Unmarshal) reads the whole of other answers.
    """
    reader = _Reader(data if isinstance(data, str) else data.decode("utf-8", "surrogateescape"))
    if not reader.peek():
        raise ValueError("EOF")
    value = reader.value()
    if whole and reader.peek():
        raise reader.error("after top-level value")
    return value


SPACE = re.compile(r"[ \t\r\n]*")  # Go skips these four only
# as much of a string, and of a number, as is right
# Python 3.11.2, which Debian 12 has, reads possessive quantifiers wrongly: there are none here
STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*')
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]*)?")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{0,3})?")
SURROGATE = re.compile("[\ud800-\udfff]")
LITERALS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


class _Reader:
    """Reads JSON. It keeps a list of what is open, so that the depth has Go's limit, and not Python's."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, where: str) -> ValueError:
        """Return what is wrong with the character at this place."""
        if self.at >= len(self.text):
            return ValueError("unexpected EOF")
        return ValueError(f"invalid character {_quote(self.text[self.at])} {where}")

    def peek(self) -> str:
        """Skip space, and return the next character; "" at the end."""
        self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Return the value that begins here, and go to its end."""
        around: list[tuple[Any, str]] = []  # the objects and lists that are open, each with the key of its next value
        while True:
            if self.peek() in ("{", "["):
                inner, end = (Object(), "}") if self.peek() == "{" else ([], "]")
                if len(around) == DEEPEST:
                    raise self.error("exceeded max depth")
                self.at += 1
                if self.peek() != end:
                    around.append((inner, self.key() if end == "}" else ""))
                    continue
                self.at += 1
                value: Any = inner
            else:
                value = self.literal()
            while around:
                inner, key = around.pop()
                if self.put(inner, key, value):
                    around.append((inner, self.key() if isinstance(inner, Object) else ""))
                    break
                value = inner
            else:
                return value

    def put(self, inner: Any, key: str, value: Any) -> bool:
        """Put a value into an object or a list, and return whether another one follows."""
        if isinstance(inner, Object):
            inner.add(key, value)
        else:
            inner.append(value)
        end, what = ("}", "object key:value pair") if isinstance(inner, Object) else ("]", "array element")
        if self.peek() not in (",", end):
            raise self.error(f"after {what}")
        self.at += 1
        return self.text[self.at - 1] == ","

    def key(self) -> str:
        """Return a key, and go to its value."""
        if self.peek() != '"':
            raise self.error("looking for beginning of object key string")
        key = self.string()
        if self.peek() != ":":
            raise self.error("after object key")
        self.at += 1
        return key

    def literal(self) -> Any:
        """Return a string, a number, true, false or null."""
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return self.string()
        if first in LITERALS:
            return self.word(*LITERALS[first])
        if first and first in "-0123456789":
            return self.number()
        raise self.error("looking for beginning of value")

    def word(self, word: str, value: Any) -> Any:
        """Return what a word stands for."""
        for expected in word:
            if self.text[self.at : self.at + 1] != expected:
                raise self.error(f"in literal {word} (expecting {_quote(expected)})")
            self.at += 1
        return value

    def string(self) -> str:
        """Return a string. Half of a surrogate pair, and a byte that is not UTF-8, become U+FFFD, as in Go."""
        begun, self.at = self.at, STRING.match(self.text, self.at).end()  # type: ignore[union-attr]
        if self.text[self.at : self.at + 1] == '"':
            self.at += 1
            return SURROGATE.sub("\ufffd", json.loads(self.text[begun : self.at]))
        if escape := ESCAPE.match(self.text, self.at):
            self.at = escape.end()
            raise self.error("in \\u hexadecimal character escape" if escape[1] else "in string escape code")
        raise self.error("in string literal")

    def number(self) -> int | float:
        """Return a number."""
        found = NUMBER.match(self.text, self.at)
        assert found
        whole, fraction, exponent = found.groups()
        if whole is None:
            self.at += 1
            raise self.error("in numeric literal")
        if fraction == ".":
            self.at = found.end(2)
            raise self.error("after decimal point in numeric literal")
        self.at = found.end()
        if exponent and not exponent[-1].isdigit():
            raise self.error("in exponent of numeric literal")
        return float(found[0]) if fraction or exponent or len(whole) > 300 else int(found[0])


def _quote(character: str) -> str:
    """Return a character as Go quotes one: of one that is not ASCII it sees the first byte. Source: quoteChar."""
    byte = chr(character.encode("utf-8", "surrogateescape")[0])
    return {"'": r"'\''", '"': "'\"'"}.get(byte, f"'{_escaped(byte)}'")


@dataclass(frozen=True)
class Struct:
    """A Go struct: its name with its package, and the types of its fields.

    A type is str, bool, dict (map[string]interface {}), datetime (time.Time), a list with the type of its elements,
    or a Struct; pointer says that null makes it nil.
    """

    name: str
    fields: Mapping[str, Any]
    pointer: bool = False


def unmarshal(value: Any, wanted: Any) -> Any:
    """Return a decoded value as a Go variable of this type holds it: every field of a Struct, of those alone.

    A key fits in any case, and a later one adds to an earlier one. Raises ValueError in Go's words where a type does
    not fit: of those that do not the first one counts. Source: encoding/json decode.go.
    """
    wrong: list[str] = []
    stored = _store(value, wanted, _zero(wanted), [], "", wrong)
    if wrong:
        raise ValueError(wrong[0])
    return stored


def _store(value: Any, wanted: Any, old: Any, path: Sequence[str], owner: str, wrong: list[str]) -> Any:
    """Return what a variable of this type, which held old, holds after value. path is its place in the struct owner."""
    if wanted is datetime:
        return old if value is None else _time(value)
    if value is None:  # it ends what can be nil, and leaves the rest as it is
        return None if wanted is dict or isinstance(wanted, list) or getattr(wanted, "pointer", False) else old
    if isinstance(wanted, list) and isinstance(value, list):
        earlier = [*(old or []), *[_zero(wanted[0])] * len(value)]
        return [_store(*each, path, owner, wrong) for each in zip(value, wanted * len(value), earlier, strict=False)]
    if isinstance(wanted, Struct) and isinstance(value, Object):
        stored = dict(old or {name: _zero(each) for name, each in wanted.fields.items()})
        names = {fold(name): name for name in wanted.fields}
        for key, each in value.pairs:
            if name := names.get(fold(key)):
                of = wanted.name.partition(".")[2]
                stored[name] = _store(each, wanted.fields[name], stored[name], [*path, name], of, wrong)
        return stored
    if wanted is dict and isinstance(value, Object):
        if _has_infinity(value):
            wrong.append("a number does not fit into a float64")
        return {**(old or {}), **value}
    if type(value) is wanted:
        return value
    place = f"struct field {owner}.{'.'.join(path)}" if path else "value"
    wrong.append(f"json: cannot unmarshal {kind(value)} into Go {place} of type {_go_type(wanted)}")
    return old


def _has_infinity(value: Any) -> bool:
    """Tell whether there is a number in a value that is too large for a float64."""
    rest = [value]
    while rest:
        each = rest.pop()
        if each in (math.inf, -math.inf):
            return True
        rest += each.values() if isinstance(each, dict) else each if isinstance(each, list) else []
    return False


def _zero(wanted: Any) -> Any:
    """Return what a Go variable of this type holds at first."""
    if isinstance(wanted, Struct):
        return None if wanted.pointer else {name: _zero(each) for name, each in wanted.fields.items()}
    return "" if wanted is datetime else wanted() if wanted in (str, bool) else None


def _go_type(wanted: Any) -> str:
    """Return what Go calls a type."""
    if isinstance(wanted, list):
        return f"[]{'*' if getattr(wanted[0], 'pointer', False) else ''}{_go_type(wanted[0])}"
    return (
        wanted.name
        if isinstance(wanted, Struct)
        else {str: "string", bool: "bool"}.get(wanted, "map[string]interface {}")
    )


# Python since 3.14 takes 24:00, which Go does not
ZONED = re.compile(r"(\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:\d\d)")


def _time(value: Any) -> str:
    """Return a time without what is below a second. Raises ValueError if it is none that every release takes."""
    found = ZONED.fullmatch(value) if isinstance(value, str) else None
    try:
        if found and datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")):
            return found[1] + found[2].replace("+00:00", "Z")
    except ValueError:
        pass
    raise ValueError(f"parsing time {json.dumps(value)}: it is not a time with a zone, as RFC 3339 has it")


def fold(key: str) -> str:
    """Return a key in the form in which Go compares keys. Source: encoding/json fold.go: \u017f stands for s."""
    return key.lower().replace("\u017f", "s")


def field(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of an object, its name in any case: Go takes "addr" for Addr. The last one counts."""
    found = [each for key, each in value.items() if fold(key) == fold(name)]
    return found[-1] if found and found[-1] is not None else default


def kind(value: Any) -> str:
    """Return what Go calls the type of a JSON value."""
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", Object: "object"}
    return names.get(type(value), "object" if isinstance(value, dict) else "null")


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


def to_json(body: Mapping[str, Any]) -> bytes:
    """Return body as Go's json.Encoder writes it: no spaces, <, > and & escaped, a newline at the end."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass") + b"\n"
