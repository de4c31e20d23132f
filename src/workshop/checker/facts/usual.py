"""What people usually get wrong where a report can only say what it has seen: two or three causes, by language."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.reads import reads_with_a_type
from workshop.checker.facts.serving import shuts_down_in_handler
from workshop.checker.facts.table import fact
from workshop.checker.facts.words import known_words

Language = Literal["Python", "Node", "Go", "shell", ""]
PROGRAMS: dict[Language, str] = {
    "Python": r"(python|pypy)[\d.]*|flask|gunicorn",
    "Node": "node|nodejs|deno|bun|npx|npm",
    "Go": "go",
    "shell": "sh|bash|dash|ash|ksh|zsh|busybox|socat",
}
GO_BUILT = b"\xff Go buildinf:"
"""What each program has in it that the Go compiler made. Source: Go's debug/buildinfo."""

ANY = ""
USUAL: dict[str, dict[str, str]] = {
    "ends": {
        ANY: "a server that serves one call only, and a handler that ends the program",
        "Python": "handle_request(), which serves one call, in place of serve_forever(), a thread that serves with "
        "daemon=True, for which nothing waits, and sys.exit() in a handler",
        "Node": "process.exit() or server.close() in a handler, and an object of the server that serves one call",
        "Go": "main returns because nothing in it blocks, and os.Exit in a handler. A goroutine (go http.Serve) ends "
        "with main",
        "shell": "socat without fork (UNIX-LISTEN:$SOCKET,fork) or nc without -k, which serve one call, and a last "
        "line without wait",
    },
    "starts": {
        ANY: "the line that serves is not reached, and a server in the background that nothing waits for",
        "Python": "the line that serves is not reached, and a thread that serves with daemon=True, for which nothing "
        "waits",
        "Node": "server.listen(…) is not reached, such as in a callback that never comes. Node ends when nothing is "
        "left to wait for",
        "Go": "main returns because nothing in it blocks. A goroutine (go http.Serve) ends with main: let main wait, "
        "<-stop",
        "shell": "socat in the background (&) and no wait after it, and an exit in front of it",
    },
    "listens": {
        ANY: "the line that listens is not reached, and an error of listening that the program ignores",
        "Python": "the line that serves is not reached, and except: pass, which hides the error of bind()",
        "Node": "server.listen(…) is in a callback that never comes, and a misspelt variable: listen(undefined) "
        "takes a port of TCP",
        "Go": "the error of net.Listen is ignored (if err != nil { log.Fatal(err) }), and a line that blocks in "
        "front of it",
        "shell": "an empty variable in the address of socat, and a command that waits for its input in front of it",
    },
    "stale": {
        ANY: "nothing removes the old file before bind(), and SO_REUSEADDR, which is for TCP ports alone",
        "Python": "nothing removes the old file before bind() (os.unlink), and SO_REUSEADDR, which is for TCP ports "
        "alone",
        "Node": "nothing removes the old file before server.listen() (fs.unlinkSync). The event is 'error', with the "
        "code EADDRINUSE",
        "Go": "nothing removes the old file before net.Listen (os.Remove). Go removes it at listener.Close(), which "
        "a killed program does not reach",
        "shell": 'nothing removes the old file before socat (rm "$SOCKET"). A trap does not run in a program that is '
        "killed",
    },
    "hangs": {
        ANY: "a path through the handler on which it answers nothing, and a lock that is taken twice",
        "Python": "rfile.read() without a length, a lock that is taken twice (threading.Lock), and a transaction "
        "without commit(), for whose end the next call to the database waits",
        "Node": "a path on which nothing calls res.end(), such as in a catch, and an await or a callback that never "
        "comes",
        "Go": "a sync.Mutex that one call locks twice, because a method that holds it calls one that locks it, a "
        "return without Unlock (write defer mu.Unlock()), and a channel that nobody reads",
        "shell": 'a command that reads its input to the end: take as many bytes as Content-Length says, head -c "$n"',
    },
    "closes": {
        ANY: "the handler returns without an answer, and an answer that stays in a buffer (flush)",
        "Python": "do_POST returns without send_response() and wfile.write(), and an answer that stays in a buffer "
        "(flush)",
        "Node": "req.destroy() or res.destroy() in a handler, and an exception in a callback",
        "Go": "a panic in the handler, and a deadline of the server that is too short",
        "shell": "the script ends before it prints the answer: set -e, an exit, a command that is not there",
    },
    "breaks": {
        ANY: "Content-Length counts characters, and not bytes, or was counted before the last change of the body",
        "Python": "len() of the text, and not of its bytes: body = json.dumps(answer).encode(), then len(body)",
        "Node": "the length of the string, and not of its bytes: Buffer.byteLength(body)",
        "shell": "${#body} counts characters, and printf and echo add what is not counted, such as the newline",
    },
    "silent": {
        ANY: "a handler without a return, and an answer that is printed and not sent",
        "Python": "a method that writes nothing to self.wfile, and a print() where a return belongs",
        "Node": "an arrow function with braces and no return, () => { … }, whose value is undefined, and res.end() "
        "without JSON.stringify(answer)",
        "Go": "no json.NewEncoder(w).Encode(answer) on this path, a return in front of it, and an error of Encode "
        "that is ignored",
        "shell": "an empty variable, and output that goes to a file or to stderr",
    },
    "hollow": {
        ANY: "the body of another endpoint's answer was copied, and a value that is not there yet",
        "Python": "the body of another endpoint's answer was copied, jsonify() without arguments, and a dict that is "
        "filled after it is returned",
        "Node": "a Promise without await, which is {} in JSON, and a value that is undefined: JSON.stringify leaves "
        "it out",
        "Go": "a field whose name begins with a small letter: encoding/json leaves out what is not exported. Or its "
        'tag has another name, "-" or omitempty',
        "shell": "a variable that is set in a subshell, such as behind a pipe, is empty outside it",
    },
    "nameless": {
        ANY: "a list of names where objects belong, and a key in another spelling: it is Name, with a capital letter",
        "Python": "a list of strings where dicts belong, a dict in place of a list, and a key in another spelling: "
        "it is Name, with a capital letter",
        "Node": "names where objects belong (map((name) => ({ Name: name })), with its parentheses), and a value "
        "that is undefined: JSON.stringify leaves it out",
        "Go": "a field whose name begins with a small letter: encoding/json leaves out what is not exported. Or its "
        "tag has another name than Name",
    },
    "refuses": {
        ANY: "a condition the wrong way round, a key that the handler reads in another spelling, and a line after "
        "the work is done that the handler reaches because no return ends it",
    },
    "null": {
        ANY: "a variable that nothing has set, and a handler without a return",
        "Python": "jsonify() without arguments, and a function without a return",
        "Node": "a variable that nothing has set, and a handler without a return",
        "Go": "a pointer or a map that nothing has made",
    },
    "list": {
        ANY: "the status is inside the answer, and a list where an object with its key belongs",
        "Python": "the status is inside the parentheses of jsonify(answer, 404), and not behind them, and a list "
        "where a dict with its key belongs",
    },
    "string": {
        ANY: "the answer is made into JSON twice",
        "Python": "the answer is made into JSON twice: json.dumps() inside jsonify(), or of a string",
        "Node": "the answer is made into JSON twice: JSON.stringify() of a string, such as res.json() gets",
        "Go": "the answer is made into JSON twice: Encode() of the bytes that json.Marshal made, which are w.Write(…)",
    },
    "yes": {
        ANY: "an error that is made and not returned, an error that is ignored, and a test of another value",
        "Python": "an error that is made and not returned (return error(…)), except: pass, and a test of another value",
        "Node": "an Error that is made and not thrown (throw new …), a test of a Promise, which is always true "
        "(await), and no return after the answer",
        "Go": "an err that is ignored, or hidden by := in an inner block. Check each: if err != nil { return err }",
        "shell": "an exit in a subshell, such as behind a pipe or in $(…), which ends that alone, and a variable "
        'without quotes: [ -d "$volume" ]',
    },
    "both": {
        ANY: "nothing ends the call where it is refused (return), so that it goes on and makes the volume",
        "Node": "nothing ends the call where it is refused: no return after the answer, or an Error that is not thrown",
        "Go": "http.Error or Encode without a return after it, so that the call goes on and makes the volume",
        "shell": "the refusal is in a subshell, such as behind a pipe or in $(…), and its exit ends that alone",
    },
    "unchecked": {
        ANY: "only Create looks at the name, a list of what is bad in it, and a pattern for a part of it",
        "Python": "only Create looks at the name, a list of what is bad in it, and re.match or a $, where "
        "re.fullmatch belongs",
        "Node": "only Create looks at the name, a list of what is bad in it, and a pattern without ^ and $",
        "Go": "only Create looks at the name, filepath.Clean or Base, which change it, and a pattern without ^ and $",
        "shell": "only Create looks at the name, and a pattern of case or grep that fits a part of it",
    },
    "raw": {
        ANY: "something is printed in front of the status line, and lines that do not end with \\r\\n",
        "Python": "something is written to self.wfile in front of send_response(), and no end_headers()",
        "Node": "net.createServer where http.createServer belongs, and res.socket.write()",
        "Go": "the connection of Accept() is written to: let http.Serve answer",
        "shell": "a command in front of the status line prints to stdout, which is the answer: >/dev/null or >&2",
    },
    "page": {
        "Node": "an error that Express answers by itself. Its handler has four parameters and comes last: "
        "app.use((error, req, res, next) => …)",
        "Go": "a router that answers by itself: give it a handler of your own for what it does not find",
    },
    "forgets": {
        ANY: "Create does not store the volume (a save or a commit is missing), and Get looks in another place",
        "Python": "Create does not store the volume (a save or a commit() is missing), Get looks in another place, "
        "and a condition the wrong way round",
        "Node": "Create answers before its callback or Promise is done (await), and Get looks in another place",
        "Go": "the method changes a copy: its receiver is (d Driver), not (d *Driver). Or it ignores an err, or Get "
        "looks in another place",
        "shell": "a variable does not outlive the call, which has a process of its own: keep the volume in a file. "
        "Or Get looks in another place",
    },
    "lost": {
        ANY: "nothing reads the file at the start, the save comes before the change, and a path that is relative to "
        "the current folder",
        "Python": "nothing reads the file at the start, the save comes before the change, a global is missing in the "
        "function that reads, and a path that is relative to the current folder",
        "Go": "nothing reads the file at the start, fields with small letters, which encoding/json does not write, "
        "and an err of os.WriteFile that is ignored",
        "shell": "the volumes are in a variable, and not in a file",
    },
    "killed": {
        ANY: "the save comes only at the end or in the background, and a file that is not closed before the answer",
        "Python": "the save is in atexit, in a finally or in a signal's handler, which a killed program does not "
        "reach. Or a file that is not closed (with open(…)), or a transaction without commit()",
        "Node": "fs.writeFile without await: the answer comes first",
    },
    "holds": {
        ANY: "Unmount looks under Name and not under ID, compares with a number or with another type, or changes a "
        "copy and saves nothing",
        "Python": "Unmount looks under Name and not under ID, compares with is where == belongs, or changes a copy "
        "of the list and saves nothing",
        "Go": "Unmount changes a copy (a slice or a struct that a map gave), ignores an err, or looks under Name and "
        "not under ID",
    },
    "frees": {
        ANY: "Mount records nothing, Remove looks under another key than Mount wrote, and a refusal that is not "
        "returned",
    },
    "stays": {
        ANY: "Remove deletes the files or the record alone, an error that is ignored, and a change that nothing saves",
        "Python": "Remove deletes the files or the record alone, ignore_errors=True or except: pass, which hides the "
        "error, os.rmdir where shutil.rmtree belongs, and a change without save or commit()",
        "Node": "fs.rm without await, an empty callback, which hides the error, and no recursive: true",
        "Go": "os.Remove, which deletes no folder with files in it (os.RemoveAll does), and an err that is ignored",
        "shell": "rm without -r, an error that goes to /dev/null, and a variable without quotes",
    },
    "names": {
        ANY: "List looks in another folder than Create makes, reads a list of the plugin's start, or stops at the "
        "first",
        "Python": "List looks in another folder than Create makes, returns inside the loop, or adds to a list in its "
        "default argument (names=[])",
    },
    "status": {
        ANY: "the status is not set, or after the body has begun",
        "Python": 'Flask takes the status behind the body, return {"Err": "…"}, 404; http.server has '
        "send_response(404)",
        "Node": "res.statusCode = 404 is missing, or comes after the body",
        "Go": "w.WriteHeader(404) is missing, or comes after the first write, when it has no effect",
        "shell": "the first line that is printed says 200 OK on every path",
    },
    "text": {
        ANY: "an error of the framework, which it answers by itself",
        "Python": "an error that Flask answers by itself: @app.errorhandler(HTTPException) gets all of them",
        "Node": "an error that Express answers by itself. Its handler has four parameters and comes last: "
        "app.use((error, req, res, next) => …)",
        "Go": "http.Error and http.NotFound, which write text. Write w.WriteHeader(404), then "
        "json.NewEncoder(w).Encode(…)",
    },
    "alone": {
        ANY: "the loop answers one connection to its end before it accepts the next",
        "Python": "http.server and socketserver serve one caller at a time: ThreadingMixIn gives each a thread",
        "Node": "a call that blocks, such as execSync or a loop, stops all callers",
        "Go": "a loop that calls Accept() and answers in it: go handle(conn)",
        "shell": "socat without fork, or with max-children",
    },
    "folder": {
        ANY: "the folder is made under another path than the answer names, and an error of making it that is ignored",
    },
}

