"""No answer: nobody listens, the plugin breaks off or hangs, or it speaks no HTTP."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="no answer")

cause(
    "no socket",
    "There is no socket at $socket. The driver's name is the file's name, without .sock: is it this one?",
    failure="no socket",
    exited="no",
)
cause(
    "nobody behind the socket",
    "The file is there, but nobody listens: a plugin that was killed leaves its socket behind. Start the "
    "plugin again. As long as it is so, each `docker volume ls` takes 15 s.",
    failure="nobody listens",
    exited="no",
)
ENDED = "The plugin ended at this call, with exit status $exit_status"
# one that is given up may well end after that
crash = partial(cause, exited=("well", "badly"), failure=("no socket", "nobody listens", "closed", "no HTTP", "other"))
crash("crash at a call", f"{ENDED}.", raised=False)
crash("crash at a call", f"{ENDED}: $raised.", raised=True)
cause(
    "one caller at a time",
    "While one caller is connected and silent, nobody else is answered. Docker keeps connections open, "
    "and calls on several at once: answer each in a thread of its own (threaded=True).",
    failure="no answer in time",
    wants="a greeting beside a silent caller",
)
cause(
    "hangs",
    "The plugin took the call and does not answer. Docker waits 60 s, 120 s for Create and Mount, and for"
    " Plugin.Activate without end: every docker command that asks this plugin hangs with it.",
    failure="no answer in time",
)
cause(
    "closed without an answer",
    "The plugin closed the connection without an answer. Docker tries again for 15 s, then gives up.",
    failure="closed",
    exited="no",
)
cause(
    "no HTTP",
    "What comes back is not HTTP, but $no_http. Docker speaks nothing else to a plugin.",
    failure="no HTTP",
    exited="no",
)
