"""The runner of the console blocks, on blocks made for it; and how many there are in the course, run and not run."""

from __future__ import annotations

import os
import re
import select
from pathlib import Path

import pytest
from terminals import Block, BlockError, Terminals, blocks, pattern, plain

ROOT = Path(__file__).parent.parent
COUNTED: dict[str, tuple[int, int]] = {
    "README.md": (4, 4),
    "docs/authors.md": (2, 2),
    "docs/beyond.md": (0, 2),
    "docs/cluster.md": (0, 3),
    "docs/contributing.md": (0, 6),
    "docs/cost.md": (0, 1),
    "docs/index.md": (1, 1),
    "docs/machines.md": (2, 1),
    "docs/managed.md": (0, 7),
    "docs/mutation.md": (0, 1),
    "docs/plugins.md": (0, 1),
    "docs/operators.md": (15, 6),
    "docs/practice.md": (3, 1),
    "docs/protocol.md": (0, 1),
    "docs/teachers.md": (5, 6),
    "docs/trace.md": (9, 0),
    "part1/README.md": (3, 0),
    "part2/README.md": (3, 1),
    "part3/README.md": (4, 0),
    "slides/end.md": (5, 0),
    "slides/intro.md": (1, 0),
    "slides/part1.md": (8, 0),
    "slides/part2.md": (14, 0),
    "slides/part3.md": (10, 0),
}
"""For each text, its blocks that tests/engine/test_docs_commands.py runs, and those that say why they are not run."""


TEXTS = ("docs/*.md", "part?/README.md", "slides/*.md")


def texts() -> dict[str, Path]:
    """Return what people read: by its name in the repository."""
    paths = [ROOT / "README.md", *(path for name in TEXTS for path in sorted(ROOT.glob(name)))]
    return {str(path.relative_to(ROOT)): path for path in paths}


def counts() -> dict[str, tuple[int, int]]:
    """Return how many blocks each text has: those that are run, and those that are not."""
    found = {name: blocks(path, name) for name, path in texts().items()}
    reasons = {name: [bool(block.reason) for block in all_of_it] for name, all_of_it in found.items() if all_of_it}
    return {name: (each.count(False), each.count(True)) for name, each in reasons.items()}


def test_no_block_gets_lost() -> None:
    found = counts()
    for name, (run, _) in COUNTED.items():
        now = found.get(name, (0, 0))[0]
        assert now >= run, f"{name} had {run} blocks that are run, and has {now}: bring back what is lost."
    assert found == COUNTED, f"There are other blocks than before. Write the new numbers into COUNTED: {found}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the terminals of a test start in."""
    (tmp_path / "clone").mkdir()
    return tmp_path / "clone"


def read(folder: Path, text: str) -> list[Block]:
    path = folder.parent / "fruit.md"
    path.write_text(text)
    return blocks(path, "fruit.md")


def play(folder: Path, text: str, impatient: int | None = None) -> None:
    """Run the blocks of a text; be impatient from that block on."""
    found = read(folder, text)
    with Terminals(folder) as terminals:
        for number, block in enumerate(found):
            if number == impatient:
                terminals.seconds = 0.2
            if not block.reason:
                terminals.run(block)


def console(*lines: str, info: str = "") -> str:
    return "\n".join([f"```console{info}", *lines, "```", ""])


def refused(folder: Path, *texts: str, impatient: int | None = None) -> str:
    """Return what is said about blocks that are not true."""
    with pytest.raises(BlockError) as error:
        play(folder, "\n".join(texts), impatient)
    return str(error.value)


# Reading


def test_a_block_has_commands_with_what_is_shown_below_them(folder: Path) -> None:
    text = console("$ echo \\", ">   mango", "mango", "> not typed", "$ true", info=" terminal 2")
    (block,) = read(folder, f"Text.\n\n{text}\n```json\n{{}}\n```\n")
    assert (block.line, block.terminal, block.reason) == (3, 2, "")
    assert [(step.line, step.typed, step.shown) for step in block.steps] == [
        (4, "echo \\\n  mango", ["mango", "> not typed"]),
        (8, "true", []),
    ]


def test_a_block_may_stand_in_a_list_and_a_fence_in_a_longer_one_is_text(folder: Path) -> None:
    text = console("$ echo a", "  a").replace("\n", "\n   ")
    (block,) = read(folder, f"1. One\n\n   {text}\n~~~~\n{console('$ false')}~~~~\n````\n{console('$ false')}````\n")
    assert [(step.typed, step.shown) for step in block.steps] == [("echo a", ["  a"])]


