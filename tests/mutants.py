"""Wrong plugins: each is a part with one small edit, the first step that it fails, and the diagnosis that it gets."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

PARTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutant:
    """A part in which old has become new. step is the first check of that part that fails, and name the diagnosis,
    unless that has a name of its own. case is the conformance case that catches the same change of part 3."""

    name: str
    step: str
    old: str
    new: str
    diagnosis: str = ""
    case: str = ""

    @property
    def part(self) -> str:
        """The part that it spoils: "1", "2" or "3"."""
        return self.step.partition(".")[0]

    needs = ""

    def command(self, folder: Path) -> tuple[list[str], Path | None]:
        """Write the spoilt plugin into a folder, and return the command that runs it, and its file."""
        file = folder / "plugin.py"
        file.write_text(self.source())
        return [sys.executable, str(file)], file

    def write(self, folder: Path) -> Path:
        """Write the spoilt part 3 into a folder, for its conformance case; return the file."""
        file = folder / "plugin.py"
        file.write_text(self.source("3"))
        return file

    def source(self, part: str = "") -> str:
        """Return the spoilt plugin. Raises ValueError when the part no longer has the old text exactly once."""
        part = part or self.part
        text = (PARTS / f"part{part}" / "plugin.py").read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: part {part} has the old text {text.count(self.old)} times: fix the row.")
        return text.replace(self.old, self.new)


# lines of the parts that several rows change
SERVE = "    serve()"
PLACE = 'os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"'
LISTENS = '            sys.exit(f"A plugin listens'
NO_SOCKET = '        sys.exit(f"{path} is not a socket'
ACTIVATE = '    return {"Implements"'
CREATED = '"data").mkdir(exist_ok=True)\n    return {"Err": ""}'
KNOWN = "    with existing(name):\n        volume = "
LISTED = '    return {"Volumes": volumes, '
PATH = '    name = asked("Name")\n    with existing(name):\n        return {"Mountpoint": mountpoint(name), '
MOUNTED = '.touch()\n        return {"Mountpoint": mountpoint(name), '
DROPPED = "                record.unlink()\n                break\n"
RENAME = "        gone = volume.rename("
DELETED = "    shutil.rmtree(gone)\n"
START = "    VOLUMES.mkdir(0o700"
MADE = '    (VOLUMES / name / "mounts").mkdir(parents=True, exist_ok=True)\n    (VOLUMES / name / "data").mkdir(exist_ok=True)\n'
FOUND = 'for data in VOLUMES.glob("*/data")'
DATA_FOLDER = '    return str(VOLUMES / name / "data")'
INSIDE = 'any(point.startswith(f"{folder}/") for point in points)'

MUTANTS = [
    Mutant("ends at once", "1.1", SERVE, "    serve", "named, not called"),
    Mutant("syntax error", "1.1", "def greet():", "def greet(:"),
    Mutant("one = for two", "1.1", 'if __name__ == "__main__"', 'if __name__ = "__main__"', "syntax error"),
    Mutant("missing module", "1.1", "import signal\n", "import singal\n"),
    Mutant("crash at the start", "1.1", SERVE, '    raise RuntimeError("the dog ate my socket")'),
    Mutant(
        "old server holds the place",
        "1.1",
        SERVE,
        "    one, two = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)\n    one.bind(SOCKET)\n    two.bind(SOCKET)",
    ),
    Mutant("a port instead of the socket", "1.1", SERVE, "    app.run(port=0)"),
    Mutant(
        "a socket with the wrong name",
        "1.1",
        PLACE,
        'os.environ["DDD_SOCKET"].replace("ddd.sock", "plugin.sock")',
    ),
    Mutant("a socket in another place", "1.1", PLACE, 'os.environ["DDD_ROOT"] + "/ddd.sock"'),
    Mutant("unix:// forgotten", "1.1", SERVE, "    app.run(host=SOCKET)", "a path taken for a host"),
    Mutant("does not listen", "1.1", SERVE, "    signal.pause()", case="socket.there"),
    Mutant("never takes a call", "1.1", "    server.serve_forever()", "    signal.pause()", "nobody serves"),
    Mutant("greets GET only", "1.2", 'methods=["GET", "POST"]', 'methods=["GET"]', "greets one method only"),
    Mutant("greets POST only", "1.2", 'methods=["GET", "POST"]', 'methods=["POST"]', "greets one method only"),
    Mutant("greets elsewhere", "1.2", '@app.route("/", ', '@app.route("/hello", ', "nothing at /"),
    Mutant("an empty greeting", "1.2", '"Hello! I am ddd, a Docker plugin.\\n"', '"\\n"'),
    Mutant("socket open to all", "1.3", "os.umask(0o177)", "os.umask(0)", case="socket.closed-to-others"),
    Mutant("others may write to the socket", "1.3", "os.umask(0o177)", "os.umask(0o175)", "socket open to all"),
    Mutant("socket for all to read and write", "1.3", "os.umask(0o177)", "os.umask(0o111)", "socket open to all"),
    Mutant(
        "socket for others to write",
        "1.3",
        "    listener.listen()",
        "    os.chmod(path, 0o602)\n    listener.listen()",
        "socket open to all",
    ),
    Mutant(
        "umask of whoever starts it",
        "1.3",
        "    umask = os.umask(0o177)",
        "    umask = os.umask(0); os.umask(umask)",
        "socket open to all",
    ),
    Mutant("one caller at a time", "1.4", "threaded=True", "threaded=False", case="http.silent-caller"),
    Mutant("two callers at a time", "1.4", "threaded=True", "processes=2", "one caller at a time"),
    Mutant(
        "deaf to SIGTERM",
        "1.5",
        "lambda *_: sys.exit()",
        "signal.SIG_IGN",
        "does not end when asked",
        case="socket.stop",
    ),
    Mutant("stumbles over the end", "1.5", "lambda *_:", "lambda:", "raises when asked to end"),
    Mutant("leaves its socket", "1.5", "    atexit.register(os.unlink, path)\n", "", case="socket.taken-away"),
    Mutant(
        "stops at a stale socket",
        "1.6",
        "            os.unlink(path)",
        "            sys.exit('stale')",
        "stale socket stops it",
        case="socket.stale",
    ),
    Mutant(
        "crash at a stale socket",
        "1.6",
        "            os.unlink(path)",
        "            os.unlink(path + 1)",
        "crash at the start",
    ),
    Mutant(
        "silent after a stale socket",
        "1.6",
        "            os.unlink(path)",
        "            os.unlink(path)\n            app.before_request(signal.pause)",
        "hangs",
    ),
    Mutant(
        "takes a living socket",
        "1.7",
        "            caller.connect(path)",
        "            os.unlink(path); return",
        case="socket.living",
    ),
    Mutant(
        "second takes the socket away",
        "1.7",
        LISTENS,
        f"            os.unlink(path)\n{LISTENS}",
        "takes a living socket",
    ),
    Mutant(
        "second ends with 0", "1.7", LISTENS, f"            sys.exit()\n{LISTENS}", "gives way with the wrong status"
    ),
    Mutant("second goes on", "1.7", LISTENS, f"            signal.pause()\n{LISTENS}", "goes on without a socket"),
    Mutant(
        "second with a traceback",
        "1.7",
        LISTENS,
        '            raise RuntimeError(f"A plugin listens',
        "a traceback instead of a sentence",
    ),
    Mutant(
        "second without a sentence", "1.7", LISTENS, f"            sys.exit(1)\n{LISTENS}", "ends without a sentence"
    ),
    Mutant(
        "second stops the first",
        "1.7",
        LISTENS,
        '            os.kill(int.from_bytes(caller.getsockopt(1, 17, 4), "little"), signal.SIGSTOP)\n' + LISTENS,
        "hangs",
    ),
    Mutant(
        "replaces any file",
        "1.8",
        NO_SOCKET,
        f"        return os.unlink(path)\n{NO_SOCKET}",
        "replaces a file",
        case="socket.not-a-file",
    ),
    Mutant(
        "ends with 0 at a file", "1.8", NO_SOCKET, f"        sys.exit()\n{NO_SOCKET}", "gives way with the wrong status"
    ),
    Mutant(
        "changes the mode of a file", "1.8", NO_SOCKET, f"        os.chmod(path, 0o600)\n{NO_SOCKET}", "replaces a file"
    ),
    Mutant("no sentence at a file", "1.8", NO_SOCKET, f"        sys.exit(1)\n{NO_SOCKET}", "ends without a sentence"),
    Mutant(
        "wrong case of the subsystem",
        "2.1",
        '["VolumeDriver"]',
        '["volumedriver"]',
        "wrong subsystem",
        case="activate.names-volume-driver",
    ),
    Mutant("Implements misspelt", "2.1", '{"Implements"', '{"Implement"'),
    Mutant("Implements is a text", "2.1", '["VolumeDriver"]', '"VolumeDriver"', "Implements is no list"),
    Mutant("wants JSON on Activate", "2.1", ACTIVATE, f"    request.get_json()\n{ACTIVATE}", "reads an empty body"),
    Mutant("hangs", "2.1", ACTIVATE, f'    __import__("threading").Event().wait()\n{ACTIVATE}'),
    Mutant("crash at a call", "2.1", ACTIVATE, f"    os._exit(3)\n{ACTIVATE}"),
    Mutant(
        "closed without an answer", "2.1", ACTIVATE, f'    request.environ["werkzeug.socket"].shutdown(2)\n{ACTIVATE}'
    ),
    Mutant(
        "get_json without silent",
        "2.1",
        ACTIVATE,
        f"    request.get_json(force=True)\n{ACTIVATE}",
        "reads an empty body",
    ),
    Mutant("exception in a handler", "2.1", ACTIVATE, f"    len(None)\n{ACTIVATE}"),
    Mutant("answers nothing", "2.1", ACTIVATE, '    {"Implements"', "exception in a handler"),
    Mutant("no such route", "2.1", '"/Plugin.Activate"', '"/Plugin.activate"'),
    Mutant(
        "route below the server",
        "2.1",
        '@app.post("/Plugin.Activate")',
        'app.run(host=f"unix://{SOCKET}")\n\n\n@app.post("/Plugin.Activate")',
        "a route that the server does not know",
    ),
    Mutant("wrong method", "2.1", '@app.post("/Plugin.Activate")', '@app.get("/Plugin.Activate")'),
    Mutant("bare text", "2.1", '    return {"Implements": ["VolumeDriver"]}', '    return "VolumeDriver"'),
    Mutant("JSON, but no object", "2.1", '{"Implements": ["VolumeDriver"]}', '["VolumeDriver"]'),
    Mutant("status other than 200", "2.1", '["VolumeDriver"]}', '["VolumeDriver"]}, 201'),
    Mutant(
        "wants an empty body",
        "2.1",
        '["VolumeDriver"]',
        '[] if request.get_data() else ["VolumeDriver"]',
        "another answer for another caller",
        case="activate.with-a-body",
    ),
    Mutant("error page in HTML", "2.2", "@app.errorhandler(HTTPException)\n", ""),
    Mutant("error under status 200", "2.2", '{"Err": reason}, error.code', '{"Err": reason}', case="errors.status"),
    Mutant("Err misspelt", "2.2", '{"Err": reason}', '{"Error": reason}'),
    Mutant("Err null", "2.2", '{"Err": reason}', '{"Err": None}'),
    Mutant("Err missing", "2.2", '{"Err": reason}', "{}"),
    Mutant("HTML in Err", "2.2", '{"Err": reason}', '{"Err": error.get_description()}', "no sentence in Err"),
    Mutant(
        "a traceback in Err",
        "2.2",
        '{"Err": reason}',
        '{"Err": f"Traceback (most recent call last):\\n{error!r}"}',
        "no sentence in Err",
    ),
    Mutant("success with an Err", "3.1", CREATED, CREATED.replace('""', '"ok"')),
    Mutant("Err is no text", "3.1", CREATED, CREATED.replace('""', "0"), case="answers.err"),
    Mutant(
        "Opts null refused",
        "3.1",
        "    if options:\n",
        '    if options is None:\n        abort(400, "Send options.")\n    if options:\n',
        case="create.options-null",
    ),
    Mutant(
        "needs a Content-Type",
        "3.1",
        "    body = request.get_json(force=True)",
        "    body = request.get_json(silent=True)",
        "get_json without force",
        case="http.no-content-type",
    ),
    Mutant("wrong case of a key", "3.1", "body.get(key) if isinstance(body, dict) else None", "body[key.lower()]"),
    Mutant(
        "refused",
        "3.1",
        "    if options:\n",
        '    abort(400, "This plugin makes volumes on Sundays only.")\n    if options:\n',
    ),
    Mutant("get_json without force", "3.1", "    body = request.get_json(force=True)", "    body = request.get_json()"),
    Mutant("Create makes nothing", "3.1", MADE, ""),
    Mutant("one folder for every name", "3.1", MADE, MADE.replace("/ name /", '/ "all" /'), "Create makes nothing"),
    Mutant(
        "volumes in a dict",
        "3.1",
        START,
        """    known = {}
    app.view_functions["create"] = lambda: known.setdefault(asked("Name"), {"Err": ""})
    app.view_functions["get"] = lambda: (
        {"Volume": {"Name": asked("Name")}} if asked("Name") in known else abort(404, "There is no such volume.")
    )
    app.view_functions["list_volumes"] = lambda: {"Volumes": [{"Name": name} for name in known]}
