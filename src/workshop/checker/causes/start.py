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
    "The place where the plugin wants to listen is taken: by an earlier run that still goes on, or by its old socket. "
    "End the earlier run, and let the plugin listen where DDD_SOCKET says.",
    complaint="in use",
    stale="no",
)
STALE = (
    "A plugin that is killed leaves its socket behind. The next start has to try to connect to this stale socket. If "
    "the connection is refused, nobody listens there: remove the socket, and make a new one.$file_test"
)
cause("stale socket stops it", STALE, complaint="refused", stale=("perhaps", "yes"))
cause("stale socket stops it", f"{STALE}$usual_stale", complaint="in use", stale=("perhaps", "yes"))
cause("stale socket stops it", STALE, complaint="none", stale="yes")

# It ends

cause(
    "a path taken for a host",
    "Flask took the path of the socket for the name of a machine, and there is no such machine. Write unix:// before "
    'the path: app.run(host=f"unix://{SOCKET}").',
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
    "Two functions with a route have the name $same_name. Flask knows each one by its name: give each its own name.",
    exception="same name",
)
crash(
    "a socket of TCP",
    f"{CRASH} socket.socket() without an argument makes a TCP socket. Docker needs a Unix socket: "
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
    f"{CRASH} SOCK_DGRAM makes a socket for datagrams, on which no server can listen. HTTP needs SOCK_STREAM, "
    "which socket.socket(socket.AF_UNIX) makes.",
    exception="other",
    datagrams=True,
)
CALLED = "The file calls $called_not_named() in a place that needs only its name: leave out the parentheses."
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
    f"{ENDED}$last_words There is a folder in the place of the socket, $socket. Make only the folder above it: "
    "os.makedirs(os.path.dirname(SOCKET), exist_ok=True).",
    in_its_place="folder",
)
nothing_said(
    "__main__ misspelt",
    f"{ENDED} The file compares __name__ with '$main_word'. Python's word is '__main__', with two underscores on each "
    "side.",
    main_word=True,
)
named = partial(nothing_said, main_word=False)
named(
    "named, not called",
    f"{ENDED} Nothing calls $named_not_called: a line has only its name. Add the parentheses: $named_not_called()",
    named_not_called=True,
)
named("called, not named", f"{ENDED} {CALLED}", named_not_called=False, called_not_named=True)
named(
    "starts nothing",
    f"{ENDED} The file only makes definitions, and no line starts the server.$what_to_run",
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
        "The plugin listens on $port. Docker looks for the file of a socket: let the plugin listen on the Unix socket "
        "at $socket, which DDD_SOCKET names.",
        listens="on a port",
    )
    runs(
        "a socket with the wrong name",
        "The plugin listens at $other_name, not at $socket_name. To Docker the file's name is the driver's name: "
        "Docker does not find the plugin under another name. Take the path from DDD_SOCKET.",
        listens="beside",
        braces=False,
    )
    runs(
        "a socket in another place",
        "The plugin listens at $other_socket, and not where DDD_SOCKET says, at $socket. Take the path from "
        "DDD_SOCKET. If the other socket is still there after this check, type `$removes_it`.",
        listens="elsewhere",
        braces=False,
    )
    runs(
        "an f is missing before the path",
        "The plugin listens at $other_socket, with the braces in the name. $how_to_fill_in "
        "Then remove the file: rm '$other_socket'",
        listens=("beside", "elsewhere"),
        braces=True,
    )
    runs(
        "does not listen",
        "The plugin runs, but does not listen on any socket. Docker tries for 15 s to reach one, and gives up. Let the "
        "plugin listen at the path that DDD_SOCKET names.$usual_listens",
        listens="nowhere",
    )
    runs(
        "bound, but does not listen",
        "The socket is there, but nothing listens on it. bind() only makes the file. Call listener.listen() as well, "
        "so that callers can connect.",
        listens="nowhere",
        in_its_place="socket",
    )
