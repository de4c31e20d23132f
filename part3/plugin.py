"""Part 3: a volume plugin. A volume is a folder, and the file system is the only record of it."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import re
import secrets
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading

from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SOCKET = os.environ.get("DDD_SOCKET") or "/run/docker/plugins/ddd.sock"

# a link to a data disk is followed once, here: Docker is told the true path
ROOT = os.path.realpath(os.environ.get("DDD_ROOT") or "/var/lib/ddd")
VOLUMES = os.path.join(ROOT, "volumes")  # a volume: NAME/data with its files, NAME/mounts with who uses it
ASIDE = os.path.join(ROOT, "aside")  # what is not yet a volume, or is one no longer
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"

app = Flask(__name__, static_folder=None)
# Flask would answer OPTIONS by itself: only what has a route of ours is answered
app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024


@app.route("/", methods=["GET", "POST"])
def greet():
    return "Hello! I am ddd, a Docker plugin.\n"


@app.post("/Plugin.Activate")
def activate():
    """Say what this plugin is for. Docker asks once, with an empty body, and remembers the answer until it restarts."""
    return answer({"Implements": ["VolumeDriver"]})


def answer(body, status=200):
    """Return body in the form that Docker reads: a JSON object of the plugin media type."""
    return app.response_class(json.dumps(body) + "\n", status, mimetype=MEDIA_TYPE)


@app.errorhandler(HTTPException)
def refuse(error):
    """Answer an error the way Docker can print it: a status that is not 200, and a sentence in Err."""
    unknown = f"ddd does not answer {request.method} {request.path}."
    return answer({"Err": error.description if request.url_rule else unknown}, error.code)


@app.errorhandler(Exception)
def trouble(error):
    """Answer a fault that may pass, such as a full disk, with what it is; Get is left without an answer."""
    app.logger.error("%s: %r", request.path, error, exc_info=not isinstance(error, OSError))
    if request.path == "/VolumeDriver.Get":
        return hang_up()
    return answer({"Err": f"ddd is in trouble: {error}. Mend that, and try again."}, 500)


def hang_up():
    """End the call without an answer: Docker takes the plugin to be in trouble, and asks again.

    Any error that Get answers means "no such volume" to Docker, and makes it forget the volume's labels.
    """
    connection().shutdown(socket.SHUT_RDWR)
    return answer({"Err": "nobody reads this"}, 503)


def connection():
    """Return the socket that this call came through, whichever server runs the plugin."""
    return request.environ.get("werkzeug.socket") or request.environ["gunicorn.socket"]


@app.post("/VolumeDriver.Capabilities")
def capabilities():
    """Say that a volume is known on this machine only."""
    return answer({"Capabilities": {"Scope": "local"}})


@app.post("/VolumeDriver.Create")
def create():
    """Make a volume. One that is there already stays as it is."""
    name, options = asked("Name"), body().get("Opts")
    if not isinstance(options, dict | None):
        abort(400, "Opts is not an object: send {} or null.")
    if options:
        abort(400, f"ddd takes no options: leave out {', '.join(sorted(options))[:200]}.")
    with all_volumes() as volumes:
        make_volume(name, volumes)
    return answer({"Err": ""})


@app.post("/VolumeDriver.Get")
def get():
    """Say whether there is such a volume, where, and since when."""
    if not request.get_data():
        # Docker sends a call that broke again, but without its body: still no answer
        return hang_up()
    name = asked("Name")
    with one_volume(name) as volume:
        made = datetime.datetime.fromtimestamp(os.stat(volume).st_mtime, datetime.UTC)
    created_at = made.isoformat(timespec="seconds")
    return answer({"Volume": {"Name": name, "Mountpoint": mountpoint(name), "CreatedAt": created_at}, "Err": ""})


@app.post("/VolumeDriver.List")
def list_volumes():
    """Name every volume."""
    with all_volumes() as volumes, os.scandir(volumes) as entries:
        names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and NAME.fullmatch(e.name)]
    return answer({"Volumes": [{"Name": name, "Mountpoint": mountpoint(name)} for name in sorted(names)], "Err": ""})


@app.post("/VolumeDriver.Path")
def path():
    """Say where the volume is. Docker has stopped asking; Podman asks."""
    name = asked("Name")
    with one_volume(name):
        return answer({"Mountpoint": mountpoint(name), "Err": ""})


@app.post("/VolumeDriver.Mount")
def mount():
    """Note that a container is about to use the volume, and say which folder to give it."""
    name, mount_id = asked("Name"), asked("ID")
    with one_volume(name) as volume, opened("data", inside=volume):
        write_records(volume, mount_id, [*read_records(volume, mount_id), record_of_caller()])
    return answer({"Mountpoint": mountpoint(name), "Err": ""})


@app.post("/VolumeDriver.Unmount")
def unmount():
    """Strike out one Mount of this ID. Not all: `docker cp` mounts again with the ID of the running container."""
    name, mount_id = asked("Name"), asked("ID")
    with one_volume(name) as volume:
        write_records(volume, mount_id, read_records(volume, mount_id)[:-1])
    return answer({"Err": ""})


@app.post("/VolumeDriver.Remove")
def remove():
    """Take the volume away with all that is in it, unless somebody may have it."""
    name = asked("Name")
    with all_volumes() as volumes, one_volume(name) as volume:
        user = user_by_record(volume) or user_by_kernel(volume)
        if user:
            abort(409, f"Volume {name} is in use: {user}.")
        gone = aside()
        os.rename(name, gone, src_dir_fd=volumes)
        os.fsync(volumes)
    # Docker waits a minute for an answer, Podman 5 seconds: the files go after it
    done = answer({"Err": ""})
    done.call_on_close(threading.Thread(target=delete, args=[gone], daemon=True).start)
    return done


def body():
    """Return the JSON object of this call. Docker names no Content-Type, so Flask is told not to look for one."""
    try:
        sent = request.get_json(force=True, silent=True)
    except RecursionError:
        sent = None
    if not isinstance(sent, dict):
        abort(400, 'The body is not a JSON object: send one, such as {"Name": "mango"}.')
    return sent


def asked(key):
    """Return the name that stands under key. Docker checks no name: what could leave the root is refused here."""
    name = body().get(key)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        rule = "1 to 255 letters, digits, _ . and -, beginning with a letter or a digit"
        abort(400, f"{key} {json.dumps(name)[:80]} cannot be used: take {rule}.")
    return name


def mountpoint(name):
    """Return the folder that a container is given."""
    return f"{VOLUMES}/{name}/data"


@contextlib.contextmanager
def opened(folder, inside=None):
    """Open a folder, never through a link. What is done by its number is done in this folder, wherever it is moved."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inside)
    try:
        yield number
    finally:
        os.close(number)


