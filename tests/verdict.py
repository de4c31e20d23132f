"""Part 3's verdict: what the lesson's plugin does not do, and ddd does. docs/beyond.md is made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lack:
    """Something that part 3 has not: what goes wrong without it, what shows that, and the code of ddd that closes it."""

    title: str
    harm: str
    shown: str
    """A case of the conformance suite, "get.root-away", or the name of a test, "test_…"."""
    code: str
    """A file of src/ddd, and the function, method or class in it: "users.py:counts"."""


LACKS = [
    Lack(
        "The disk with the volumes is away",
        "Get answers 404, which means to Docker that the volume does not exist: Docker forgets its labels. ddd closes the "
        "connection without an answer, and Docker asks again.",
        "get.root-away",
        "app.py:hang_up",
    ),
    Lack(
        "A retry has an empty body",
        "When a connection breaks, Docker sends Get again without its body. Part 3 answers an error, and Docker believes that "
        "the volume is gone. ddd gives no answer to it.",
        "get.without-body-is-no-no",
        "app.py:get",
    ),
    Lack(
        "A request of 64 MiB",
        "Part 3 keeps the whole body in memory. ddd refuses more than a megabyte before it reads it.",
        "errors.big-body",
        "app.py:body",
    ),
    Lack(
        "Docker is killed",
        "A killed daemon never sends its Unmount. The record of part 3 stays, and Remove is refused until somebody deletes "
        "the file in `mounts`. ddd records which process asked, and a record no longer counts once that process has exited.",
        "test_the_mount_of_a_process_that_has_ended_does_not_count",
        "users.py:counts",
    ),
    Lack(
        "A container has the volume, and no record says so",
        "Part 3 trusts its records, and the mounts in its own namespace. ddd asks the kernel which processes have the "
        "volume mounted, or have chrooted into it, also processes of other containers. In a container it needs `--pid host` and "
        "`--cap-add SYS_PTRACE --security-opt apparmor=unconfined` for that.",
        "test_remove_is_refused_while_a_process_uses_the_volume",
        "holders.py:user_of_folder",
    ),
    Lack(
        "An Unmount that failed",
        "Docker repeats it without its body, and part 3 keeps the record: the volume stays until somebody deletes the file in "
        "`mounts`. `python -m ddd doctor` finds such a volume, and `release` deletes its records if no process uses it.",
        "test_a_record_that_nobody_can_strike_out_is_found_and_released",
        "doctor.py:release",
    ),
    Lack(
        "A volume with a million files",
        "Part 3 answers Remove after it has deleted them. Docker waits 60 seconds for an answer, Podman 5. ddd answers after "
        "the rename, and deletes in the background.",
        "test_remove_of_many_files_is_answered_before_they_are_deleted",
        "app.py:remove",
    ),
    Lack(
        "A kill during Remove",
        "What part 3 has moved aside stays in `aside`, and takes up space on the disk. ddd deletes it when it starts.",
        "test_what_a_killed_plugin_left_aside_is_cleared_after_it_listens_again",
        "volumes.py:clear",
    ),
    Lack(
        "A kill amid an answer",
        "Part 3 sends the head of an answer, and then the body. If it is killed in between, Docker reads the half answer of "
        "Get as a no, and can say that a volume is removed that is still there. ddd sends an answer in one piece.",
        "test_an_answer_leaves_in_one_piece",
        "server.py:InOnePiece",
    ),
    Lack(
        "A power cut",
        "What part 3 has answered may not be on the disk yet. ddd waits for the disk (fsync) before it answers.",
        "test_what_is_answered_is_on_the_disk_first",
        "volumes.py:create",
    ),
    Lack(
        "Two plugins in one folder",
        "Two plugins of part 3 on different sockets can share a folder: each has a lock of its own, and one removes what the "
        "other mounts. A second ddd exits with a sentence.",
        "test_two_plugins_do_not_share_a_root",
        "volumes.py:prepare",
    ),
    Lack(
        "Links among the volumes",
        "Part 3 follows a link that somebody has put in the place of a volume's folder. ddd opens each folder without "
        "following a link, and says what is wrong: to Docker the volume is not missing, so its labels stay.",
        "test_what_is_in_the_place_of_a_folder_is_a_loud_fault",
        "folders.py:opened",
    ),
    Lack(
        "Two plugins that start at the same instant",
        "In part 1 both may find a stale socket, and the second removes the socket of the first. ddd's take turns.",
        "test_of_many_that_start_at_once_one_serves",
        "listener.py:turn",
    ),
    Lack(
        "A path that cannot be used",
        "A path of over 107 bytes, or a folder without rights, ends the parts with a traceback. ddd says what to do.",
        "test_a_place_that_cannot_be_gets_a_sentence",
        "listener.py:listen",
    ),
    Lack(
        "A full disk",
        "Part 3 answers status 500 and a sentence that does not help. ddd says which fault it is, in Err and in its log.",
        "test_a_full_disk",
        "app.py:trouble",
    ),
    Lack(
        "Nobody can see what happened",
        "The lines of part 3 name the path of a call, and no volume. ddd writes a line for each call, with the volume, the "
        "answer and the time it took.",
        "test_each_call_is_a_line_in_the_log",
        "log.py:write",
    ),
    Lack(
        "A server made for development",
        "Werkzeug's server closes each connection after one answer. ddd runs under gunicorn, on a socket of its own or of "
        "systemd, and keeps connections open.",
        "test_gunicorn_answers_one_more_caller_than_it_has_threads",
        "server.py:run",
    ),
]


def row(lack: Lack) -> str:
    """Return a row of the table on the page."""
    file, _, name = lack.code.partition(":")
    return f"| **{lack.title}.** {lack.harm} | `{lack.shown}` | `src/ddd/{file}`, `{name}` |"


def table() -> str:
    """Return the table on the page, in Markdown."""
    return "\n".join(["| what goes wrong in part 3 | shown by | in ddd |", "|---|---|---|", *map(row, LACKS)]) + "\n"
