"""What a program printed when it failed is read, in whatever language it is written."""

from __future__ import annotations

import pytest

from workshop.checker.tracebacks import last

PYTHON = """Traceback (most recent call last):
  File "/srv/.venv/lib/python3.11/site-packages/flask/app.py", line 902, in dispatch_request
    return self.ensure_sync(self.view_functions[rule.endpoint])(**view_args)
  File "/srv/plugin.py", line 27, in get
    volume = find(name)
  File "/srv/plugin.py", line 12, in find
    return volumes[name]
           ~~~~~~~^^^^^^
KeyError: 'mango'
<local> - - "POST /VolumeDriver.Get HTTP/1.1" 500 -
"""
NODE = """ddd listens
/srv/plugin.js:2
function create() { throw new Refused("no such volume"); }
                    ^

Refused [Error]: no such volume
    at Immediate.create (/srv/plugin.js:2:27)
    at process.processImmediate (node:internal/timers:483:21)

Node.js v20.20.2
"""
NODE_SYNTAX = """/srv/plugin.js:1
const a = {recursive: true );
                           ^

SyntaxError: Unexpected token ')'
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)
    at node:internal/main/run_main_module:28:49

Node.js v20.20.2
"""
NODE_MODULE = """node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module 'fs/promise'
Require stack:
- /srv/plugin.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)
    at Object.<anonymous> (/srv/plugin.js:3:1)
    at Module._compile (node:internal/modules/cjs/loader:1521:14) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/srv/plugin.js' ]
}

Node.js v20.20.2
"""
GO = """panic: assignment to entry in nil map

goroutine 1 [running]:
main.create(...)
\t/srv/main.go:5
main.main()
\t/srv/main.go:8 +0x2e
exit status 2
"""
GO_SERVING = """2026/11/26 15:05:48 http: panic serving @: assignment to entry in nil map
goroutine 7 [running]:
net/http.(*conn).serve.func1()
\t/usr/lib/go-1.19/src/net/http/server.go:1850 +0xbf
main.(*driver).mount(0xc0000b2000)
\t/srv/main.go:88 +0x1a
"""
RUBY = """plugin.rb:7:in `create': no disk (RuntimeError)
\tfrom plugin.rb:21:in `block in <main>'
\tfrom /usr/lib/ruby/3.1.0/socket.rb:10:in `accept'
"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: no disk.
\tat java.base/java.util.Map.get(Map.java:10)
\tat Plugin.create(Plugin.java:3)
\tat Plugin.main(Plugin.java:9)
"""
OWN = """Traceback (most recent call last):
  File "/srv/plugin.py", line 12, in find
    raise NoDisk("gone")
NoDisk: gone
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/plugin.py", line 3, in create
  |     raise ExceptionGroup("several", found)
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: one
    +------------------------------------
"""
NODE_THROWS = """/srv/plugin.js:2
function create() { throw "no disk"; }
                    ^
no disk
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v20.20.2
"""
GO_FATAL = """fatal error: concurrent map writes

goroutine 8 [running]:
main.create()
\t/srv/main.go:9 +0x3b
created by net/http.(*Server).Serve
\t/usr/lib/go-1.19/src/net/http/server.go:3102 +0x4db
"""


@pytest.mark.parametrize(
    ("log", "error", "frame"),
    [
        (OWN, "NoDisk: gone", ("/srv/plugin.py", 12)),
        (GROUP, "ExceptionGroup: several (2 sub-exceptions)", ("/srv/plugin.py", 3)),
        (NODE_THROWS, "no disk", ("/srv/plugin.js", 2)),
        (GO_FATAL, "fatal error: concurrent map writes", ("/srv/main.go", 9)),
        *(
            (OWN.replace("NoDisk: gone", line), error, ("/srv/plugin.py", 12))
            for line, error in (
                ("__main__.NoDisk: gone", "NoDisk: gone"),
                (
                    "subprocess.TimeoutExpired: Command 'df' timed out",
                    "subprocess.TimeoutExpired: Command 'df' timed out",
                ),
                ("_queue.Empty", "_queue.Empty"),
                (
                    "werkzeug.exceptions.NotFound: 404 Not Found: none",
                    "werkzeug.exceptions.NotFound: 404 Not Found: none",
                ),
                ("Exception", "Exception"),
                ("StopIteration", "StopIteration"),
                ("find.<locals>.NoDisk: gone", "find.<locals>.NoDisk: gone"),
            )
        ),
        (PYTHON, "KeyError: 'mango'", ("/srv/plugin.py", 12)),
        (NODE, "Refused: no such volume", ("/srv/plugin.js", 2)),
        (NODE_SYNTAX, "SyntaxError: Unexpected token ')'", ("/srv/plugin.js", 1)),
        (NODE_MODULE, "Error: Cannot find module 'fs/promise'", ("/srv/plugin.js", 3)),
        (GO, "panic: assignment to entry in nil map", ("/srv/main.go", 5)),
        (GO_SERVING, "panic: assignment to entry in nil map", ("/srv/main.go", 88)),
        (RUBY, "RuntimeError: no disk", ("plugin.rb", 7)),
        (JAVA, "java.lang.IllegalStateException: no disk", ("Plugin.java", 3)),
        (f"{PYTHON}{JAVA}", "java.lang.IllegalStateException: no disk", ("Plugin.java", 3)),
        (f"\033[31m{GO}\033[0m", "panic: assignment to entry in nil map", ("/srv/main.go", 5)),
    ],
)
def test_the_exception_and_the_line_of_the_plugins_own_file_are_found(
    log: str, error: str, frame: tuple[str, int]
) -> None:
    found = last(log)
    assert found and found.error == error
    assert found.frames[0] == frame


@pytest.mark.parametrize(
    "log",
    [
        "",
        "ddd listens at /run/ddd.sock.\n",
        "No Error: all is well\n    by and large\n",
        f"{OWN.partition('NoDisk:')[0]}ddd listens at /run/ddd.sock.\n",
        '  File "/srv/plugin.py", line 12, in find\nready\n',
        "fatal error: the disk is full\n",
    ],
)
def test_what_is_no_exception_is_not_taken_for_one(log: str) -> None:
    assert last(log) is None
