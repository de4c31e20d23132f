"""More mistakes by somebody who has not read the causes. They are never edited so that they pass."""

from mistakes.mistake import Mistake

ROWS = [
    # Part 1: a server on a Unix socket.
    Mistake(
        "socat without fork",
        "shell",
        "1.1",
        r"\bfork|(one|first|single) (call|caller|client|connection|request)|\bonce\b|after (its|the|one) first",
        ("UNIX-LISTEN:$SOCKET,fork,mode=0600", "UNIX-LISTEN:$SOCKET,mode=0600"),
    ),
    Mistake(
        "the greeting is printed, and not returned",
        "part1",
        "1.2",
        r"\breturn\b|did not return|returns? (None|nothing)|\bprint",
        (
            '    return "Hello! I am ddd, a Docker plugin.\\n"\n',
            '    print("Hello! I am ddd, a Docker plugin.")\n',
        ),
    ),
    Mistake(
        "a umask that is meant for a mode",
        "a_class",
        "1.3",
        r"0o?[01]?[07]77\b|(umask|it) (takes|removes|clears)|take[ns]? away|the opposite|not (get|given)|the rights in",
        ("mask = os.umask(0o077)", "mask = os.umask(0o600)"),
    ),
    Mistake(
        "a handler without parameters",
        "part1",
        "1.5",
        r"argument|parameter|\*_|signum|\bframe\b",
        ("lambda *_: sys.exit()", "lambda: sys.exit()"),
    ),
    Mistake(
        "Serve without go",
        "go",
        "1.5",
        r"goroutine|\bgo http|block|never (reach|gets|read|receiv|look)"
        r"|(catch|caught|handle|ignore|register)\w*.{0,60}(SIGTERM|signal)"
        r"|(SIGTERM|signal).{0,60}(catch|caught|handle|ignore|register|take)",
        ("\tgo http.Serve(listener, nil)\n", "\thttp.Serve(listener, nil)\n"),
    ),
    Mistake(
        "SO_REUSEADDR for a socket that is a file",
        "json_state",
        "1.6",
        r"REUSEADDR|unlink|remove|delete|\brm\b",
        (
            "        os.unlink(SOCKET)\n    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)\n",
            "    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)\n"
            "    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n",
        ),
    ),
    Mistake(
        "atexit comes before the look",
        "part1",
        "1.7",
        r"atexit|(at|on|by) (its|the) (end|exit|way out)|(when|as|while|where) it (ends|exits|gives)|after.{0,30}bind",
        ("    make_room(path)\n", "    atexit.register(os.unlink, path)\n    make_room(path)\n"),
        ("    listener.bind(path)\n    atexit.register(os.unlink, path)\n", "    listener.bind(path)\n"),
    ),
    Mistake(
        "the file is moved out of the way",
        "http_server",
        "1.8",
        r"renam|\bmov(e|es|ed|ing)\b|leave|left alone|somebody|\bexit",
        (
            '        sys.exit(f"{SOCKET} is a file")\n',
            '        os.rename(SOCKET, SOCKET + ".old")\n        return\n',
        ),
    ),
    # Part 2: activation, and discovery.
    Mistake(
        "str() in place of json.dumps()",
        "http_server",
        "2.1",
        r"single quote|double quote|\bstr\b|json\.dumps|(not|no|isn't|invalid|not valid) JSON|apostrophe",
        ("json.dumps(CALLS[self.path](request)).encode()", "str(CALLS[self.path](request)).encode()"),
    ),
    Mistake(
        "a field that is not exported",
        "go",
        "2.1",
        r"export|capital|upper.?case|lower.?case|small letter|empty|(no|lacks|without|missing).{0,20}Implements"
        r"|Implements.{0,30}(missing|lacks|absent|not there)",
        (
            'Encode(map[string][]string{"Implements": {"VolumeDriver"}})',
            'Encode(struct{ implements []string }{[]string{"VolumeDriver"}})',
        ),
    ),
    Mistake(
        "JSON in JSON",
        "blueprint",
        "2.1",
        r"twice|\ba (JSON )?(string|text)\b|not an? (JSON )?object|dumps|in quotes|jsonify",
        ("import os\nimport re\n", "import json\nimport os\nimport re\n"),
        (
            'return jsonify(Implements=["VolumeDriver"])',
            'return jsonify(json.dumps({"Implements": ["VolumeDriver"]}))',
        ),
    ),
    Mistake(
        "an error handler without a parameter",
        "part2",
        "2.2",
        r"argument|parameter|positional|refuse\(error\)|takes (the|an|one) error",
        ("def refuse(error):", "def refuse():"),
        ("    reason = error.description\n", '    reason = "Something is wrong."\n'),
        ('    return {"Err": reason}, error.code\n', '    return {"Err": reason}, 400\n'),
    ),
    Mistake(
        "a comment in the .spec",
        "ddd-tcp.spec",
        "2.3",
        r"comment|#|(one|single|first) line|(only|nothing but|no more than) (the|an) address|address alone",
        ("tcp://127.0.0.1:8787", "# where ddd listens\ntcp://127.0.0.1:8787"),
    ),
    Mistake(
        "false in quotes",
        "ddd-tls.json",
        "2.4",
        r"quot|\bbool|\bstring\b|true or false|a text",
        ('"InsecureSkipVerify": false', '"InsecureSkipVerify": "false"'),
    ),
    Mistake(
        "the authority under a name that Docker does not know",
        "ddd-tls.json",
        "2.5",
        r"CAFile|CACert",
        ('"CAFile":', '"CACert":'),
    ),
    # Part 3: volumes.
    Mistake(
        "a copied function keeps its name",
        "part3",
        "3.1",
        r"two functions|both|twice|(same|another|other|own|different|new) name|rename|call(s|ed)? get\b|def get",
        ("def path():", "def get():"),
    ),
    Mistake(
        "save takes the lock that its caller has",
        "json_state",
        "3.1",
        r"RLock|deadlock|twice|\bholds|\bheld\b|\block\b|waits? for itself",
        ("lock = threading.RLock()", "lock = threading.Lock()"),
        (
            '    with open(STATE + ".new", "w") as file:\n',
            '    with lock, open(STATE + ".new", "w") as file:\n',
        ),
    ),
    Mistake(
        "SQLite without a commit",
        "blueprint",
        "3.2",
        r"commit|transaction|isolation_level"
        r"|Create.{0,80}(keep|kept|save|record|remember|store|written|forg[eo]t|lost|made nothing)",
        (", isolation_level=None)", ")"),
    ),
    Mistake(
        "Create begins with an empty folder",
        "node",
        "3.4",
        r"rmSync|delet|empt(y|ies)|wipe|clear|(start|begin)s? (anew|afresh|over)|\bkeep|as it (is|was)",
        (
            "    fs.mkdirSync(volume.mounts, { recursive: true });\n",
            "    fs.rmSync(volume.folder, { recursive: true, force: true });\n"
            "    fs.mkdirSync(volume.mounts, { recursive: true });\n",
        ),
    ),
    Mistake(
        "load without global",
        "json_state",
        "3.5",
        r"\bglobal\b|\blocal\b|\bload|state\.json|memory|\bread\w*.{0,40}(again|start)",
        ("    global volumes\n", ""),
    ),
    Mistake(
        "the mode of a file for a folder",
        "a_class",
        "3.6",
        r"0o?755|\bx\b|execut|\benter|search",
        ("                self.folder(name).mkdir()\n", "                self.folder(name).mkdir(0o644)\n"),
    ),
    Mistake(
        "Unmount runs on to the last line",
        "one_function",
        "3.8",
        r"\breturn|fall\w* through|(goes|runs) on|(last|other) line|answer\w* (with )?(a )?(success|200)",
        (
            '                    os.remove(f"{users}/{user}")\n'
            "                    break\n"
            '            return reply({"Err": ""})\n',
            '                    os.remove(f"{users}/{user}")\n                    break\n',
        ),
    ),
    Mistake(
        "os.Remove for a folder with something in it",
        "go",
        "3.9",
        r"RemoveAll|not empty|\bempty\b|all (that is )?in it|recursive|with (its|all) (files|content)",
        ("return os.RemoveAll(filepath.Join(d.root, r.Name))", "return os.Remove(filepath.Join(d.root, r.Name))"),
    ),
    Mistake(
        "Unmount forgets all containers",
        "a_class",
        "3.10",
        r"(second|other|another|each|every|which) (one|container|ID|mount|user)|(only|its|this|that|one) (own )?"
        r"(record|ID|mount)|\ball (records|IDs|mounts|users|containers|of them)|still use|count",
        (
            "                users.remove(mount_id)\n                self.write_users(name, users)\n",
            "                self.write_users(name, [])\n",
        ),
    ),
    Mistake(
        "Unmount removes each record of the ID",
        "shell",
        "3.11",
        r"(one|single|own|a) record|only one|not all|\ball (of )?(the|its|their)? ?(record|mount)"
        r"|(each|every) (Mount|record)|count",
        (
            '    for record in "$mounts/$id".*; do\n'
            '        [ ! -e "$record" ] || rm "$record"\n'
            "        break\n"
            "    done\n",
            '    rm -f "$mounts/$id".*\n',
        ),
    ),
    Mistake(
        "a list of what is bad in a name",
        "http_server",
        "3.12",
        r"allow|what (is|are) (good|right|fine)|pattern|regular expression|fullmatch|letters|digits|whole name|\bdot\b",
        (
            'or not re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}", name):',
            'or "/" in name or ".." in name:',
        ),
    ),
    Mistake(
        "a rule for host names",
        "node",
        "3.12",
        r"capital|upper.?case|underscore|\bdots?\b|letters?|character|usual|too (strict|narrow|few|little)"
        r"|Docker('s own( \w+)?)? (takes|allows|has)",
        ("/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/", "/^[a-z][a-z0-9-]{0,62}$/"),
    ),
    Mistake(
        "an error with the whole of the options",
        "part3",
        "3.13",
        r"\bvalues?\b|password|secret",
        (
            '        named = ", ".join(options)\n        abort(400, f"ddd takes no options: leave out {named}.")\n',
            '        abort(400, f"ddd takes no options: leave out {options}.")\n',
        ),
    ),
    Mistake(
        "ismount looks at one folder",
        "part3",
        "3.15",
        r"ismount|inside|below|deeper|/proc/self/mount|mountinfo|in (a folder of )?(it|the volume)\b",
        ("        if mounted_inside(volume):\n", '        if os.path.ismount(volume / "data"):\n'),
    ),
    Mistake(
        "a new lock for each call",
        "part3",
        "3.16",
        r"\block\b",
        ("LOCK = threading.Lock()\n", ""),
        (
            "    with LOCK, existing(name) as volume:\n        record = ",
            "    with threading.Lock(), existing(name) as volume:\n        record = ",
        ),
        (
            "    with LOCK, existing(name) as volume:\n        for record",
            "    with threading.Lock(), existing(name) as volume:\n        for record",
        ),
        (
            "    with LOCK, existing(name) as volume:\n        if any",
            "    with threading.Lock(), existing(name) as volume:\n        if any",
        ),
    ),
]
