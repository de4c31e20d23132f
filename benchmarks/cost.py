"""What the plugin costs, beside one in Go that does the same work, and beside Docker's own driver: ./workshop bench.

All is measured in one run, in turn: a round asks each plugin the same, and a ratio is the middle of the rounds' ratios.
So a machine that is busy for a while slows down all of them, and changes the ratios little. The plugins keep their
volumes on one disk, and what they answer is on it (fsync).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import pstats
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from caller import Caller, at_once, to_engine, to_plugin
from cost_page import Figures, draw, number, page, table, together

from workshop.plugins.folders import private_folder
from workshop.plugins.kernel import session_processes
from workshop.plugins.process import Plugin

ROOT = Path(__file__).parent.parent
VERBS = ("Activate", "Capabilities", "Create", "Get", "List", "Path", "Mount", "Unmount", "Remove")
CONNECTIONS = 8
ID = "0123456789abcdef" * 4
SOCKET = "/run/docker/plugins/ddd.sock"

sys.path.insert(0, str(ROOT / "tests"))  # the engine that the tests start


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds, and in each of them calls of each endpoint."""

    rounds: int
    calls: int
    starts: int
    containers: int
    volumes: int
    growth: int
    engine: bool


FULL = Size(rounds=14, calls=20, starts=5, containers=10, volumes=100_000, growth=5, engine=True)
QUICK = Size(rounds=1, calls=4, starts=1, containers=0, volumes=100, growth=1, engine=False)


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the command of each plugin; the one in Go is built in the folder, where there is a Go."""
    python = sys.executable
    found = {
        "gunicorn": [python, "-m", "ddd"],
        "development": [python, str(ROOT / "tests" / "serve.py")],
    }
    if shutil.which("go"):
        build = ["go", "build", "-o", str(folder / "ddd-go"), "."]
        subprocess.run(build, cwd=ROOT / "benchmarks" / "go", check=True)
        found["go"] = [str(folder / "ddd-go")]
    return found


def say(text: str) -> None:
    """Print what is measured now, for those who wait."""
    print(text, file=sys.stderr, flush=True)


# over the socket


@contextlib.contextmanager
def running(plugin: Plugin) -> Iterator[Caller]:
    """Run a plugin, and give a connection to it."""
    caller = Caller(plugin.socket)
    try:
        plugin.start()
        yield caller
    finally:
        caller.close()
        if plugin.process and plugin.process.poll() is None:
            plugin.stop()


def plugins(kinds: dict[str, list[str]], folder: Path, root: Path | None = None) -> dict[str, Plugin]:
    """Return the plugins, each with a root of its own, or all with one root."""
    return {kind: Plugin(command, folder / f"{kind}.sock", root or folder / kind) for kind, command in kinds.items()}


def new_names(count: int) -> list[str]:
    """Return names that no volume has."""
    return [f"bench-{secrets.token_hex(4)}" for _ in range(count)]


def requests(verb: str, names: list[str]) -> list[bytes]:
    """Return a request for each name."""
    if verb in ("Activate", "Capabilities", "List"):
        return [to_plugin(verb) for _ in names]
    return [to_plugin(verb, name, ID if "ount" in verb else "") for name in names]


def settled(root: Path) -> None:
    """Return when the files of removed volumes are deleted."""
    deadline = time.monotonic() + 60
    while left := os.listdir(root / "aside"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"A plugin does not delete what it has removed: {left[:3]} in {root / 'aside'}")
        time.sleep(0.001)


def one_by_one(root: Path, caller: Caller, verbs: tuple[str, ...], calls: int) -> dict[str, list[float]]:
    """Call each endpoint for volumes that come and go again; return what the calls took, in milliseconds.

    The next call waits until the files of a removed volume are gone: Remove answers before they are.
    """
    names = new_names(calls)
    times: dict[str, list[float]] = {}
    for verb in verbs:
        times[verb] = []
        for asked in requests(verb, names):
            times[verb].append(caller.call(asked))
            if verb == "Remove":
                settled(root)
    return times


def all_at_once(root: Path, callers: list[Caller], calls: int) -> dict[str, float]:
    """Do the same on several connections; return how many calls were answered in a second."""
    names = new_names(calls)
    found = {verb: at_once(callers, requests(verb, names)) for verb in VERBS}
    settled(root)
    return found


def over_the_socket(kinds: dict[str, list[str]], size: Size, figures: Figures) -> None:
    """Measure each endpoint, one call at a time and eight; then the memory that the plugins have by now."""
    with private_folder() as folder, contextlib.ExitStack() as stack:
        under_test = plugins(kinds, folder)
        callers = {kind: stack.enter_context(running(plugin)) for kind, plugin in under_test.items()}
        many = {kind: [Caller(plugin.socket) for _ in range(CONNECTIONS)] for kind, plugin in under_test.items()}
        for turn in range(size.rounds + 1):
            for kind, plugin in under_test.items():
                assert plugin.root
                times = one_by_one(plugin.root, callers[kind], VERBS, size.calls)
                rates = all_at_once(plugin.root, many[kind], size.calls * 2)
                for verb in VERBS if turn else ():  # the first round warms up
                    figures.add("serial", verb, kind, times[verb])
                    figures.add("throughput", verb, kind, [rates[verb]])
        for kind, plugin in under_test.items():
            assert plugin.process
            figures.add("memory", "memory", kind, [sum(map(memory, session_processes(plugin.process.pid)))])
        for each in (caller for callers_of_one in many.values() for caller in callers_of_one):
            each.close()


def memory(pid: str) -> float:
    """Return the memory of a process in MB: what it has alone, and its share of what it has with others."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def start_up(kinds: dict[str, list[str]], size: Size, figures: Figures) -> None:
    """Measure from the command to the first answer."""
    with private_folder() as folder:
        for _ in range(size.starts):
            for kind, plugin in plugins(kinds, folder).items():
                begun = time.perf_counter()
                plugin.process = plugin.launch()
                try:
                    first_answer(plugin)
                    figures.add("start", "start", kind, [(time.perf_counter() - begun) * 1000])
                finally:
                    plugin.close()


