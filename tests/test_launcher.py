"""./workshop, on the machines that people have. Most tests run it with a stub for Python, which makes a .venv of
nothing and lets pip do what the test wants; the rest, marked slow, make a real one."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from workshop import cli, interpreter, repository
from workshop import install as setup

ROOT = Path(__file__).parents[1]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
TOOLS = ("sh", "cat", "cp", "head", "id", "mkdir", "readlink", "rm", "tail", "setpriv")

# `-I -c CODE` runs on the real Python, so that the launcher's own look at a version, its lock, its import of Flask and
# the flags that the tool gets are the real ones.
STUB = """#!/bin/sh
case "$*" in
"-I "*"/interpreter.py venv "*) mkdir -p "$4/bin" "$4/lib/python3/site-packages"; cp "$0" "$4/bin/python" ;;
"-I "*"/interpreter.py pip "*) echo "$*" >>"$PIP_CALLS"; cat "$PIP_WAITS" >&2; exit "$PIP_STATUS" ;;
*"-m workshop"*) option=$1; shift 3; exec {python} $option -c "$PIP_TOOL" "$@" ;;
*) exec {python} "$@" ;;
esac
"""
# What the tool is given, in place of the tool: its words, and what it hears of the variables of Python.
TOOL = """
import sys
heard = ["elsewhere"] * ("/elsewhere" in sys.path) + ["O"] * sys.flags.optimize
print("".join(f"<{word}>" for word in sys.argv[1:]), *heard, end="", sep="")
"""
# The real Python, which takes itself for another: the launcher's question is the last argument.
DIFFERENT = '#!/bin/sh\nexec {python} -c {change} "$3"\n'
OLD = "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])"
BARE = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])"


class Machine:
    """A clone in a folder with a space, and a PATH on which only the test's own Python is found."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.bin = folder / "a clone", folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            if found:
                (self.bin / tool).symlink_to(found)
        copy_clone(self.clone)
        self.here = Path("/")
        self.calls = folder / "pip-calls"
        self.env = {"PATH": str(self.bin), "PIP_CALLS": str(self.calls), "PIP_WAITS": "/dev/null", "PIP_STATUS": "0"}
        self.env["PIP_TOOL"] = TOOL

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, name: str = "python3") -> Path:
        return self.program(name, STUB.format(python=shlex.quote(sys.executable)))

    def other_python(self, change: str, name: str = "python3") -> Path:
        return self.program(name, DIFFERENT.format(python=shlex.quote(sys.executable), change=shlex.quote(change)))

    def start(self, *words: str, env: Mapping[str, str] = {}, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*prefix, str(self.clone / "workshop"), *words], env={**self.env, **env}, cwd=self.here, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, env: Mapping[str, str] = {}, prefix: tuple[str, ...] = ()) -> tuple[int, str, str]:
        running = self.start(*words, env=env, prefix=prefix)
        out, err = running.communicate(timeout=60)
        return running.returncode, out, err

    def sources(self) -> list[Path]:
        found = self.clone.glob(".venv/lib/*/site-packages/workshop.pth")
        return [(path.parent / path.read_text().strip()).resolve() for path in found]


