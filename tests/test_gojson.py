"""JSON as Go reads it, held against what Go's own decoder says: tests/gojson/table.jsonl, which table.go makes.

After a change of the inputs, `.venv/bin/python tests/test_gojson.py` writes the table again; it needs golang-go.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from workshop.protocol import answers, discovery, gojson

FOLDER = Path(__file__).parent / "gojson"
TABLE = FOLDER / "table.jsonl"
PROGRAM = "go"

# what may stand for a value
VALUES = """
0 -0 7 -1 1.5 1e5 1E+5 1e-5 1e308 123456789012345678901234567890 01 -01 00 - -x +1 .5 1. 1.e 1.e5 1.x 1e 1e+ 1ex
1e+x 1.5e 0x10 1_0 1,5 --1 -.5 -Infinity Infinity NaN nan inf 1e400 -1e400 true false null True False None tru
trux t f fals nul nulx nil undefined truex "" "x" "/x" 'x' "x "x\\" `x` ab \\ "\\n" "\\b\\f\\r\\t\\/\\\\\\""
"\\a" "\\x41" "\\'" "\\0" "\\u0041" "\\u00e4" "\\u00E4" "\\u004" "\\u00g0" "\\u+041" "\\U0041" "\\u "\\ud83d\\ude00"
"\\ud83d" "\\ude00" "\\ud83dx" "\\ud83d\\u0041" "\\ud83d\\ud83d\\ude00" "\\ude00\\ud83d" "\\ud83d\\n" "\\u0000"
{} [] [[]] {"a":1} [1] ["a"] [null] [1,] [,1] [1,,2] [1;2] [1 {"a":1,} {,} {"a"} {"a":} {"a":1:2} {1:2} {a:1} {'a':1}
{"a":1 {"a" { [ ] } {]
[} {"a":1] [1} {"a":1}} {"":1} {"a":1;"b":2} /**/1 //x <p>
"""
# as bytes: control characters, and what is not UTF-8
BYTES = [
    *[b'"a%cb"' % code for code in (*range(0x20), 0x7F)],
    *[b'"%b"' % odd for odd in (b"\x80", b"\xff", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82x", b"\xed\xa0\x80")],
    *[b'"%b"' % odd for odd in (b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xf0\x9f\x98\x80")],
    b'"\\ud83d\x80"',
    *[b"%c1" % code for code in (0, 9, 10, 11, 12, 13, 0x1F, 0x7F, 0x80, 0x85, 0xA0, 0xAD, 0xEF, 0xFF)],
    "\u00a01".encode(), "\u20281".encode(), "\ufeff1".encode(), '"\u2028"'.encode(), '"ä"'.encode(), "ä".encode(),
]  # fmt: skip
WHOLE = [
    *["", " ", "\n", "\ufeff{}", "\ufeff", "{} x", "{}x", "{} {", "{}{}", "{}\n", " \t\r\n{}", "{}\0", "{}]", "\f{}"],
    *[
        "[] x",
        '"a"x',
        "1 x",
        "1x",
        "1]",
        "1.",
        "1.5x",
        "truex",
        "tru",
        "null",
        "nullx",
        "null x",
        "-",
        '"',
        "7",
        "true",
    ],
    *['{"Err":"no"} x', '{"Err":"no"}{', '{"Err":"no"', '{"Err":"no",', '{"Err"', '{"Err":', '{"Err":"no"}}', "hello"],
    *["{'Err':''}", '{"Err":""\n"Err":""}', '{"Err":"" "x":1}', '{"Err";""}', '{"Err" "x"}', "<p>no</p>", "EOF"],
]
# a line is an input
TWICE = """
{"Err":"a","Err":"b"}
{"Err":"a","err":"b"}
{"err":"a","Err":"b"}
{"ERR":"a","err":"","eRR":"c"}
{"Err":"a","Err":null}
{"Err":"a","err":null}
{"Err":7,"Err":""}
{"Err":"","err":7}
{"Err":"x","err":"y","Err":"z"}
{"Err":7,"Err":[]}
{"\\u0045rr":"a"}
{"E\\u0072r":"a"}
{" Err":"a"}
{"Error":"a"}
{"Err ":"a"}
{"err\\u0000":"a"}
{"":"a"}
{"x":{"Err":"a"}}
"""
OTHERS = {
    "Mount": """
{"mountpoint":"/x"}
{"Mountpoint":"/x","MOUNTPOINT":"/y"}
{"Mountpoint":"/x","Err":"no"}
""",
    "Activate": """
{"Implements":["VolumeDriver"]}
{"implements":["a","b"]}
{"Implements":[]}
{"Implements":null}
{"Implements":["a"],"Implements":null}
{"Implements":["a","b"],"implements":["c"]}
{"Implementſ":["a"]}
{"Implements":["a","b"],"implements":[null,"c"]}
{"Implements":[null]}
{"Implements":[1,"a"]}
{"Err":"no"}
{"Err":7}
{}
null
[]
7
"x"
true
""",
    "Get": """
{}
{"Volume":{}}
{"volume":{"name":"a","MOUNTPOINT":"/x"}}
{"Volume":{"Name":"a"},"Volume":null}
{"Volume":{"Name":"a"},"volume":{"Mountpoint":"/x"}}
{"Volume":{"Name":7}}
{"Volume":{"Name":null}}
{"Volume":{"Name":"a","Status":{"b":[1,"x",null,{"c":true}],"b":2}}}
{"Volume":{"Kame":"a"}}
{"Volume":{"Status":{"a":1},"Status":{"b":2}}}
{"Volume":{"Status":{"a":{"x":1}},"Status":{"a":{"y":2}}}}
{"Volume":{"Status":{"a":1},"Status":null}}
{"Volume":{"Status":{"Name":1,"name":2,"err":3}}}
{"Volume":{"Statuſ":{"a":1}}}
{"Volume":{"Status":{"a":1e400}}}
{"Volume":{"Status":{"a":[1e-400]}}}
{"Volume":{"Name":7,"CreatedAt":""}}
{"Volume":{"CreatedAt":""},"Err":7}
{"Volume":[{"Name":"a"}]}
{"Volume":{"CreatedAt":"2026-11-23T12:00:00Z","CreatedAt":null}}
{"Volumes":[]}
{"Volume":{"Name":"a"},"Err":"no"}
""",
    "List": """
{}
{"Volumes":null}
{"Volumes":[]}
{"Volumes":[{"Name":"a"},{"name":"b","Mountpoint":"/x"}]}
{"Volumes":[{}]}
{"Volumes":[{"Name":"a"},{"Name":"b"}],"Volumes":[{"Mountpoint":"/x"}]}
{"Volumes":[{"Name":"a"}],"Volumes":[]}
{"Volumes":[{"CreatedAt":""}]}
{"Volumes":[["a"]]}
{"Volumes":["a"]}
{"Volumes":{"Name":"a"}}
{"Volumes":[{"Name":1},{"Name":2}]}
{"Volumeſ":[{"Name":"a"}]}
""",
    "Capabilities": """
{}
{"Capabilities":{"Scope":"global"}}
{"Capabilities":{"scope":"GLOBAL"}}
{"Capabilities":{"Scope":7}}
{"Capabilities":{"Scope":"global"},"Capabilities":null}
{"Capabilities":{"Scope":"a"},"capabilities":{}}
{"Scope":"global"}
""",
    "Plugin": """
{}
{"Addr":"x"}
{"addr":"x","Name":7}
{"TLSConfig":{}}
{"TLSConfig":{"CAFile":"a"},"tlsconfig":{"certfile":"b"}}
{"TLSConfig":{"InsecureSkipVerify":true}}
{"TLSConfig":{"CAFile":7}}
{"TLSConfig":{"KeyFile":"a"}}
""",
}
FIELDS = {
    "Create": '{"Err":%b}',
    "Mount": '{"Mountpoint":%b}',
    "Activate": '{"Implements":%b}',
    "Get": '{"Volume":%b}',
    "List": '{"Volumes":%b}',
    "Capabilities": '{"Capabilities":%b}',
    "Plugin": '{"TLSConfig":{"InsecureSkipVerify":%b}}',
}
KINDS = ["7", "1.5", "true", "false", "null", '"x"', "[]", "{}", '["x"]', '{"x":1}', "[null]"]
NESTED = ['{"Volume":{"Name":%b}}', '{"Volume":{"Status":%b}}', '{"Volume":{"CreatedAt":%b}}']
TIMES = """
2026-11-23T12:00:00Z 2026-11-23T12:00:00.5Z 2026-11-23T12:00:00.123456789+01:00 2026-11-23T12:00:00+00:00
2026-11-23T12:00:00 2026-11-23T12:00:00-23:59 2026-11-23 2026-11-23T12:00Z 2026-13-01T12:00:00Z
2026-02-29T12:00:00Z 2024-02-29T12:00:00Z 2026-11-31T12:00:00Z 2026-11-23T24:00:00Z 2026-11-23T12:60:00Z
2026-11-23T12:00:60Z 2026-11-23t12:00:00Z 2026-11-23T12:00:00z 2026-11-23_12:00:00Z 26-11-23T12:00:00Z
2026-11-23T12:00:00+0100 2026-11-23T12:00:00+01 2026-11-00T12:00:00Z now 2026-11-23T12:00:00.Z
2026-11-23T12:00:00ZZ 20261-11-23T12:00:00Z
"""
DEEP = 10_000


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield each row's type, and its bytes."""
    for text in [*VALUES.split(), *WHOLE, *TWICE.split("\n")[1:-1]]:
        yield "Create", text.encode()
    for text in [*WHOLE, *TWICE.split("\n")[1:-1], '{"Err":""} ', '{"Err":"no"} \n']:
        yield "error", text.encode()
    for each in [*(text.encode() for text in VALUES.split()), *BYTES]:
        yield "Create", b'{"Err":' + each + b"}"
        yield "Create", b'{"x":[' + each + b"]}"
    yield from (("Create", each) for each in BYTES)
    for (into, form), value in itertools.product(FIELDS.items(), KINDS):
        yield into, form.replace("%b", value).encode()
    for form, value in itertools.product(NESTED, KINDS):
        yield "Get", form.replace("%b", value).encode()
    yield from (("Get", b'{"Volume":{"CreatedAt":"%b"}}' % text.encode()) for text in [*TIMES.split(), ""])
    yield from ((into, text.encode()) for into, texts in OTHERS.items() for text in texts.split("\n")[1:-1])
    for depth in (DEEP - 1, DEEP):
        yield "Create", b'{"x":' + b"[" * depth + b"]" * depth + b',"Err":"deep"}'
        yield "Create", b'{"x":' * depth + b"1" + b"}" * depth
        yield "Create", b"[" * (depth + 1)


def label(data: bytes) -> str:
    """Return how an input stands in the table: its bytes as latin-1, and the beginning of a long one."""
    text = data.decode("latin-1")
    return text if len(text) < 200 else f"{text[:20]}… {len(text)} bytes"


INPUTS = list(dict.fromkeys(inputs()))
ROWS = [json.loads(line) for line in TABLE.read_text().splitlines()] if TABLE.exists() else []


def made() -> list[dict[str, Any]]:
    """Return the table as Go makes it now."""
    asked = [json.dumps({"Into": into, "Input": base64.b64encode(data).decode()}) for into, data in INPUTS]
    command = [PROGRAM, "run", str(FOLDER / "table.go")]
    done = subprocess.run(command, input="\n".join(asked), capture_output=True, text=True, check=True, timeout=300)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return [{"into": into, "input": label(data), **each} for (into, data), each in zip(INPUTS, said, strict=True)]


def written(rows: list[dict[str, Any]]) -> str:
    """Return a table as its file has it."""
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.slow
def test_go_says_so_today() -> None:
    if not shutil.which(PROGRAM):
        pytest.skip("There is no Go here: apt-get install golang-go")
    assert written(made()) == TABLE.read_text()


def test_the_table_has_these_inputs() -> None:
    assert [(row["into"], row["input"]) for row in ROWS] == [(into, label(data)) for into, data in INPUTS]


TYPES = {f"VolumeDriver.{method}": method for method in answers.FIELDS} | {"Plugin.Activate": "Activate"}
STRUCTS = {name: answers.ANSWERS[endpoint] for endpoint, name in TYPES.items()}
STRUCTS |= {"error": answers.ERROR, "Plugin": discovery.PLUGIN}


def decoded(into: str, data: bytes) -> Any:
    return gojson.unmarshal(gojson.decode(data, whole=into == "error"), STRUCTS[into])


@pytest.mark.parametrize("row", range(len(INPUTS)), ids=lambda n: f"{INPUTS[n][0]}-{label(INPUTS[n][1])!a}")
def test_it_is_read_as_go_reads_it(row: int) -> None:
    (into, data), said = INPUTS[row], ROWS[row]
    if said["error"]:
        with pytest.raises(ValueError) as refused:
            decoded(into, data)
        if not is_ours(said["error"]) and into != "error":
            # to the program, all types are its own
            assert plain(str(refused.value)) == said["error"].replace("main.", "")
    else:
        assert comparable(decoded(into, data)) == comparable(said["value"])


def is_ours(error: str) -> bool:
    """Tell whether we have words of our own where Go has these: for a time, and for a number that is too large."""
    return error.startswith(("parsing time", "Time.UnmarshalJSON")) or "of type float64" in error


def plain(error: str) -> str:
    for package in ("drivers.", "plugins.", "volume.", "tlsconfig."):
        error = error.replace(package, "")
    return error


def comparable(value: Any) -> Any:
    """Return a value without what Go writes in another way: a time with its fraction, and the zero time."""
    if isinstance(value, dict):
        return {key: moment(each) if key == "CreatedAt" else comparable(each) for key, each in value.items()}
    return [comparable(each) for each in value] if isinstance(value, list) else value


def moment(text: str) -> datetime | None:
    """Return a time to the second, None for that of a volume that has none."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(microsecond=0).astimezone(UTC)


if __name__ == "__main__":  # python tests/test_gojson.py writes the table
    TABLE.write_text(written(made()))
