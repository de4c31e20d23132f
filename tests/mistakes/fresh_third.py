"""Thirty more mistakes by somebody who has not read the causes. They are never edited so that they pass."""

from mistakes.mistake import Mistake

ROWS = [
    # Part 1: a server on a Unix socket.
    Mistake(
        "the socket has a name without a folder",
        "one_function",
        "1.1",
        r"DDD_SOCKET|environ|relative|plugin\.sock|elsewhere|"
        r"(another|other|wrong|different) (path|place|socket|file|folder|name)",
        ('SOCKET = os.environ.get("DDD_SOCKET", "/run/docker/plugins/ddd.sock")', 'SOCKET = "plugin.sock"'),
    ),
    Mistake(
        "write where end is meant",
        "node",
        "1.1",
        r"\bend\(|res\.end|never (ends|finishe[sd])|not (ended|finished|complete|whole)|(does not|without an?) end|"
        r"incomplete|unfinished|half an answer|last chunk",
        ('return res.end("Hello from Node\\n");', 'return res.write("Hello from Node\\n");'),
    ),
    Mistake(
        "socat without fork",
        "shell",
        "1.1",
        r"\bfork|one (caller|connection|call|client)|first (caller|connection|call|client)|single|"
        r"(has |is )?ended|ends (after|by itself)|exited|exit status|no longer runs",
        ('"UNIX-LISTEN:$SOCKET,fork,mode=0600,backlog=128"', '"UNIX-LISTEN:$SOCKET,mode=0600,backlog=128"'),
    ),
    Mistake(
        "the greeting is printed, not returned",
        "part1",
        "1.2",
        r"\breturn|\bNone\b|\bprint",
        ('    return "Hello! I am ddd, a Docker plugin.\\n"', '    print("Hello! I am ddd, a Docker plugin.")'),
    ),
    Mistake(
        "the umask is set when the socket is already there",
        "blueprint",
        "1.3",
        r"umask|chmod|before (the )?bind|0o177|0o600|0o077|0177|0600|0o660|0660",
        ("    os.umask(0o177)\n    sock.bind(path)\n", "    sock.bind(path)\n    os.umask(0o177)\n"),
    ),
    Mistake(
        "the handler of the signal takes no arguments",
        "json_state",
        "1.5",
        r"\bstop\(|argument|parameter|\bframe\b|TypeError|handler",
        ("def stop(number, frame):", "def stop():"),
    ),
    Mistake(
        "the server keeps main from reading the signal",
        "go",
        "1.5",
        r"goroutine|\bgo http|http\.Serve|Notify|channel|\bblock|"
        r"(catch|caught|handle|ignore|swallow|take)\w* (the |this |that |a )?(signal|SIGTERM|it\b)|"
        r"nothing (is done|ends|happens|waits|reads)|never (reads|read|gets to)",
        ("\tgo http.Serve(listener, nil)", "\thttp.Serve(listener, nil)"),
    ),
    Mistake(
        "another exception is expected of connect",
        "part1",
        "1.6",
        r"ConnectionRefused|\brefuse[sd]|\bexcept\b|FileNotFoundError|not caught|uncaught|catch",
        ("        except ConnectionRefusedError:\n", "        except FileNotFoundError:\n"),
    ),
    # Part 2: activation, and discovery.
    Mistake(
        "an arrow function with braces, and no return",
        "node",
        "2.1",
        r"\breturn|undefined|\bempty|nothing|no (body|content|JSON|text)|without a body|parenthes|bracket|brace|arrow",
        (
            '"/Plugin.Activate": () => ({ Implements: ["VolumeDriver"] }),',
            '"/Plugin.Activate": () => { Implements: ["VolumeDriver"] },',
        ),
    ),
    Mistake(
        "a field that is not exported",
        "go",
        "2.1",
        r"export|upper|capital|lower-?case|\bempty|\{\}|no (key|field|Implements)|"
        r"(has|lacks|misses|without|is) (no |the )?(key|field|Implements|missing)",
        (
            'json.NewEncoder(w).Encode(map[string][]string{"Implements": {"VolumeDriver"}})',
            'json.NewEncoder(w).Encode(struct{ implements []string }{[]string{"VolumeDriver"}})',
        ),
    ),
    Mistake(
        "the exception itself is put into Err",
        "part2",
        "2.2",
        r"serializ|serialis|\bstr\(|\.description|\berror\.|NotFound|exception object|error object|"
        r"not (a )?(JSON|string)|\brefuse\b|TypeError",
        (
            "    reason = error.description\n"
            "    if not request.url_rule:\n"
            '        reason = f"ddd does not answer {request.method} {request.path}."\n'
            '    return {"Err": reason}, error.code\n',
            '    return {"Err": error}, error.code\n',
        ),
    ),
    Mistake(
        "a dict is asked for a path that it does not have",
        "http_server",
        "2.2",
        r"KeyError|\bCALLS\b|not in (the )?(dict|table|calls)|unknown (path|call|endpoint)|not caught|uncaught|"
        r"\.get\(|do_POST|\bexcept\b",
        ('            if self.path not in CALLS:\n                raise Refused(f"no call {self.path}")\n', ""),
    ),
    Mistake(
        "quotes around the address",
        "ddd-tcp.spec",
        "2.3",
        r"quot|first path segment|cannot contain colon|(begins?|starts?) with|no scheme|without a scheme|"
        r"(nothing|no \w+) (else|but|before|around)|(only|just|bare|plain) (the |an )?(address|URL)|"
        r"(address|URL) alone",
        ("tcp://127.0.0.1:8787", '"tcp://127.0.0.1:8787"'),
    ),
    Mistake(
        "false as a text",
        "ddd-tls.json",
        "2.4",
        r"\bbool|quot|InsecureSkipVerify|true or false|false or true|\bstring\b|unmarshal",
        ('"InsecureSkipVerify": false', '"InsecureSkipVerify": "false"'),
    ),
    Mistake(
        "a name of its own for the file of the authority",
        "ddd-tls.json",
        "2.5",
        r"CAFile|CACertFile|unknown key|does not know|misspel|mistyp",
        ('"CAFile": "/etc/docker/ddd-certs/ca.pem"', '"CACertFile": "/etc/docker/ddd-certs/ca.pem"'),
    ),
    # Part 3: volumes.
    Mistake(
        "the options are counted, and there are none to count",
        "json_state",
        "3.1",
        r"\bnull\b|\bNone(Type)?\b|\blen\b",
        (
            '    options = data.get("Opts") or {}\n    if options:\n',
            '    options = data["Opts"]\n    if len(options) > 0:\n',
        ),
    ),
    Mistake(
        "a Path is put into the answer",
        "part3",
        "3.2",
        r"PosixPath|\bstr\(|serializ|serialis|a Path\b|Path object|pathlib|(not|as) (a )?(string|text)",
        ('    return str(VOLUMES / name / "data")\n', '    return VOLUMES / name / "data"\n'),
    ),
    Mistake(
        "what missing returns is not looked at",
        "a_class",
        "3.3",
        r"unknown|does not exist|no such|not there|exists?\b|\bmissing\(|self\.missing|any name|every name|"
        r"never (made|created)",
        (
            "        if problem := self.missing(name):\n"
            "            return problem\n"
            '        return {"Volume": {"Name": name, "Mountpoint": str(self.folder(name))}',
            "        self.missing(name)\n"
            '        return {"Volume": {"Name": name, "Mountpoint": str(self.folder(name))}',
        ),
    ),
    Mistake(
        "Create begins with a clean folder",
        "one_function",
        "3.4",
        r"rmtree|delet|remov|empt(y|ies|ied)|\bwip|\bclear|lost|\bgone|\bkeep|overwrit|replac|anew|afresh",
        (
            "            os.makedirs(users, exist_ok=True)\n",
            "            shutil.rmtree(volume, ignore_errors=True)\n            os.makedirs(users, exist_ok=True)\n",
        ),
    ),
    Mistake(
        "the state is saved, and never loaded",
        "json_state",
        "3.5",
        r"\bload|restart|state\.json|memory|\bread\b|start(s|ed)? (again|anew)|forg[eo]t|persist",
        (
            'if __name__ == "__main__":\n    load()\n',
            'if __name__ == "__main__":\n    os.makedirs(ROOT, exist_ok=True)\n',
        ),
    ),
    Mistake(
        "the umask is never put back",
        "http_server",
        "3.6",
        r"umask|0o?600|0o?711|0o?755|0o?777|0o022|chmod|\bmode\b|other users",
        ("        super().server_bind()\n        os.umask(0o022)\n", "        super().server_bind()\n"),
    ),
    Mistake(
        "the lock is not released where Mount refuses",
        "a_class",
        "3.6",
        r"\block|releas|acquire|deadlock|\bhang|\bstuck|waits? for (ever|itself)|"
        r"after (the|an|its|that) (error|refus)",
        (
            '        name, mount_id = self.name(), self.body().get("ID")\n'
            "        with self.lock:\n"
            "            if problem := self.missing(name):\n"
            "                return problem\n"
            "            if not isinstance(mount_id, str) or not mount_id.isalnum():\n"
            '                return {"Err": "ID is missing, or not valid"}, 400\n'
            "            self.write_users(name, [*self.users(name), mount_id])\n",
            '        name, mount_id = self.name(), self.body().get("ID")\n'
            "        self.lock.acquire()\n"
            "        if problem := self.missing(name):\n"
            "            return problem\n"
            "        if not isinstance(mount_id, str) or not mount_id.isalnum():\n"
            '            return {"Err": "ID is missing, or not valid"}, 400\n'
            "        self.write_users(name, [*self.users(name), mount_id])\n"
            "        self.lock.release()\n",
        ),
    ),
    Mistake(
        "Remove for a folder that is not empty",
        "go",
        "3.9",
        r"RemoveAll|not empty|is in it|os\.Remove\b|with (all|everything|what)|recursive",
        ("return os.RemoveAll(filepath.Join(d.root, r.Name))", "return os.Remove(filepath.Join(d.root, r.Name))"),
    ),
    Mistake(
        "Unmount ends the mounts of all containers",
        "shell",
        "3.10",
        r"\bIDs?\b|(other|another|second|first|each|every|all) (of )?(the )?(container|mount|record)|"
        r"unmount_it|\bcount",
        (
            '    for record in "$mounts/$id".*; do\n'
            '        [ ! -e "$record" ] || rm "$record"\n'
            "        break\n"
            "    done\n",
            '    rm -f "$mounts"/*\n',
        ),
    ),
    Mistake(
        "DELETE takes all the rows of an ID",
        "blueprint",
        "3.11",
        r"twice|\bcount|\bcp\b|same ID|two (mounts|records|rows)|(one|each|every|second) (mount|Unmount|record|row)|"
        r"as often|\bLIMIT\b|DELETE",
        (
            '        one = "SELECT rowid FROM mounts WHERE name = ? AND id = ? LIMIT 1"\n'
            '        database().execute(f"DELETE FROM mounts WHERE rowid IN ({one})",',
            '        database().execute("DELETE FROM mounts WHERE name = ? AND id = ?",',
        ),
    ),
    Mistake(
        "a name is taken for a string",
        "one_function",
        "3.12",
        r"isinstance|TypeError|\bNone\b|\bnull\b|(not|no|is) a (string|text)|expected string|"
        r"(no|without a|lacks a) Name|Name is missing|\bvalid\(|fullmatch",
        (
            '    return isinstance(text, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text)',
            '    return re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text)',
        ),
    ),
    Mistake(
        "an expression that looks at the beginning only",
        "node",
        "3.12",
        r"\bslash|\.\./|\.\.|outside|a path\b|\bescape|whole name|full name|\$|the end\b|anchor|regular expression|"
        r"\bNAME\.|beginning",
        ("const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/;", "const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}/;"),
    ),
    Mistake(
        "the error shows the options as they are",
        "a_class",
        "3.13",
        r"\bvalues?\b|password|secret|(only|just) (the |its |their )?(names?|keys?)|very-sweet",
        (
            '            return {"Err": f"options are not known: {\' \'.join(options)}"}, 400\n',
            '            return {"Err": f"options are not known: {options}"}, 400\n',
        ),
    ),
    Mistake(
        "the device is read where the mount point is meant",
        "part3",
        "3.15",
        r"column|\[[01]\]|split|(second|first) (word|field|item|part)|\bdevice|/proc/(self/)?mount|mounted_inside|"
        r"mounted (in|inside|below|under|within)\b|mount point|rmtree",
        (
            "        points = [line.split()[1] for line in mounts]\n",
            "        points = [line.split()[0] for line in mounts]\n",
        ),
    ),
    Mistake(
        "the calls are not locked",
        "http_server",
        "3.16",
        r"\block|at once|at the same time|\brace|simultan|concurren|in between|meanwhile|one (call )?at a time",
        (
            "            with LOCK:\n                self.answer(200, json.dumps(",
            "            self.answer(200, json.dumps(",
        ),
    ),
]