"""
        + START,
        "Create makes nothing",
    ),
    Mutant("no Get", "3.2", '@app.post("/VolumeDriver.Get")', '@app.post("/VolumeDriver.Gte")', "no such route"),
    Mutant(
        "Name not returned",
        "3.2",
        'volume = {"Name": name, ',
        "volume = {",
        "another Name from Get",
        case="get.name",
    ),
    Mutant(
        "CreatedAt without a zone",
        "3.2",
        'volume = {"Name": name, ',
        'volume = {"CreatedAt": "2026-11-23T12:00:00", "Name": name, ',
        "CreatedAt in a wrong format",
        case="get.created-at",
    ),
    Mutant(
        "CreatedAt with a blank",
        "3.2",
        'volume = {"Name": name, ',
        'volume = {"CreatedAt": "2026-11-23 12:00:00+00:00", "Name": name, ',
        "CreatedAt in a wrong format",
    ),
    Mutant(
        "Status is a text",
        "3.2",
        'volume = {"Name": name, ',
        'volume = {"Status": "ready", "Name": name, ',
        "Status is no object",
    ),
    Mutant(
        "Get knows only mounted volumes",
        "3.2",
        KNOWN,
        '    if not any((VOLUMES / name / "mounts").iterdir()):\n'
        f'        abort(404, f"Volume {{name}} is not mounted.")\n{KNOWN}',
        case="get.before-mount",
    ),
    Mutant("Get forgets", "3.2", KNOWN, f'    abort(404, f"There is no volume {{name}}.")\n{KNOWN}'),
    Mutant("no Volume in Get", "3.2", 'return {"Volume": volume, "Err": ""}', 'return volume | {"Err": ""}'),
    Mutant("Get knows everything", "3.3", KNOWN, "    if name:\n        volume = ", case="get.unknown"),
    Mutant(
        "Get makes what it does not know",
        "3.3",
        KNOWN,
        """    known = (VOLUMES / name / "data").exists()
    (VOLUMES / name / "data").mkdir(parents=True, exist_ok=True)
    if not known:
        abort(404, f"There is no volume {name}.")
"""
        + KNOWN,
        "Get knows everything",
    ),
    Mutant(
        "Get knows what begins so",
        "3.3",
        KNOWN,
        KNOWN.replace("existing(name)", "existing(next((each.name for each in VOLUMES.glob(f'{name}*')), name))"),
        "one volume under two names",
    ),
    Mutant(
        "capitals are small letters",
        "3.3",
        "    return value\n",
        "    return value.lower()\n",
        "one volume under two names",
    ),
    Mutant(
        "Create again is an error",
        "3.4",
        '"data").mkdir(exist_ok=True)',
        '"data").mkdir()',
        "Create again refused",
        case="create.again-succeeds",
    ),
    Mutant(
        "Create again empties the volume",
        "3.4",
        CREATED,
        '"data").mkdir(exist_ok=True)\n    shutil.rmtree(VOLUMES / name / "data")\n'
        '    (VOLUMES / name / "data").mkdir()\n    return {"Err": ""}',
    ),
    Mutant(
        "List forgets",
        "3.5",
        LISTED,
        LISTED.replace("volumes", "volumes[:1]"),
        "List is not the truth",
        case="list.is-the-truth",
    ),
    Mutant("List null", "3.5", LISTED, LISTED.replace("volumes", "None")),
    Mutant("null in List", "3.5", LISTED, LISTED.replace("volumes", "[None, *volumes]"), case="list.without-null"),
    Mutant("no names in List", "3.5", '{"Name": data.parent.name, "Mountpoint": str(data)}', "data.parent.name"),
    Mutant(
        "no List of nothing",
        "3.5",
        LISTED,
        f'    if not volumes:\n        abort(500, "There is nothing.")\n{LISTED}',
        case="list.of-nothing",
    ),
    Mutant(
        "forgets at a restart",
        "3.5",
        START,
        f"    shutil.rmtree(VOLUMES, ignore_errors=True)\n{START}",
        "volumes lost by a restart",
        case="restart.keeps-volumes",
    ),
    Mutant(
        "List names the folder aside",
        "3.5",
        FOUND,
        'for data in [*VOLUMES.glob("*/data"), ASIDE / "data"]',
        "no List of nothing",
    ),
    Mutant(
        "List looks into the volumes", "3.5", FOUND, 'for data in VOLUMES.rglob("data")', "List names what is no volume"
    ),
    Mutant(
        "List names every file",
        "3.5",
        FOUND,
        'for data in (each / "data" for each in VOLUMES.iterdir())',
        "List names what is no volume",
    ),
    Mutant(
        "List forgets at a restart",
        "3.5",
        START,
        """    old, listed = os.listdir(VOLUMES) if VOLUMES.exists() else [], app.view_functions["list_volumes"]
    app.view_functions["list_volumes"] = lambda: {
        "Volumes": [each for each in listed()["Volumes"] if each["Name"] not in old]
    }