def first_answer(plugin: Plugin) -> None:
    """Return when a plugin that starts has answered."""
    while plugin.exit_status() is None:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            caller = Caller(plugin.socket)
            caller.call(to_plugin("Activate"))
            caller.close()
            return
        time.sleep(0.001)
    raise RuntimeError(f"A plugin ended before it answered:\n{plugin.output()}")


# what is not ddd's own


def what_is_whose(kinds: dict[str, list[str]], size: Size, figures: Figures) -> None:
    """Measure a Get of ddd beside its server with a function behind it, and with a Flask that does nothing."""
    empty = [sys.executable, str(ROOT / "benchmarks" / "empty.py")]
    compared = {"wsgi": [*empty, "wsgi"], "flask": [*empty, "flask"], **kinds}
    compared.pop("development")
    with private_folder() as folder, contextlib.ExitStack() as stack:
        under_test = plugins(compared, folder)
        callers = {kind: stack.enter_context(running(plugin)) for kind, plugin in under_test.items()}
        many = {kind: [Caller(plugin.socket) for _ in range(CONNECTIONS)] for kind, plugin in under_test.items()}
        for kind in compared.keys() & kinds.keys():
            callers[kind].call(to_plugin("Create", "mango"))
        get = to_plugin("Get", "mango")
        for turn in range(size.rounds + 1):
            for kind in compared:
                times = [callers[kind].call(get) for _ in range(size.calls * 2)]
                rate = at_once(many[kind], [get] * size.calls * 4)
                if turn:
                    figures.add("whose", "one", kind, times)
                    figures.add("whose", "eight", kind, [rate])
        for each in (caller for callers_of_one in many.values() for caller in callers_of_one):
            each.close()


# growth


def growth(kinds: dict[str, list[str]], size: Size, figures: Figures) -> None:
    """Measure the endpoints with 10 volumes, and with many. One plugin at a time works in a root."""
    with private_folder() as folder:
        roots = {10: folder / "few", size.volumes: folder / "many"}
        for count, root in roots.items():
            make_volumes(root, [f"volume-{each:06}" for each in range(count)])
        os.sync()
        for _ in range(size.growth):
            for kind in kinds:
                for count, root in roots.items():
                    with_volumes(kind, plugins(kinds, folder, root)[kind], count, size, figures)
        watch(f"List of {number(size.volumes)}", [to_plugin("List")] * 8, roots[size.volumes], figures)
        subprocess.run(["rm", "-rf", *roots.values()], check=True)


