"""No answer: nobody listens, the plugin breaks off or hangs, or it speaks no HTTP."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="no answer")
HANGING = ("a greeting", "an answer", "Implements", "success", "an error status")
LOCKED_AT = (*HANGING, "success for all", "an answer to Mount and to Remove", "List while volumes are removed")

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
CLOSED = (
    "A socket closes as soon as no variable holds it. Keep it in a variable: listener = listen(SOCKET), then "
    "listener.fileno()."
)
ENDED = "The plugin ended at this call, with exit status $exit_status"
# one that is given up may well end after that
crash = partial(cause, exited=("well", "badly"), failure=("no socket", "nobody listens", "closed", "no HTTP", "other"))
crash("crash at a call", f"{ENDED}.", raised=False)
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
    f"{ENDED}: $raised. A handler has answered, or begun to, and answers again. Look at what comes between: an "
    "exception, perhaps. res.end() takes a string, such as JSON.stringify(answer), and raises one for an object.",
    raised=True,
    exception="answered twice",
)
crash("a descriptor that is closed", f"{ENDED}: $raised. {CLOSED}", raised=True, exception="a bad descriptor")
cause(
    "one caller at a time",
    "While callers are connected and silent, nobody else is answered. Docker keeps connections open, "
    "and calls on several at once: answer each in a thread of its own (threaded=True).$usual_alone",
    failure="no answer in time",
    wants="a greeting beside silent callers",
)
cause(
    "hangs",
    "The plugin took the call and does not answer. Docker waits 60 s, 120 s for Create and Mount, and for"
    " Plugin.Activate without end: every docker command that asks this plugin hangs with it. Does the handler read "
    "more of the body than Content-Length says, or not end its answer?$usual_hangs",
    failure="no answer in time",
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
NOT_TAKEN = "The socket is there, and nothing takes the call: nothing accepts callers on it."
nothing_accepts(f"{NOT_TAKEN} Let the server serve: in Go http.Serve(listener, nil), in Python serve_forever().")
nothing_accepts(
    f"{NOT_TAKEN} The plugin accepts on $port instead. Give the server the socket: in Go http.Serve(listener, nil).",
    listens="on a port",
)
cause(
    "a lock that stays taken",
    "The plugin took the call and does not answer. The file takes $lock_taken with acquire(): where a call ends "
    "without release(), by an abort or a return, each later one waits for ever. Write   with $lock_taken:   which "
    "always releases it.",
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
    "The plugin closed the connection without an answer. Docker tries again for 15 s, then gives up.$usual_closes",
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
    "The plugin looks for '$wrong_key' in the request, and Docker sends '$right_key': upper and lower case count.",
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
    "The socket is there, and no call is taken: the file makes a server, and does not let it serve. Call "
    "server.serve_forever().",
    failure="no answer in time",
    never_serves=True,
    wants=HANGING,
)
cause(
    "no HTTP",
    "What comes back is not HTTP, but $no_http. An answer begins with a status line, HTTP/1.1 200 OK. Headers follow, "
    "and an empty line ends them (in http.server: send_response, send_header, end_headers).$usual_raw",
    failure="no HTTP",
    exited="no",
)