def test_a_block_that_is_not_run_has_a_reason(folder: Path) -> None:
    text = console("$ exit 1", info=" not run: it takes a day")
    assert [block.reason for block in read(folder, text)] == ["it takes a day"]
    play(folder, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```sh\nls\n```\n", "1: nobody runs this block: call it ```console"),
        ("Text.\n```text\n$ ls\n```\n", "2: nobody runs this block: call it ```console"),
        (console("$ ls", info=" not run"), "1: write ```console, "),
        (console("$ ls", info=" not run: "), "1: write ```console, "),
        (console("$ ls", info=" terminal two"), "1: write ```console, "),
        (console(), "1: nothing is typed in this block"),
        (console("ls"), "2: no command runs in terminal 1 here"),
        (console("$ sleep 9", "ready") + console("^C", info=" terminal 2"), "6: no command runs in terminal 2"),
        (console("$ sleep 9", "ready") + console("more") + console("$ ls"), "9: the command of line 2 still runs here"),
        (console("$ sleep 9", "ready", "^C", "^C"), "5: no command runs in terminal 1"),
        (console("$ sleep 9") + console("^C"), "2: a ^C ends this command: show below it"),
        (console("$ sleep 9", "…") + console("^C"), "2: a ^C ends this command: show below it"),
    ],
    ids=lambda value: "block" if "\n" in value else re.sub(r"\W+", "-", value),
)
def test_a_block_that_cannot_be_meant_is_refused(folder: Path, text: str, said: str) -> None:
    with pytest.raises(BlockError, match=re.escape(f"fruit.md:{said}")):
        read(folder, text)


# Comparing


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        (["mango"], "mango\n"),
        (["a…z"], "abc z\n"),
        (["…z"], "z\n"),
        (["…"], ""),
        (["…"], "a\nb\n"),
        (["a", "…", "z"], "a\nz\n"),
        (["a", "…", "z"], "a\nz\nb\nz\n"),
        (["a.b*"], "a.b*\n"),
        (["…a", "…"], "a\n\n"),
    ],
)
def test_what_is_shown_can_come(shown: list[str], output: str) -> None:
    assert pattern(shown).fullmatch(output)


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        (["mango"], "mangos\n"),
        (["mango"], "mango\nplum\n"),
        (["mango", "plum"], "mango\n"),
        (["a…z"], "a\nz\n"),
        (["a.c"], "abc\n"),
        (["a", "…", "z"], "z\na\n"),
        (["mango"], ""),
    ],
)
def test_what_is_shown_cannot_come(shown: list[str], output: str) -> None:
    assert not pattern(shown).fullmatch(output)


def test_a_reader_sees_no_colours_and_nothing_that_is_written_over() -> None:
    assert plain("\x1b[1;31mred\x1b[0m  \r\n10 %\r20 %\rdone\r\r\n\x1b]0;title\x07end\n\n") == "red\ndone\nend\n"


# Typing


def test_what_a_block_does_lasts_for_its_file(folder: Path) -> None:
    first = console("$ mkdir deep && cd deep", "$ FRUIT=mango", "$ eat() {", ">   echo $1", "> }")
    play(folder, f"{first}Text.\n" + console("$ pwd; eat $FRUIT", "…/clone/deep", "mango"))


def test_a_text_over_several_lines_is_typed_as_it_stands(folder: Path) -> None:
    play(folder, console("$ cat >note <<END", "> one", ">", "> END").replace(">\n", "> \n"))
    assert (folder / "note").read_text() == "one\n\n"


def test_a_command_without_a_newline_at_its_end_is_compared_too(folder: Path) -> None:
    play(folder, console("$ printf mango", "mango"))


@pytest.mark.parametrize(
    ("shown", "text", "terminal"),
    [
        (["mango", "fig"], "fig", "plum"),
        (["mango"], "(the end)", "plum"),
        (["mango", "plum", "fig"], "fig", "(the end)"),
        (["mango", "…", "fig"], "fig", "plum"),
    ],
    ids=["another", "less", "more", "after any"],
)
def test_an_output_that_is_not_true_is_named(folder: Path, shown: list[str], text: str, terminal: str) -> None:
    said = refused(folder, console("$ echo before", "$ printf 'mango\\nplum\\n'", *shown))
    assert said.startswith("fruit.md:3: something else has come:")
    assert f"in the text:     {text}\n" in said and f"in the terminal: {terminal}\n" in said
    assert "  all of terminal 1:\n$ echo before\nbefore\n$ printf 'mango\\nplum\\n'\nmango\nplum\n" in said


