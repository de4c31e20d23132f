"""How the plugin's file in Python makes its socket, serves, and sets what happens at its end."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workshop.checker.evidence import Evidence
from workshop.checker.facts.log import raised
from workshop.checker.facts.start import mode
from workshop.checker.facts.table import fact
from workshop.checker.syntax import (
    FUNCTIONS,
    assigned,
    calls,
    dotted,
    functions,
    keyword,
    last,
    nodes,
    own_steps,
    parsed,
)

WITHOUT_A_VALUE = {"sys.exit", "exit", "quit", "os._exit", "os.unlink", "os.remove", "shutil.rmtree"}
STARTS = {"serve_forever", "handle_request", "shutdown", "server_close", "close", "run", "listen", "start"}
"""Methods of servers, sockets and threads that return nothing."""
QUIET = {"Flask", "Blueprint", "Lock", "RLock", "Condition", "Semaphore", "Path", "get", "getenv", "resolve", "join"}
QUIET |= {"compile", "dict", "set", "list", "int", "str", "defaultdict", "getLogger", "dirname", "realpath", "abspath"}
"""What is called for its value, and begins nothing."""
FD = 9
"""Which argument of make_server() is fd."""


@fact
def called_not_named(e: Evidence) -> str:
    """Return a function that is called where its name has to stand: for a signal, at the exit, as a thread's target.

    The call of a function that returns another one, such as functools.partial(), is right there.
    """
    pieces = nodes(e.file)
    handlers = [each.args[1] for each in calls(pieces, "signal") if len(each.args) > 1]
    at_exit = [each.args[0] for each in calls(pieces, "register") if each.args and "." in dotted(each.func)[:7]]
    targets = [keyword(each, "target") for each in calls(pieces, "Thread", "Process")]
    places = [each for each in [*handlers, *at_exit, *targets] if isinstance(each, ast.Call)]
    return next((dotted(each.func) for each in places if _returns_nothing(e, dotted(each.func))), "")


def _returns_nothing(e: Evidence, name: str) -> bool:
    """Tell whether a call is known to return None."""
    own = functions(e.file).get(last(name))
    if not own:
        return name in WITHOUT_A_VALUE or (last(name) in STARTS and not name.startswith("."))
    inner = [each for statement in own.body for each in own_steps(statement)]
    gives = any((isinstance(each, ast.Return) and each.value) or isinstance(each, ast.Yield) for each in inner)
    return not own.decorator_list and not gives and not name.startswith(".")


@fact
def named_not_called(e: Evidence) -> str:
    """Return a function that is only named in a line of its own, and that nothing calls."""
    pieces = nodes(e.file)
    called = {dotted(each.func) for each in pieces if isinstance(each, ast.Call)}
    names = [dotted(each.value) for each in pieces if isinstance(each, ast.Expr)]
    known = functions(e.file).keys()
    of_objects = known | STARTS
    fitting = (each for each in names if each in known or ("." in each[1:] and last(each) in of_objects))
    return next((each for each in fitting if each not in called), "")


@fact
def main_word(e: Evidence) -> str:
    """Return what the file compares __name__ with, where that is not "__main__"."""
    for each in nodes(e.file):
        if isinstance(each, ast.Compare) and dotted(each.left) == "__name__":
            word = each.comparators[0]
            if isinstance(word, ast.Constant) and word.value != "__main__":
                return str(word.value)
    return ""


@fact
def runs_nothing(e: Evidence) -> bool:
    """Tell whether the file only makes definitions: nothing in it begins the server."""
    tree = parsed(e.file)
    return bool(tree and tree.body) and all(_is_quiet(each) for each in (tree.body if tree else []))


def _is_quiet(statement: ast.stmt) -> bool:
    """Tell whether a statement is a definition: of a function, or of a value that no unknown call makes."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        made = [each for each in own_steps(statement) if isinstance(each, ast.Call)]
        return all(last(dotted(each.func)) in QUIET for each in made)
    definitions = (ast.Import, ast.ImportFrom, *FUNCTIONS, ast.ClassDef)
    return isinstance(statement, definitions) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


