"""What facts say of a plugin's Python file: only of code that does it, and nothing where that is not sure."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes.mistake import FILES

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import FACTS
from workshop.checker.syntax import answering, dotted
from workshop.protocol.exchange import Exchange

SERVING = "def serve():\n    make_server(f'unix://{x}', 0, app).serve_forever()\n"
STOP = "def stop(*_):\n    sys.exit()\n"
SIGNAL = "signal.signal(signal.SIGTERM, stop)\n"
FLASK = "app = Flask(__name__)\n"
UNMOUNT = '@app.post("/VolumeDriver.Unmount")\ndef unmount():\n    users = read()\n'
CREATE = '@app.post("/VolumeDriver.Create")\ndef create():\n'

ROWS = [
    ("called_not_named", f"{STOP}signal.signal(signal.SIGTERM, stop())\n", "stop"),
    ("called_not_named", "atexit.register(os.unlink(SOCKET))\n", "os.unlink"),
    ("called_not_named", "Thread(target=server.serve_forever()).start()\n", "server.serve_forever"),
    ("called_not_named", "atexit.register(functools.partial(os.unlink, SOCKET))\n", ""),
    ("called_not_named", "def make():\n    return print\natexit.register(make())\n", ""),
    ("called_not_named", "@contextmanager\ndef make():\n    pass\natexit.register(make())\n", ""),
    ("called_not_named", f"{STOP}registry.register(stop())\n", ""),
    ("called_not_named", f"{STOP}# signal.signal(signal.SIGTERM, stop())\n", ""),
    ("named_not_called", f"{SERVING}serve\n", "serve"),
    ("named_not_called", "server.serve_forever\n", "server.serve_forever"),
    ("named_not_called", f"{SERVING}serve\nserve()\n", ""),
    ("named_not_called", "from flask import (\n    Flask,\n    request\n)\n", ""),
    ("named_not_called", "volumes.names\n", ""),
    ("main_word", 'if __name__ == "main":\n    pass\n', "main"),
    ("main_word", '"""A test imports it with __name__ == "plugin"."""\n', ""),
    ("main_word", 'if type(x).__name__ == "Volume":\n    pass\n', ""),
    ("runs_nothing", f"import os\n{FLASK}{SERVING}", True),
    ("runs_nothing", f"{SERVING}status = serve()\n", False),
    ("what_to_run", f"{FLASK}{SERVING}", ' Write at its end: if __name__ == "__main__": serve()'),
    (
        "what_to_run",
        f"{FLASK}",
        ' Write at its end: if __name__ == "__main__": app.run(host="unix://" + os.environ["DDD_SOCKET"])',
    ),
    ("what_to_run", "x = 1\n", ""),
    ("set_too_late", f"{STOP}{SERVING}serve()\n{SIGNAL}", "serve()"),
    ("set_too_late", f"{STOP}{FLASK}app.run()\n{SIGNAL}", "run()"),
    ("set_too_late", f"{STOP}subprocess.run(['true'])\n{SIGNAL}", ""),
    ("set_too_late", f"{STOP}{SERVING}Thread(target=lambda: serve()).start()\n{SIGNAL}", ""),
    ("set_too_late", f"{STOP}{SIGNAL}{SERVING}serve()\n{SIGNAL}", ""),
    ("flasks_server", f"{FLASK}app.run(host='unix:///x')\n", "app.run()"),
    ("flasks_server", "from werkzeug.serving import make_server\nmake_server('unix:///x', 0, app)\n", "make_server()"),
    ("flasks_server", "from werkzeug.serving import make_server\nmake_server('unix:///x', 0, app, fd = 3)\n", ""),
    ("flasks_server", "from werkzeug.serving import make_server\nmake_server(**settings)\n", ""),
    ("flasks_server", "def make_server(x):\n    pass\nmake_server('unix:///x')\n", ""),
    ("flasks_server", "app = App()\napp.run(host='unix:///x')\n", ""),
    ("file_test", 'SOCKET = os.environ["DDD_SOCKET"]\nos.path.isfile(SOCKET)\n', True),
    ("file_test", 'S = os.environ["DDD_SOCKET"]\ndef room(p):\n    Path(p).is_file()\nroom(S)\n', True),
    ("file_test", 'S = os.environ["DDD_SOCKET"]\ndef load(p):\n    Path(p).is_file()\nroom(S)\nload("x")\n', False),
    ("unmount_ends", f"{UNMOUNT}    users = [each for each in users if each != mount_id]\n", "all by a filter"),
    ("unmount_ends", f"{UNMOUNT}    users = [each for each in users if each != 'hidden']\n", ""),
    (
        "unmount_ends",
        f"{UNMOUNT}    for u in users:\n        if u.id == asked('ID'):\n            u.unlink()\n",
        "all in a loop",
    ),
    ("unmount_ends", f"{UNMOUNT}    for u in users:\n        if u.is_file():\n            u.unlink()\n", ""),
    ("unmount_ends", f"{UNMOUNT}def tidy(id):\n    return [each for each in x if each != id]\n", ""),
    ("reads_with_a_type", f"{CREATE}    request.get_json()\n", True),
    ("reads_with_a_type", f"{CREATE}    request.json\n", True),
    ("reads_with_a_type", f"{CREATE}    asked()\ndef asked():\n    request.get_json(silent=True)\n", True),
    ("reads_with_a_type", f"{CREATE}    request.get_json(True)\n", False),
    ("reads_with_a_type", f"{CREATE}    request.get_json(\n        force = True)\n", False),
    ("reads_with_a_type", f"{CREATE}    pass\ndef other():\n    request.get_json()\n", False),
    ("reads_a_form", f"{CREATE}    request.form['Name']\n", "request.form"),
    ("reads_a_form", f"{CREATE}    body = request.args\n    body.get('Name')\n", "request.args"),
    ("reads_a_form", f"{CREATE}    request.args.get('debug')\n", ""),
    ("reads_a_form", f"{CREATE}    pass\ndef greet():\n    request.args.get('Name')\n", ""),
    ("reads_small_key", f"{CREATE}    body.get('name')\n", "name"),
    ("reads_small_key", f"{CREATE}    body['Name'], volume['name']\n", ""),
    ("reads_small_key", f"SETTINGS = load()\n{CREATE}    SETTINGS['name']\n", ""),
    ("errorhandler", "@app.errorhandler(\n    Exception\n)\ndef f(e):\n    pass\n", "@app.errorhandler(Exception)"),
    ("errorhandler", "@app.errorhandler(404)\n@app.errorhandler(400)\ndef f(e):\n    pass\n", "@app.errorhandler(400)"),
    ("errorhandler", "app.register_error_handler(400, f)\n", "app.register_error_handler(400, f)"),
    ("gets_the_error", "@app.errorhandler(404)\n@app.errorhandler(400)\ndef f(e):\n    pass\n", True),
    ("gets_the_error", "@app.errorhandler(500)\ndef f(e):\n    pass\n", False),
]


@pytest.mark.parametrize(("name", "text", "value"), ROWS)
def test_a_fact_is_what_the_file_does(name: str, text: str, value: object, tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text)
    sent = b'POST / HTTP/1.1\r\n\r\n{"Name":"mango","Opts":{}}'
    refused = Exchange("VolumeDriver.Create", sent, 400, body=b'{"Err": "None is no name"}')
    found = FACTS[name](Evidence("3.1", "", [refused], file=file))
    assert found == value if not isinstance(value, bool) else bool(found) == value


@pytest.mark.parametrize(
    ("literal", "mode", "decimal", "opposite"),
    [
        ("os.chmod(SOCKET, 666)", "0232", "666", False),
        ("os.umask(177)", "0516", "177", False),
        ("os.umask(0o600)", "0177", "", True),
        ("os.chmod(SOCKET, 0o077)", "0077", "", False),
        ("os.makedirs(ROOT, mode=511)", "0777", "", False),
        ("os.umask(0)", "0777", "", False),
        ("os.chmod(OTHER, 600)", "0777", "", False),
        ('"""The socket has (mode=600)."""', "0777", "", False),
    ],
)
def test_a_mode_is_named_only_where_the_socket_has_it(
    literal: str, mode: str, decimal: str, opposite: bool, tmp_path: Path
) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(f"{literal}\n")
    known = Evidence("1.3", f"wanted a socket that is closed to others, not mode {mode}", file=file)
    assert (FACTS["decimal_mode"](known), FACTS["mode_is_opposite"](known)) == (decimal, opposite)


@pytest.mark.parametrize(
    "name", [name for name, file in FILES.items() if file.suffix == ".py" and name not in ("part1", "part2")]
)
def test_the_handler_of_an_endpoint_is_found_in_every_style(name: str) -> None:
    for method, other in (("Create", "Unmount"), ("Unmount", "Create")):
        pieces = answering(FILES[name], f"VolumeDriver.{method}")
        assert pieces, method
        assert not any(dotted(each) == other.lower() for each in pieces)
