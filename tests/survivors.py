"""The mutants that pass all steps, each with its reason. tests/mutation.py says which row is not needed any more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A mutant that passes all steps, in these parts: a line of a function before the change, and after it.

    An equivalent one does what the plugin did before, so that no check can tell the two apart.
    """

    parts: str
    function: str
    before: str
    after: str
    reason: str
    equivalent: bool = False


# fmt: off
ROWS = [
    Row('123', '', 'if __name__ == "__main__":', 'if True:', 'It is true: nothing imports the file.', equivalent=True),
    Row('123', '', 'SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"', 'SOCKET = os.environ.get("DDD_SOCKET")', 'The checks always say where the socket is: none may listen where Docker looks for plugins.'),
    Row('123', '', 'SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"', 'SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sockx"', 'The checks always say where the socket is: none may listen where Docker looks for plugins.'),
    Row('2', 'refuse', 'reason = error.description', 'pass', 'Part 2 has no endpoint that refuses what it is asked.'),
    Row('2', 'refuse', 'if not request.url_rule:', 'if True:', 'Only the wording of the error changes.', equivalent=True),
    Row('23', 'refuse', 'if not request.url_rule:', 'if False:', 'Only the wording of the error changes.', equivalent=True),
    Row('2', 'refuse', 'if not request.url_rule:', 'if request.url_rule:', 'Only the wording of the error changes.', equivalent=True),
    Row('23', 'refuse', 'reason = f"ddd does not answer {request.method} {request.path}."', 'pass', 'Only the wording of the error changes.', equivalent=True),
    Row('12', 'listen', 'os.umask(umask)', 'pass', 'Nothing is made after the socket.', equivalent=True),
    Row('123', 'make_room', 'with socket.socket(socket.AF_UNIX) as caller:', 'if (caller := socket.socket(socket.AF_UNIX)):', 'Python closes the socket as soon as nothing refers to it.', equivalent=True),
    Row('123', 'serve', 'os.makedirs(os.path.dirname(SOCKET), exist_ok=True)', 'pass', 'The checks put the socket into a folder that exists: a plugin for a machine where Docker has run needs no more.'),
    Row('123', 'serve', 'f"unix://{SOCKET}", 0, app, threaded=True, fd=listener.fileno()', 'f"unix://{SOCKET}", 1, app, threaded=True, fd=listener.fileno()', 'A Unix socket has no port.', equivalent=True),
    Row('3', '', 'ROOT = Path(os.environ.get("DDD_ROOT") or "/var/lib/ddd").resolve()', 'ROOT = Path(os.environ.get("DDD_ROOT")).resolve()', 'The checks always say where the volumes are: none may touch those of this machine.'),
    Row('3', '', 'ROOT = Path(os.environ.get("DDD_ROOT") or "/var/lib/ddd").resolve()', 'ROOT = Path(os.environ.get("DDD_ROOT") or "/var/lib/dddx").resolve()', 'The checks always say where the volumes are: none may touch those of this machine.'),
    Row('3', '', 'VOLUMES = ROOT / "volumes"', 'VOLUMES = ROOT / "volumesx"', 'Any path is right to Docker. That ddd finds the volumes of part 3, `test_ddd_takes_over_from_part_3` checks.', equivalent=True),
    Row('3', '', 'ASIDE = ROOT / "aside"', 'ASIDE = ROOT / "asidex"', "The folder's name is the plugin's own, and only the plugin looks for it.", equivalent=True),
    Row('3', 'create', 'options = request.get_json(force=True).get("Opts")', 'options = request.get_json().get("Opts")', 'asked() has parsed the body, and Flask keeps the result.', equivalent=True),
    Row('3', 'create', 'abort(400, f"ddd takes no options: leave out {named}.")', 'abort(401, f"ddd takes no options: leave out {named}.")', 'Docker and Podman take each status but 200 for an error.', equivalent=True),
    Row('3', 'unmount', 'with LOCK, existing(name) as volume:', 'with existing(name) as volume:', 'Two Unmounts of one ID would have to meet within microseconds: no check can bring that about for certain.'),
    Row('3', 'remove', 'abort(409, f"Volume {name} is in use.")', 'abort(410, f"Volume {name} is in use.")', 'Docker and Podman take each status but 200 for an error.', equivalent=True),
    Row('3', 'remove', 'abort(409, f"Something is mounted in {volume}: unmount it.")', 'abort(410, f"Something is mounted in {volume}: unmount it.")', 'Docker and Podman take each status but 200 for an error.', equivalent=True),
    Row('3', 'remove', 'gone = volume.rename(ASIDE / secrets.token_hex(16))', 'gone = volume.rename(ASIDE / secrets.token_hex(17))', 'A longer random name is as good.', equivalent=True),
    Row('3', 'asked', 'abort(400, f"{key} {value!r} is not valid: use {RULE}.")', 'abort(401, f"{key} {value!r} is not valid: use {RULE}.")', 'Docker and Podman take each status but 200 for an error.', equivalent=True),
    Row('3', 'existing', 'abort(404, f"There is no volume {name}.")', 'abort(405, f"There is no volume {name}.")', 'Docker and Podman take each status but 200 for an error.', equivalent=True),
    Row('3', 'mounted_inside', 'with open("/proc/self/mounts") as mounts:', 'if (mounts := open("/proc/self/mounts")):', 'Python closes the file as soon as nothing refers to it.', equivalent=True),
    Row('3', '', 'VOLUMES.mkdir(0o700, parents=True, exist_ok=True)', 'VOLUMES.mkdir(0o701, parents=True, exist_ok=True)', 'No step asks which users may enter the folder of all volumes: the case `security.root-closed` does.'),
    Row('3', '', 'VOLUMES.mkdir(0o700, parents=True, exist_ok=True)', 'VOLUMES.mkdir(0, parents=True, exist_ok=True)', 'A folder of mode 0 is open to root and closed to others, as one of mode 0700 is.', equivalent=True),
    Row('3', '', 'ASIDE.mkdir(0o700, exist_ok=True)', 'ASIDE.mkdir(0o701, exist_ok=True)', 'No check asks which users may enter the folder of what is being removed.'),
    Row('3', '', 'ASIDE.mkdir(0o700, exist_ok=True)', 'ASIDE.mkdir(0, exist_ok=True)', 'A folder of mode 0 is open to root and closed to others, as one of mode 0700 is.', equivalent=True),
]
