"""No answer: nobody listens, the plugin breaks off or hangs, or it speaks no HTTP."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="no answer")
HANGING = ("a greeting", "an answer", "Implements", "success", "an error status")
LOCKED_AT = (*HANGING, "success for all", "an answer to Mount and to Remove", "List while volumes are removed")

cause(
    "no socket",
    "There is no socket at $socket. Does the plugin run, and is this its path? The file's name without .sock is the "
    "driver's name.",
    failure="no socket",
    exited="no",
)
cause(
    "nobody behind the socket",
    "The file is there, but nobody listens: a plugin that was killed leaves its socket behind. Start the "
    "plugin again. Until then, each `docker volume ls` takes 15 s.",
    failure="nobody listens",
    exited="no",
)
CLOSED = (
    "A socket closes as soon as no variable holds it. Keep it in a variable: listener = listen(SOCKET), then "
    "listener.fileno()."
)
ENDED = "The plugin ended at this call, with exit status $exit_status"
# one that is given up may well end after that
crash = partial(cause, exited=("well", "badly"), failure=("no socket", "nobody listens", "closed", "no HTTP", "other"))
crash("crash at a call", f"{ENDED}. A plugin has to keep running, even after an error.", raised=False)
crash("crash at a call", f"{ENDED}: $raised.$known_words", raised=True)
cause(
    "crash at a call",
    f"{ENDED}. A plugin answers call after call, until a signal ends it.$usual_ends",
    exited="well",
    failure=("no socket", "nobody listens", "closed", "no HTTP", "other"),
    raised=False,
)
crash(
    "crash at a call",
    f"{ENDED}: $raised. A handler began an answer, and then answered again. Look at what happens between the two, "
    "perhaps an exception. res.end() takes a string, such as JSON.stringify(answer), and raises an exception for an "
    "object.",
    raised=True,
    exception="answered twice",
)
crash("a descriptor that is closed", f"{ENDED}: $raised. {CLOSED}", raised=True, exception="a bad descriptor")
HANGS = "The plugin took the call, but does not answer"
cause(
    "one caller at a time",
    "While some callers are connected and send nothing, the plugin answers no other caller. Docker keeps connections "
    "open, and calls on several at once: answer each in its own thread (threaded=True).$usual_alone",
    failure="no answer in time",
    wants="a greeting beside silent callers",
)
cause(
    "hangs",
    f"{HANGS}. Docker waits 60 s, for Create and Mount 120 s, and for Plugin.Activate forever. Every docker command "
    "that asks this plugin waits, too. Does the handler read more of the body than Content-Length says? Does it end "
    "its answer?$usual_hangs",
    failure="no answer in time",
)
cause(
    "hangs",
    "After the second start, the first plugin does not answer any more. The second one has to leave it alone: try to "
    "connect to the socket, and if that succeeds, end with a sentence.",
    failure="no answer in time",
    wants="the first goes on",
)
nothing_accepts = partial(
    cause,
    "nobody serves",
    failure="no answer in time",
    not_taken=True,
    never_serves=False,
    lock_taken=False,
    wants=HANGING,
)
NOT_TAKEN = "The socket is there, but nothing takes the call: no server accepts callers on it."
nothing_accepts(f"{NOT_TAKEN} Start the server on it: in Go http.Serve(listener, nil), in Python serve_forever().")
nothing_accepts(
    f"{NOT_TAKEN} The plugin accepts callers on $port instead. Give the server the socket: in Go "
    "http.Serve(listener, nil).",
    listens="on a port",
)
cause(
    "a lock that stays taken",
    f"{HANGS}. The file takes $lock_taken with acquire(). If a call ends before release(), by an abort or a return, "
    "every later call waits forever. Write   with $lock_taken:   which always releases the lock.",
    failure="no answer in time",
    never_serves=False,
    lock_taken=True,
    wants=LOCKED_AT,
)
cause(
    "a lock that stays taken",
    "The plugin took the call and does not answer. A thread of it waits for a lock that another one holds, or that it "
    "holds itself. Usual causes: a function takes a Lock that its caller holds (threading.RLock can be taken twice by "
    "one thread), two locks in another order, and acquire() without release() (with lock: releases it).",
    failure="no answer in time",
    never_serves=False,
    not_taken=False,
    lock_taken=False,
    waits_for_lock=True,
    wants=LOCKED_AT,
)
closed = partial(cause, failure="closed", exited="no")
closed(
    "closed without an answer",
    "The plugin closed the connection without an answer. Docker tries again for 15 s, then gives up. Answer every "
    "call, with an error if need be.$usual_closes",
    raised=False,
)
closed(
    "exception in a handler",
    "The handler raised $raised, and the connection was closed without an answer. Docker tries again for 15 s, then "
    "gives up.$known_words",
    raised=True,
)
closed(
    "wrong case of a key",
    "The plugin looks for '$wrong_key' in the request, but Docker sends '$right_key': upper and lower case matter.",
    raised=True,
    exception="wrong case of a key",
)
cause(
    "an answer that breaks off",
    "The answer breaks off, or is not HTTP: $failure_text. An empty line ends the headers, and Content-Length is the "
    "number of bytes that follow.$usual_breaks",
    failure="other",
    exited="no",
)
cause(
    "nobody serves",
    "The socket is there, but no code takes the call: the file makes a server, and never starts it. Call "
    "server.serve_forever().",
    failure="no answer in time",
    never_serves=True,
    not_taken=True,
    wants=HANGING,
)
cause(
    "no HTTP",
    "What comes back is not HTTP, but $no_http. An answer begins with a status line, HTTP/1.1 200 OK. Headers follow, "
    "and an empty line ends them (in http.server: send_response, send_header, end_headers).$usual_raw",
    failure="no HTTP",
    exited="no",
)