ENDS = {
    ANY: "Turn both into sys.exit() with signal.signal.",
    "Node": 'Handle both: process.on("SIGTERM", () => process.exit(0)), after the socket is removed. '
    "server.close() alone "
    "waits until every connection is closed.",
    "Go": "Catch both, signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT), and read the channel in main: <-stop. "
    "http.Serve blocks: in a goroutine, go http.Serve(listener, nil), or the line after it is never reached.",
    "shell": "Catch both: trap 'kill $!; rm -f \"$SOCKET\"; exit 0' TERM INT. A shell runs a trap only when "
    "the command "
    "before it has ended: start socat with &, and wait.",
}
"""How a program ends when it is asked to."""
SHUTDOWN = (
    " shutdown() in the handler waits until serve_forever() has ended, and that waits for the handler: neither goes on."
)
ANSWERS = {
    ANY: "Return a dict, or json.dumps of one.",
    "Node": "Answer res.end(JSON.stringify(answer)): a string of an object is [object Object].",
    "Go": "Answer json.NewEncoder(w).Encode(answer): fmt.Fprint writes Go's own form of a value.",
    "shell": 'Print an object with its quotes: printf \'{"Err": ""}\'.',
}
"""How a handler answers with a JSON object."""
CLOSES = {
    ANY: "Set os.umask(0o177) around bind, or chmod the socket to 0600 before listen: until then nobody can connect.",
    "Node": "Call process.umask(0o177) before server.listen(), and set it back after it.",
    "Go": "Call syscall.Umask(0o177) before net.Listen, and set it back after it.",
    "shell": "Give socat the mode: UNIX-LISTEN:$SOCKET,fork,mode=0600.",
}
"""How a socket gets the mode 0600."""
FILLS_IN = {
    ANY: "Nothing has filled in the value: look at the string.",
    "Python": 'Put an f before the string, so that Python fills in the value: f"…".',
    "Node": "Node fills in ${name} only, and only between backquotes: `${name}.sock`.",
    "Go": 'Go fills in no names: fmt.Sprintf("%s.sock", name), or name + ".sock".',
    "shell": 'A shell fills in ${NAME} between double quotes, "${NAME}.sock", and not between single ones.',
}
"""How the value of a variable gets into a string."""


