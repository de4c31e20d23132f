"""Causes in what part 1 asks for: a socket."""

from __future__ import annotations

import re

from workshop.checker.causes.table import cause, simple_cause
from workshop.checker.evidence import Evidence

# Part 1


simple_cause(
    "socket open to all",
    lambda e: e.step == "1.3",
    (
        "Every user of this machine can call the plugin, and so make, read and remove volumes: connecting takes "
        "the right to write to the socket. The check started the plugin with umask 0, which takes no right away. "
        "Set os.umask(0o177) around bind, or the mode before listen: until then nobody can connect."
    ),
)


simple_cause(
    "an empty greeting",
    lambda e: e.step == "1.2" and e.last.status == 200 and not e.last.text.strip(),
    "The answer at / is empty. Return a text, so that whoever asks can see that the plugin runs.",
)


@cause("raises when asked to end")
def raises_when_asked_to_end(e: Evidence) -> str | None:
    if e.step != "1.5" or "exit status" not in e.demand:
        return None
    # Python may go on after this one: where the signal comes during a call, Werkzeug catches what the handler raises
    handler = re.search(r"^TypeError: .*(?:but 2 were given|, got 2)$", e.log, re.MULTILINE)
    if handler:
        return (
            f"The handler of the signal raised {handler[0]}. Python calls it with two arguments, the signal's number "
            "and where the program was: lambda *_: sys.exit() takes any."
        )
    # Ctrl-C without a handler is no mistake in the plugin's way out
    if e.error and not e.error.startswith("KeyboardInterrupt"):
        return (
            f"Asked to end, the plugin raised {e.error}. With that its exit status is not 0, which whoever started it "
            "takes for a failure: mend that."
        )
    return None


simple_cause(
    "does not end when asked",
    lambda e: e.step == "1.5" and "exit status" in e.demand,
    (
        "SIGTERM (docker stop, systemd) and SIGINT (Ctrl-C) have to end the plugin, with status 0: it then "
        "had the time to clean up. Turn both into sys.exit() with signal.signal."
    ),
)
simple_cause(
    "leaves its socket",
    lambda e: e.step == "1.5",
    (
        "The plugin ended, and its socket stayed. Docker finds it, and waits 15 s for an answer at every "
        "`docker volume ls`. Unlink the socket at the end (finally: …)."
    ),
)
simple_cause(
    "goes on without a socket",
    lambda e: e.step in ("1.7", "1.8") and "still runs" in e.demand,
    (
        "The place of its socket is taken, and it runs all the same: nobody will ever call it. End it with a "
        'sentence: sys.exit("…").'
    ),
)


@cause("gives way with the wrong status")
def gives_way_with_the_wrong_status(e: Evidence) -> str | None:
    status = re.search(r"with status 1, not (-?\d+)", e.demand) if e.step in ("1.7", "1.8") else None
    if status:
        well = ", which tells a script that all went well" if status[1] == "0" else ""
        return f'It gave way, but with status {status[1]}{well}. sys.exit("a sentence") prints it, and ends with 1.'
    return None


simple_cause(
    "ends without a sentence",
    lambda e: e.step in ("1.7", "1.8") and "nothing was printed" in e.demand,
    (
        "It ended with status 1, and printed nothing: whoever started it does not learn what is in the way. "
        'sys.exit("a sentence") prints the sentence, and ends with 1.'
    ),
)
simple_cause(
    "takes a living socket",
    lambda e: e.step == "1.7" and "sentence" not in e.demand,
    (
        "A second start took the socket of a plugin that runs: that one goes on, and nobody can reach it. Try "
        "to connect before you remove a socket; when somebody answers, end with a sentence."
    ),
)
simple_cause(
    "replaces a file",
    lambda e: e.step == "1.8" and "sentence" not in e.demand,
    "There was a file in the socket's place that is not a socket, and the plugin did not leave it alone.",
)
simple_cause(
    "a traceback instead of a sentence",
    lambda e: e.step in ("1.7", "1.8"),
    "It ended, but with a traceback. Say in one sentence what is in the way: sys.exit('…') prints it.",
)
