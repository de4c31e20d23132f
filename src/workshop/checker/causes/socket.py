"""The wrong answer, of part 1: the socket's mode, its end, a place that is taken, the greeting."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import NO_POST

seen = partial(table.cause, stage="seen")
greeting = partial(table.cause, stage="greeting")

# The greeting

greeting(
    "greets one method only",
    "The greeting has to come for GET, which curl sends, and for POST, which Docker sends: methods=[…].",
    status="405",
)
greeting(
    "nothing at /",
    'Nothing answers at /. Is there a function with @app.route("/", …), and above the line that starts the '
    "server? That line never comes back: it has to be the last one of the file.",
    status="no route",
)
greeting(
    "an empty greeting",
    "The answer at / is empty. Return a text, so that whoever asks can see that the plugin runs.",
    status="200",
    said="empty",
)
greeting(
    "greeting with another status",
    "The answer at / has status $code, and a greeting has 200: return a text, and nothing more.",
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
    "Every user of this machine can call the plugin, and so make, read and remove volumes: connecting takes the right "
    "to write to the socket, which has mode $mode."
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
    f"{OPEN} Modes are octal numbers, and $decimal_mode is a decimal one: 0o$decimal_mode is octal. Use 0o600 for the "
    "mode and 0o177 for the umask.",
    wants="closed to others",
    decimal_mode=True,
)

# The end

seen(
    "raises when asked to end",
    "The handler of the signal raised $handler_error. Python calls it with two arguments, the signal's number "
    "and where the program was: lambda *_: sys.exit() takes any.",
    wants="exit status 0",
    at_the_end="wrong arguments",
)
seen(
    "raises when asked to end",
    "Asked to end, the plugin raised $raised. With that its exit status is not 0, which whoever started it "
    "takes for a failure: mend that.",
    wants="exit status 0",
    at_the_end="raised",
)
seen(
    "does not end when asked",
    "SIGTERM (docker stop, systemd) and SIGINT (Ctrl-C) have to end the plugin, with status 0: it then "
    "had the time to clean up. $how_to_end",
    wants="exit status 0",
    at_the_end="nothing",
)
seen(
    "does not end when asked",
    "The line that sets the handler of a signal is below $set_too_late, which serves and never comes back: the "
    "handler is never set. Move the line above it.",
    wants="exit status 0",
    at_the_end="nothing",
    set_too_late=True,
)
seen(
    "leaves its socket",
    "The plugin ended, and its socket stayed. Docker finds it, and waits 15 s for an answer at every "
    "`docker volume ls`. Unlink the socket at the end (finally: …).",
    wants="no socket after the end",
)

# A place that is taken

FLASKS = (
    "$flasks_server removes whatever is in the place of its socket. Bind a socket of your own, after a look at what is "
    "there, and give its number to make_server: fd=listener.fileno()."
)
seen(
    "goes on without a socket",
    "The place of its socket is taken, and it runs all the same: nobody will ever call it. End it with a "
    'sentence: sys.exit("…").',
    wants="the second ends",
    status_at_end=False,
)
seen(
    "gives way with the wrong status",
    'It gave way, but with status $status_at_end$well. sys.exit("a sentence") prints it, and ends with 1.',
    wants="the second ends",
    status_at_end=True,
)
seen(
    "takes a living socket",
    "A second start took the socket of a plugin that runs: that one goes on, and nobody can reach it. Try "
    "to connect before you remove a socket; when somebody answers, end with a sentence.",
    wants="the first socket stays",
)
seen(
    "takes a living socket",
    "A second start took the socket of a plugin that runs: that one goes on, and nobody can reach it. The "
    "second one ended "
    "by itself, and nothing is at the socket's place now. Either it removed the socket before it looked who listens "
    "there, or at its end: a finally, an atexit or a trap that is set before the look runs also where the "
    "look ends the "
    "program. Set it after bind(), when the socket is the program's own.",
    wants="the first socket stays",
    flasks_server=False,
    in_its_place="",
)
seen(
    "takes a living socket",
    f"A second start took the socket of a plugin that runs: that one goes on, and nobody can reach it. {FLASKS}",
    wants="the first socket stays",
    flasks_server=True,
)
seen(
    "replaces a file",
    "There was a file in the socket's place that is not a socket, and the plugin did not leave it alone. Look "
    "before you remove anything there: stat.S_ISSOCK, or is_socket() of a Path.",
    wants="the file stays",
)
seen(
    "replaces a file",
    f"There was a file in the socket's place that is not a socket, and the plugin did not leave it alone. {FLASKS}",
    wants="the file stays",
    flasks_server=True,
)
seen(
    "ends without a sentence",
    "It ended with status 1, and printed nothing: whoever started it does not learn what is in the way. "
    'sys.exit("a sentence") prints the sentence, and ends with 1.',
    wants="a sentence at all",
)
seen(
    "a traceback instead of a sentence",
    "It ended, but with a traceback. Say in one sentence what is in the way: sys.exit('…') prints it.",
    wants="a sentence",
)
