"""It does not start: the plugin ends, or does not listen at its socket."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.no_answer import CLOSED

cause = partial(table.cause, stage="start")

cause(
    "syntax error",
    "The file cannot be read as a program: $raised.",
    complaint="syntax",
    exited="badly",
)
cause("missing module", "The plugin imports $module, which is not there.$meant", complaint="module", exited="badly")

# A place that is taken

cause(
    "old server holds the place",
    "The plugin wants a place that somebody has already: an earlier run of it that still goes on, or its "
    "socket. End that one, and let the plugin listen where DDD_SOCKET says.",
    complaint="in use",
    stale="no",
)
STALE = (
    "A plugin that is killed leaves its socket behind. The next start finds it, and has to see that "
    "nobody listens there (connect is refused), and replace it. Until then Docker has no plugin.$file_test"
)
cause("stale socket stops it", STALE, complaint="refused", stale=("perhaps", "yes"))
cause("stale socket stops it", f"{STALE}$usual_stale", complaint="in use", stale=("perhaps", "yes"))
cause("stale socket stops it", STALE, complaint="none", stale="yes")

# It ends

cause(
    "a path taken for a host",
    "Flask took the path of the socket for the name of a machine, and there is no such machine. The host has to "
    'begin with unix://, and the path follows: app.run(host=f"unix://{SOCKET}").',
    complaint="no host",
)
CRASH = "The plugin crashed before it listened: $raised."
crash = partial(cause, complaint="exception", exited="badly")
crash("crash at the start", f"{CRASH}$meant$known_words")
crash(
    "not imported",
    f"{CRASH} It is not imported. Write this line at the top of the file: $import_line",
    exception="not imported",
)
crash(
    "two functions of one name",
    "Two functions with a route have the name $same_name. Flask knows each by its name: give each a name of its own.",
    exception="same name",
)
crash(
    "a socket of TCP",
    f"{CRASH} socket.socket() without an argument is one of TCP. Docker calls a Unix socket: "
    "socket.socket(socket.AF_UNIX).",
    exception="a socket of TCP",
)
crash(
    "a descriptor that is closed",
    f"{CRASH} {CLOSED}",
    exception="a bad descriptor",
)
crash(
    "a socket for datagrams",
    f"{CRASH} SOCK_DGRAM makes a socket for datagrams, on which nobody can listen. HTTP needs SOCK_STREAM, "
    "which socket.socket(socket.AF_UNIX) makes.",
    exception="other",
    datagrams=True,
)
CALLED = "The file calls $called_not_named() where its name has to stand: leave out the parentheses."
crash(
    "called, not named",
    f"{CRASH} {CALLED}",
    exception=("not callable", "other"),
    called_not_named=True,
    datagrams=False,
)
cause("crash at the start", CRASH, complaint="refused", exited="badly", stale="no")

ENDED = "Your program exited (status $exit_status). A plugin has to keep running and wait for Docker's calls."
ended = partial(cause, complaint="none", exited=("well", "badly"), stale=("no", "perhaps"))
ended("ended at the start", f"{ENDED}$last_words$usual_starts")
nothing_said = partial(ended, in_its_place=("", "socket", "file"))
ended(
    "a folder in the socket's place",
    f"{ENDED}$last_words There is a folder in the place of the socket, $socket. Make the folder that it is in: "
    "os.makedirs(os.path.dirname(SOCKET), exist_ok=True).",
    in_its_place="folder",
)
nothing_said(
    "__main__ misspelt",
    f"{ENDED} It compares __name__ with '$main_word'. Python's word is '__main__', with two underscores on each side.",
    main_word=True,
)
named = partial(nothing_said, main_word=False)
named(
    "named, not called",
    f"{ENDED} Nothing calls $named_not_called: the line has only its name. Add the parentheses: $named_not_called()",
    named_not_called=True,
)
named("called, not named", f"{ENDED} {CALLED}", named_not_called=False, called_not_named=True)
named(
    "starts nothing",
    f"{ENDED} The file only makes definitions, and no line begins to serve. At its end belongs: "
    'if __name__ == "__main__": serve()',
    named_not_called=False,
    called_not_named=False,
    runs_nothing=True,
)
cause(
    "ended at the start", f"{ENDED}$last_words$usual_starts", complaint=("exception", "module", "syntax"), exited="well"
)
cause("ended at the start", f"{ENDED}$last_words$usual_starts", complaint="refused", exited="well", stale="no")

# It runs, and listens elsewhere

running = partial(cause, exited="no", complaint=("exception", "module", "syntax"))
not_stale = partial(cause, exited="no", complaint="none", stale=("no", "perhaps"))
was_refused = partial(cause, exited="no", complaint="refused", stale="no")

for runs in (running, not_stale, was_refused):
    runs(
        "a port instead of the socket",
        "The plugin listens on $port. Docker looks for plugins that are files: "
        "let it listen on the Unix socket at $socket, which DDD_SOCKET names.",
        listens="on a port",
    )
    runs(
        "a socket with the wrong name",
        "The plugin listens at $other_name, not at $socket_name. To Docker the file's name is the "
        "driver's name: nobody will find it under the name that was asked for. Take the path from DDD_SOCKET.",
        listens="beside",
        braces=False,
    )
    runs(
        "a socket in another place",
        "The plugin listens at $other_socket, and not where DDD_SOCKET says, at $socket. If its socket is "
        "still there after this check, `$removes_it` removes it.",
        listens="elsewhere",
        braces=False,
    )
    runs(
        "an f is missing before the path",
        "The plugin listens at $other_socket: the braces stand there as they are. Put an f before the string, so that "
        "Python puts in the value: f\"…\". Then remove the file: rm '$other_socket'",
        listens=("beside", "elsewhere"),
        braces=True,
    )
    runs(
        "does not listen",
        "The plugin runs, but does not listen on any socket. Docker tries for 15 s to reach one, and gives up."
        "$usual_listens",
        listens="nowhere",
    )
    runs(
        "bound, but does not listen",
        "The socket is there, but nothing listens on it. bind() makes the file, and only listen() lets callers in: "
        "listener.listen().",
        listens="nowhere",
        in_its_place="socket",
    )
