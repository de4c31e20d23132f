"""A mistake that beginners make: a small edit of a right plugin, the step that fails, and what its report has to say.

The rows come from what people do, and were written before the causes were read. Where a report does not help, it is the
report that changes, not the row.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from workshop import interpreter

HERE = Path(__file__).parent
CLONE = HERE.parents[1]
RIGHT = HERE / "right"
FILES = {
    "part1": CLONE / "part1/plugin.py",
    "part2": CLONE / "part2/plugin.py",
    "part3": CLONE / "part3/plugin.py",
    "json_state": RIGHT / "json_state.py",
    "one_function": RIGHT / "one_function.py",
    "a_class": RIGHT / "a_class.py",
    "blueprint": RIGHT / "blueprint.py",
    "http_server": RIGHT / "http_server.py",
    "node": RIGHT / "plugin.js",
    "go": RIGHT / "plugin.go",
    "shell": RIGHT / "plugin.sh",
    "ddd-tcp.spec": CLONE / "part2/ddd-tcp.spec",
    "ddd-tls.json": CLONE / "part2/ddd-tls.json",
}
"""The right plugins, and the right files beside one, by the names that the rows use."""
Edit = tuple[str, str]


class Mistake:
    """One row: an edit of a right file, the step that fails, and what its report has to say."""

    def __init__(
        self, name: str, right: str, step: str, says: str, *edits: Edit, moved: str = "", never: str = ""
    ) -> None:
        """says and never are regular expressions, for words that name the cause, and for words that are not true of it.

        Each edit replaces a text that is in the file exactly once; moved is a new name for the file.
        """
        self.name, self.right, self.step = name, right, step
        self.says, self.never = says, never
        self.edits, self.moved = edits, moved

    def text(self) -> str:
        """Return the wrong file. Raises ValueError where an edit does not fit."""
        text = FILES[self.right].read_text()
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {text.count(old)} times in {self.right}, not once:\n{old}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Report:
    """What `check` says about a mistake: its exit status, and all that it prints."""

    mistake: Mistake
    status: int
    text: str

    @property
    def step(self) -> str:
        """The first step that fails, "" where all pass."""
        failed = re.search(r"^  (?:FAIL|error) +(\d\.\d+)", self.text, re.MULTILINE)
        return failed[1] if failed else ""

    @property
    def explanation(self) -> str:
        """What is said of the cause, in one line: neither the calls, nor what Docker would print.

        The plugin's own sentence in its last answer counts: it is shown, and often it is the cause.
        """
        before, _, after = self.text.partition("\n  Why ")
        after = re.sub(r"\n  Docker itself would print:(\n {12}.*)*", "", after)
        after = re.split(r"\n  \d+ of \d+ steps pass", after)[0]
        answer = before.rpartition("[plugin]")[2].partition("\n  wanted ")[0]
        own = re.findall(r'"Err": ?"((?:[^"\\]|\\.)*)"', " ".join(answer.split()))
        return " ".join([*after.split(), *own])

    @property
    def verdict(self) -> str:
        """Return "named", "no help" or "wrong"."""
        if self.mistake.never and re.search(self.mistake.never, self.explanation, re.IGNORECASE):
            return "wrong"
        return "named" if re.search(self.mistake.says, self.explanation, re.IGNORECASE) else "no help"

    def missed(self) -> str:
        """Return what was wanted and what was said, for whoever writes the causes."""
        row = self.mistake
        wanted = f"wanted: {row.says}" + (f"\nnever: {row.never}" if row.never else "")
        return f"{self.verdict}: {row.name} ({row.right}, step {row.step})\n{wanted}\nsaid: {self.explanation}\n"


def check(mistake: Mistake, folder: Path) -> Report:
    """Check the part of the mistake's step, as a learner does, with a new folder in `folder` for the work."""
    work = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-m", "workshop", "check", mistake.step[0], *write(mistake, work)]
    environment = interpreter.environment() | {"WORKSHOP_WORK": str(work)}
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=300)
    return Report(mistake, done.returncode, done.stdout + done.stderr)


def write(mistake: Mistake, folder: Path) -> list[str]:
    """Write the wrong plugin into a folder; return the options that name it, none for the learner's plugin.py."""
    right = FILES[mistake.right]
    file = folder / (mistake.moved or ("plugin.py" if right.suffix == ".py" else right.name))
    of_a_learner = right.suffix in (".py", ".spec", ".json")
    if of_a_learner and mistake.step.startswith("2"):
        for each in {"plugin.py", "ddd-tcp.spec", "ddd-tls.json"} - {right.name}:
            shutil.copy(CLONE / "part2" / each, folder)
    file.write_text(mistake.text())
    if of_a_learner:
        use_free_ports(folder)
    if right.suffix == ".go":
        program = folder / "plugin"
        subprocess.run(["go", "build", "-o", program, file], check=True, env=os.environ | {"GO111MODULE": "off"})
        return ["--run", str(program)]
    program_of = {".js": "node", ".sh": "sh"}
    return ["--run", f"{program_of[right.suffix]} {file}"] if right.suffix in program_of else []


def use_free_ports(folder: Path) -> None:
    """Give each address in the files a port of its own, so that two checks can run at the same time."""
    for file in (each for each in folder.iterdir() if each.suffix != ".py"):
        text = file.read_text()
        for port in ("8787", "8788"):
            with socket.create_server(("127.0.0.1", 0)) as free:
                text = text.replace(port, str(free.getsockname()[1]))
        file.write_text(text)


def table(reports: list[Report]) -> str:
    """Return the score by step, as a table in Markdown."""
    lines = ["| step | mistakes | named | no help | wrong |", "|---|---|---|---|---|"]
    steps = list(dict.fromkeys(report.mistake.step for report in reports))
    for step in [*sorted(steps, key=lambda step: [int(number) for number in step.split(".")]), "all"]:
        found = Counter(report.verdict for report in reports if step in (report.mistake.step, "all"))
        counts = (found.total(), *(found[verdict] for verdict in ("named", "no help", "wrong")))
        lines.append(f"| {step} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"