@fact
def what_to_run(e: Evidence) -> str:
    """Return a sentence on what to write at the end of a file that runs nothing, "" where it has nothing to run."""
    tree, serving = parsed(e.file), _serving(e)
    own = [each for each in (tree.body if tree else []) if isinstance(each, FUNCTIONS) and each.name in serving]
    starts = [f"{each.name}()" for each in own if len(each.args.args) == len(each.args.defaults)]
    place = '"unix://" + os.environ["DDD_SOCKET"]'
    starts += [f"{app}.run(host={place})" for app in sorted(assigned(nodes(e.file), "Flask"))]
    return f' Write at its end: if __name__ == "__main__": {starts[0]}' if starts else ""


def _serving(e: Evidence) -> set[str]:
    """Return the names of the file's functions that serve, or call one that does: they do not come back."""
    found: set[str] = set()
    known = functions(e.file)
    for _ in known:
        found |= {name for name, each in known.items() if any(_serves(e, line, found) for line in each.body)}
    return found


def _serves(e: Evidence, piece: ast.AST, known: set[str]) -> str:
    """Return the call in a piece of the file that serves and does not come back, "serve()"; "" for none."""
    of_apps = {f"{app}.run" for app in assigned(nodes(e.file), "Flask")}
    for each in own_steps(piece):
        name = dotted(each.func) if isinstance(each, ast.Call) else ""
        if last(name) in ("serve_forever", "run_simple") or name in of_apps or name.removeprefix("self.") in known:
            return f"{last(name)}()"
    return ""


@fact
def set_too_late(e: Evidence) -> str:
    """Return the function whose call begins to serve above all lines that set a signal's handler, "" for none."""
    serving, handlers = _serving(e), _handlers(nodes(e.file))
    bodies = [getattr(node, "body", None) for node in nodes(e.file)] if handlers else []
    for body in (each for each in bodies if isinstance(each, list)):
        for at, statement in enumerate(body):
            below = [each for later in body[at + 1 :] for each in ast.walk(later)]
            name = _serves(e, statement, serving) if isinstance(statement, ast.Expr) else ""
            if name and len(_handlers(below)) == len(handlers):
                return name
    return ""


def _handlers(pieces: list[ast.AST]) -> list[ast.Call]:
    return [each for each in calls(pieces, "signal") if dotted(each.func) in ("signal.signal", "signal")]


def shuts_down_in_handler(e: Evidence) -> bool:
    """Tell whether a signal's handler calls shutdown() of a server, in the thread in which that serves."""
    pieces, own = nodes(e.file), functions(e.file)
    given = [each.args[1] for each in _handlers(pieces) if len(each.args) == 2]
    inside = [inner for each in given for inner in ast.walk(own.get(last(dotted(each)), each))]
    ends = [each for each in calls(inside, "shutdown") if not each.args]
    of_servers = [each for each in ends if dotted(each.func) not in ("shutdown", "logging.shutdown")]
    return bool(of_servers and calls(pieces, "serve_forever"))


@fact
def datagrams(e: Evidence) -> bool:
    """Tell whether the file has made its listener a socket for datagrams, and listen() said no to that."""
    pieces = nodes(e.file)
    made = [each for each in pieces if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)]
    theirs = {dotted(each.targets[0]) for each in made if "SOCK_DGRAM" in ast.unparse(each.value)}
    listening = {dotted(each.func).rpartition(".")[0] for each in calls(pieces, "bind", "listen")}
    return "not supported" in raised(e) and bool(theirs & listening)


@fact
def flasks_server(e: Evidence) -> str:
    """Return what makes the socket where Werkzeug does it, which removes whatever is in its place.

    Source: werkzeug serving.py (BaseWSGIServer): with a unix:// host, and no fd, what is at the path is unlinked.
    """
    pieces = nodes(e.file)
    runs = [f"{app}.run" for app in assigned(pieces, "Flask")]
    for each in calls(pieces, "run"):
        if dotted(each.func) in runs and (each.args or keyword(each, "host")):
            return f"{dotted(each.func)}()"
    theirs = {
        name.name
        for each in pieces
        if isinstance(each, ast.ImportFrom) and str(each.module).startswith("werkzeug")
        for name in each.names
    }
    made = [each for each in calls(pieces, "run_simple", "make_server") if dotted(each.func).split(".")[0] in theirs]
    given = any(keyword(each, "fd") or len(each.args) >= FD or _has_more(each) for each in made)
    return f"{last(dotted(made[0].func))}()" if made and not given else ""


