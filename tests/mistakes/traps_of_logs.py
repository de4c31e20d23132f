"""Traps: what a plugin has printed, or what its file has elsewhere, that leads to a false sentence in the report.

Each row names what its report never says, and what it says instead.
"""

from mistakes.mistake import Mistake

CREATE = '    name = asked("Name")\n    options = request.get_json(force=True).get("Opts")\n'
NO_DISK = "class NoDisk(Exception):\n    pass\n\n\n"
DELETE = ('@app.post("/VolumeDriver.Remove")', '@app.post("/VolumeDriver.Delete")')
SLEEPS = (CREATE, f"{CREATE}    time.sleep(30)\n")
TIME = ("import atexit", "import atexit\nimport time")
RAISES = '    raise NoDisk("the disk is gone")\n'
REMOVE = "        gone = volume.rename("
LOGS = ("def refuse(error):\n", 'def refuse(error):\n    app.logger.exception("refused")\n')
"""The plugin prints the traceback of an exception that it has refused, as it should."""
WITH_FILES = '        if any((volume / "data").iterdir()):\n            '

ROWS = [
    # An older traceback: of a call that was answered long before.
    Mistake(
        "an older traceback, and a refusal with status 500",
        "part3",
        "3.9",
        "the disk is full",
        LOGS,
        (REMOVE, f'{WITH_FILES}return {{"Err": "the disk is full"}}, 500\n{REMOVE}'),
        never="raised|FileNotFoundError",
    ),
    Mistake(
        "an older traceback, and text under status 200",
        "part3",
        "3.9",
        "The answer is text",
        LOGS,
        (REMOVE, f'{WITH_FILES}return "done"\n{REMOVE}'),
        never="raised|FileNotFoundError",
    ),
    Mistake(
        "an older traceback, and os._exit()",
        "part3",
        "3.7",
        "ended at this call, with exit status 3",
        LOGS,
        ("def path():\n", "def path():\n    os._exit(3)\n"),
        never="raised|FileNotFoundError",
    ),
    # An exception whose name ends in no Error, and what is thrown in other languages.
    Mistake(
        "an exception of one's own at the start",
        "part1",
        "1.1",
        "NoDisk: the disk is gone",
        ("def serve():", f"{NO_DISK}def serve():"),
        ("    server.serve_forever()", RAISES),
        never="exited|line that serves",
    ),
    Mistake(
        "an exception of one's own in Create",
        "part3",
        "3.1",
        "raised NoDisk: the disk is gone",
        ("app = Flask", f"{NO_DISK}app = Flask"),
        (CREATE, CREATE + RAISES),
        never="refused",
    ),
    Mistake(
        "an exception of one's own, and no answer",
        "http_server",
        "3.1",
        "raised NoDisk: the disk is gone",
        ("class Refused(Exception):", f"{NO_DISK}class Refused(Exception):"),
        ('    for option in request.get("Opts") or {}:', RAISES + '    for option in request.get("Opts") or {}:'),
        never="returns without",
    ),
    Mistake(
        "a string that is thrown in Node",
        "node",
        "1.1",
        "crashed before it listened: no disk",
        ("fs.mkdirSync(ROOT, { recursive: true });", 'throw "no disk";'),
        never="exited|server.listen",
    ),
    # What only Flask, or only Python, has.
    Mistake(
        "a socket named {SOCKET} in Node",
        "node",
        "1.1",
        "backquotes",
        (
            'const SOCKET = process.env.DDD_SOCKET || "/run/docker/plugins/ddd.sock";',
            'const SOCKET = path.dirname(process.env.DDD_SOCKET) + "/{SOCKET}";',
        ),
        never="Python|an f before",
    ),
    Mistake(
        "a socket named ${name}.sock in Node",
        "node",
        "1.1",
        "backquotes",
        (
            'const SOCKET = process.env.DDD_SOCKET || "/run/docker/plugins/ddd.sock";',
            "const SOCKET = path.dirname(process.env.DDD_SOCKET) + '/${name}.sock';",
        ),
        never="Python|an f before",
    ),
    Mistake(
        "status 415 in Node",
        "node",
        "3.1",
        "without a Content-Type",
        (
            "    const call = calls[req.url];\n",
            '    if (req.url.includes("Driver") && !req.headers["content-type"]) '
            'return send(res, 415, { Err: "Unsupported Media Type" });\n    const call = calls[req.url];\n',
        ),
        never="Flask|get_json",
    ),
    Mistake(
        "an empty body in Node",
        "node",
        "2.1",
        "do not read it",
        ('const request = req.url === "/Plugin.Activate" ? {} : parse(body);', "const request = parse(body);"),
        never="Flask|get_json",
    ),
    Mistake(
        "an empty body in http.server",
        "http_server",
        "2.1",
        "do not read it",
        ('json.loads(body) if body or "Driver" in self.path else {}', "json.loads(body)"),
        never="Flask|get_json",
    ),
    # A path that is in the file, and is no route there.
    Mistake(
        "an endpoint in a list",
        "part3",
        "3.9",
        "has no route /VolumeDriver.Remove",
        DELETE,
        ("app = Flask", 'LOUD = ["/VolumeDriver.Create", "/VolumeDriver.Remove"]\napp = Flask'),
        never="is in the file|LOUD",
    ),
    Mistake(
        "an endpoint in a comment",
        "part3",
        "3.9",
        "has no route /VolumeDriver.Remove",
        DELETE,
        ("app = Flask(__name__)", 'app = Flask(__name__)  # must answer "/VolumeDriver.Remove"'),
        never="is in the file|must answer",
    ),
    Mistake(
        "an endpoint among others that the path is compared with",
        "part3",
        "3.7",
        "has no route /VolumeDriver.Path",
        (
            '@app.post("/VolumeDriver.Path")\n',
            '@app.before_request\ndef look():\n    if request.path in ("/VolumeDriver.Mount", "/VolumeDriver.Path"):\n'
            '        asked("Name")\n\n\n',
        ),
        never="is in the file|before_request",
    ),
    Mistake(
        "a blueprint with a prefix that has other routes",
        "part3",
        "3.9",
        "is in the file, but the server did not know it",
        ("from flask import Flask,", "from flask import Blueprint, Flask,"),
        (
            "app = Flask(__name__)",
            'app = Flask(__name__)\nview = Blueprint("view", __name__, url_prefix="/view")\n'
            "app.register_blueprint(view)",
        ),
        (
            '@app.post("/VolumeDriver.Remove")\n',
            'def forgotten():\n    app.post("/VolumeDriver.Remove")(remove)\n\n\n',
        ),
        never="blueprint",
    ),
    # A call that hangs for another reason than a lock.
    Mistake(
        "a lock that is taken in a comment",
        "part3",
        "3.1",
        "does not answer",
        (
            "LOCK = threading.Lock()",
            "LOCK = threading.RLock()  # not LOCK.acquire(), which needs a release()",
        ),
        TIME,
        SLEEPS,
        never="takes LOCK|every later call",
    ),
    Mistake(
        "a pool of threads that has nothing to do",
        "part3",
        "3.1",
        "does not answer",
        ("LOCK = threading.Lock()", "LOCK = threading.Lock()\nPOOL = ThreadPoolExecutor(1)\nPOOL.submit(print)"),
        ("import atexit", "import atexit\nimport time\nfrom concurrent.futures import ThreadPoolExecutor"),
        SLEEPS,
        never="waits for a lock|RLock",
    ),
    Mistake(
        "a server that serves by another name",
        "part3",
        "3.1",
        "does not answer",
        ("    server.serve_forever()", '    serves = getattr(server, "serve_" + "forever")\n    serves()'),
        TIME,
        SLEEPS,
        never="never starts",
    ),
    Mistake(
        "logging.shutdown()",
        "http_server",
        "1.5",
        "sys.exit",
        (
            "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))",
            "    signal.signal(signal.SIGTERM, lambda *_: None)",
        ),
        (
            "    finally:\n        os.unlink(SOCKET)",
            "    finally:\n        logging.shutdown()\n        os.unlink(SOCKET)",
        ),
        ("import json\n", "import json\nimport logging\n"),
        never="waits until serve_forever",
    ),
    # What the plugin prints of other things, and its own words.
    Mistake(
        "another program refuses the plugin",
        "part1",
        "1.1",
        "exited|ended at this call",
        (
            "    server.serve_forever()",
            '    print("metrics: Connection refused, going on without", flush=True)\n    sys.exit(1)',
        ),
        never="crashed|leaves its socket",
    ),
    Mistake(
        "SyntaxError in a file that the plugin reads",
        "part1",
        "1.1",
        "exited|ended at this call",
        ("    server.serve_forever()", '    print("SyntaxError in line 3 of ddd.conf", flush=True)\n    sys.exit(2)'),
        never="as a program",
    ),
    Mistake(
        "a port of another kind is in use",
        "part1",
        "1.1",
        "exited|ended at this call",
        (
            "    server = make_server(",
            '    print("metrics port: Address already in use", flush=True)\n    sys.exit(1)\n    server = make_server(',
        ),
        never="is taken",
    ),
    Mistake(
        "a module that may be missing",
        "part1",
        "1.1",
        "exited|ended at this call",
        (
            "    server.serve_forever()",
            "    try:\n        import uvloopx\n    except ModuleNotFoundError as error:\n"
            '        print("going on: ModuleNotFoundError:", error, flush=True)\n    sys.exit(2)',
        ),
        never="The plugin imports",
    ),
    Mistake(
        "a misspelt variable that is a module's name",
        "part3",
        "3.1",
        "name 'code' is not defined",
        (CREATE, f'{CREATE}    return {{"Err": "no"}}, code\n'),
        never="import code",
    ),
    Mistake(
        "a rename beside mkdir(parents=True)",
        "part3",
        "3.1",
        "FileNotFoundError",
        (
            '    (VOLUMES / name / "mounts").mkdir(parents=True, exist_ok=True)\n',
            '    (VOLUMES / name / "mounts").mkdir(parents=True, exist_ok=True); os.rename("x", "y")\n',
        ),
        never="makes both",
    ),
    Mistake(
        "the status of serve()",
        "part1",
        "1.1",
        "exited|ended at this call",
        ('__main__":\n    serve()', '__main__":\n    pass'),
        ('if __name__ == "__main__":\n    pass', "status = serve()"),
        ("    server.serve_forever()", "    return"),
        never="only makes definitions",
    ),
    # JSON that is broken in another way than by a comma.
    *(
        Mistake(
            name, "ddd-tls.json", "2.4", "cannot read", ('"https://127.0.0.1:8788",', text), never="comma is missing"
        )
        for name, text in (
            ("a stray quote", '"https://127.0.0.1:8788"",'),
            ("a ] for nothing", '"https://127.0.0.1:8788"],'),
            ("a semicolon", '"https://127.0.0.1:8788";'),
        )
    ),
]