def language(e: Evidence) -> Language:
    """Return what language the plugin is written in, by the command that starts it; "" where that is not known."""
    if e.file and e.file.suffix == ".py":
        return "Python"
    words = [Path(word).name for word in e.command[:1]] + _interpreter(e.command)
    for found, programs in PROGRAMS.items():
        if any(re.fullmatch(programs, word) for word in words):
            return found
    return "Go" if e.command and _is_built_by_go(Path(e.command[0])) else ""


def _interpreter(command: list[str]) -> list[str]:
    """Return the words of the first line of a script, "#!/usr/bin/env node"."""
    try:
        with open(command[0], "rb") as file:
            first = file.readline(200).decode(errors="replace") if command else ""
    except (OSError, IndexError):
        return []
    return [Path(word).name for word in first[2:].split()] if first.startswith("#!") else []


@lru_cache(maxsize=8)
def _is_built_by_go(program: Path) -> bool:
    """Tell whether a program was made by the Go compiler."""
    try:
        return GO_BUILT in program.read_bytes()
    except OSError:
        return False


def _usual(e: Evidence, kind: str) -> str:
    """Return a sentence with the usual causes of a kind of mistake, in the plugin's language."""
    by_language = USUAL[kind]
    return f" Usual causes: {by_language.get(language(e), by_language[ANY])}."