def _has_more(call: ast.Call) -> bool:
    """Tell whether a call has arguments that only the running program knows: **settings."""
    return any(each.arg is None for each in call.keywords) or any(isinstance(each, ast.Starred) for each in call.args)


@fact
def decimal_mode(e: Evidence) -> str:
    """Return a decimal number that the socket has its mode from: "177", where 0o177 is meant; "" for none."""
    return next((text for _, text, _ in _modes(e) if re.fullmatch("[1-9][0-9]+", text)), "")


@fact
def mode_is_opposite(e: Evidence) -> bool:
    """Tell whether a umask that is written as a mode took the owner's rights to the socket away."""
    found = [value for name, _, value in _modes(e) if name == "umask"]
    return any(not value & 0o600 and value & 0o077 for value in found)


def _modes(e: Evidence) -> Iterator[tuple[str, str, int]]:
    """Yield the calls of umask() and chmod() that the socket can have its mode from: name, number, and the mode."""
    text = e.file.read_text(errors="replace") if mode(e) and e.file and parsed(e.file) else ""
    for call in calls(nodes(e.file), "umask", "chmod") if text else ():
        name = last(dotted(call.func))
        for each in [*call.args, *(given.value for given in call.keywords)]:
            if isinstance(each, ast.Constant) and isinstance(each.value, int):
                left = 0o777 & (~each.value if name == "umask" else each.value)
                if left == int(mode(e), 8) & 0o777:
                    yield name, ast.get_source_segment(text, each) or "", left


@fact
def file_test(e: Evidence) -> str:
    """Return a sentence about a test for plain files that the file puts to its socket: a socket is none to it."""
    names = _of_the_socket(e)
    for scope, pieces in _scopes(e).items():
        for each in calls(pieces, "isfile", "is_file"):
            if _speaks_of(each, scope, names):
                return (
                    f" {last(dotted(each.func))}() is false for a socket: os.path.lexists() finds one, and "
                    "stat.S_ISSOCK() tells that it is one."
                )
    return ""


def _of_the_socket(e: Evidence) -> set[tuple[str, str]]:
    """Return the names that the path of the socket has, each with the function where it has it; "" for the file."""
    found: set[tuple[str, str]] = set()
    known = functions(e.file)
    for _ in range(3):
        for scope, pieces in _scopes(e).items():
            for each in pieces:
                if isinstance(each, ast.Assign) and _speaks_of(each.value, scope, found):
                    found |= {(scope, dotted(target)) for target in each.targets}
                name = dotted(each.func) if isinstance(each, ast.Call) else ""
                if isinstance(each, ast.Call) and name in known:
                    pairs = zip(known[name].args.args, each.args, strict=False)
                    found |= {(name, to.arg) for to, value in pairs if _speaks_of(value, scope, found)}
    return found


def _scopes(e: Evidence) -> dict[str, list[ast.AST]]:
    """Return the nodes of the file by the function that they are in, "" for those in none."""
    tree = parsed(e.file)
    inner = {name: [n for line in each.body for n in own_steps(line)] for name, each in functions(e.file).items()}
    return {"": list(own_steps(tree)) if tree else [], **inner}


def _speaks_of(piece: ast.AST, scope: str, names: set[tuple[str, str]]) -> bool:
    """Tell whether a piece has the path of the socket in it, by one of its names, or from DDD_SOCKET."""
    known = {name for where, name in names if where in ("", scope)}
    return any(
        dotted(each) in known or (isinstance(each, ast.Constant) and each.value == "DDD_SOCKET")
        for each in ast.walk(piece)
        if isinstance(each, ast.Name | ast.Attribute | ast.Constant)
    )
