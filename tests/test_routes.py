"""A path in a plugin's file is a route where a function answers it, and nowhere else."""

from __future__ import annotations

import ast

import pytest

from workshop.checker.routes import blueprint, routes

F = "\ndef f(): ...\n"
OF_A = '@a.post("/X")\ndef f(): ...\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'@app.post("/X"){F}', 1),
        (f'@app.get("/")\n@app.route(\n    "/X",\n    methods=["POST"],\n){F}', 2),
        ('app.add_url_rule("/X", view_func=f)', 1),
        ('app.route(rule="/X")(f)', 1),
        ('ROUTES = {\n    "/X": f,\n}', 2),
        ('ROUTES = [\n    ("/X", f),\n]', 2),
        ('match path:\n    case "/X":\n        f()', 2),
        ('LOUD = ["/X", f]', 0),
        ('LOUD = {"/X"}', 0),
        ('COUNTS = {"/X": 0}', 0),
        ('x = 1  # @app.post("/X")', 0),
        ('if path in ("/X", "/Y"): ...', 0),
        ('if path == "/X": ...', 0),
        ('call("/X", f)', 0),
    ],
)
def test_a_route_is_a_path_with_a_function(text: str, line: int) -> None:
    assert [each.line for each in routes(ast.parse(text)) if each.path == "/X"] == ([line] if line else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = Flask(__name__)\n", ""),
        ('a = Flask(__name__)\nb = Blueprint("b", __name__, url_prefix="/b")\n', ""),
        ('a = Blueprint("a", __name__)\n', "not registered"),
        ('a = Blueprint("a", __name__)\nb = Blueprint("b", __name__)\napp.register_blueprint(b)\n', "not registered"),
        ('a = Blueprint("a", __name__)\napp.register_blueprint(a)\n', "registered"),
        ('a = Blueprint("a", __name__)\nfor each in [a]:\n    app.register_blueprint(each)\n', "registered"),
        ('a = Blueprint("a", __name__, url_prefix="/")\napp.register_blueprint(a)\n', "registered"),
        ('a = Blueprint("a", __name__, url_prefix="/a")\napp.register_blueprint(a)\n', "with a prefix"),
        ('a = Blueprint("a", __name__)\napp.register_blueprint(a, url_prefix="/a")\n', "with a prefix"),
    ],
)
def test_only_a_blueprints_own_prefix_counts(text: str, expected: str) -> None:
    tree = ast.parse(text + OF_A)
    (route,) = routes(tree)
    assert blueprint(tree, route.owner) == expected
