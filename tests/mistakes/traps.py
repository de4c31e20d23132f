"""Plugins that are nearly right, each with what its report never says: what would be false of this very file.

The corpus shows that a report finds the mistake. These rows show that it names no other: what the report looks for is
in the file, and is not at fault.
"""

from mistakes.mistake import Edit, Mistake


class Trap(Mistake):
    """A plugin that is nearly right, the step that fails, and what its report never says."""

    def __init__(self, name: str, right: str, step: str, never: str, *edits: Edit, says: str = "") -> None:
        """says and never are regular expressions, as those of a Mistake are."""
        super().__init__(name, right, step, says, *edits, never=never)


SERVES = "    server.serve_forever()"
SIGNALS = "signal.signal(number, lambda *_: sys.exit())"
HANDLER = "@app.errorhandler(HTTPException)\n"
OPTIONS = '    options = request.get_json(force=True).get("Opts")\n'
NAME = f'    name = asked("Name")\n{OPTIONS}'
MAIN = 'if __name__ == "__main__":\n'
APP = "app = Flask(__name__)\n"
FULL = f'{OPTIONS}    abort(400, "the disk is full")\n'
UNMOUNT = """        for record in (volume / "mounts").iterdir():
            if record.stem == mount_id:
                record.unlink()
                break
"""

