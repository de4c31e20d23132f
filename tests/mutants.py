"""Wrong plugins: each is a part with one small edit, the first step that it fails, and the diagnosis that it gets."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

PARTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutant:
    """A part in which old has become new. step is the first check of that part that fails, and name the diagnosis,
    unless that has a name of its own."""

    name: str
    step: str
    old: str
    new: str
    diagnosis: str = ""

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

    def source(self) -> str:
        """Return the spoilt plugin. Raises ValueError when the part no longer has the old text exactly once."""
        text = (PARTS / f"part{self.part}" / "plugin.py").read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: part {self.part} has the old text {text.count(self.old)} times: mend the row."
            )
        return text.replace(self.old, self.new)


MUTANTS = [
    Mutant("ends at once", "1.1", "    serve()", "    listen(SOCKET)", "ended at the start"),
    Mutant("syntax error", "1.1", "def greet():", "def greet(:"),
    Mutant("missing module", "1.1", "import fcntl\n", "import fcntl\nimport fctnl\n"),
    Mutant("crash at the start", "1.1", "    serve()", '    raise RuntimeError("the dog ate my socket")'),
    Mutant(
        "old server holds the place",
        "1.1",
        "    serve()",
        "    one, two = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)\n    one.bind(SOCKET)\n    two.bind(SOCKET)",
    ),
    Mutant("a port instead of the socket", "1.1", "    serve()", "    app.run(port=0)"),
    Mutant(
        "a socket with the wrong name",
        "1.1",
        'os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")',
        'os.environ["DDD_SOCKET"].replace("ddd.sock", "plugin.sock")',
    ),
    Mutant(
        "a socket in another place",
        "1.1",
        'os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")',
        'os.environ["DDD_ROOT"] + "/ddd.sock"',
    ),
    Mutant("does not listen", "1.1", "    serve()", "    signal.pause()"),
    Mutant("greets GET only", "1.2", 'methods=["GET", "POST"]', 'methods=["GET"]', "greets one method only"),
    Mutant("greets POST only", "1.2", 'methods=["GET", "POST"]', 'methods=["POST"]', "greets one method only"),
    Mutant("socket open to all", "1.3", "os.umask(0o177)", "os.umask(0)"),
    Mutant("one caller at a time", "1.4", "threaded=True", "threaded=False"),
    Mutant("deaf to SIGTERM", "1.5", "lambda *_: sys.exit()", "signal.SIG_IGN", "does not end when asked"),
    Mutant("leaves its socket", "1.5", "            os.unlink(SOCKET)", "            pass"),
    Mutant(
        "stops at a stale socket",
        "1.6",
        "            os.unlink(path)",
        "            sys.exit('stale')",
        "stale socket stops it",
    ),
    Mutant("takes a living socket", "1.7", "            caller.connect(path)", "            os.unlink(path); return"),
    Mutant(
        "second with a traceback",
        "1.7",
        '            sys.exit(f"A plugin listens',
        '            raise RuntimeError(f"A plugin listens',
        "a traceback instead of a sentence",
    ),
    Mutant(
        "replaces any file",
        "1.8",
        "    if not stat.S_ISSOCK(os.lstat(path).st_mode):\n        sys.exit",
        "    if not stat.S_ISSOCK(os.lstat(path).st_mode):\n        return os.unlink(path)\n        sys.exit",
        "replaces a file",
    ),
    Mutant("wrong case of the subsystem", "2.1", '["VolumeDriver"]', '["volumedriver"]', "wrong subsystem"),
    Mutant("Implements is a text", "2.1", '["VolumeDriver"]', '"VolumeDriver"', "Implements is no list"),
    Mutant(
        "wants JSON on Activate",
        "2.1",
        '    return answer({"Implements"',
        '    request.get_json()\n    return answer({"Implements"',
        "get_json without force",
    ),
    Mutant(
        "hangs",
        "2.1",
        '    return answer({"Implements"',
        '    __import__("threading").Event().wait()\n    return answer({"Implements"',
    ),
    Mutant(
        "crash at a call", "2.1", '    return answer({"Implements"', '    os._exit(3)\n    return answer({"Implements"'
    ),
    Mutant(
        "closed without an answer",
        "2.1",
        '    return answer({"Implements"',
        '    request.environ["werkzeug.socket"].shutdown(2)\n    return answer({"Implements"',
    ),
    Mutant(
        "get_json without silent",
        "2.1",
        '    return answer({"Implements"',
        '    request.get_json(force=True)\n    return answer({"Implements"',
    ),
    Mutant(
        "exception in a handler",
        "2.1",
        '    return answer({"Implements"',
        '    len(None)\n    return answer({"Implements"',
    ),
    Mutant("no such route", "2.1", '"/Plugin.Activate"', '"/Plugin.activate"'),
    Mutant("wrong method", "2.1", '@app.post("/Plugin.Activate")', '@app.get("/Plugin.Activate")'),
    Mutant("bare text", "2.1", '    return answer({"Implements": ["VolumeDriver"]})', '    return "VolumeDriver"'),
    Mutant("JSON, but no object", "2.1", '{"Implements": ["VolumeDriver"]}', '["VolumeDriver"]'),
    Mutant("status other than 200", "2.1", '["VolumeDriver"]})', '["VolumeDriver"]}, 201)'),
    Mutant(
        "wants an empty body",
        "2.2",
        '["VolumeDriver"]',
        '[] if request.get_data() else ["VolumeDriver"]',
        "another answer for another caller",
    ),
    Mutant("error page in HTML", "2.3", "@app.errorhandler(HTTPException)\n", ""),
    Mutant("error under status 200", "2.3", "unknown}, error.code)", "unknown})"),
    Mutant("Err misspelt", "2.3", '{"Err": error.description', '{"Error": error.description'),
    Mutant("Err null", "2.3", "error.description if request.url_rule else unknown", "None"),
    Mutant("Err missing", "2.3", '{"Err": error.description if request.url_rule else unknown}', "{}"),
    Mutant(
        "success with an Err",
        "3.1",
        '        make_volume(name, volumes)\n    return answer({"Err": ""})',
        '        make_volume(name, volumes)\n    return answer({"Err": "ok"})',
    ),
    Mutant(
        "Err is no text",
        "3.1",
        '        make_volume(name, volumes)\n    return answer({"Err": ""})',
        '        make_volume(name, volumes)\n    return answer({"Err": 0})',
    ),
    Mutant("Opts null refused", "3.1", "isinstance(options, dict | None)", "isinstance(options, dict)"),
    Mutant(
        "needs a Content-Type",
        "3.1",
        "request.get_json(force=True, silent=True)",
        "request.get_json(silent=True)",
        "refused",
    ),
    Mutant("wrong case of a key", "3.1", "    name = body().get(key)", "    name = body()[key.lower()]"),
    Mutant(
        "refused",
        "3.1",
        "    if options:\n",
        '    if options is not None or not options:\n        abort(400, "This plugin makes volumes on Sundays only.")\n    if options:\n',
    ),
    Mutant("Name not returned", "3.2", '{"Volume": {"Name": name, ', '{"Volume": {', "another Name from Get"),
    Mutant("CreatedAt without a zone", "3.2", "st_mtime, datetime.UTC)", "st_mtime)", "CreatedAt in a wrong format"),
    Mutant(
        "Get knows only mounted volumes",
        "3.2",
        "        made = datetime",
        '        if not os.listdir(f"/proc/self/fd/{volume}/mounts"):\n            abort(404, f"Volume {name} is not mounted.")\n        made = datetime',
    ),
    Mutant(
        "Get forgets",
        "3.2",
        "        made = datetime",
        '        abort(404, f"There is no volume {name}.")\n        made = datetime',
    ),
    Mutant(
        "no Volume in Get",
        "3.2",
        '{"Volume": {"Name": name, "Mountpoint": mountpoint(name), "CreatedAt": created_at}',
        '{"Name": name, "Mountpoint": mountpoint(name)',
    ),
    Mutant(
        "Get knows everything",
        "3.3",
        '    name = asked("Name")\n    with one_volume(name) as volume:\n        made',
        '    name = asked("Name")\n    with all_volumes() as volume:\n        made',
    ),
    Mutant(
        "Create again is an error",
        "3.4",
        "        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):\n            raise",
        "        raise",
        "Create again refused",
    ),
    Mutant("List forgets", "3.5", "in sorted(names)]", "in sorted(names)[:1]]", "List is not the truth"),
    Mutant(
        "List null",
        "3.5",
        '{"Volumes": [{"Name": name, "Mountpoint": mountpoint(name)} for name in sorted(names)]',
        '{"Volumes": None',
    ),
    Mutant("null in List", "3.5", '{"Volumes": [', '{"Volumes": [None] + ['),
    Mutant(
        "no names in List",
        "3.5",
        '[{"Name": name, "Mountpoint": mountpoint(name)} for name in sorted(names)]',
        "sorted(names)",
    ),
    Mutant(
        "Mountpoint relative",
        "3.6",
        '    return os.path.join(VOLUMES, name, "data")',
        '    return os.path.join("volumes", name, "data")',
    ),
    Mutant(
        "Mountpoint not there",
        "3.6",
        '    return os.path.join(VOLUMES, name, "data")',
        '    return os.path.join(VOLUMES, name, "files")',
        "Mountpoint is not there",
    ),
    Mutant(
        "Mountpoint empty or missing",
        "3.6",
        'mount_id), record_of_caller()])\n    return answer({"Mountpoint": mountpoint(name), ',
        'mount_id), record_of_caller()])\n    return answer({"Path": mountpoint(name), ',
    ),
    Mutant(
        "Path is elsewhere",
        "3.7",
        '    with one_volume(name):\n        return answer({"Mountpoint": mountpoint(name)',
        '    with one_volume(name):\n        return answer({"Mountpoint": VOLUMES',
        "Path is not Mount's folder",
    ),
    Mutant(
        "Unmount deletes the files",
        "3.8",
        "read_records(volume, mount_id)[:-1])\n",
        'read_records(volume, mount_id)[:-1])\n    subprocess.run(["rm", "-f", mountpoint(name) + "/note"])\n',
        "files lost at Unmount",
    ),
    Mutant(
        "Unmount takes the empty folder",
        "3.9",
        "read_records(volume, mount_id)[:-1])\n",
        "read_records(volume, mount_id)[:-1])\n    with contextlib.suppress(OSError):\n        os.rmdir(mountpoint(name))\n",
        "files lost at Unmount",
    ),
    Mutant(
        "another folder for another container",
        "3.9",
        'record_of_caller()])\n    return answer({"Mountpoint": mountpoint(name), ',
        'record_of_caller()])\n        again = [x for x in os.listdir(f"/proc/self/fd/{volume}/mounts") if x != mount_id]\n    return answer({"Mountpoint": VOLUMES if again else mountpoint(name), ',
    ),
    Mutant(
        "Remove does nothing",
        "3.10",
        "        os.rename(name, gone, src_dir_fd=volumes)\n",
        "",
        "Remove does not remove",
    ),
    Mutant(
        "Remove takes what is in use",
        "3.11",
        "        if user:\n            abort(409",
        "        if False:\n            abort(409",
        "removes what is in use",
    ),
    Mutant(
        "never lets go",
        "3.11",
        "        write_records(volume, mount_id, read_records(volume, mount_id)[:-1])",
        "        pass",
    ),
    Mutant("a set of IDs", "3.12", "read_records(volume, mount_id)[:-1])", "[])", "lets go too early"),
    Mutant(
        "the same ID twice refused",
        "3.12",
        "        write_records(volume, mount_id, [*",
        "        if read_records(volume, mount_id):\n            abort(409, 'Mounted already.')\n        write_records(volume, mount_id, [*",
    ),
    Mutant(
        "Path of the unknown",
        "3.13",
        '    with one_volume(name):\n        return answer({"Mountpoint": mountpoint(name)',
        '    with all_volumes():\n        return answer({"Mountpoint": mountpoint(name)',
        "says yes to the unknown",
    ),
    Mutant(
        "bad names made harmless",
        "3.14",
        '        abort(400, f"{key} {json',
        '        return "harmless"\n        abort(400, f"{key} {json',
        "a name that leaves the root",
    ),
    Mutant(
        "IDs unchecked",
        "3.15",
        '    name, mount_id = asked("Name"), asked("ID")\n    with one_volume(name) as volume, opened(',
        '    name, mount_id = asked("Name"), body()["ID"]\n    with one_volume(name) as volume, opened(',
        "an ID that leaves the root",
    ),
    Mutant(
        "an empty body will do",
        "3.16",
        "        abort(400, 'The body",
        '        return {"Name": "nameless", "ID": "nobody"}\n        abort(400, \'The body',
    ),
    Mutant("unknown scope", "3.17", '"Scope": "local"', '"Scope": "machine"'),
    Mutant(
        "busy with another",
        "3.18",
        "        make_volume(name, volumes)\n    return",
        '        if app.config.get("BUSY"):\n            abort(503, "Busy.")\n        app.config["BUSY"] = True\n        subprocess.run(["sleep", "0.01"])\n        make_volume(name, volumes)\n        app.config["BUSY"] = False\n    return',
        "volumes lost by eight at once",
    ),
    Mutant(
        "no List of nothing",
        "3.19",
        '    return answer({"Volumes": [{"Name"',
        '    if not app.config.setdefault("SEEN", names):\n        abort(500, "There is nothing.")\n    return answer({"Volumes": [{"Name"',
    ),
    Mutant(
        "any Unmount will do",
        "3.11",
        "read_records(volume, mount_id)[:-1])",
        'read_records(volume, mount_id)[:-1])\n        for mount_id in os.listdir(f"/proc/self/fd/{volume}/mounts")[:1]:\n            write_records(volume, mount_id, [])',
        "removes what is in use",
    ),
    Mutant(
        "forgets at a restart",
        "3.19",
        '    """Make the folders, and',
        '    subprocess.run(["rm", "-rf", VOLUMES])\n    """Make the folders, and',
        "volumes lost by a restart",
    ),
    Mutant(
        "forgets who has a volume",
        "3.20",
        '    """Make the folders, and',
        '    subprocess.run(f"rm -f {VOLUMES}/*/mounts/*", shell=True)\n    """Make the folders, and',
        "mounts lost by a kill",
    ),
    Mutant(
        "volumes lost by a kill",
        "3.20",
        '    """Make the folders, and',
        """    if os.path.exists(VOLUMES) and not os.path.exists(ROOT + "/clean"):
        subprocess.run(["rm", "-rf", VOLUMES])
    subprocess.run(["rm", "-f", ROOT + "/clean"])
    __import__("atexit").register(lambda: open(ROOT + "/clean", "w").close())
    \"""Make the folders, and""",
    ),
]