def make_volumes(root: Path, names: list[str]) -> None:
    """Make volumes as the plugins would, without them."""
    for name in names:
        os.makedirs(root / "volumes" / name / "data")
        os.mkdir(root / "volumes" / name / "mounts")


def with_volumes(kind: str, plugin: Plugin, count: int, size: Size, figures: Figures) -> None:
    """Measure a plugin that has so many volumes."""
    verbs = tuple(verb for verb in VERBS[2:] if verb != "List")
    assert plugin.root
    with running(plugin) as caller:
        one_by_one(plugin.root, caller, verbs, 4)
        caller.call(to_plugin("List"))
        for verb, times in one_by_one(plugin.root, caller, verbs, size.calls).items():
            figures.add(f"with {count} volumes", verb, kind, times)
        figures.add(f"with {count} volumes", "List", kind, [caller.call(to_plugin("List")) for _ in range(3)])
    plugin.close()


# through an engine


def no_engine() -> str:
    """Return why no engine can be started here; "" where one can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    programs = ("dockerd", "docker", "unshare", "nsenter", "busybox")
    lacking = [f"no {program}" for program in programs if not shutil.which(program, path=path)]
    return ", ".join([*(["this is not root"] if os.geteuid() else []), *lacking])


def through_the_engine(kinds: dict[str, list[str]], size: Size, figures: Figures) -> None:
    """Measure what a user waits for: volumes made and removed by an engine, and whole containers with a volume."""
    from engine.engine import Engine, answers, wait_for
    from engine.images import import_busybox

    with Engine() as engine:
        import_busybox(engine)
        for kind, command in kinds.items():
            told = {"DDD_SOCKET": f"/run/docker/plugins/{kind}.sock", "DDD_ROOT": f"/var/lib/ddd/{kind}"}
            engine.spawn(command, told, folder=ROOT)
            wait_for(lambda kind=kind: answers(engine.plugins / f"{kind}.sock"), kind)  # type: ignore[misc]
        docker = Caller(engine.socket)
        version = engine.output("version", "--format={{.Server.Version}}")
        figures.machine.append(f"Docker Engine {version.partition('+')[0]}")
        for turn in range(size.rounds + 1):
            for driver in [*kinds, "local"]:
                times = volumes_of(docker, driver, size.calls)
                if driver != "local":
                    settled(engine.root / driver)
                for what, each in times.items() if turn else ():
                    figures.add("engine", what, driver, each)
        for turn in range(size.containers + 1):
            for driver in ["no volume", *kinds, "local"]:
                took = run(engine.socket, driver)
                if turn:
                    figures.add("engine", "run", driver, [took])
        figures.calls = calls_of_a_run(engine)
        docker.close()


def volumes_of(docker: Caller, driver: str, calls: int) -> dict[str, list[float]]:
    """Make volumes and remove them; return what the engine took for it, in milliseconds."""
    names = new_names(calls)
    made = [docker.call(to_engine("POST", "/volumes/create", {"Name": name, "Driver": driver})) for name in names]
    seen = [docker.call(to_engine("GET", f"/volumes/{name}")) for name in names]
    gone = [docker.call(to_engine("DELETE", f"/volumes/{name}")) for name in names]
    return {"create": made, "inspect": seen, "remove": gone}


def run(engine: Path, driver: str) -> float:
    """Do what `docker run --rm --volume-driver=DRIVER -v /data busybox true` does; return what it took, in ms."""
    host: dict[str, Any] = {"AutoRemove": True, "NetworkMode": "none"}
    wanted: dict[str, Any] = {"Image": "busybox:local", "Cmd": ["/bin/true"], "HostConfig": host}
    if driver != "no volume":
        wanted["Volumes"], host["VolumeDriver"] = {"/data": {}}, driver
    docker, waiter = Caller(engine), Caller(engine)
    begun = time.perf_counter()
    docker.call(to_engine("POST", "/containers/create", wanted))
    container = json.loads(docker.answer.partition(b"\r\n\r\n")[2])["Id"]
    waiter.send(to_engine("POST", f"/containers/{container}/wait?condition=removed"))
    docker.call(to_engine("POST", f"/containers/{container}/start"))
    waiter.receive()
    took = (time.perf_counter() - begun) * 1000
    docker.close()
    waiter.close()
    return took


def calls_of_a_run(engine: Any) -> list[str]:
    """Return the endpoints that an engine calls in such a run, as it calls them."""
    from engine.plugins import Recorder

    with Recorder(engine.plugins / "recorder.sock") as recorder:
        run(engine.socket, "recorder")  # the first one activates it, too
        del recorder.requests[:]
        run(engine.socket, "recorder")
        return [endpoint.removeprefix("VolumeDriver.") for endpoint in recorder.endpoints()]


# where the time goes


def profiles(size: Size, figures: Figures) -> None:
    """Watch the plugin under gunicorn, one endpoint at a time."""
    for verb in ("Create", "Get", "Remove"):
        names = new_names(size.calls * 20)
        with private_folder() as folder:
            if verb != "Create":
                make_volumes(folder / "root", names)
            watch(verb, requests(verb, names), folder / "root", figures)


def watch(what: str, asked: list[bytes], root: Path, figures: Figures) -> None:
    """Make calls, one after the other, and keep where their time goes."""
    command = [sys.executable, str(ROOT / "benchmarks" / "profiled.py")]
    with private_folder() as folder:
        plugin = Plugin(command, folder / "ddd.sock", root)
        os.environ["PROFILE"] = str(folder)
        with running(plugin) as caller:
            times = [caller.call(each) for each in asked]
        inside: list[float] = json.loads((folder / "times").read_text())
        figures.inside[what] = (median(times[::2]), median(inside))
        figures.profiles[what] = top(folder / "profile", len(times) // 2)
        plugin.close()


def top(file: Path, calls: int) -> list[tuple[str, float]]:
    """Return the functions in which a call spends most of its time, with all that they call, in milliseconds."""
    stats: Any = pstats.Stats(str(file))
    spent = [(name_of(*place), found[3] * 1000 / calls) for place, found in stats.stats.items()]
    return sorted(spent, key=lambda each: -each[1])[:24]


def name_of(file: str, line: int, function: str) -> str:
    """Return a function's name, with the last two parts of its file's."""
    del line
    return function if file == "~" else f"{'/'.join(Path(file).parts[-2:])}: {function}"


# the whole


def machine() -> list[str]:
    """Describe this machine without a name."""
    found = [
        f"{len(os.sched_getaffinity(0))} cores",
        f"Linux {'.'.join(platform.release().split('-')[0].split('.')[:2])}",
        f"{len([name for name in os.listdir('/proc') if name.isdecimal()])} processes",
        f"{len(Path('/proc/self/mountinfo').read_text().splitlines())} mounts",
        f"Python {platform.python_version()}",
        *[f"{name} {metadata.version(name)}" for name in ("Flask", "Werkzeug", "gunicorn")],
    ]
    if shutil.which("go"):
        said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
        found.append(f"Go {said.strip().removeprefix('go')}")
    return found


def measure(size: Size) -> Figures:
    """Measure all."""
    figures = Figures(machine(), many=size.volumes)
    with private_folder() as folder:
        kinds = commands(folder)
        steps: list[tuple[str, Callable[[dict[str, list[str]], Size, Figures], None]]] = [
            ("Each endpoint over the socket …", over_the_socket),
            ("What is Flask's, and what is gunicorn's …", what_is_whose),
            ("From the command to the first answer …", start_up),
            (f"With 10 volumes, and with {size.volumes} …", growth),
        ]
        lacking = no_engine() if size.engine else "left out by --quick"
        if lacking:
            figures.without_engine = lacking
        else:
            steps.append(("Through a Docker Engine …", through_the_engine))
        for text, step in steps:
            say(text)
            step(kinds, size, figures)
    say("Where the time goes …")
    profiles(size, figures)
    return figures


def main() -> None:
    """Measure, print the table, and write the page where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped on the way out
    figures = together([measure(QUICK if options.quick else FULL) for _ in range(options.runs)])
    print(table(figures))
    if options.docs:
        options.docs.mkdir(exist_ok=True)
        (options.docs / "cost.md").write_text(page(figures))
        (options.docs / "cost.svg").write_text(draw(figures))
        say(f"Written: {options.docs / 'cost.md'}, {options.docs / 'cost.svg'}")


if __name__ == "__main__":
    main()
