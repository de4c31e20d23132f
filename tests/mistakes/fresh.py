"""Mistakes by somebody who has not read the causes. They are never edited so that they pass."""

from mistakes.mistake import Mistake

ROWS = [
    # Part 1: a server on a Unix socket.
    Mistake(
        "end_headers is not called",
        "http_server",
        "1.1",
        r"end_headers|status line|(not|no|not an|isn't) HTTP|HTTP/1\.[01]|headers",
        ("        self.end_headers()\n", ""),
    ),
    Mistake(
        "a port instead of a socket",
        "node",
        "1.1",
        r"\bport\b|\bTCP\b|DDD_SOCKET",
        ("server.listen(SOCKET);", "server.listen(3000);"),
    ),
    Mistake(
        "chmod 777, so that Docker can get in",
        "one_function",
        "1.3",
        r"0o600|0600|0o660|chmod|umask|0o177",
        ("os.chmod(SOCKET, 0o600)", "os.chmod(SOCKET, 0o777)"),
    ),
    Mistake(
        "the mix-in comes second",
        "http_server",
        "1.4",
        r"ThreadingMixIn|thread|one (caller|client|connection|call) (at a time|after)",
        ("class Server(ThreadingMixIn, UnixStreamServer)", "class Server(UnixStreamServer, ThreadingMixIn)"),
    ),
    Mistake(
        "only Ctrl-C is handled",
        "go",
        "1.5",
        r"SIGTERM",
        ("signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)", "signal.Notify(stop, os.Interrupt)"),
    ),
    Mistake(
        "isfile for a socket",
        "part1",
        "1.6",
        r"isfile|lexists|unlink|remove|delete|old socket|stale",
        ("if not os.path.lexists(path):", "if not os.path.isfile(path):"),
    ),
    Mistake(
        "whatever is at the path is deleted at the start",
        "blueprint",
        "1.7",
        r"connect|still (runs|listens|answers)|\bliv(es|ing)\b|alive|somebody listens|listens already",
        ('        if sock.connect_ex(path) == 0:\n            sys.exit(f"{path} is in use")\n', ""),
    ),
    Mistake(
        "it says that a file is there, and goes on",
        "one_function",
        "1.8",
        r"\bexit|goes on|go on|only prints|S_ISSOCK|is_socket|delete|remove|unlink",
        ('sys.exit(f"{SOCKET} is not a socket")', 'print(f"{SOCKET} is not a socket")'),
    ),
    # Part 2: activation, and discovery.
    Mistake(
        "the interface's name from config.json of a managed plugin",
        "go",
        "2.1",
        r"(?-i:VolumeDriver)",
        ('{"Implements": {"VolumeDriver"}}', '{"Implements": {"docker.volumedriver/1.0"}}'),
    ),
    Mistake(
        "a slash instead of the dot",
        "part2",
        "2.1",
        r"/Plugin\.Activate|\bdot\b|full stop",
        ('@app.post("/Plugin.Activate")', '@app.post("/Plugin/Activate")'),
    ),
    Mistake(
        "the empty body is parsed",
        "http_server",
        "2.1",
        r"empty|no body|without a body|nothing in (it|the body)",
        ('request = json.loads(body) if body or "Driver" in self.path else {}', "request = json.loads(body)"),
    ),
    Mistake(
        "an error handler for 400 only",
        "part2",
        "2.2",
        r"HTTPException|\b404\b|errorhandler",
        ("@app.errorhandler(HTTPException)", "@app.errorhandler(400)"),
    ),
    Mistake(
        "a comment in the .spec",
        "ddd-tcp.spec",
        "2.3",
        r"comment|(one|single|first) line|(only|just) (the|an) (address|URL)|nothing (else|but)|\balone\b|#",
        ("tcp://127.0.0.1:8787", "# where ddd listens\ntcp://127.0.0.1:8787"),
    ),
    Mistake(
        "a comma after the last key",
        "ddd-tls.json",
        "2.4",
        r"comma|(no|not|not valid|invalid|isn't) JSON|line \d",
        ('"InsecureSkipVerify": false', '"InsecureSkipVerify": false,'),
    ),
    Mistake(
        "http for https",
        "ddd-tls.json",
        "2.5",
        r"https",
        ("https://127.0.0.1:8788", "http://127.0.0.1:8788"),
    ),
    # Part 3: volumes.
    Mistake(
        "mkdir without parents",
        "part3",
        "3.1",
        r"\bparents?\b|folder above|makedirs",
        ('"mounts").mkdir(parents=True, exist_ok=True)', '"mounts").mkdir(exist_ok=True)'),
    ),
    Mistake(
        "one connection to SQLite for all threads",
        "blueprint",
        "3.1",
        r"thread",
        (
            "def database():\n"
            '    found = sqlite3.connect(os.path.join(current_app.config["ROOT"], "volumes.db"), '
            "isolation_level=None)\n",
            'folder = os.environ.get("DDD_ROOT", "/var/lib/ddd")\n'
            "os.makedirs(folder, exist_ok=True)\n"
            'connection = sqlite3.connect(os.path.join(folder, "volumes.db"), isolation_level=None)\n\n\n'
            "def database():\n"
            "    found = connection\n",
        ),
    ),
    Mistake(
        "Name and Mountpoint beside Err",
        "one_function",
        "3.2",
        r'"Volume"|(?-i:\bVolume\b)|inside|nested',
        (
            '{"Volume": {"Name": name, "Mountpoint": files}, "Err": ""}',
            '{"Name": name, "Mountpoint": files, "Err": ""}',
        ),
    ),
    Mistake(
        "COUNT is a row, too",
        "blueprint",
        "3.3",
        r"\bCOUNT\b|\brow\b|exist|unknown|never (made|created)|not (made|created)|there is no",
        ('"SELECT 1 FROM volumes WHERE name = ?"', '"SELECT COUNT(*) FROM volumes WHERE name = ?"'),
    ),
    Mistake(
        "Mkdir for MkdirAll",
        "go",
        "3.4",
        r"MkdirAll|IsExist|already|second Create|Create.{0,40}(again|twice)|exist_ok",
        ("return os.MkdirAll(d.data(r.Name), 0o755)", "return os.Mkdir(d.data(r.Name), 0o755)"),
    ),
    Mistake(
        "global is missing where the state is loaded",
        "json_state",
        "3.5",
        r"\bglobal\b|\bload",
        ("    global volumes\n", ""),
    ),
    Mistake(
        "a pattern that matches nothing",
        "shell",
        "3.5",
        r"\*|\bglob\b|pattern|matches nothing|no match|wildcard|\[ -d|\[ -e",
        ('        [ ! -d "$found" ] || volumes="', '        volumes="'),
    ),
    Mistake(
        "the umask is not put back",
        "a_class",
        "3.6",
        r"umask|chmod",
        ("    os.umask(mask)\n", ""),
    ),
    Mistake(
        "Path names the folder above",
        "node",
        "3.7",
        r"\bsame\b|(what|as|of|from|like) Mount\b",
        ("Mountpoint: existing(request).data,", "Mountpoint: existing(request).folder,"),
    ),
    Mistake(
        "Unmount cleans up",
        "http_server",
        "3.8",
        r"Unmount.{0,90}(delet|remov|keep|stay|outliv|files)|(delet|remov|keep|stay|files).{0,90}Unmount|until Remove",
        (
            "            record.unlink()\n",
            '            record.unlink()\n            shutil.rmtree(existing(request) / "data")\n',
        ),
    ),
    Mistake(
        "rmdir of a folder that is not empty",
        "part3",
        "3.9",
        r"rmtree|not empty|(what|all that|everything) is in it|recursive",
        ("    shutil.rmtree(gone)\n", "    gone.rmdir()\n"),
    ),
    Mistake(
        "Mount does not save",
        "json_state",
        "3.10",
        r"\bsave|\bwrit(e|es|ten)\b|on (the )?disk|in memory|kill|restart",
        (
            '        mounts[data["ID"]] = mounts.get(data["ID"], 0) + 1\n        save()\n',
            '        mounts[data["ID"]] = mounts.get(data["ID"], 0) + 1\n',
        ),
    ),
    Mistake(
        "Unmount without a break",
        "one_function",
        "3.11",
        r"\bbreak\b|one (Mount|record|file|entry)|each Mount|docker cp|twice|count",
        ("                    break\n", ""),
    ),
    Mistake(
        "a dollar at the end lets a line break in",
        "blueprint",
        "3.12",
        r"fullmatch|\\[zZ]\b|new ?line|line break|\\n|end of (a|the) line|\$",
        (
            're.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name)',
            're.match(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", name)',
        ),
    ),
    Mistake(
        "the error shows all the options",
        "part3",
        "3.13",
        r"\bvalues?\b|password|secret|(only|just) (the|its|their) names?",
        ("leave out {named}.", "leave out {options}."),
    ),
]