ROWS = [
    # A handler for errors that answers with a page
    Trap(
        "the handler for 500 answers with a page",
        "part3",
        "3.1",
        r"does not get",
        (HANDLER, f'@app.errorhandler(500)\ndef crash(error):\n    return "<h1>crash</h1>", 500\n\n\n{HANDLER}'),
        (OPTIONS, f"{OPTIONS}    abort(500)\n"),
    ),
    Trap(
        "the handler for 404 answers with a page",
        "part2",
        "2.2",
        r"does not get",
        (HANDLER, "@app.errorhandler(404)\n"),
        ('    return {"Err": reason}, error.code', '    return f"<p>{reason}</p>", 404'),
    ),
    Trap(
        "a decorator over three lines",
        "part2",
        "2.2",
        r"does not get",
        (HANDLER, "@app.errorhandler(\n    HTTPException\n)\n"),
        ('    return {"Err": reason}', '    return f"<p>{reason}</p>"'),
    ),
    Trap(
        "HTTPException by another name",
        "part2",
        "2.2",
        r"does not get",
        ("import HTTPException\n", "import HTTPException as AnyError\n"),
        (HANDLER, "@app.errorhandler(AnyError)\n"),
        ('    return {"Err": reason}', '    return f"<p>{reason}</p>"'),
    ),
    Trap(
        "two handlers, and the second answers with a page",
        "part2",
        "2.2",
        r"does not get|errorhandler\(400",
        (HANDLER, f'@app.errorhandler(400)\ndef bad(error):\n    return {{"Err": "bad"}}, 400\n\n\n{HANDLER}'),
        ('    return {"Err": reason}', '    return f"<p>{reason}</p>"'),
    ),
    Trap(
        "register_error_handler, and a page",
        "part2",
        "2.2",
        r"does not get|for every path \(app",
        (HANDLER, ""),
        (
            '    return {"Err": reason}, error.code\n',
            '    return f"<p>{reason}</p>", error.code\n\n\napp.register_error_handler(HTTPException, refuse)\n',
        ),
    ),
    # The start, signals and the end
    Trap(
        "subprocess.run above the signals, which do nothing",
        "part1",
        "1.5",
        r"below run\(\)|never returns",
        ("import stat\n", "import stat\nimport subprocess\n"),
        (
            f"    for number in (signal.SIGINT, signal.SIGTERM):\n        {SIGNALS}\n",
            '    subprocess.run(["true"])\n    for number in (signal.SIGINT, signal.SIGTERM):\n'
            '        signal.signal(number, lambda *_: print("stop"))\n',
        ),
    ),
    Trap(
        "an import over several lines, and nothing serves",
        "part1",
        "1.1",
        r"Nothing calls request|request\(\)",
        ("from flask import Flask\n", "from flask import (\n    Flask,\n    request\n)\n"),
        (f"{MAIN}    serve()", "server = None"),
    ),
    Trap(
        "a constant in a line of its own",
        "part1",
        "1.1",
        r"Nothing calls|SOCKET\(\)",
        (f"{MAIN}    serve()", "SOCKET"),
    ),
    Trap(
        "functools.partial as a target, and a crash",
        "part1",
        "1.1",
        r"leave out the parentheses",
        ("import atexit\n", "import atexit\nimport functools\nimport threading\n"),
        (
            SERVES,
            "    threading.Thread(target=functools.partial(server.serve_forever), daemon=True)\n"
            '    raise RuntimeError("no disk")',
        ),
    ),
    Trap(
        "a function that makes the handler, and the end",
        "part1",
        "1.1",
        r"leave out the parentheses",
        (SIGNALS, "signal.signal(number, make_stop(0))"),
        (SERVES, "    return"),
        ("def serve():\n", "def make_stop(status):\n    return lambda *_: sys.exit(status)\n\n\ndef serve():\n"),
    ),
    Trap(
        "serve() is called for its value",
        "part1",
        "1.1",
        r"only makes definitions|no line starts",
        (f"{MAIN}    serve()", "status = serve()"),
        (SERVES, "    return"),
    ),
    Trap(
        "the end is missing, and the function has another name",
        "part1",
        "1.1",
        r"\bserve\(\)",
        ("def serve():\n", "def main():\n"),
        (f"{MAIN}    serve()\n", ""),
        says=r'if __name__ == "__main__": main\(\)',
    ),
    Trap(
        "a datagram for systemd, and a crash",
        "part1",
        "1.1",
        r"DGRAM",
        (
            "def serve():\n",
            "def tell_systemd(text):\n    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:\n"
            '        to.sendto(text, os.environ["NOTIFY_SOCKET"])\n\n\ndef serve():\n',
        ),
        (SERVES, '    raise RuntimeError("no disk")'),
    ),
    # A place that is taken, and the socket's mode
    Trap(
        "a descriptor of its own, with spaces around the sign",
        "part1",
        "1.8",
        r"make_server(\(\))? removes",
        ("fd=listener.fileno()", "fd = listener.fileno()"),
        ('        sys.exit(f"{path} is not a socket. Move it away first.")', "        os.unlink(path)\n        return"),
    ),
    Trap(
        "app.run() of another class",
        "part1",
        "1.8",
        r"run\(\) removes",
        ('        sys.exit(f"{path} is not a socket. Move it away first.")', "        os.unlink(path)\n        return"),
        (
            f"{MAIN}    serve()",
            f"class App:\n    def run(self):\n        serve()\n\n\n{MAIN}    app = App()\n    app.run()",
        ),
        (APP, "flask_app = Flask(__name__)\n"),
        ('@app.route("/"', '@flask_app.route("/"'),
        ("0, app, threaded", "0, flask_app, threaded"),
    ),
    Trap(
        "isfile of another file",
        "part1",
        "1.6",
        r"isfile",
        ("            os.unlink(path)\n", '            sys.exit("stale")\n'),
        ("SOCKET = os", 'CONFIG = os.path.isfile("/etc/ddd.conf")\nSOCKET = os'),
    ),
    Trap(
        "makedirs with a mode in decimal",
        "part1",
        "1.3",
        r"decimal",
        ("    umask = os.umask(0o177)", "    umask = os.umask(0)"),
        ("exist_ok=True)", "exist_ok=True, mode=511)"),
    ),
    Trap(
        "a mode in decimal in a docstring",
        "part1",
        "1.3",
        r"decimal",
        ("    umask = os.umask(0o177)", "    umask = os.umask(0)"),
        ("def listen(path):\n", 'def listen(path):\n    """Make the socket (mode=600)."""\n'),
    ),
    Trap(
        "chmod to the rights of others",
        "part1",
        "1.3",
        r"umask (names|is written)|took the owner's",
        ("    listener.listen()\n", "    os.chmod(path, 0o077)\n    listener.listen()\n"),
    ),
    # What a handler reads
    Trap(
        "get_json(force = True), and another key",
        "part3",
        "3.1",
        r"get_json",
        (NAME, '    name = asked("VolumeName")\n    options = request.get_json(force = True).get("Opts")\n'),
        says=r"Name",
    ),
    Trap(
        "get_json over three lines, and another key",
        "part3",
        "3.1",
        r"get_json",
        (
            NAME,
            '    name = asked("VolumeName")\n    options = request.get_json(\n        force=True\n    ).get("Opts")\n',
        ),
        says=r"Name",
    ),
    Trap(
        "get_json(True), and another key",
        "part3",
        "3.1",
        r"get_json",
        (NAME, '    name = asked("VolumeName")\n    options = request.get_json(True).get("Opts")\n'),
        says=r"Name",
    ),
    Trap(
        "request.args in the greeting",
        "part3",
        "3.1",
        r"request\.args",
        ('    return "Hello! I am', '    if request.args.get("v"):\n        return "1"\n    return "Hello! I am'),
        (OPTIONS, FULL),
    ),
    Trap(
        "a setting by the name of a key",
        "part3",
        "3.1",
        r"capital|for 'name'",
        (APP, f'SETTINGS = {{}}\nDISK = SETTINGS.get("name")\n{APP}'),
        (OPTIONS, f'{OPTIONS}    abort(400, f"no disk: {{None}}")\n'),
    ),
    Trap(
        "a dict of the plugin has no such key",
        "part3",
        "3.1",
        r"capital|looks for|upper and lower",
        (HANDLER, ""),
        (OPTIONS, f'{OPTIONS}    {{}}["name"]\n'),
    ),
    # Unmount
    Trap(
        "a loop that tidies up, and one record for an ID",
        "part3",
        "3.11",
        r"its loop|keeps only",
        ('        record = f"{mount_id}.{secrets.token_hex(8)}"\n', "        record = mount_id\n"),
        ("            if record.stem == mount_id:", "            if record.name == mount_id:"),
        (
            MAIN,
            "def tidy():\n    for each in ASIDE.iterdir():\n        if each.is_file():\n            each.unlink()\n\n\n"
            f"{MAIN}",
        ),
    ),
    Trap(
        "List leaves out what is hidden, and one record for an ID",
        "part3",
        "3.11",
        r"its loop|keeps only",
        ('        record = f"{mount_id}.{secrets.token_hex(8)}"\n', "        record = mount_id\n"),
        ("            if record.stem == mount_id:", "            if record.name == mount_id:"),
        (
            '        for data in VOLUMES.glob("*/data")\n',
            '        for data in [each for each in VOLUMES.glob("*/data") if each.parent.name != "hidden"]\n',
        ),
    ),
    # Slips of the pen
    Trap(
        "a template that replace() fills in",
        "part3",
        "3.1",
        r"an f before",
        (APP, f'TEMPLATE = str(VOLUMES) + "/{{name}}/data"\n{APP}'),
        ('    return str(VOLUMES / name / "data")', '    return TEMPLATE.replace("{name}", name)'),
        (OPTIONS, FULL),
    ),
    Trap(
        "a text for people with a name in braces",
        "part3",
        "3.1",
        r"an f before",
        (APP, f'HELP = "PUT /{{name}} makes a volume"\n{APP}'),
        (OPTIONS, FULL),
    ),
    Trap(
        "a loop over a variable of the file's name",
        "part3",
        "3.1",
        r"global",
        (APP, f"volume = None\n{APP}"),
        (OPTIONS, f"{OPTIONS}    for volume in range(2):\n        pass\n    abort(400, 'the disk is full')\n"),
    ),
    Trap(
        "the rest of a pair has the name of a variable of the file",
        "part3",
        "3.1",
        r"global",
        (APP, f"rest = []\n{APP}"),
        (OPTIONS, f"{OPTIONS}    first, rest = name[0], name[1:]\n    abort(400, 'the disk is full')\n"),
    ),
]