@contextlib.contextmanager
def all_volumes():
    """Open the folder of all volumes, provided it is the one that the plugin began with.

    The empty folder of a disk that is not mounted must not look as if all volumes had been removed.
    """
    with opened(VOLUMES) as volumes:
        if not os.path.samestat(os.stat(volumes), app.config["BEGAN_WITH"]):
            raise OSError(errno.ESTALE, "Not the folder that the plugin began with", VOLUMES)
        yield volumes


@contextlib.contextmanager
def one_volume(name):
    """Open the folder of a volume, and keep every other call away from it meanwhile; where there is none, say so."""
    with all_volumes() as volumes, contextlib.ExitStack() as stack:
        try:
            volume = stack.enter_context(opened(name, inside=volumes))
            fcntl.flock(volume, fcntl.LOCK_EX)
            # the call before this one may have been a Remove
            there = os.path.samestat(os.stat(volume), os.lstat(name, dir_fd=volumes))
        except (FileNotFoundError, NotADirectoryError):
            there = False
        if not there:
            abort(404, f"There is no volume {name}.")
        yield volume


def make_volume(name, volumes):
    """Make a volume aside and move it into place: at every instant it is there whole, or not at all."""
    fresh = aside()
    try:
        for folder, mode in ((fresh, 0o700), (f"{fresh}/mounts", 0o700), (f"{fresh}/data", 0o755)):
            os.mkdir(folder)
            os.chmod(folder, mode)
        with opened(fresh) as folder:
            os.fsync(folder)
        os.rename(fresh, name, dst_dir_fd=volumes)
    except OSError as error:
        delete(fresh)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    # what is answered outlasts a power cut
    os.fsync(volumes)


def aside():
    """Return a path that nothing has, for what is on its way in or out."""
    return os.path.join(ASIDE, secrets.token_hex(16))


