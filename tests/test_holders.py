"""Remove is refused while a process uses the volume, by real processes that hide that from one look or the other."""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_ddd import create, elsewhere, plugin_of, remove, volume
from test_our_plugins import PARTS

from workshop.plugins.folders import private_folder
from workshop.plugins.process import Plugin

GUNICORN = [sys.executable, "-m", "ddd"]
WITHOUT_THE_RIGHT = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]


@pytest.fixture(scope="module")
def server() -> Iterator[Plugin]:
    """ddd under Werkzeug's server."""
    with private_folder() as path:
        plugin = plugin_of([sys.executable, str(PARTS / "tests" / "serve.py")], path)
        yield plugin.start()
        plugin.close()


@pytest.fixture
def service() -> Iterator[list[Plugin]]:
    """A ddd as it is run, to be started behind the words of another command."""
    with private_folder() as path:
        plugin = plugin_of(GUNICORN, path)
        yield [plugin]
        plugin.close()


PREAMBLE = """
import ctypes, os, subprocess, sys, threading
data, there = sys.argv[1:]
libc = ctypes.CDLL(None)
NEWNS, OWN_FOLDERS, DETACH = 0x20000, 0x200, 2  # of unshare(2) and umount2(2)

def mount(source):
    subprocess.run(["mount", "--bind", source, there], check=True)

def hold():
    print("ready", flush=True)
    sys.stdin.read()

def in_a_thread(work):
    def run():
        work()
        done.set()
        threading.Event().wait()
    done = threading.Event()
    threading.Thread(target=run, daemon=True).start()
    done.wait()
"""

# what the process does, in a mount namespace of its own, before it holds still
HOLDERS = {
    "mounted": "mount(data); hold()",
    "a folder in it mounted, and chrooted onto that": "mount(f'{data}/a/b'); os.chroot(there); os.chdir('/'); hold()",
    "chrooted below the mount": "mount(data); os.chroot(f'{there}/a'); os.chdir('/'); hold()",
    "its current folder, outside of its root": "mount(data); os.chdir(f'{there}/a'); os.chroot('/proc'); hold()",
    "detached": "mount(data); os.chdir(f'{there}/a'); libc.umount2(there.encode(), DETACH); hold()",
    "its current folder, without a mount": "os.chdir(f'{data}/a'); hold()",
    "mounted for one thread": """
def work():
    libc.unshare(NEWNS)
    mount(data)
in_a_thread(work)
hold()
""",
    "the current folder of one thread": """
def work():
    libc.unshare(OWN_FOLDERS)
    os.chdir(f"{data}/a")
in_a_thread(work)
hold()
""",
    "a process whose first thread has ended": """
def work():
    libc.unshare(NEWNS)
    mount(data)
    while open(f"/proc/self/task/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "Z":
        pass
    hold()
    os._exit(0)
threading.Thread(target=work).start()
libc.pthread_exit(None)
""",
    "a thread that goes on as another": """
import select
def work():
    if start:
        libc.unshare(NEWNS)
        mount(data)
        start.pop()
        print("ready", flush=True)
    if select.select([0], [], [], 0)[0]:
        os._exit(0)
    while True:
        try:
            threading.Thread(target=work).start()
            return
        except RuntimeError:  # the kernel has not cleared away enough of those that have ended
            pass
start = [True]
threading.Thread(target=work).start()
threading.Event().wait()
""",
}


@contextlib.contextmanager
def held(plugin: Plugin, tmp_path: Path, how: str) -> Iterator[None]:
    """Make a volume with the folder a/b, and keep a process that uses it in one of these ways while the body runs."""
    create(plugin)
    (volume(plugin) / "data" / "a" / "b").mkdir(parents=True)
    code = PREAMBLE + (HOLDERS | NOT_SEEN)[how]
    script = f'exec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$1/data" "$2"'
    with elsewhere(script, volume(plugin), tmp_path):
        yield


@pytest.mark.parametrize("how", HOLDERS)
def test_remove_is_refused_while_a_process_uses_the_volume(server: Plugin, tmp_path: Path, how: str) -> None:
    with held(server, tmp_path, how):
        for _ in range(5):
            answer = remove(server)
            assert answer.status == 409 and answer.err.startswith("Volume mango is in use: process "), answer
    assert remove(server).ok


OVERLAY = """
for folder in ("lower", "upper", "work", "on"):
    os.makedirs(f"{there}/{folder}")
os.makedirs(f"{data}/work", exist_ok=True)
options = ",".join(f"{key}dir={value}" for key, value in LAYERS.items())
subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", f"{there}/on"], check=True)
hold()
"""
LAYERS = {
    "lower": 'dict(lower=f"{data}/a", upper=f"{there}/upper", work=f"{there}/work")',
    "upper and work": 'dict(lower=f"{there}/lower", upper=f"{data}/a", work=f"{data}/work")',
}
NOT_SEEN = {
    "a namespace that only an open file holds": """
def work():
    libc.unshare(NEWNS)
    mount(data)
    opened.append(os.open("/proc/thread-self/ns/mnt", os.O_RDONLY))
    libc.setns(os.open(f"/proc/{os.getpid()}/ns/mnt", os.O_RDONLY), NEWNS)
opened = []
in_a_thread(work)
hold()
""",
    "an open file": "opened = open(f'{data}/a/file', 'w'); hold()",
    "the file of a running program": """
import shutil
shutil.copy("/bin/cat", f"{data}/a/cat")
print("ready", flush=True)
os.execv(f"{data}/a/cat", ["cat"])
""",
    **{f"{layer} of an overlay": OVERLAY.replace("LAYERS", layers) for layer, layers in LAYERS.items()},
}


@pytest.mark.parametrize("how", NOT_SEEN)
def test_what_the_docstring_says_cannot_be_seen_is_not_seen(server: Plugin, tmp_path: Path, how: str) -> None:
    """Once it can be, this fails, and the docstring and the operators' page have to say so."""
    with held(server, tmp_path, how):
        assert remove(server).ok


def test_without_the_right_to_look_at_roots_it_says_so_once_and_goes_by_mounts(
    service: list[Plugin], tmp_path: Path
) -> None:
    (plugin,) = service
    plugin.command = [*WITHOUT_THE_RIGHT, *GUNICORN]
    plugin.start()
    create(plugin)  # what it says at its start comes before its first answer
    (sentence,) = [line for line in plugin.output().splitlines() if "may not look at the root of" in line]
    assert "CAP_SYS_PTRACE" in sentence
    for how in ("mounted", "mounted for one thread"):
        with held(plugin, tmp_path, how):
            assert remove(plugin).status == 409
        assert remove(plugin).ok
    # nobody is taken for a user because the look is forbidden
    with held(plugin, tmp_path, "chrooted below the mount"):
        assert remove(plugin).ok


HIDE = 'mount -t proc -o hidepid=1,gid=12345 proc /proc; exec "$@"'


def test_a_process_whose_mounts_cannot_be_read_counts_as_a_user(service: list[Plugin]) -> None:
    (plugin,) = service
    plugin.command = ["unshare", "--mount", "sh", "-euc", HIDE, "sh", *WITHOUT_THE_RIGHT, *GUNICORN]
    create(plugin.start())
    answer = remove(plugin)
    assert answer.status == 409 and "may use it: ddd may not read its mounts in /proc/" in answer.err, answer