def _fact(kind: str) -> None:
    """Make the fact of a kind that holds wherever a cause asks for it: usual_ends."""

    def usual(e: Evidence) -> str:
        return _usual(e, kind)

    usual.__name__ = f"usual_{kind}"
    fact(usual)


for _kind in USUAL.keys() - {"starts", "hollow", "null", "list", "string", "refuses", "page"}:
    _fact(_kind)


@fact
def usual_starts(e: Evidence) -> str:
    """Return the usual causes where a program ends at its start as if all was well, "" for another status."""
    return _usual(e, "starts") if e.ended == 0 else ""


@fact
def usual_hollow(e: Evidence) -> str:
    """Return what usually is wrong where an answer has no field of its own, "" where it has one that is not Err."""
    answer = e.last.object
    if any(key != "Err" for key in answer):
        return ""
    return f" The answer has {'Err alone' if answer else 'no field at all'}.{_usual(e, 'hollow')}"


@fact
def usual_value(e: Evidence) -> str:
    """Return what an answer is that is JSON and no object, and what usually is wrong then; "" for a number."""
    kind = {"n": "null", "[": "list", '"': "string"}.get(e.last.text.strip()[:1], "")
    is_it = {"null": "null", "list": "a list", "string": "a string"}
    return f" It is {is_it[kind]}.{_usual(e, kind)}" if kind else ""


