"""It does not start: the plugin ends, or does not listen at its socket."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="start")

cause("syntax error", "Python cannot read the file: $last_line.", complaint="syntax", exited="badly")
cause(
    "missing module",
    "The plugin imports $module, which this Python does not have.",
    complaint="module",
    exited="badly",
)

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
    "nobody listens there (connect is refused), and replace it. Until then Docker has no plugin."
)
cause("stale socket stops it", STALE, complaint=("in use", "refused"), stale=("perhaps", "yes"))
cause("stale socket stops it", STALE, complaint="none", stale="yes")

# It ends

cause(
    "a path taken for a host",
    "Flask took the path of the socket for the name of a machine, and there is no such machine. The host has to "
    'begin with unix://, and the path follows: app.run(host=f"unix://{SOCKET}").',
    complaint="no host",
)
CRASH = "The plugin crashed before it listened: $raised."
cause("crash at the start", CRASH, complaint="exception", exited="badly")
cause("crash at the start", CRASH, complaint="refused", exited="badly", stale="no")
ENDED = (
    "The program came to its end, with exit status $exit_status, and nobody listens. "
    "A plugin goes on, and waits for Docker's calls."
)
cause("ended at the start", ENDED, complaint="none", exited=("well", "badly"), stale=("no", "perhaps"))
cause("ended at the start", ENDED, complaint="exception", exited="well")

# It runs, and listens elsewhere

running = partial(cause, exited="no", complaint=("exception", "module", "syntax"))
not_stale = partial(cause, exited="no", complaint="none", stale=("no", "perhaps"))

for runs in (running, not_stale):
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
    )
    runs(
        "a socket in another place",
        "The plugin listens at $other_socket, and not where DDD_SOCKET says, at $socket. If its socket is "
        "still there after this check, `$removes_it` removes it.",
        listens="elsewhere",
    )
    runs(
        "does not listen",
        "The plugin runs, but does not listen on any socket. Docker tries for 15 s to reach one, and gives up.",
        listens="nowhere",
    )