def copy_clone(to: Path) -> None:
    for folder in ("src", "slides"):
        shutil.copytree(ROOT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("workshop", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, to)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_first_start_sets_up_and_the_second_only_runs_the_tool(machine: Machine) -> None:
    machine.python()
    status, out, err = machine.run("test", "-k", "two words")
    assert (status, out) == (0, "<test><-k><two words>")
    assert err.startswith("Setting up .venv (once") and err.count("\n") == 1
    assert machine.sources() == [machine.clone / "src"]
    assert machine.run("tour") == (0, "<tour>", "")
    assert f"-c {machine.clone}/constraints.txt flask" in machine.calls.read_text()
    assert len(machine.calls.read_text().splitlines()) == 1


def test_modules_of_the_current_folder_are_not_imported(machine: Machine, tmp_path: Path) -> None:
    machine.python()
    machine.here = tmp_path
    for name in ("venv", "signal", "fcntl", "ensurepip"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not this one')\n")
    status, out, err = machine.run("tour")
    assert (status, out) == (0, "<tour>"), err


def test_flask_that_went_elsewhere_is_no_venv(machine: Machine) -> None:
    nothing = '*"import flask"*) echo "No module named flask" >&2; exit 1 ;;\n*) exec'
    machine.program("python3", STUB.replace("*) exec", nothing).format(python=shlex.quote(sys.executable)))
    status, out, err = machine.run("tour")
    assert (status, out) == (1, "")
    assert "No module named flask\n\npip installed Flask, but it cannot be imported from .venv." in err
    assert err.endswith("    ./workshop\n")
    machine.python()
    assert machine.run("tour")[2].startswith("The folder .venv is not complete")
    assert machine.run("tour") == (0, "<tour>", "")


def test_a_venv_that_nobody_tried_is_made_again(machine: Machine) -> None:
    machine.python()
    machine.run()
    stamp = machine.clone / ".venv/made-from"
    stamp.write_text(stamp.read_text().removesuffix("Flask was imported\n"))
    assert machine.run()[2].startswith("An older launcher made .venv")
    assert machine.run() == (0, "", "")


def test_asserts_stay_in(machine: Machine) -> None:
    machine.python()
    assert machine.run("check", env={"PYTHONOPTIMIZE": "1"})[:2] == (0, "<check>")


def test_the_tool_hears_no_pythonpath(machine: Machine) -> None:
    machine.python()
    assert machine.run("check", env={"PYTHONPATH": "/elsewhere"})[:2] == (0, "<check>")


def isolated(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run our Python as the launcher starts it."""
    return subprocess.run([sys.executable, "-I", *words], capture_output=True, text=True, env=os.environ | env)


def test_a_plugin_in_our_python_hears_no_pythonpath(tmp_path: Path) -> None:
    env = foreign_python(tmp_path / "elsewhere")
    done = isolated("-m", "workshop", "check", "--plugin", str(ROOT / "part1/plugin.py"), "1", **env)
    assert done.returncode == 0, done.stdout


def test_the_environment_of_another_program_is_its_own() -> None:
    show = "from workshop.plugins.process import Plugin; print(Plugin(['sh'], 's', 'r').environment()['PYTHONPATH'])"
    assert isolated("-c", show, PYTHONPATH="/elsewhere").stdout == "/elsewhere\n"


def test_a_link_to_the_launcher_starts_it(machine: Machine) -> None:
    machine.python()
    link = machine.bin / "workshop"
    link.symlink_to(machine.clone / "workshop")
    done = subprocess.run([link, "tour"], env=machine.env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "<tour>")
    assert (machine.clone / ".venv").is_dir()


def test_no_python(machine: Machine) -> None:
    status, _, err = machine.run()
    assert status == 1
    assert err.startswith("The course needs Python 3.11 or newer.\n")
    assert err.rstrip().endswith("PYTHON=/path/to/python3.13 ./workshop")


def test_python_too_old_names_what_apt_has(machine: Machine) -> None:
    machine.other_python(OLD)
    machine.program("apt-cache", '#!/bin/sh\n[ "$*" = "show python3.11" ]\n')
    status, _, err = machine.run()
    assert status == 1
    assert "needs Python 3.11 or newer, and python3 is 3.9." in err
    assert err.rstrip().endswith("apt-get install python3.11 python3.11-venv")
    assert not (machine.clone / ".venv").exists()


def test_a_newer_python_beside_an_old_one_is_found_by_its_name(machine: Machine) -> None:
    machine.other_python(OLD)
    machine.program("python3.13", "#!/bin/sh\nexit 127\n")  # a shim that runs nothing
    machine.python("python3.12")
    assert machine.run("tour")[:2] == (0, "<tour>")


def test_python_without_venv_names_the_package_of_that_version(machine: Machine) -> None:
    machine.other_python(BARE)
    machine.program("apt-get", "#!/bin/sh\n")
    status, _, err = machine.run()
    assert status == 1
    assert err.rstrip().endswith(f"apt-get install python{VERSION}-venv")


def test_python_without_venv_where_there_is_no_apt(machine: Machine) -> None:
    machine.other_python(BARE)
    status, _, err = machine.run()
    assert status == 1
    assert "apt" not in err
    assert err.rstrip().endswith("./workshop")


def test_the_variable_python_is_taken_alone(machine: Machine) -> None:
    machine.python()
    old = machine.other_python(OLD, "elsewhere")
    status, _, err = machine.run(env={"PYTHON": str(old)})
    assert status == 1
    assert err.startswith(f"PYTHON={old} is Python 3.9, not Python 3.11 or newer.")
    assert machine.run("tour", env={"PYTHON": str(machine.bin / "python3")})[:2] == (0, "<tour>")


def test_a_moved_clone_gets_a_new_venv(machine: Machine) -> None:
    machine.python()
    machine.run()
    machine.clone = machine.clone.rename(machine.clone.with_name("elsewhere"))
    status, _, err = machine.run()
    assert status == 0
    assert err.startswith("This clone was moved")
    assert machine.sources() == [machine.clone / "src"]
    assert machine.run() == (0, "", "")


def test_other_versions_get_a_new_venv(machine: Machine) -> None:
    machine.python()
    machine.run()
    with (machine.clone / "constraints.txt").open("a") as constraints:
        constraints.write("more==1.0\n")
    assert machine.run()[2].startswith("Python or constraints.txt has changed")
    (machine.clone / ".venv/bin/python").unlink()
    assert machine.run()[2].startswith("Python or constraints.txt has changed")
    assert machine.run() == (0, "", "")


def test_a_failed_pip_shows_its_last_words_and_leaves_nothing_that_counts(machine: Machine, tmp_path: Path) -> None:
    machine.python()
    words = tmp_path / "words"
    words.write_text("no route to host\n")
    status, out, err = machine.run("tour", env={"PIP_STATUS": "1", "PIP_WAITS": str(words)})
    assert (status, out) == (1, "")
    assert "no route to host" in err
    assert err.rstrip().endswith("PIP_FIND_LINKS=/path/to/wheels PIP_NO_INDEX=1 ./workshop")
    assert machine.run()[2].startswith("The folder .venv is not complete")


def test_a_venv_made_by_hand_or_half_made_is_made_again(machine: Machine) -> None:
    machine.python()
    leftover = machine.clone / ".venv/lib/python3/site-packages/flask"
    leftover.mkdir(parents=True)
    status, _, err = machine.run()
    assert (status, leftover.exists()) == (0, False)
    assert err.startswith("The folder .venv is not complete")


@contextmanager
def begun(gate: Path, launcher: subprocess.Popen[str]) -> Iterator[None]:
    """Waits until the launcher's pip reads from the gate, and lets it go on at the end."""
    while launcher.poll() is None:
        try:
            writer = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.01)
            continue
        yield
        os.close(writer)
        return
    pytest.fail(f"The launcher ended before its pip began: {launcher.communicate()}")


def test_a_set_up_that_is_killed_is_made_again(machine: Machine, tmp_path: Path) -> None:
    machine.python()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    running = machine.start(env={"PIP_WAITS": str(gate)})
    with begun(gate, running):
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert machine.run()[2].startswith("The folder .venv is not complete")
    assert machine.run() == (0, "", "")


def test_two_launchers_at_once_take_turns(machine: Machine, tmp_path: Path) -> None:
    machine.python()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = machine.start("first", env={"PIP_WAITS": str(gate)})
    with begun(gate, first):
        second = machine.start("second")
        assert second.stderr is not None
        assert second.stderr.readline() == "Another ./workshop is setting up .venv: waiting for it.\n"
    assert first.communicate()[0] == "<first>"
    assert second.communicate()[0] == "<second>"
    assert len(machine.calls.read_text().splitlines()) == 1


@pytest.fixture
def locked_venv(machine: Machine) -> Iterator[Path]:
    folder = machine.clone / ".venv"
    (folder / "lib").mkdir(parents=True)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def test_a_venv_of_another_user(machine: Machine, locked_venv: Path) -> None:
    machine.python()
    powerless: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write everywhere, and setpriv is missing. Type:  apt-get install util-linux")
        powerless = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
    status, _, err = machine.run(prefix=powerless)
    assert status == 1
    assert err.rstrip().endswith(f"sudo rm -rf '{locked_venv}'")


@pytest.mark.slow
def test_a_real_venv_runs_the_tool(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    copy_clone(clone)
    done = subprocess.run([clone / "workshop"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert "./workshop tour" in done.stdout
    again = subprocess.run([clone / "workshop", "tuor"], capture_output=True, text=True, cwd=tmp_path)
    assert again.returncode == 2
    assert "Setting up" not in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("by_file", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_a_real_venv_where_all_that_is_set_was_meant_for_others(tmp_path: Path, by_file: bool) -> None:
    clone, elsewhere = tmp_path / "clone", tmp_path / "elsewhere"
    copy_clone(clone)
    for folder in ("part3", "tests"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    options = {option: value.replace("/elsewhere", str(elsewhere)) for option, value in ELSEWHERE.items()}
    env = interpreter.for_pip() | foreign_python(elsewhere)
    if by_file:
        env["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
        configure(tmp_path / "pip.conf", options)
    else:
        env |= variables(options)
    first = subprocess.run([clone / "workshop"], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (first.returncode, first.stderr.count("\n")) == (0, 1), first.stderr
    check = [str(clone / "workshop"), "check", "--plugin", str(clone / "part3/plugin.py"), "3"]
    done = subprocess.run(check, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in elsewhere.iterdir()] == ["flask.py"]


def foreign_python(folder: Path) -> dict[str, str]:
    """Variables of Python under which our own does not start, or imports another Flask, or does not check."""
    folder.mkdir()
    (folder / "flask.py").write_text("raise ImportError('another Flask')\n")
    told = {"PATH": str(folder), "HOME": str(folder), "STARTUP": str(folder / "flask.py"), "USERBASE": str(folder)}
    return {f"PYTHON{name}": value for name, value in told.items()} | {
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "VIRTUAL_ENV": str(folder),
    }


@pytest.mark.slow
def test_a_folder_with_any_letters_in_the_c_locale(tmp_path: Path) -> None:
    clone = tmp_path / "Übung"
    copy_clone(clone)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"LC_ALL": "C"}
    done = subprocess.run([clone / "workshop"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert "./workshop tour" in done.stdout


@pytest.mark.slow
def test_no_network(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    copy_clone(clone)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    env |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run([clone / "workshop"], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ERROR: Cannot install flask" in done.stderr
    assert "PIP_FIND_LINKS" in done.stderr


SOURCES = {
    "index-url": "https://one.example/simple",
    "extra-index-url": "https://two.example/simple https://three.example/simple",
    "find-links": "/wheels /more-wheels",
    "no-index": "true",
    "trusted-host": "one.example",
    "cert": "/etc/ssl/ours.pem",
    "client-cert": "/etc/ssl/us.pem",
    "keyring-provider": "disabled",
    "proxy": "http://proxy.example:3128",
    "timeout": "7",
    "retries": "9",
}
ELSEWHERE = {
    "target": "/elsewhere",
    "prefix": "/elsewhere",
    "root": "/elsewhere",
    "user": "true",
    "python": "/elsewhere/python",
    "dry-run": "true",
    "no-deps": "true",
    "require-hashes": "true",
    "require-virtualenv": "true",
    "constraint": "/elsewhere/constraints.txt",
    "requirement": "/elsewhere/requirements.txt",
    "only-binary": ":none:",
    "no-binary": ":all:",
    "upgrade": "true",
    "ignore-installed": "true",
    "report": "/elsewhere/report.json",
    "quiet": "3",
    "log": "/elsewhere/log",
}
# What pip makes of its files and variables, in each of the environments given.
ASK_PIP = """
import json, os, sys
from pip._internal.commands import create_command
for environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(environment)
    values = vars(create_command("install").parser.get_default_values())
    print(json.dumps({name: value for name, value in values.items() if name != "format_control"}, default=str))
"""
OUR_FILES = interpreter.files


def pip_hears(*environments: Mapping[str, str]) -> list[dict[str, object]]:
    asked = subprocess.run(
        [sys.executable, "-I", "-c", ASK_PIP], input=json.dumps([dict(each) for each in environments]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in asked.stdout.splitlines()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a configuration of pip, on a machine without one."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "PYTHON", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "machine"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(interpreter, "files", lambda: [file for file in OUR_FILES() if file != Path("/etc/pip.conf")])
    return tmp_path


def configure(file: Path, options: Mapping[str, str], section: str = "global") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join([f"[{section}]\n", *(f"{option} = {value}\n" for option, value in options.items())]))


def variables(options: Mapping[str, str]) -> dict[str, str]:
    return {f"PIP_{option.upper().replace('-', '_')}": value for option, value in options.items()}


@pytest.mark.parametrize("option", SOURCES)
def test_a_source_of_packages_counts_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    [(variable, value)] = variables({option: SOURCES[option]}).items()
    monkeypatch.setenv(variable, value)
    assert interpreter.for_pip()[variable] == value


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_what_every_program_hears_of_the_network_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/etc/ssl/ours.pem")
    assert interpreter.for_pip()[variable] == "/etc/ssl/ours.pem"


@pytest.mark.parametrize("option", SOURCES)
@pytest.mark.parametrize(
    ("file", "section"),
    [
        ("machine/pip/pip.conf", "global"),
        (".pip/pip.conf", "global"),
        (".config/pip/pip.conf", "install"),
        ("venv/pip.conf", "global"),
        ("named.conf", "global"),
    ],
)
def test_a_source_of_packages_counts_from_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, option: str, file: str, section: str
) -> None:
    configure(home / file, {option.replace("-", "_"): SOURCES[option]}, section)
    if file == "named.conf":
        monkeypatch.setenv("PIP_CONFIG_FILE", str(home / file))
    [(variable, value)] = variables({option: SOURCES[option]}).items()
    assert interpreter.for_pip()[variable] == value


@pytest.mark.parametrize("by_file", [False, True])
def test_pip_itself_hears_the_sources_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    untold = interpreter.for_pip()
    told = {**SOURCES, **ELSEWHERE}
    if by_file:
        configure(home / ".config/pip/pip.conf", told)
    else:
        for variable, value in variables(told).items():
            monkeypatch.setenv(variable, value)
    before, after = pip_hears(untold, interpreter.for_pip())
    assert {name: value for name, value in after.items() if value != before[name]} == {
        "index_url": "https://one.example/simple",
        "extra_index_urls": ["https://two.example/simple", "https://three.example/simple"],
        "find_links": ["/wheels", "/more-wheels"],
        "no_index": 1,
        "trusted_hosts": ["one.example"],
        "cert": "/etc/ssl/ours.pem",
        "client_cert": "/etc/ssl/us.pem",
        # pip has it since 23.1
        **({"keyring_provider": "disabled"} if "keyring_provider" in before else {}),
        "proxy": "http://proxy.example:3128",
        "timeout": 7.0,
        "retries": 9,
    }


def test_the_stronger_file_counts_as_pip_has_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "files", OUR_FILES)
    configure(home / "machine/pip/pip.conf", {"index-url": "machine", "proxy": "machine", "timeout": "1"})
    configure(home / ".pip/pip.conf", {"index-url": "old", "timeout": "2", "retries": "2"})
    configure(home / ".config/pip/pip.conf", {"index-url": "user", "default-timeout": "3"})
    configure(home / "named.conf", {"index-url": "named"})
    ours, pips = [], []
    for variables in (
        {"PIP_PROXY": ""},  # pip passes over it
        {"PIP_DEFAULT_TIMEOUT": "8"},
        {"PIP_CONFIG_FILE": str(home / "named.conf")},
        {"PIP_CONFIG_FILE": str(home / "none.conf")},
        {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "4"},
    ):
        with monkeypatch.context() as change:
            for variable, value in variables.items():
                change.setenv(variable, value)
            ours.append(interpreter.for_pip())
            pips.append(dict(os.environ))
    heard = [
        [each[option] for option in ("index_url", "proxy", "timeout", "retries")] for each in pip_hears(*ours, *pips)
    ]
    assert heard[: len(ours)] == heard[len(ours) :]


def test_a_configuration_of_pip_that_cannot_be_read(home: Path) -> None:
    (home / ".pip").mkdir()
    (home / ".pip/pip.conf").write_text("index-url = no section\n")
    with pytest.raises(interpreter.Unreadable, match=r"\.pip/pip\.conf cannot be read"):
        interpreter.for_pip()


def test_our_python_hears_no_variable_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHON_COLORS", "1")
    monkeypatch.setenv("PYTHON", "python3.13")
    assert {"PYTHONPATH", "PYTHON_COLORS", "PYTHON"} & interpreter.for_pip().keys() == {"PYTHON"}


PYPROJECT = """
[project]
name = "docker-plugin-workshop"
[project.optional-dependencies]
serve = ["click>=8", "no-such-package"]
test = ["pytest", "docker-plugin-workshop[serve]"]
"""


@pytest.fixture
def small_clone(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "constraints.txt").write_text("PyTest==0.0.1\n")
    for folder in ("tests", "part1"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tests/test_it.py").write_text("import pytest\n\ndef test_yes(): pass\n\ndef test_no(): assert False\n")
    return tmp_path


def test_an_extra_is_installed_by_a_pip_that_hears_the_sources_only(
    small_clone: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(home / "venv/pip.conf", ELSEWHERE | {"retries": "9"})
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    asked: list[tuple[list[str], dict[str, str]]] = []

    def run_stub(command: list[str], **kept: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, kept["env"]))
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(subprocess, "run", run_stub)
    setup.pip_install(["pytest"], small_clone)
    [(command, env)] = asked
    assert command[:4] == [sys.executable, "-I", "-m", "pip"]
    heard = {name: value for name, value in env.items() if name.startswith(("PIP_", "PYTHON"))}
    assert heard == {"PIP_RETRIES": "9", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def test_an_extra_and_a_configuration_of_pip_that_cannot_be_read(small_clone: Path, home: Path) -> None:
    configure(home / "venv/pip.conf", {"index-url": "one", "index-url\nno value": ""})
    with pytest.raises(repository.Lacking, match=r"venv/pip\.conf cannot be read"):
        setup.pip_install(["pytest"], small_clone)


def test_an_extra_made_of_extras(small_clone: Path) -> None:
    wanted = setup.requirements("test", small_clone)
    assert wanted == ["pytest", "click>=8", "no-such-package"]
    assert setup.missing(wanted, small_clone) == ["pytest", "no-such-package"]


def test_a_machine_without_the_engine_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "has_program", lambda package, program: package != "docker.io")
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for install in (False, True):
        with pytest.raises(repository.Lacking, match=r"sudo apt-get install -y --no-install-recommends docker\.io$"):
            setup.programs_for(["engine"], install)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A Debian machine on which root is at work, without any of our programs; and what is run on it."""
    done: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(command)
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(setup, "has_program", lambda package, program: False)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", run)
    return done


def status_of(words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["workshop", *words.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def installed(commands: list[list[str]]) -> list[str]:
    return [word for command in commands if command[:2] == ["apt-get", "install"] for word in command[2:]]


def test_no_system_package_is_installed_unasked(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        setup, "extra", lambda name: pytest.fail(f"{name} is installed before the machine is looked at")
    )
    assert status_of("test --require slow --require browser", monkeypatch) == 1
    assert [command for command in bare if command[0] == "apt-get"] == []
    said = capsys.readouterr().err
    assert "--install" in said, said
    packages = "golang-go nodejs socat strace bubblewrap systemd btrfs-progs chromium"
    assert said.endswith(f"    apt-get update && apt-get install -y --no-install-recommends {packages}\n"), said


def test_with_install_they_are_installed_and_the_tests_run(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "extra", lambda name: None)
    monkeypatch.setattr(cli, "run_pytest", lambda root, options: len(options))
    assert status_of("test --require engine --require slow --install -x", monkeypatch) == 9
    assert bare[0][:2] == ["apt-get", "update"]
    assert {"docker.io", "docker-compose", "strace"} <= {*installed(bare)}
    assert (ROOT / ".ci" / "run").read_text().count(" --install ") == 1


def test_what_this_release_does_not_know_is_not_asked_for(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "apt_knows", lambda package: package == "docker-compose")
    assert status_of("test --require engine", monkeypatch) == 1
    said = capsys.readouterr().err
    assert said.endswith(" podman docker-compose\n"), said


def test_install_alone_is_wrong_usage(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (status_of("test --install", monkeypatch), bare) == (2, [])
    assert capsys.readouterr().err.endswith("./workshop test --require engine --install\n")


def test_the_pdf_of_the_slides_installs_no_system_package(
    bare: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "extra", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "chromium" else f"/usr/bin/{program}")
    assert (status_of("slides --pdf", monkeypatch), bare) == (1, [])
    assert capsys.readouterr().err.endswith("apt-get install chromium\n")


@pytest.mark.parametrize(
    ("options", "status"),
    [("-k yes", 0), ("-k no", 1), ("-k none", 1), ("--no-such-option", 2), ("tests/test_it.py::test_none", 2)],
)
def test_exit_status_of_the_tests(small_clone: Path, options: str, status: int) -> None:
    assert cli.run_pytest(small_clone, ["-c", os.devnull, "-q", *options.split()]) == status


PLAIN = "not slow and not engine and not browser and not peers and not thorough and not engines"


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("-k part1 -x", ["-m", PLAIN, "-k", "part1", "-x"]),
        ("--require engine", ["-n", "auto", "-m", PLAIN.replace("not engine and ", ""), "--ddd-require", "engine"]),
        ("-m slow", ["-m", "slow"]),
        ("tests/test_it.py::test_yes", ["tests/test_it.py::test_yes"]),
        ("--require engine tests", ["--ddd-require", "engine", "tests"]),
        ("--ddd-seed=1 --lf", ["-m", PLAIN, "--ddd-seed=1", "--lf"]),
    ],
)
def test_what_pytest_is_asked(
    small_clone: Path, monkeypatch: pytest.MonkeyPatch, typed: str, options: list[str]
) -> None:
    asked: list[str] = []

    def pytest_stub(root: Path, options: list[str]) -> int:
        asked.extend(options)
        return 0

    monkeypatch.setattr(repository, "clone_root", lambda: small_clone)
    monkeypatch.setattr(setup, "extra", lambda name: None)
    monkeypatch.setattr(setup, "programs_for", lambda marks, install: None)
    monkeypatch.setattr(cli, "run_pytest", pytest_stub)
    cli.cli.main(["test", *typed.split()], standalone_mode=False)
    assert asked == options


@pytest.mark.parametrize(("words", "status"), [("", 0), ("tuor", 2), ("clean --al", 2), ("test --require x", 2)])
def test_exit_status_of_the_tool(words: str, status: int) -> None:
    done = subprocess.run([sys.executable, "-m", "workshop", *words.split()], capture_output=True, text=True)
    assert done.returncode == status
    assert "./workshop" in done.stdout + done.stderr


def test_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def broken() -> None:
        raise KeyError("mango")

    monkeypatch.setattr(cli, "cli", broken)
    monkeypatch.setattr(sys, "argv", ["workshop"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert "KeyError: 'mango' (test_launcher.py:" in capsys.readouterr().err