@fact
def usual_refuses(e: Evidence) -> str:
    """Return the usual causes of a refusal, or what its words mean where they are a library's."""
    return known_words(e) or _usual(e, "refuses")


@fact
def waits_for_lock(e: Evidence) -> bool:
    """Tell whether a thread of a Python plugin that did not answer waits for a lock, and its file has one."""
    has_one = not e.code or any(re.search(r"Lock\(|Condition\(|Semaphore\(", line) for _, line in e.code)
    return e.locked and has_one and language(e) == "Python"


@fact
def how_to_end(e: Evidence) -> str:
    """Return how a program in the plugin's language ends when it gets a signal."""
    return f"{ENDS.get(language(e), ENDS[ANY])}{SHUTDOWN if shuts_down_in_handler(e) else ''}"


@fact
def how_to_answer(e: Evidence) -> str:
    """Return how the plugin's language answers with a JSON object."""
    return ANSWERS.get(language(e), ANSWERS[ANY])


@fact
def how_to_close(e: Evidence) -> str:
    """Return how the plugin's language gives a socket the mode 0600."""
    return CLOSES.get(language(e), CLOSES[ANY])


@fact
def usual_page(e: Evidence) -> str:
    """Return the usual causes of a page where the advice for Flask does not help, "" for other languages."""
    return _usual(e, "page") if language(e) in USUAL["page"] else ""


@fact
def how_to_fill_in(e: Evidence) -> str:
    """Return how the plugin's language puts the value of a variable into a string."""
    return FILLS_IN.get(language(e), FILLS_IN[ANY])


@fact
def in_flask(e: Evidence) -> str:
    """Return how Flask answers errors, "" where the plugin is in another language than Python."""
    return " (app.errorhandler)" if language(e) in ("Python", "") else ""


@fact
def calls_get_json(e: Evidence) -> bool:
    """Tell whether the plugin's file reads a body with what Flask has for it."""
    return any(re.search(r"\bget_json\(|\brequest\.json\b", line) for _, line in e.code)


@fact
def flask_wants_a_type(e: Evidence) -> bool:
    """Tell whether Flask has refused a body without a Content-Type: it says so, or the file lets it.

    Source: werkzeug wrappers/request.py (on_json_loading_failed).
    """
    return "Did not attempt to load JSON data" in e.last.text or reads_with_a_type(e)