"""
        + START,
        "volumes lost by a restart",
    ),
    Mutant(
        "empties its volumes at the start",
        "3.5",
        START,
        f'    for data in VOLUMES.glob("*/data"):\n        shutil.rmtree(data)\n        data.mkdir()\n{START}',
        "files lost by a restart",
    ),
    Mutant("no Mount", "3.6", '"/VolumeDriver.Mount"', '"/VolumeDriver.mount"', "no such route"),
    Mutant(
        "Mountpoint relative",
        "3.6",
        MOUNTED,
        MOUNTED.replace("mountpoint(name)", 'f"volumes/{name}/data"'),
        case="mount.absolute",
    ),
    Mutant(
        "Mountpoint not there",
        "3.6",
        MOUNTED,
        MOUNTED.replace("mountpoint(name)", 'str(VOLUMES / name / "files")'),
        "Mountpoint is not there",
        case="mount.folder",
    ),
    Mutant(
        "Mountpoint empty or missing",
        "3.6",
        MOUNTED,
        MOUNTED.replace("Mountpoint", "Path"),
        case="mount.tells-a-mountpoint",
    ),
    Mutant(
        "makes what it mounts",
        "3.6",
        "    with LOCK, existing(name) as volume:\n        record = ",
        '    (VOLUMES / name / "mounts").mkdir(parents=True, exist_ok=True)\n'
        '    (VOLUMES / name / "data").mkdir(exist_ok=True)\n'
        "    with LOCK, existing(name) as volume:\n        record = ",
        "says yes to the unknown",
    ),
    Mutant("one folder for all volumes", "3.6", DATA_FOLDER, "    return str(VOLUMES)"),
    Mutant(
        "Get names another folder",
        "3.6",
        'volume = {"Name": name, "Mountpoint": mountpoint(name)}',
        'volume = {"Name": name, "Mountpoint": str(VOLUMES / name)}',
        "another folder than Mount's",
    ),
    Mutant(
        "Get names no folder",
        "3.2",
        'volume = {"Name": name, "Mountpoint": mountpoint(name)}',
        'volume = {"Name": name, "Mountpoint": "{VOLUMES}/{name}/data"}',
    ),
    Mutant(
        "List names another folder",
        "3.6",
        '"Mountpoint": str(data)}',
        '"Mountpoint": str(data.parent)}',
        "another folder than Mount's",
    ),
    Mutant("a folder closed to others", "3.6", CREATED, CREATED.replace("exist_ok", "mode=0o700, exist_ok")),
    Mutant("no Path", "3.7", '"/VolumeDriver.Path"', '"/Volumedriver.Path"', "no such route"),
    Mutant(
        "Path is elsewhere",
        "3.7",
        PATH,
        PATH.replace("mountpoint(name)", "str(VOLUMES)"),
        "Path is not Mount's folder",
        case="path.of-mounted",
    ),
    Mutant(
        "Path of the unknown",
        "3.7",
        PATH,
        PATH.replace("with existing(name)", "if name"),
        "says yes to the unknown",
        case="path.of-unknown",
    ),
    Mutant(
        "Path names the last Mount's folder",
        "3.7",
        START,
        """    names, mount_it, path_it = [], mount, path
    app.view_functions["mount"] = lambda: names.append(asked("Name")) or mount_it()
    app.view_functions["path"] = lambda: path_it() and {"Mountpoint": mountpoint(names[-1])}
"""
        + START,
        "Path is not Mount's folder",
    ),
    Mutant("no Unmount", "3.8", '"/VolumeDriver.Unmount"', '"/VolumeDriver.UnMount"', "no such route"),
    Mutant("Unmount refused", "3.8", DROPPED, f'{DROPPED}    abort(400, "It stays mounted.")\n', "refused"),
    Mutant(
        "Unmount deletes the files",
        "3.8",
        DROPPED,
        f'{DROPPED}        shutil.rmtree(volume / "data")\n        (volume / "data").mkdir()\n',
        "files lost at Unmount",
        case="unmount.keeps-files",
    ),
    Mutant(
        "Unmount takes the empty folder",
        "3.8",
        DROPPED,
        f'{DROPPED}        if not any((volume / "data").iterdir()):\n            (volume / "data").rmdir()\n',
        "files lost at Unmount",
        case="unmount.keeps-an-empty-folder",
    ),
    Mutant(
        "Unmount empties the files",
        "3.8",
        DROPPED,
        f'{DROPPED}        [each.write_text("") for each in (volume / "data").iterdir() if each.is_file()]\n',
        "files lost at Unmount",
    ),
    Mutant(
        "another folder for another container",
        "3.8",
        MOUNTED,
        '.touch()\n        if len(list((volume / "mounts").iterdir())) > 1:\n'
        '            return {"Mountpoint": str(VOLUMES)}\n        return {"Mountpoint": mountpoint(name), ',
        case="mount.shared",
    ),
    Mutant("no Remove", "3.9", '"/VolumeDriver.Remove"', '"/VolumeDriver.Remov"', "no such route"),
    Mutant(
        "keeps it under another name",
        "3.9",
        f"{RENAME}ASIDE / secrets.token_hex(16))\n    shutil.rmtree(gone)\n",
        '        volume.rename(VOLUMES / f"{name}.old")\n',
        "Remove leaves a name in List",
    ),
    Mutant("Remove refused", "3.9", RENAME, f'        abort(400, "I like it too much.")\n{RENAME}', "refused"),
    Mutant(
        "Remove does nothing",
        "3.9",
        f"{RENAME}ASIDE / secrets.token_hex(16))\n    shutil.rmtree(gone)\n",
        "",
        "Remove does not remove",
        case="remove.removes",
    ),
    Mutant(
        "Remove of the unknown",
        "3.9",
        'def remove():\n    name = asked("Name")\n',
        'def remove():\n    name = asked("Name")\n    if not (VOLUMES / name).exists():\n        return {"Err": ""}\n',
        "says yes to the unknown",
    ),
    Mutant(
        "removes empty volumes only",
        "3.9",
        DELETED,
        '    (gone / "mounts").rmdir()\n    (gone / "data").rmdir()\n    gone.rmdir()\n',
        "exception in a handler",
    ),
    Mutant(
        "removes no folder in a volume",
        "3.9",
        DELETED,
        '    [file.unlink() for file in (gone / "data").iterdir()]\n' + DELETED,
        "exception in a handler",
    ),
    Mutant("gives no space back", "3.9", DELETED, ""),
    Mutant(
        "gives the space of folders not back",
        "3.9",
        DELETED,
        '    [f.unlink() for f in (gone / "data").iterdir() if f.is_file()]\n',
        "gives no space back",
    ),
    Mutant(
        "removes all that begins so and goes on with a dot",
        "3.9",
        RENAME,
        '        [shutil.rmtree(other) for other in VOLUMES.glob(f"{name}.*")]\n' + RENAME,
        "Remove takes a neighbour",
    ),
    Mutant(
        "removes all that begins so and goes on with a dash",
        "3.9",
        RENAME,
        '        [shutil.rmtree(other) for other in VOLUMES.glob(f"{name}-*")]\n' + RENAME,
        "Remove takes a neighbour",
    ),
    Mutant(
        "removes it in each case",
        "3.9",
        RENAME,
        "        [shutil.rmtree(o) for o in VOLUMES.iterdir() if o.name != name and o.name.lower() == name.lower()]\n"
        + RENAME,
        "Remove takes a neighbour",
    ),
    Mutant(
        "old folders in a new volume",
        "3.9",
        CREATED,
        """"data").exists() or (ROOT / "files" / name).mkdir(parents=True, exist_ok=True)
    if not (VOLUMES / name / "data").exists():
        [each.unlink() for each in (ROOT / "files" / name).iterdir() if not each.is_dir()]
        (VOLUMES / name / "data").symlink_to(ROOT / "files" / name)
    return {"Err": ""}""",
        "old files in a new volume",
    ),
    Mutant(
        "removes all that begins so",
        "3.9",
        RENAME,
        '        [shutil.rmtree(other) for other in VOLUMES.glob(f"{name}?*")]\n' + RENAME,
        "Remove takes a neighbour",
    ),
    Mutant(
        "old files in a new volume",
        "3.9",
        CREATED,
        """"data").exists() or (ROOT / "files" / name).mkdir(parents=True, exist_ok=True)
    if not (VOLUMES / name / "data").exists():
        (VOLUMES / name / "data").symlink_to(ROOT / "files" / name)
    return {"Err": ""}""",
    ),
    Mutant(
        "Remove follows links",
        "3.9",
        DELETED,
        '    os.system(f"find -L {gone} -delete")\n',
    ),
    Mutant(
        "Remove takes what is in use",
        "3.10",
        '        if any((volume / "mounts").iterdir()):\n',
        "        if False:\n",
        "removes what is in use",
        case="remove.in-use",
    ),
    Mutant(
        "empties what it refuses to remove",
        "3.10",
        '        if any((volume / "mounts").iterdir()):\n',
        '        shutil.rmtree(volume / "data")\n        (volume / "data").mkdir()\n'
        '        if any((volume / "mounts").iterdir()):\n',
        "files lost at a refused Remove",
    ),
    Mutant(
        "Unmount lets go of every volume",
        "3.10",
        '        for record in (volume / "mounts").iterdir():\n            if record.stem == mount_id:\n' + DROPPED,
        '        for each in VOLUMES.iterdir():\n            for record in [*each.glob(f"mounts/{mount_id}.*")][:1]:\n'
        "                record.unlink()\n",
        "removes what is in use",
    ),
    Mutant(
        "Path counts as a Mount",
        "3.10",
        PATH,
        PATH.replace(
            "with existing(name):", 'with existing(name) as volume:\n        (volume / "mounts" / "path").touch()'
        ),
        "never lets go",
    ),
    Mutant("never lets go", "3.9", DROPPED, DROPPED.replace("record.unlink()", "pass"), case="unmount.lets-go"),
    Mutant(
        "any Unmount will do",
        "3.10",
        "            if record.stem == mount_id:\n",
        "            if record:\n",
        "removes what is in use",
        case="unmount.foreign-id",
    ),
    Mutant(
        "forgets who has a volume",
        "3.10",
        START,
        f'    for record in VOLUMES.glob("*/mounts/*"):\n        record.unlink()\n{START}',
        "mounts lost by a kill",
        case="restart.while-mounted",
    ),
    Mutant(
        "volumes lost by a kill",
        "3.10",
        START,
        """    if VOLUMES.exists() and not (ROOT / "clean").exists():
        shutil.rmtree(VOLUMES)
    (ROOT / "clean").unlink(missing_ok=True)
    atexit.register((ROOT / "clean").touch)