def delete(path):
    """Delete what was put aside, but never what somebody has mounted in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        with opened(path) as folder:
            user = user_by_kernel(folder)
        if user:
            app.logger.error("%s is not deleted: %s", path, user)
            return
    # rm follows no link, stays on this disk, and copes with folders nested 100 000 deep
    subprocess.run(["rm", "-rf", "--one-file-system", "--", path])


def read_records(volume, mount_id):
    """Return a line for each Mount of this ID that is not struck out."""
    with contextlib.suppress(FileNotFoundError), opened("mounts", inside=volume) as mounts:
        record = os.open(mount_id, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=mounts)
        with open(record) as file:
            return file.readlines()
    return []


def write_records(volume, mount_id, lines):
    """Keep these lines for this ID, in one move. They need no fsync: a power cut ends all who have a mount."""
    if not lines:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"mounts/{mount_id}", dir_fd=volume)
        return
    fresh = aside()
    try:
        with open(fresh, "w") as file:
            file.writelines(lines)
        os.rename(fresh, f"mounts/{mount_id}", dst_dir_fd=volume)
    except OSError:
        delete(fresh)
        raise


def record_of_caller():
    """Return a line that says who mounts: its pid, its start (pids come back), and the world in which they hold."""
    pid = 0  # unknown: it calls over TCP, or this plugin cannot see it
    if connection().family == socket.AF_UNIX:
        peer = connection().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, _user, _group = struct.unpack("3i", peer)
    return f"{pid} {start_time(pid)} {pid_namespace()} {boot()}\n"


def user_by_record(volume):
    """Name a process that mounted the volume and may still have it.

    The records of a process that has ended do not count: a daemon that was killed never sends its Unmount.
    """
    with opened("mounts", inside=volume) as mounts:
        mount_ids = os.listdir(mounts)
    for mount_id in mount_ids:
        for line in read_records(volume, mount_id):
            if may_live(line):
                return f"process {line.split(' ')[0]} has not unmounted {mount_id[:12]}"
    return None


def may_live(record):
    """Tell whether the process of a record lives, or cannot be known."""
    try:
        pid, started, namespace, booted = record.split()
        number = int(pid)
    except ValueError:
        return True
    if booted != boot():
        return False
    return number == 0 or namespace != pid_namespace() or (started == start_time(pid) and is_there(number))


def is_there(pid):
    """Tell whether there is such a process: one whose caller ended during its Mount has the start of none, 0."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def start_time(pid):
    """Return when a process started, in ticks of the kernel's clock; for one that has ended, 0."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "0"
    return "0" if fields[0] in "ZX" else fields[19]


def boot():
    """Return the kernel's name for the time since the machine started."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def pid_namespace():
    """Return the kernel's name for the processes that this plugin can see."""
    return os.readlink("/proc/self/ns/pid")


def user_by_kernel(folder):
    """Name a process that has this folder, or one in it, mounted, or has something mounted inside it.

    A container's mounts stand in /proc/PID/mountinfo of its processes, whoever was killed meanwhile.
    """
    with open(f"/proc/self/fdinfo/{folder}") as file:
        mount_number = re.search(r"mnt_id:\s*(\d+)", file.read())[1]
    place = place_in(mount_table("self")[mount_number], os.readlink(f"/proc/self/fd/{folder}"))
    for pid, table in mount_tables(about=os.path.basename(place[1])):
        for parent, device, root, point in table.values():
            if within((device, root), place):
                return f"process {pid} has it mounted at {point}"
            if parent in table and within(place_in(table[parent], point), place):
                return f"something is mounted in it, at {point}"
    return None


def mount_tables(about):
    """Yield what each process has mounted; of those that see the same mounts one is enough: reading them is slow."""
    known = set()
    for pid in all_processes():
        view = view_of(pid)
        if view in known:
            continue
        yield pid, mount_table(pid, about)
        # a process that has ended meanwhile, or gone elsewhere, speaks for no other
        if view and view == view_of(pid):
            known.add(view)


def all_processes():
    """Yield every process, those too that come meanwhile: one may end, and go on as its own child."""
    seen = set()
    for _ in range(100):
        new = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid not in seen]
        if not new:
            return
        yield from new
        seen.update(new)
    raise OSError(errno.EAGAIN, "Processes come and go too fast to see who uses a volume", "/proc")


def view_of(pid):
    """Return what processes that see the same mounts have in common; None where it cannot be known."""
    try:
        root = os.stat(f"/proc/{pid}/root")
        return os.readlink(f"/proc/{pid}/ns/mnt"), os.readlink(f"/proc/{pid}/root"), root.st_dev, root.st_ino
    except OSError:
        return None