def test_a_command_that_fails_has_to_show_it(folder: Path) -> None:
    said = refused(folder, console("$ echo rotten >&2; (exit 3)"))
    assert said.startswith("fruit.md:2: the command has ended with status 3: if it should, show what it prints")
    assert "\nrotten\n" in said
    play(folder, console("$ echo rotten >&2; (exit 3)", "rotten"))


def test_a_program_has_a_terminal(folder: Path) -> None:
    play(folder, console("$ tty && stty size && test -t 1", "/dev/…", "24 80"))


SERVER = "$ sh -c 'echo ready; read -r line <pipe; echo \"got $line\"; while :; do sleep 1; done'"
PIPE = console("$ mkfifo pipe")


def test_a_server_stays_in_front_while_another_terminal_is_typed_into(folder: Path) -> None:
    begun = PIPE + console(SERVER, "ready")
    client = console("$ echo mango >pipe", info=" terminal 2")
    play(folder, begun + client + console("got mango", "^C", "$ echo free", "free"))


def test_ctrl_c_ends_what_the_terminal_runs_and_its_last_words_are_compared(folder: Path) -> None:
    server = "$ sh -c 'trap \"echo bye; exit 0\" INT; echo ready; while :; do sleep 0.1; done'"
    play(folder, console(server, "ready", "^C", "bye"))
    said = refused(folder, console(server, "ready", "^C", "farewell"))
    assert said.startswith("fruit.md:4: something else has come:\n    in the text:     farewell")


def test_what_a_server_does_not_print_is_waited_for_in_vain(folder: Path) -> None:
    said = refused(folder, PIPE, console(SERVER, "ready"), console("got mango", "^C"), impatient=2)
    assert said.startswith("fruit.md:11: waited 0.2 s, in vain, until what is shown has come\n")
    assert "in the text:     got mango\n    in the terminal: (the end)\n" in said


def test_a_server_that_prints_something_else_is_not_waited_for(folder: Path) -> None:
    said = refused(folder, console("$ echo ready; echo set; sleep 60", "steady", "set"), console("^C"))
    assert said.startswith("fruit.md:2: something else has come:\n")
    assert "in the text:     steady\n    in the terminal: ready\n" in said


def test_what_only_this_machine_says_is_not_compared(folder: Path) -> None:
    (block,) = read(folder, console("$ echo alone; echo ready", "ready"))
    with Terminals(folder, at_a_desk=lambda command, output: output.replace("alone\n", "")) as terminals:
        terminals.run(block)


def test_a_server_that_ends_by_itself_is_none(folder: Path) -> None:
    said = refused(folder, console("$ echo ready; (exit 4)", "ready", "and more"), console("^C"))
    assert said.startswith("fruit.md:2: the command has ended with status 4, before the ^C")
    said = refused(folder, console("$ echo ready", "ready"), console("$ sleep 0.1", info=" terminal 2"), console("^C"))
    assert "the command has ended with status 0, before the ^C" in said


def test_a_command_that_does_not_end_is_given_up(folder: Path) -> None:
    said = refused(folder, console("$ echo begun"), console("$ sleep 60"), impatient=1)
    assert said.startswith("fruit.md:6: waited 0.2 s, in vain, until the command ends (a server needs a ^C")
    assert "all of terminal 1:\n$ echo begun\nbegun\n$ sleep 60\n" in said


def test_a_terminal_that_prints_without_end_does_not_keep_the_others_waiting(folder: Path) -> None:
    noisy = console("$ echo ready; yes", "ready")
    said = refused(folder, noisy, console("$ sleep 60", info=" terminal 2"), console("^C"), impatient=1)
    assert said.startswith("fruit.md:7: waited 0.2 s, in vain, until the command ends")


def test_at_the_end_nothing_runs_any_more(folder: Path) -> None:
    server = "$ sh -c 'echo $$ >number; echo ready; while :; do sleep 1; done'"
    begun, _ = read(folder, console(server, "ready") + console("^C"))
    with Terminals(folder) as terminals:
        terminals.run(begun)
        process = os.pidfd_open(int((folder / "number").read_text()))
    ended, _, _ = select.select([process], [], [], 20)
    os.close(process)
    assert ended