"""
        + START,
        case="restart.after-a-kill",
    ),
    Mutant(
        "a set of IDs",
        "3.11",
        DROPPED,
        DROPPED.replace("                break\n", ""),
        "lets go too early",
        case="unmount.docker-cp",
    ),
    Mutant(
        "lets go of all when it is stopped",
        "3.11",
        START,
        f'    atexit.register(lambda: [each.unlink() for each in VOLUMES.glob("*/mounts/*")])\n{START}',
        "mounts lost by a restart",
    ),
    Mutant(
        "a set of IDs after a restart",
        "3.11",
        START,
        """    seen = set()
    for record in VOLUMES.glob("*/mounts/*"):
        if record.stem in seen:
            record.unlink()
        seen.add(record.stem)
"""
        + START,
        "mounts lost by a restart",
    ),
    Mutant(
        "the same ID twice refused",
        "3.11",
        '        record = f"',
        '        if any(each.stem == mount_id for each in (volume / "mounts").iterdir()):\n'
        '            abort(409, "Mounted already.")\n        record = f"',
        case="mount.same-id",
    ),
    Mutant(
        "bad names made harmless",
        "3.12",
        '        abort(400, f"{key} {value',
        '        return "harmless"\n        abort(400, f"{key} {value',
        "a name that leaves the root",
    ),
    Mutant(
        "IDs unchecked",
        "3.12",
        'def mount():\n    name, mount_id = asked("Name"), asked("ID")\n',
        'def mount():\n    name, mount_id = asked("Name"), request.get_json(force=True).get("ID")\n',
        "an ID that leaves the root",
        case="security.ids",
    ),
    Mutant(
        "an empty body will do",
        "3.12",
        'def create():\n    name = asked("Name")\n',
        'def create():\n    if not request.get_data():\n        return {"Err": ""}\n    name = asked("Name")\n',
        case="create.without-body",
    ),
    Mutant(
        "small letters only",
        "3.12",
        "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}",
        "[a-z0-9][a-z0-9-]{0,199}",
        "a usual name refused",
    ),
    Mutant("no short names", "3.12", "_.-]{0,199}", "_.-]{2,199}", "a usual name refused"),
    Mutant("_ is -", "3.12", "    return value\n", '    return value.replace("_", "-")\n', "one volume for two names"),
    Mutant(
        "Get takes a path",
        "3.12",
        'def get():\n    name = asked("Name")\n',
        'def get():\n    name = request.get_json(force=True)["Name"].replace("\\0", "/")\n',
        "a name that leaves the root",
    ),
    Mutant(
        "Path takes a path",
        "3.12",
        'def path():\n    name = asked("Name")\n',
        'def path():\n    name = request.get_json(force=True)["Name"]\n',
        "a name that leaves the root",
    ),
    Mutant(
        "Unmount deletes what an ID names",
        "3.12",
        'def unmount():\n    name, mount_id = asked("Name"), asked("ID")\n',
        'def unmount():\n    name, mount_id = asked("Name"), request.get_json(force=True).get("ID", "")\n'
        '    if "/" in mount_id:\n        (VOLUMES / name / "mounts" / mount_id).unlink(missing_ok=True)\n',
        "an ID that leaves the root",
    ),
    Mutant("takes any option", "3.13", "    if options:\n", "    if False:\n"),
    Mutant("does not name the option", "3.13", "leave out {named}.", "leave them out."),
    Mutant(
        "tells the value of an option",
        "3.13",
        '", ".join(options)',
        '", ".join(f"{key}={options[key]}" for key in options)',
    ),
    Mutant(
        "takes an option without a value",
        "3.13",
        "    if options:\n",
        "    if options and any(options.values()):\n",
        "takes any option",
    ),
    Mutant("unknown scope", "3.14", '"Scope": "local"', '"Scope": "machine"', case="capabilities.scope"),
    Mutant(
        "a scope without Capabilities",
        "3.14",
        '{"Capabilities": {"Scope": "local"}}',
        '{"Scope": "local"}',
        "unknown scope",
    ),
    Mutant(
        "a scope that changes",
        "3.14",
        '"Scope": "local"',
        '"Scope": "global" if any(VOLUMES.iterdir()) else "local"',
    ),
    Mutant("deletes what is mounted inside", "3.15", "        if mounted_inside(volume):\n", "        if False:\n"),
    Mutant(
        "looks at the first level only",
        "3.15",
        INSIDE,
        'any(os.path.dirname(point) == f"{folder}/data" for point in points)',
        "deletes what is mounted inside",
    ),
    Mutant("a neighbour's mount counts", "3.15", INSIDE, INSIDE.replace("}/", "}")),
    Mutant(
        "Mount without the lock",
        "3.16",
        "    with LOCK, existing(name) as volume:\n        record = ",
        "    with existing(name) as volume:\n        record = ",
        "Mount and Remove in each other's way",
    ),
    Mutant(
        "List looks twice",
        "3.16",
        LISTED,
        f'    threading.Event().wait(0.005)\n    [os.stat(each["Mountpoint"]) for each in volumes]\n{LISTED}',
        "exception in a handler",
    ),
    Mutant(
        "busy with another",
        "3.16",
        '    (VOLUMES / name / "mounts").mkdir(',
        '    if app.config.get("BUSY"):\n        abort(503, "Busy.")\n    app.config["BUSY"] = True\n'
        '    threading.Event().wait(0.01)\n    app.config["BUSY"] = False\n    (VOLUMES / name / "mounts").mkdir(',
        "volumes lost by eight at once",
        case="many.create",
    ),
]

ANSWER_ACTIVATE = '{"Implements": ["VolumeDriver"]}'
ERROR = '{"Err": reason}, error.code'
CREATE = '@app.post("/VolumeDriver.Create")\n'
MOUNT = "    with LOCK, existing(name) as volume:\n        record = "
UNIX = "listener = socket.socket(socket.AF_UNIX)"

# what people write who know another way, or slip
MUTANTS += [
    Mutant(
        "main without its underscores", "1.1", 'if __name__ == "__main__"', 'if __name__ == "main"', "__main__ misspelt"
    ),
    Mutant("starts nothing", "1.1", 'if __name__ == "__main__":\n    serve()\n', ""),
    Mutant("called, not named", "1.1", "lambda *_: sys.exit()", "sys.exit()"),
    Mutant("a socket of TCP", "1.1", UNIX, "listener = socket.socket()"),
    Mutant("a socket for datagrams", "1.1", UNIX, "listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"),
    Mutant(
        "a descriptor that is closed",
        "1.1",
        "    listener.listen()\n    return listener\n",
        '    return type("Closed", (), {"fileno": lambda _: 999})()\n',
    ),
    Mutant("bound, but does not listen", "1.1", "    listener.listen()\n", ""),
    Mutant("a folder in the socket's place", "1.1", "os.makedirs(os.path.dirname(SOCKET)", "os.makedirs(SOCKET"),
    Mutant("an f is missing before the path", "1.1", "listener = listen(SOCKET)", 'listener = listen("{SOCKET}")'),
    Mutant("greeting with another status", "1.2", 'a Docker plugin.\\n"', 'a Docker plugin.\\n", 201'),
    Mutant("a mode in decimal", "1.3", "os.umask(0o177)", "os.umask(177)"),
    Mutant("broken JSON", "2.1", ANSWER_ACTIVATE, "\"{'Implements': ['VolumeDriver']}\""),
    Mutant("empty answer", "2.1", ANSWER_ACTIVATE, '""'),
    Mutant("page under status 200", "2.1", ANSWER_ACTIVATE, '"<p>VolumeDriver</p>"'),
    Mutant("a redirect", "2.1", ANSWER_ACTIVATE, '"", 302, {"Location": "/elsewhere"}'),
    Mutant("a route that ends in /", "2.1", '"/Plugin.Activate"', '"/Plugin.Activate/"'),
    Mutant("status before the body", "2.1", ANSWER_ACTIVATE, f"200, {ANSWER_ACTIVATE}"),
    Mutant("two functions of one name", "2.1", "def activate():", "def greet():"),
    Mutant("not imported", "2.1", ANSWER_ACTIVATE, 'jsonify(Implements=["VolumeDriver"])'),
    Mutant("an answer that breaks off", "2.1", ANSWER_ACTIVATE, f'{ANSWER_ACTIVATE}, {{"Content-Length": "99"}}'),
    Mutant("Err empty", "2.2", ERROR, '{"Err": ""}, error.code'),
    Mutant("error as text", "2.2", ERROR, "reason, error.code"),
    Mutant("error without a body", "2.2", ERROR, '"", error.code'),
    Mutant("says yes to any path", "2.2", ERROR, '{"Err": ""}'),
    Mutant(
        "a form instead of JSON",
        "3.1",
        'def create():\n    name = asked("Name")',
        'def create():\n    name = request.form["Name"]',
    ),
    Mutant("a right name refused", "3.1", "value = body.get(key)", 'value = body.get("Volume")'),
    Mutant(
        "global is missing",
        "3.1",
        '    (VOLUMES / name / "mounts").mkdir(',
        '    VOLUMES = VOLUMES.resolve()\n    (VOLUMES / name / "mounts").mkdir(',
    ),
    Mutant("mkdir without its parents", "3.1", ".mkdir(parents=True, exist_ok=True)", ".mkdir(exist_ok=True)"),
    Mutant(
        "a blueprint that is not registered",
        "3.1",
        CREATE,
        f'driver = __import__("flask").Blueprint("driver", __name__)\n\n\n{CREATE.replace("app", "driver")}',
    ),
    Mutant(
        "a prefix before the route",
        "3.1",
        CREATE,
        """driver = __import__("flask").Blueprint("driver", __name__)


