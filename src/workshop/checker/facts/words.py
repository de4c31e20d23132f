"""What the words of a language or a library mean, in an exception or in Err: often they name the mistake."""

from __future__ import annotations

import re

from workshop.checker.evidence import Evidence
from workshop.checker.facts.log import raised
from workshop.checker.facts.table import fact

WORDS = {
    # files
    r"directory not empty|ENOTEMPTY|Errno 39\]": "This call removes empty folders only. With all that is in it: "
    "shutil.rmtree in Python, os.RemoveAll in Go, fs.rmSync with recursive: true in Node, rm -r in a shell",
    r"is a directory|EISDIR|Errno 21\]": "This call is for a file, and a folder is there. A folder with all that is "
    "in it: shutil.rmtree in Python, os.RemoveAll in Go, fs.rmSync with recursive: true in Node, rm -r in a shell",
    r"not a directory|ENOTDIR|Errno 20\]": "A part of the path is a file, where a folder is wanted. Print the path",
    r"no such file or directory|ENOENT|Errno 2\]": "Print the path, and look at each part. Usual causes: a name "
    "without its folder, which is looked for in the current folder (os.path.join, filepath.Join, path.join), a "
    "folder above that nobody made, and a variable that is empty",
    r"file exists|EEXIST|Errno 17\]": "The name is there already: does an earlier call make it, or the same call "
    "twice? A record needs a name of its own",
    r"permission denied|operation not permitted|EACCES|EPERM|Errno 13\]|Errno 1\]": "The plugin does not have the "
    "right to this path. Usual causes: a mode without x for a folder, and a path outside DDD_ROOT",
    r"too many open files|EMFILE|Errno 24\]": "Each call opens something that nothing closes. Usual causes: open() "
    "without with, and a connection to a database for each call",
    # a database
    r"database is locked": "Another connection has begun a transaction and did not end it. Usual cause: a commit() "
    "is missing after a change, so that the change is not stored either. isolation_level=None commits each change at "
    "once",
    r"no such table": "The table has another name, or nothing made it in this file: CREATE TABLE IF NOT EXISTS",
    r"UNIQUE constraint failed": "The row is there already: INSERT OR IGNORE, or look before",
    r"SQLite objects created in a thread": "Each call has a thread, and a connection of SQLite belongs to one: "
    "connect in each call",
    r"(incorrect number of bindings|binding parameters?|parameters are of unsupported type)": "The values for the "
    "question marks are a list: [name], or (name,) with its comma",
    # JSON and bytes
    r"unexpected end of JSON input|Expecting value: line 1 column 1|^EOF$": "There was nothing to read as JSON. "
    "Usual causes: the body was read already, it was not read to its Content-Length, and an empty file",
    r"is not JSON serializable": "JSON has objects, lists, strings, numbers, true, false and null. A Path is "
    "str(path), a set is list(…), a time is .isoformat(), bytes are .decode()",
    r"a bytes-like object is required, not 'str'|must be (bytes|of type string or an instance of Buffer)": "A socket "
    "takes bytes: json.dumps(answer).encode() in Python, JSON.stringify(answer) in Node",
    r"string indices must be integers|'str' object has no attribute '(get|items|keys)'": "This is a string, and an "
    "object is wanted. Usual causes: JSON that was not decoded (json.loads), and a loop over a dict, which gives its "
    "keys alone",
    r"cannot unmarshal .* into Go": "The field of the struct has another type than what Docker sends: Name and ID "
    "are string, Opts is map[string]string",
    # values that are not there
    r"'NoneType' object|of type 'NoneType'|not NoneType": "There is None, and a value is wanted. Usual causes: a key "
    "that is not in the request (spelling, capital letters), Opts that is null, a function without return, and an "
    "environment variable that is misspelt",
    r"of (undefined|null) \(|undefined or null|Received undefined": "There is undefined or null, and a value is "
    "wanted. Usual causes: a key that is not in the request (spelling, capital letters), Opts that is null, "
    "JSON.parse or await that is missing, and a misspelt name in process.env",
    r"is not a function": "Usual causes: a misspelt method, a Promise without await, and module.exports without the "
    "name",
    r"is not defined": "No variable has this name here. Usual causes: a misspelt name, a missing import or require, "
    "and a variable of another function",
    r"assignment to entry in nil map": "A map has to be made before anything is put in it: make(map[string]…)",
    r"nil pointer dereference|invalid memory address": "A pointer is nil. Usual causes: an err that is ignored, and "
    "a struct that nothing has made",
    r"fatal error: all goroutines are asleep": "Every goroutine waits for another one, or for a lock that it holds",
    r"concurrent map": "Two calls change one map at once: hold a sync.Mutex from the look to the change",
    r"unexpected token|invalid character|Extra data|Expecting property name|after top-level value": "This is not "
    "JSON, or more than one JSON value. Print it before it is decoded",
    # Python
    r"^KeyError: 'DDD_\w*'": "The environment has DDD_SOCKET and DDD_ROOT, in this spelling",
    r"^KeyError": "There is no such key in this dict. Usual causes: nothing has put it there (each way through "
    "Create has to), or a start did not read it again, and a key in another spelling. .get(key) returns None for one "
    "that is missing",
    r"partially initialized module": "The file has the name of a module that it imports. Give the file another name",
    r"RecursionError|maximum call stack|stack overflow": "A function calls itself without end",
    r"changed size during iteration|mutated during iteration": "A loop goes over this, and the loop, or another call "
    "at the same time, changes it. Loop over a copy, list(…), and let each change hold one lock",
    r"list\.remove\(x\)|is not in list": "The list does not have this value. Look first (if … in …), and compare "
    "values of one type",
    r"unsupported operand type\(s\) for /: 'str'": "One of the two has to be a Path: Path(root) / name",
    r"can only concatenate str|must be str, not": "Both sides have to be strings: str(…), or an f-string",
    r"takes \d+ positional arguments? but|(?<!dump\(\) )missing \d+ required positional": "The function is called "
    "with other arguments than it names. Usual causes: self is missing, and a view that wants what Flask does not "
    "give",
    r"view function .* did not return a valid response": "A way through the function has no return, or returns "
    "another thing than a dict, a string or a pair with a status",
    r"outside of (application|request) context": "request and current_app exist only while a call is answered, and "
    "in its thread",
    r"dump\(\) missing|'\w+' object has no attribute 'write'": "json.dump writes to a file, json.dumps returns a "
    "string",
    r"I/O operation on closed file|closed database": "It was closed before this line: with closes it at the end of "
    "its block",
    r"has no attribute '": "Usual causes: a misspelt method, and a value of another type than it should be. Print "
    "its type(…): a str is not a Path, Path(…) makes one",
    r"(^|: )'\w+'$": "This is all that str() says of a KeyError: there is no such key in a dict. Say in Err what is "
    "wrong. Usual causes: nothing has put the key there, and a key in another spelling",
}
"""What people have to know to understand the words, without a full stop. Of several, the first counts."""


@fact
def known_words(e: Evidence) -> str:
    """Return a sentence about the words of a library in the last exception, or else in Err; "" where none are known."""
    text = raised(e) or e.last.err
    for pattern, meaning in WORDS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return f" {meaning}."
    return ""


@fact
def no_call(e: Evidence) -> bool:
    """Tell whether Err says that the plugin has no such call, and names the one that Docker sent."""
    method = re.escape(e.last.endpoint.rpartition(".")[2])
    no = r"\b(unknown|no|not|unsupported|invalid|bad|what)\b"
    what = r"\b(call|endpoint|route|path|method|operation|command|request|action|url|function|verb)s?\b"
    named = re.search(rf"(VolumeDriver|Plugin)\.{method}\b", e.last.err)
    return bool(named and (re.search(no, e.last.err, re.IGNORECASE) or re.search(what, e.last.err, re.IGNORECASE)))
