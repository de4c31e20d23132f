"""The wrong answer, of part 1: the socket's mode, its end, a place that is taken, the greeting."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import NO_POST

seen = partial(table.cause, stage="seen")
greeting = partial(table.cause, stage="greeting")

# The greeting

greeting(
    "greets one method only",
    'The greeting has to come for GET, which curl sends, and for POST, which Docker sends: methods=["GET", "POST"].',
    status="405",
)
greeting(
    "nothing at /",
    'Nothing answers at /. Is there a function with @app.route("/", …)? It has to be above the line that starts the '
    "server. That line never returns: it has to be the last one of the file.",
    status="no route",
)
greeting(
    "an empty greeting",
    "The answer at / is empty. Return a text, so that people can see that the plugin runs.",
    status="200",
    said="empty",
)
greeting(
    "greeting with another status",
    "The answer at / has status $code, but a greeting has status 200: return a text, and nothing more.",
    status=("2xx", "3xx", "415", "4xx", "5xx"),
    unsupported_post=False,
)
greeting(
    "greets one method only",
    NO_POST,
    status=("2xx", "3xx", "415", "4xx", "5xx"),
    unsupported_post=True,
)

# The socket

OPEN = (
    "Every user of this machine can call the plugin, and so make, read and remove volumes. Anyone who may write to the "
    "socket can connect, and its mode is $mode."
)
seen(
    "socket open to all",
    f"{OPEN}$begun_with $how_to_close",
    wants="closed to others",
    decimal_mode=False,
)
seen(
    "socket open to all",
    f"{OPEN} A umask names the rights to take away, and this one is written as a mode: it took the owner's "
    "rights away, "
    "and left those of the others. The umask 0o177 leaves the mode 0600.",
    wants="closed to others",
    decimal_mode=False,
    mode_is_opposite=True,
)
seen(
    "a mode in decimal",
    f"{OPEN} A mode is an octal number, but $decimal_mode is a decimal one: in Python, octal numbers begin with 0o. "
    "Use 0o600 for the mode, and 0o177 for the umask.",
    wants="closed to others",
    decimal_mode=True,
)

# The end

seen(
    "raises when asked to end",
    "The handler of the signal raised $handler_error. Python calls a handler with two arguments, the signal's number "
    "and the current stack frame. Write   lambda *_: sys.exit()   which takes any arguments.",
    wants="exit status 0",
    at_the_end="wrong arguments",
)
seen(
    "raises when asked to end",
    "The plugin raised $raised when it was asked to end. So its exit status is not 0, which means a failure to Docker "
    "and systemd. Mend what raised it.",
    wants="exit status 0",
    at_the_end="raised",
)
seen(
    "does not end when asked",
    "SIGTERM (docker stop, systemd) and SIGINT (Ctrl-C) have to end the plugin with status 0, so that it can clean up. "
    "$how_to_end",
    wants="exit status 0",
    at_the_end="nothing",
)
seen(
    "does not end when asked",
    "The line that sets the handler of a signal is below $set_too_late, which serves and never returns: the handler is "
    "never set. Move the line above $set_too_late.",
    wants="exit status 0",
    at_the_end="nothing",
    set_too_late=True,
)
seen(
    "leaves its socket",
    "The plugin ended, but its socket stayed. Docker finds the socket, and waits 15 s for an answer at every "
    "`docker volume ls`. Remove the socket at the end: os.unlink() in a finally block.",
    wants="no socket after the end",
)

# A place that is taken

FLASKS = (
    "$flasks_server removes anything that is in the place of its socket. Look at what is there, then bind a socket of "
    "your own, and give its number to make_server: fd=listener.fileno()."
)
TOOK = "A second start took the socket of a plugin that runs: the first plugin goes on, but nobody can reach it."
REPLACED = "There was a file in the socket's place that is not a socket, and the plugin changed, moved or removed it."
seen(
    "goes on without a socket",
    "The place of the plugin's socket is taken, and yet the plugin runs on: nobody can ever call it. End with a "
    'sentence: sys.exit("a sentence").',
    wants="the second ends",
    status_at_end=False,
)
seen(
    "gives way with the wrong status",
    'The plugin ended, but with status $status_at_end$well. sys.exit("a sentence") prints the sentence, and ends with '
    "status 1.",
    wants="the second ends",
    status_at_end=True,
)
seen(
    "takes a living socket",
    f"{TOOK} Before you remove a socket, try to connect to it. If that succeeds, end with a sentence.",
    wants="the first socket stays",
)
seen(
    "takes a living socket",
    f"{TOOK} The second one ended by itself, and nothing is in the socket's place now. Either it removed the socket "
    "before it tried to connect, or at its own end: a finally, an atexit or a trap that is set too early. Set it after "
    "bind(), when the socket is the program's own.",
    wants="the first socket stays",
    flasks_server=False,
    in_its_place="",
)
seen(
    "takes a living socket",
    f"{TOOK} {FLASKS}",
    wants="the first socket stays",
    flasks_server=True,
)
seen(
    "replaces a file",
    f"{REPLACED} Before you remove anything there, look whether it is a socket: stat.S_ISSOCK(), or is_socket() of a "
    "Path.",
    wants="the file stays",
)
seen(
    "replaces a file",
    f"{REPLACED} {FLASKS}",
    wants="the file stays",
    flasks_server=True,
)
seen(
    "ends without a sentence",
    "The plugin ended with status 1, but printed nothing: its user does not learn what is wrong. "
    'sys.exit("a sentence") prints the sentence, and ends with status 1.',
    wants="a sentence at all",
)
seen(
    "a traceback instead of a sentence",
    "The plugin ended, but with a traceback. Say in one sentence what is wrong: "
    'sys.exit("a sentence") prints the sentence.',
    wants="a sentence",
)