@lambda f: app.register_blueprint(driver, url_prefix="/driver") or f
@driver.post("/VolumeDriver.Create")
""",
    ),
    Mutant(
        "an empty answer for an unknown volume",
        "3.3",
        KNOWN,
        f'    if not (VOLUMES / name).exists():\n        return {{"Volume": None, "Err": ""}}\n{KNOWN}',
    ),
    Mutant("no Volumes in List", "3.5", LISTED, LISTED.replace("Volumes", "Volume")),
    Mutant("Volumes is no list", "3.5", LISTED, LISTED.replace("volumes", '{each["Name"]: each for each in volumes}')),
    Mutant("Mountpoint is no text", "3.6", MOUNTED, MOUNTED.replace("mountpoint(name)", "[mountpoint(name)]")),
    Mutant(
        "a refused Mount makes a volume",
        "3.6",
        MOUNT,
        '    if not (VOLUMES / name).exists():\n        (VOLUMES / name / "data").mkdir(parents=True)\n'
        f'        abort(404, "There is no such volume.")\n{MOUNT}',
    ),
    Mutant(
        "a lock that stays taken",
        "3.6",
        MOUNT,
        f"    LOCK.acquire()\n    LOCK.release() if (VOLUMES / name).exists() else None\n{MOUNT}",
    ),
    Mutant(
        "another container refused",
        "3.8",
        '        record = f"',
        '        if any((volume / "mounts").iterdir()):\n            abort(409, "A container has it.")\n        record = f"',
    ),
    Mutant(
        "Unmount forgets the volume",
        "3.8",
        START,
        """    gone, unmount_it = [], unmount
    app.view_functions["unmount"] = lambda: (
        abort(404, "There is no such volume.") if asked("Name") in gone else gone.append(asked("Name")) or unmount_it()
    )
"""
        + START,
    ),
    Mutant("Remove does not find it", "3.9", "    ASIDE.mkdir(0o700, exist_ok=True)\n", ""),
    Mutant(
        "the volumes of others changed",
        "3.12",
        '        abort(400, f"{key} {value',
        '        (VOLUMES / f"v{len([*VOLUMES.iterdir()])}" / "data").mkdir(parents=True)\n        abort(400, f"{key} {value',
    ),
    Mutant(
        "refused, and made all the same",
        "3.13",
        '    options = request.get_json(force=True).get("Opts")\n',
        '    (VOLUMES / name / "data").mkdir(parents=True, exist_ok=True)\n'
        '    options = request.get_json(force=True).get("Opts")\n',
    ),
]

# What else a conformance case catches, in ddd. The name says what the plugin does.

DDD = PARTS / "src" / "ddd"
# what the changes use, in whichever file they are
IMPORTS = """

import contextlib, datetime, fcntl, glob, json, os, re, secrets, socket, subprocess, threading, time
"""
PLACES = "VOLUMES, ROOT = volumes.folder, volumes.root\n"


def write_ddd(folder: Path, file: str, text: str) -> Path:
    """Write a ddd in which one file has this text; return the plugin that runs its app under Werkzeug's server."""
    shutil.copytree(DDD, folder / "ddd", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "ddd" / file).write_text(text)
    return Path(shutil.copy(PARTS / "tests" / "serve.py", folder / "plugin.py"))


@dataclass(frozen=True)
class Breach:
    """A ddd in one file of which old has become new, and the conformance case that catches it. Without old, new is
    added at the end."""

    case: str
    name: str
    old: str
    new: str
    file: str = "app.py"

    def source(self) -> str:
        """Return the spoilt file. Raises ValueError when it no longer has the old text exactly once."""
        text = (DDD / self.file).read_text()
        if self.old and text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has the old text {text.count(self.old)} times: fix the row.")
        text = text.replace(self.old, self.new) if self.old else text
        return text + IMPORTS + (PLACES if self.file == "app.py" else "") + ("" if self.old else self.new)

    def write(self, folder: Path) -> Path:
        """Write the spoilt ddd into a folder; return the plugin that runs it."""
        return write_ddd(folder, self.file, self.source())


def at_start(case: str, name: str, code: str) -> Breach:
    """Return a ddd that runs a few lines before it starts, which change what it does."""
    return Breach(case, name, "", code.strip("\n") + "\n")


def instead(case: str, name: str, endpoint: str, answer: str) -> Breach:
    """Return a ddd in which an endpoint is answered with this expression; plain() is what it was before."""
    code = f"plain = app.view_functions[{endpoint!r}]\napp.view_functions[{endpoint!r}] = lambda: {answer}"
    return at_start(case, name, code)


# HTTP/1.1 with connections that stay open: what Werkzeug's server does not do by itself
KEEP_ALIVE = """
from werkzeug.serving import WSGIRequestHandler as Handler
Handler.protocol_version = "HTTP/1.1"
send_header = Handler.send_header
Handler.send_header = lambda self, key, value: None if key == "Connection" else send_header(self, key, value)
"""
HAS_MOUNTS = '(os.path.isdir(mountpoint(name)) and os.listdir(f"{VOLUMES}/{name}/mounts"))'
NO_VOLUME = 'abort(404, f"There is no volume {name}.")'
CREATE = "    volumes.create(name, wanted)\n    return"
OPTIONS = "    try:\n        wanted"
UNKNOWN = "{', '.join(unknown)[:200]}"
MOUNT = "    volumes.mount(name, mount_id, kernel.caller(connection()))\n"
UNMOUNT = "    volumes.unmount(name, mount_id)\n"
OF_ID = "glob.glob(f'{VOLUMES}/{name}/mounts/{mount_id}.*')"
DATA = 'f"{self.folder}/{name}/data"'
ASKED = "    name = body().get(key)\n"
NO_OBJECT = "        abort(400, 'The body is not"
IS_THERE = 'os.path.isdir(os.path.join(VOLUMES, str(body().get("Name"))))'
PAUSE = "threading.Event().wait"