def mount_table(pid, about=""):
    """Return what a process has mounted: number -> parent's number, device, folder on the device, mountpoint.

    Nothing when the process has ended, or no mount of it speaks of a file called about.
    """
    try:
        with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EINVAL):
            raise
        return {}
    if f"/{about}" not in text:
        return {}
    rows = [[unescape(field) for field in line.split(" ")[:5]] for line in text.split("\n")[:-1]]
    return {number: mounted for number, *mounted in rows}


def unescape(field):
    """Return what the kernel means: it writes a space in a path as \\040."""
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field)


def place_in(mounted, path):
    """Return where a path that leads through this mount is: on which device, and at which path there."""
    _parent, device, root, point = mounted
    return device, os.path.normpath(os.path.join(root, os.path.relpath(path, point)))


def within(place, folder):
    """Tell whether a place is this folder, or in it."""
    return place[0] == folder[0] and f"{place[1]}/".startswith(f"{folder[1]}/")


def listen(path):
    """Return a socket that listens at path; where that cannot be, end the program with a sentence."""
    if len(os.fsencode(path)) > 107:
        sys.exit(f"{path} is too long for a socket: choose a path of at most 107 bytes with DDD_SOCKET=…")
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
        # two plugins that start at once take turns: the second finds the first one listening
        turn = os.open(folder, os.O_RDONLY)
        fcntl.flock(turn, fcntl.LOCK_EX)
        make_room(path)
        listener = socket.socket(socket.AF_UNIX)
        # whoever may write to the socket may ask for volumes: it is closed to other users from its first instant
        umask = os.umask(0o177)
        listener.bind(path)
        os.umask(umask)
        listener.listen(1024)
        os.close(turn)
    except OSError as error:
        sys.exit(f"No socket can be made at {path}: {error.strerror}. Run as root, or choose a place with DDD_SOCKET=…")
    return listener


def make_room(path):
    """Remove the socket that a plugin left behind when it was killed, and nothing else."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        sys.exit(f"{path} is there and is no socket. Look what it is, and move it away.")
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            sys.exit(f"{path} is there and cannot be tried: {error}. Look what it is, and move it away.")
        else:
            sys.exit(f"A plugin listens at {path} already. End it, or choose another place with DDD_SOCKET=…")


def serve():
    """Answer Docker's calls until Ctrl-C or SIGTERM, then take the socket away."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    listener = listen(SOCKET)
    ours = os.stat(SOCKET)
    try:
        threading.Thread(target=clear, args=[os.listdir(ASIDE)], daemon=True).start()
        print(f"ddd listens at {SOCKET}. Ctrl-C ends it.", flush=True)
        server = make_server(f"unix://{SOCKET}", 0, app, threaded=True, fd=listener.fileno())
        # a signal that comes just before the server waits for callers is seen when that wait ends: after 0.1 s
        server.serve_forever(poll_interval=0.1)
    finally:
        # a plugin that was started later may have taken the place: its socket stays
        if os.path.exists(SOCKET) and os.path.samestat(os.stat(SOCKET), ours):
            os.unlink(SOCKET)


def prepare():
    """Make the folders, and make sure that no other plugin works in them."""
    try:
        os.makedirs(ROOT, 0o700, exist_ok=True)
        for folder in (VOLUMES, ASIDE):
            os.makedirs(folder, 0o700, exist_ok=True)
            with opened(folder) as number:
                os.chmod(number, 0o700)
        root = os.open(ROOT, os.O_RDONLY)  # stays open, and locked, as long as the plugin lives
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fsync(root)
    except BlockingIOError:
        sys.exit(f"Another ddd works in {ROOT}. End it, or choose another folder with DDD_ROOT=…")
    except OSError as error:
        sys.exit(f"No volumes can be kept in {ROOT}: {error.strerror}. Run as root, or choose a folder with DDD_ROOT=…")
    app.config["BEGAN_WITH"] = os.stat(VOLUMES)
    if sees_only_itself():
        print("In this container ddd sees no other process, and goes by its records alone: run it with --pid host.")


def sees_only_itself():
    """Tell whether this is a container whose first process is its own, not the machine's."""
    try:
        return os.path.exists("/.dockerenv") and os.path.samefile("/proc/1/root", "/")
    except PermissionError:
        return False


def clear(left):
    """Delete what an earlier run, killed at work, has left aside: what is listed before the first call of this one."""
    for entry in left:
        # under another name it is none of ours
        if re.fullmatch(r"[0-9a-f]{32}", entry):
            delete(os.path.join(ASIDE, entry))


if __name__ == "__main__":
    prepare()
    serve()