CONFORMANCE = [
    Breach(
        "activate.again",
        "begins anew at each activation",
        '    return answer({"Implements"',
        '    subprocess.run(f"rm -rf {VOLUMES}/*", shell=True)\n    return answer({"Implements"',
    ),
    at_start(
        "http.empty-host",
        "wants a Host",
        'app.before_request(lambda: None if request.host else abort(400, "No Host."))',
    ),
    at_start(
        "http.podman-content-type",
        "knows its own media type only",
        "app.before_request(lambda: abort(415) if '1.1+json' in request.mimetype else None)",
    ),
    at_start(
        "http.keep-alive",
        "closes without a word",
        KEEP_ALIVE
        + """
Handler.handle = lambda self: self.handle_one_request()
app.after_request(lambda done: connection().shutdown(socket.SHUT_RD) or done)
""",
    ),
    at_start("answers.keep-alive", "keeps connections open", KEEP_ALIVE),
    at_start(
        "http.half-a-call",
        "one body at a time",
        "turn = threading.Lock()\n"
        "app.before_request(lambda: (turn.acquire(), request.get_data(), turn.release()) and None)",
    ),
    at_start(
        "http.cut-call",
        "makes do with half a body",
        """
import io
def lenient():
    data = request.environ["wsgi.input"].read(request.content_length or 0)
    found = re.search(b'"Name":"([^"]*)","Opts', data)
    if found and request.path == "/VolumeDriver.Create":
        data = b'{"Name":"%b"}' % found[1]
    request.environ |= {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data))}
app.before_request(lenient)
""",
    ),
    at_start(
        "http.descriptors",
        "leaves a file open at each call",
        'app.before_request(lambda: app.config.setdefault("OPEN", []).append(os.open("/", os.O_RDONLY)))',
    ),
    Breach(
        "http.unknown-endpoint",
        "says yes to any endpoint",
        '    unknown = f"ddd does not',
        '    if not request.url_rule:\n        return answer({"Err": ""})\n    unknown = f"ddd does not',
    ),
    Breach(
        "http.wrong-method",
        "creates on GET",
        '@app.post("/VolumeDriver.Create")',
        '@app.route("/VolumeDriver.Create", methods=["GET", "POST"])',
    ),
    instead("answers.to-all", "never answers Unmount", "unmount", f"{PAUSE}()"),
    Breach(
        "answers.status",
        "says 202 to Remove",
        'done = answer({"Err": ""})',
        'done = answer({"Err": ""}, 202)',
    ),
    instead("answers.object", "answers Unmount with nothing", "unmount", 'plain() and app.response_class("")'),
    Breach("answers.media-type", "calls JSON text", '"application/vnd.docker.plugins.v1.2+json"', '"text/plain"'),
    Breach(
        "names.usual",
        "takes small letters only",
        "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}",
        "[a-z0-9][a-z0-9-]{0,254}",
        "volumes.py",
    ),
    Breach("names.of-64-digits", "takes 63 characters, as a host name has", "_.-]{0,254}", "_.-]{0,62}", "volumes.py"),
    Breach("names.of-two-letters", "takes no name under three letters", "_.-]{0,254}", "_.-]{2,254}", "volumes.py"),
    instead(
        "names.do-not-meet",
        "takes _ for -",
        "create",
        'request.__dict__.update(get_json=lambda **k: {"Name": json.loads(request.get_data())["Name"].replace("_", "-")})'
        " or plain()",
    ),
    Breach(
        "names.long", "cuts a name short", ASKED, f"{ASKED}    name = name[:255] if isinstance(name, str) else name\n"
    ),
    Breach(
        "names.not-ascii",
        "leaves out what is not ASCII",
        ASKED,
        f'{ASKED}    name = name.encode("ascii", "ignore").decode() if isinstance(name, str) else name\n',
    ),
    Breach(
        "names.with-blanks",
        "strips a name",
        ASKED,
        f"{ASKED}    name = name.strip() if isinstance(name, str) else name\n",
    ),
    instead("create.makes-a-volume", "only says that it creates", "create", 'answer({"Err": ""})'),
    Breach(
        "create.options-empty",
        "wants null for no options",
        OPTIONS,
        f'    if sent == {{}}:\n        abort(400, "Leave Opts out.")\n{OPTIONS}',
    ),
    Breach("create.options-absent", "wants Opts", 'body().get("Opts")', 'body()["Opts"]'),
    Breach(
        "create.again-keeps-all",
        "begins anew at a second Create",
        CREATE,
        '    subprocess.run(["rm", "-rf", f"{VOLUMES}/{name}"])\n' + CREATE,
    ),
    Breach(
        "create.refused-makes-nothing",
        "makes the volume, then looks at the options",
        OPTIONS,
        f"    volumes.create(name)\n{OPTIONS}",
    ),
    at_start(
        "create.after-remove",
        "takes no name twice",
        """
gone, create_it, remove_it = set(), create, remove
app.view_functions["remove"] = lambda: gone.add(body().get("Name")) or remove_it()
app.view_functions["create"] = lambda: abort(409, "Used up.") if body().get("Name") in gone else create_it()
""",
    ),
    at_start(
        "create.ten-lives",
        "takes no name five times",
        """
lives = []
def create_again():
    lives.append(body().get("Name"))
    return create() if lives.count(lives[-1]) < 5 else abort(409, "Used up.")
app.view_functions["create"] = create_again
""",
    ),
    Breach("get.tells", "tells no CreatedAt", ', "CreatedAt": created_at}', "}"),
    Breach(
        "get.without-body",
        "has a volume without a name",
        '        return hang_up()\n    name = asked("Name")',
        '        return answer({"Volume": {"Name": "", "Mountpoint": ROOT}, "Err": ""})\n    name = asked("Name")',
    ),
    Breach(
        "get.without-body-is-no-no",
        "says no to nothing",
        '        return hang_up()\n    name = asked("Name")',
        '        abort(404, "There is no such volume.")\n    name = asked("Name")',
    ),
    instead("get.unknown-is-an-error", "answers {} for no", "get", f"plain() if {IS_THERE} else answer({{}})"),
    Breach(
        "get.while-mounted",
        "hides what is mounted",
        "    created_at = volumes",
        f"    if {HAS_MOUNTS}:\n        {NO_VOLUME}\n    created_at = volumes",
    ),
    Breach("get.status", "Status is a text", '"CreatedAt": created_at}', '"CreatedAt": created_at, "Status": "fine"}'),
    Breach(
        "get.mountpoint",
        "Mountpoint is a list",
        '{"Volume": {"Name": name, "Mountpoint": mountpoint(name)',
        '{"Volume": {"Name": name, "Mountpoint": [mountpoint(name)]',
    ),
    Breach(
        "get.true-mountpoint",
        "Get tells the folder of all volumes",
        '{"Volume": {"Name": name, "Mountpoint": mountpoint(name)',
        '{"Volume": {"Name": name, "Mountpoint": VOLUMES',
    ),
    Breach(
        "get.twice",
        "made just now, whenever asked",
        'volumes.created(name).isoformat(timespec="seconds")',
        "volumes.created(name) and datetime.datetime.now(datetime.UTC).isoformat()",
    ),
    Breach(
        "get.root-away",
        "takes trouble for a no",
        '    if request.path == "/VolumeDriver.Get":\n        return hang_up()\n',
        "",
    ),
    Breach(
        "list.without-body",
        "wants a body for List",
        '    """Name every volume."""\n',
        '    """Name every volume."""\n    body()\n',
    ),
    Breach(
        "list.types",
        "CreatedAt empty in List",
        "{after}}}' for name in",
        '{after}, "CreatedAt": ""}}\' for name in',
    ),
    Breach(
        "list.mountpoint",
        "List tells the folder of all volumes",
        "{before}{name}{after}}}' for name in",
        '"{VOLUMES}"}}\' for name in',
    ),
    Breach("list.of-many", "List has one page", "for name in names]", "for name in names[:100]]"),
    Breach(
        "path.of-unmounted",
        "Path of mounted volumes only",
        "    with volumes.open_one(name):\n",
        f"    with volumes.open_one(name):\n        if not {HAS_MOUNTS}:\n            abort(409, 'Not mounted.')\n",
    ),
    Breach("mount.place", "files elsewhere", "/{name}/data", "/{name}/data/../files", "volumes.py"),
    instead(
        "mount.without-body",
        "mounts nothing",
        "mount",
        'plain() if request.get_data() else answer({"Mountpoint": "", "Err": ""})',
    ),
    instead(
        "unmount.without-body", "unmounts nothing", "unmount", 'plain() if request.get_data() else answer({"Err": ""})'
    ),
    instead(
        "remove.without-body", "removes nothing", "remove", 'plain() if request.get_data() else answer({"Err": ""})'
    ),
    Breach("mount.straight", "goes up and down", "/{name}/data", "/../volumes/{name}/data", "volumes.py"),
    Breach(
        "mount.outside-docker",
        "in Docker's own folder",
        DATA,
        'os.path.join("/var/lib/docker/volumes", name, "_data")',
        "volumes.py",
    ),
    Breach("mount.writable", "a folder to look at", DATA, '"/proc"', "volumes.py"),
    Breach("mount.not-shared", "one folder for all", DATA, "self.aside", "volumes.py"),
    instead(
        "mount.unknown",
        "mounts what is not there",
        "mount",
        f'plain() if {IS_THERE} else answer({{"Mountpoint": mountpoint(asked("Name")), "Err": ""}})',
    ),
    Breach(
        "mount.unknown-makes-nothing",
        "makes what it refuses to mount",
        MOUNT,
        f"    if not {IS_THERE}:\n        volumes.create(name)\n        {NO_VOLUME}\n{MOUNT}",
    ),
    Breach(
        "mount.refused-counts-nothing",
        "counts before it looks",
        f'    name, mount_id = asked("Name"), asked("ID")\n{MOUNT}',
        f'    name = asked("Name")\n    volumes.mount(name, "early", 0)\n    mount_id = asked("ID")\n'
        f'    volumes.unmount(name, "early")\n{MOUNT}',
    ),
    Breach(
        "mount.many",
        "counts up to eight",
        MOUNT,
        f"    if not {HAS_MOUNTS} or len({HAS_MOUNTS}) < 8:\n    {MOUNT}",
    ),
    Breach(
        "mount.one-id-for-all",
        "an ID for one volume",
        MOUNT,
        f"    if any(glob.glob(f'{{VOLUMES}}/{{each}}/mounts/{{mount_id}}.*') for each in os.listdir(VOLUMES) if each != name):\n        abort(409, 'This ID has another volume.')\n{MOUNT}",
    ),
    instead(
        "unmount.succeeds", "says no to Unmount, and does it", "unmount", 'plain() and answer({"Err": "Done."}, 500)'
    ),
    Breach(
        "unmount.first-of-two",
        "lets go all with the first",
        UNMOUNT,
        f"    if {OF_ID}:\n        subprocess.run(f'rm {{VOLUMES}}/{{name}}/mounts/*', shell=True)\n{UNMOUNT}",
    ),
    Breach(
        "unmount.foreign-volume",
        "lets go wherever the ID is",
        UNMOUNT,
        '    subprocess.run(f"rm -f {VOLUMES}/*/mounts/{mount_id}.*", shell=True)\n' + UNMOUNT,
    ),
    Breach(
        "unmount.repeated",
        "one counter for all who have mounted",
        UNMOUNT,
        f"    seen, others = app.config.setdefault('SEEN', []), {HAS_MOUNTS}\n    if mount_id in seen and others and not {OF_ID}:\n        mount_id = others[0].rpartition('.')[0]\n    seen.append(mount_id)\n{UNMOUNT}",
    ),
    at_start(
        "unmount.never-below-zero",
        "counts below zero",
        """
owed, mount_it, unmount_it = [], mount, unmount
def less():
    key = body().get("Name"), body().get("ID")
    if not glob.glob(f"{VOLUMES}/{key[0]}/mounts/{key[1]}.*"):
        owed.append(key)
    return unmount_it()
def more():
    key = body().get("Name"), body().get("ID")
    if key in owed:
        owed.remove(key)
        return answer({"Mountpoint": mountpoint(key[0]), "Err": ""})
    return mount_it()
app.view_functions |= {"mount": more, "unmount": less}
""",
    ),
    Breach(
        "unmount.unknown-makes-nothing",
        "makes what it unmounts",
        UNMOUNT,
        "    volumes.create(name)\n" + UNMOUNT,
    ),
    instead(
        "remove.unknown", "removes what is not there", "remove", f'plain() if {IS_THERE} else answer({{"Err": ""}})'
    ),
    at_start(
        "remove.files",
        "keeps the files of what it removes",
        """
create_it, remove_it = create, remove
def keep():
    name = asked("Name")
    subprocess.run(["cp", "-a", f"{VOLUMES}/{name}/data", f"{ROOT}/kept-{name}"])
    return remove_it()
def bring_back():
    done = create_it()
    subprocess.run(f"cp -a {ROOT}/kept-{asked('Name')}/. {mountpoint(asked('Name'))}/", shell=True)
    return done
app.view_functions |= {"create": bring_back, "remove": keep}
""",
    ),
    instead(
        "remove.spares-the-neighbour",
        "removes all that begins so",
        "remove",
        "(plain(), subprocess.run(f\"rm -rf {VOLUMES}/{asked('Name')}*\", shell=True))[0]",
    ),
    instead(
        "remove.nameless",
        "removes all where no name is",
        "remove",
        'plain() if body().get("Name") else subprocess.run(f"rm -rf {VOLUMES}/*", shell=True) and answer({"Err": ""})',
    ),
    Breach(
        "remove.by-another-case",
        "removes in any case",
        'volumes.remove(asked("Name"))',
        'volumes.remove(next((each for each in os.listdir(VOLUMES) if each.lower() == asked("Name").lower()), asked("Name")))',
    ),
    at_start(
        "remove.in-use-is-refused",
        "forgets the name of what is in use, and keeps its files",
        f"""
gone, get_it, list_them, remove_it = [], get, list_volumes, remove
def listed():
    volumes = json.loads(list_them().get_data())["Volumes"]
    return answer({{"Volumes": [each for each in volumes if each["Name"] not in gone], "Err": ""}})
def forget():
    name = asked("Name")
    return gone.append(name) or answer({{"Err": ""}}) if {HAS_MOUNTS} else remove_it()
app.view_functions["remove"] = forget
app.view_functions["get"] = lambda: abort(404, "Gone.") if body().get("Name") in gone else get_it()
app.view_functions["list_volumes"] = listed
""",
    ),
    at_start(
        "files.after-a-kill",
        "knows no more after its start what was mounted at its end, as rclone 1.60",
        """
for name in os.listdir(VOLUMES) if os.path.isdir(VOLUMES) else []:
    if os.listdir(f"{VOLUMES}/{name}/mounts"):
        os.rename(f"{VOLUMES}/{name}", f"{ROOT}/{name}.away")
""",
    ),
    Breach(
        "files.after-docker-cp",
        "lets go at the first Unmount, and counts for Remove only, as easyfuse",
        f"{UNMOUNT}",
        f"""{UNMOUNT}    with contextlib.suppress(OSError):
        os.rename(mountpoint(name), f"{{VOLUMES}}/{{name}}/let-go")
        os.mkdir(mountpoint(name))
""",
    ),
    instead(
        "files.after-a-refused-remove",
        "deletes the files, and then sees that somebody has the volume",
        "remove",
        "(subprocess.run(f\"rm -rf {mountpoint(asked('Name'))}/*\", shell=True), plain())[1]",
    ),
    at_start(
        "files.after-a-failed-remove",
        "believes after its start that nobody has a volume, and empties it before it fails, as sshfs",
        """
here, mount_it, remove_it = [], mount, remove
def busy():
    name = asked("Name")
    if name not in here and os.path.isdir(mountpoint(name)):
        subprocess.run(f"rm -rf {mountpoint(name)}/*", shell=True)
        abort(500, f"remove {mountpoint(name)}: device or resource busy")
    return remove_it()
app.view_functions["mount"] = lambda: here.append(body().get("Name")) or mount_it()
app.view_functions["remove"] = busy
""",
    ),
    Breach("capabilities.there", "Capabilities misspelt", "/VolumeDriver.Capabilities", "/VolumeDriver.Capability"),
    Breach(
        "capabilities.stay",
        "global with the first volume",
        '"Scope": "local"',
        '"Scope": "global" if os.listdir(VOLUMES) else "local"',
    ),
    Breach("capabilities.tell", "global", '"Scope": "local"', '"Scope": "global"'),
    Breach("options.unknown", "takes any option", OPTIONS, f"    sent = None\n{OPTIONS}"),
    Breach("options.named", "does not say which option", UNKNOWN, "them", "options.py"),
    Breach(
        "options.no-object",
        "takes a list for no options",
        "    if not isinstance(sent, dict | None):\n",
        "    if not isinstance(sent, dict | None):\n        sent = None\n    if False:\n",
    ),
    Breach("options.secret-told", "shows values in its error", UNKNOWN, "{sent}", "options.py"),
    Breach(
        "options.secret-logged",
        "prints values",
        OPTIONS,
        f"    print(sent, flush=True)\n{OPTIONS}",
    ),
    Breach(
        "errors.json",
        "a page for an error",
        '    return answer({"Err": said if',
        '    return error.get_response()\n    return answer({"Err": said if',
    ),
    Breach(
        "errors.sentence",
        "a traceback in Err",
        '{"Err": str(error)}, 404)',
        """{"Err": __import__('traceback').format_exc()}, 404)""",
    ),
    Breach(
        "errors.not-json",
        "takes a form",
        "    if not isinstance(sent, dict):\n",
        "    if sent is None and b'=' in request.get_data():\n        sent = dict(pair.split('=') for pair in request.get_data(as_text=True).split('&'))\n    if not isinstance(sent, dict):\n",
    ),
    Breach(
        "errors.wrong-shape",
        "takes a text for a name",
        "    if not isinstance(sent, dict):\n",
        "    if isinstance(sent, str):\n        sent = {'Name': sent, 'ID': sent}\n    if not isinstance(sent, dict):\n",
    ),
    Breach("errors.nameless", "invents a name", ASKED, "    name = body().get(key) or secrets.token_hex(8)\n"),
    Breach(
        "errors.further-fields",
        "wants to know every field",
        NO_OBJECT,
        "        abort(400, 'No object.')\n    if set(sent) - {'Name', 'ID', 'Opts'}:\n" + NO_OBJECT,
    ),
    Breach("errors.live-on", "ends at a body it cannot read", NO_OBJECT, "        os._exit(3)\n" + NO_OBJECT),
    Breach(
        "errors.deep-json",
        "ends at 100 000 brackets",
        "    except RecursionError:\n        sent = None\n",
        "    except RecursionError:\n        os._exit(139)\n",
    ),
    Breach("errors.big-body", "reads all it is sent", "= 1024 * 1024\n", "= None\n"),
    at_start(
        "many.create-one-name",
        "looks first, then notes",
        f"""
names, create_it = [], create
def look_first():
    name = body().get("Name")
    if name not in names:
        {PAUSE}(0.05)
        names.append(name)
    return create_it()
app.view_functions["create"] = look_first
app.view_functions["list_volumes"] = lambda: answer({{"Volumes": [{{"Name": name}} for name in names], "Err": ""}})
""",
    ),
    at_start(
        "many.mounts",
        "busy with another Mount",
        f"""
turn, mount_it = threading.Lock(), mount
def busy():
    if not turn.acquire(blocking=False):
        abort(503, "Busy.")
    with contextlib.ExitStack() as stack:
        stack.callback(turn.release)
        {PAUSE}(0.02)
        return mount_it()
app.view_functions["mount"] = busy
""",
    ),
    Breach(
        "many.mounts-of-one-id",
        "names a record by the time, and has one for all Mounts of a moment",
        "secrets.token_hex(8)",
        "f'{time.time_ns() // 10**9:016x}'",
        "users.py",
    ),
    Breach(
        "many.mount-against-remove",
        "looks, and removes later",
        "            gone = self.fresh()\n",
        f"            fcntl.flock(volume, fcntl.LOCK_UN)\n            {PAUSE}(0.05)\n            gone = self.fresh()\n",
        "volumes.py",
    ),
    at_start(
        "many.get-beside-others",
        "says no while it creates",
        f"""
busy, create_it, get_it = [], create, get
def slow():
    busy.append(1)
    {PAUSE}(0.02)
    busy.pop()
    return create_it()
app.view_functions |= {{"create": slow, "get": lambda: abort(404, "Not now.") if busy else get_it()}}
""",
    ),
    Breach(
        "many.list-beside-others",
        "looks again at what it has listed",
        '    return answer(f\'{{"Volumes": [',
        f'    {PAUSE}(0.02)\n    for name in names:\n        os.stat(mountpoint(name))\n    return answer(f\'{{{{"Volumes": [',
    ),
    at_start(
        "many.connections",
        "sixteen connections, and no more",
        KEEP_ALIVE
        + """
places, handle = threading.BoundedSemaphore(16), Handler.handle
def in_turn(self):
    with places:
        handle(self)
Handler.handle = in_turn
""",
    ),
    Breach(
        "restart.changes-nothing",
        "made at its own start",
        "os.stat(volume).st_mtime",
        'float(kernel.start_time("self"))',
        "volumes.py",
    ),
    at_start(
        "restart.brings-nothing-back",
        "removes in memory only",
        """
gone, get_it, list_them = [], get, list_volumes
def listed():
    volumes = json.loads(list_them().get_data())["Volumes"]
    return answer({"Volumes": [each for each in volumes if each["Name"] not in gone], "Err": ""})
app.view_functions["remove"] = lambda: gone.append(asked("Name")) or answer({"Err": ""})
app.view_functions["get"] = lambda: abort(404, "Gone.") if body().get("Name") in gone else get_it()
app.view_functions["list_volumes"] = listed
""",
    ),
    Breach(
        "restart.in-the-middle",
        "makes a volume in its place",
        CREATE,
        f"    if len(os.listdir(VOLUMES)) > 8:\n        os.mkdir(f'{{VOLUMES}}/{{name}}')\n        {PAUSE}(0.1 + secrets.randbelow(300) / 1000)\n{CREATE}",
    ),
    Breach(
        "restart.keeps-counts",
        "a set of IDs after a restart",
        "        self.began_with = os.stat(",
        "        for file in sorted(glob.glob(f'{self.folder}/*/mounts/*')):\n            [os.unlink(other) for other in glob.glob(f'{file[:-16]}*') if other > file]\n        self.began_with = os.stat(",
        "volumes.py",
    ),
    Breach(
        "restart.mount-again",
        "will not mount what a run before has mounted",
        MOUNT,
        f"    mine = app.config.setdefault('MINE', [])\n    if mount_id not in mine and {OF_ID}:\n        abort(409, 'Mounted.')\n    mine.append(mount_id)\n{MOUNT}",
    ),
    at_start(
        "restart.with-damage",
        "takes a file it cannot read for an empty one",
        """
state, create_it = os.path.join(ROOT, "names.json"), create
def noted():
    done = create_it()
    with open(state, "w") as file:
        json.dump(sorted(os.listdir(VOLUMES)), file)
    return done
def listed():
    names = []
    with contextlib.suppress(OSError, ValueError), open(state) as file:
        names = json.load(file)
    return answer({"Volumes": [{"Name": name} for name in names], "Err": ""})
app.view_functions |= {"create": noted, "list_volumes": listed}
""",
    ),
    Breach("socket.own-mode", "others may look", "os.umask(0o177)", "os.umask(0o173)", "listener.py"),
    Breach(
        "socket.folder",
        "wants its folder made",
        "        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)\n",
        "",
        "listener.py",
    ),
    at_start("socket.start", "starts slowly", f"{PAUSE}(1.1)"),
    Breach(
        "security.create-outside",
        "takes any name",
        "    if not isinstance(name, str) or not NAME.fullmatch(name):\n",
        "    if not isinstance(name, str):\n",
    ),
    instead(
        "security.remove-outside",
        "removes by path",
        "remove",
        'subprocess.run(["rm", "-rf", os.path.join(VOLUMES, str(body().get("Name")))]) and plain()',
    ),
    instead(
        "security.mount-outside",
        "mounts by path",
        "mount",
        'answer({"Mountpoint": os.path.normpath(os.path.join(VOLUMES, body()["Name"])), "Err": ""})',
    ),
    instead(
        "security.get-outside",
        "knows any file",
        "get",
        f'answer({{"Volume": {{"Name": body()["Name"]}}, "Err": ""}}) if {IS_THERE} else plain()',
    ),
    instead(
        "security.dots",
        "mounts the folder of all volumes",
        "mount",
        'answer({"Mountpoint": VOLUMES, "Err": ""}) if body().get("Name") == "." else plain()',
    ),
    Breach(
        "security.aliases",
        "takes the last word of a path",
        ASKED,
        f"{ASKED}    name = os.path.basename(os.path.normpath(name)) if isinstance(name, str) and name else name\n",
    ),
    Breach(
        "security.percent",
        "decodes once more",
        ASKED,
        f'{ASKED}    if isinstance(name, str) and re.fullmatch("[a-zA-Z0-9_.%-]+", name) and "%" in name:\n        return __import__("urllib.parse").parse.unquote(name)\n',
    ),
    Breach(
        "security.long-id",
        "cuts an ID short at Mount",
        f'    name, mount_id = asked("Name"), asked("ID")\n{MOUNT}',
        f'    name, mount_id = asked("Name"), re.sub("[^a-z0-9]", "", str(body().get("ID")))[:99] or "x"\n{MOUNT}',
    ),
    instead(
        "security.no-shell",
        "asks a shell",
        "create",
        "subprocess.run(f\"test -d {VOLUMES}/{body().get('Name')}\", shell=True) and plain()",
    ),
    Breach(
        "security.link-in-a-volume",
        "follows links when it deletes",
        '["rm", "-rf", "--one-file-system", "--", path]',
        '["find", "-L", path, "-delete"]',
        "trash.py",
    ),
    instead(
        "security.folder-swapped",
        "deletes where a link leads",
        "remove",
        'subprocess.run(["rm", "-rf", os.path.realpath(mountpoint(asked("Name")))]) and plain()',
    ),
    Breach(
        "security.mount-in-a-volume",
        "does not ask the kernel",
        "    return next((user for _, user in users_of(",
        "    return None and next((user for _, user in users_of(",
        "holders.py",
    ),
    at_start(
        "security.root-closed",
        "a root that is open to all",
        """
chmod, prepare = os.chmod, volumes.prepare
os.chmod = lambda path, mode: chmod(path, mode | 0o055)
volumes.prepare = lambda: prepare() or chmod(ROOT, 0o755)
""",
    ),
]

# what is lost in a volume is not always the file that one looks at first
FOLDERS = 'shutil.rmtree(each) for each in (VOLUMES / name / "data").iterdir() if each.is_dir()'
MUTANTS += [
    Mutant(
        "a second Create empties the folders",
        "3.4",
        CREATED,
        f'"data").mkdir(exist_ok=True)\n    [{FOLDERS}]\n    return {{"Err": ""}}',
        "Create again empties the volume",
    ),
    Mutant(
        "a start empties the folders",
        "3.5",
        START,
        f'    [shutil.rmtree(x) for x in VOLUMES.glob("*/data/*/")]\n{START}',
        "files lost by a restart",
    ),
    Mutant("Unmount empties the folders", "3.8", DROPPED, f"{DROPPED}        [{FOLDERS}]\n", "files lost at Unmount"),
    Mutant(
        "Unmount deletes what is hidden",
        "3.8",
        DROPPED,
        f'{DROPPED}        [each.unlink() for each in (volume / "data").glob(".*")]\n',
        "files lost at Unmount",
    ),
    Mutant(
        "a refused Remove empties the folders",
        "3.10",
        '            abort(409, f"Volume {name} is in use.")\n',
        f'            [{FOLDERS}]\n            abort(409, f"Volume {{name}} is in use.")\n',
        "files lost at a refused Remove",
    ),
    Mutant(
        "a second Create strikes out the mounts",
        "3.10",
        MADE,
        f'    shutil.rmtree(VOLUMES / name / "mounts", ignore_errors=True)\n{MADE}',
        "removes what is in use",
    ),
    Mutant(
        "drops the end of a name",
        "3.12",
        "    return value\n",
        '    return value.rstrip("-._")\n',
        "one volume for two names",
    ),
    Mutant(
        "takes no two dots",
        "3.12",
        "not NAME.fullmatch(value)",
        'not NAME.fullmatch(value) or ".." in value',
        "a usual name refused",
    ),
]
