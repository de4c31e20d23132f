"""The live diagram, and the same view from a file."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workshop.course.notebooks import jupyter, lab
from workshop.plugins.folders import private_folder
from workshop.protocol.exchange import Address, exchange, request
from workshop.trace import live
from workshop.trace import page as web
from workshop.trace.recording import header

from .conftest import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
START = (
    "import json, sys; from workshop.trace import trace; sys.exit(trace.main(trace.Options(**json.loads(sys.argv[1]))))"
)


def row(n: int, method: str = "Get", name: str = "mango", answer: str = '{"Err": ""}', **more: Any) -> dict[str, Any]:
    """A call in the format of docs/trace.md."""
    made = {"n": n, "at": n / 100, "took": 0.002, "method": "POST", "path": f"/VolumeDriver.{method}"}
    made |= {"request_headers": [["Host", ""]], "request": json.dumps({"Name": name}) + "\n"}
    made |= {"status": 200, "reason": "OK", "answer_headers": [["Connection", "close"]], "answer": answer}
    return made | {"failure": "", "pending": False} | more


MISSING = '{"Err": "no such volume <b>mango</b>"}'


@pytest.fixture
def serve() -> Iterator[Callable[..., live.PageServer]]:
    with ExitStack() as servers:

        def start(port: int = 0) -> live.PageServer:
            return servers.enter_context(live.PageServer(live.Feed(header("test")), port))

        yield start


@pytest.fixture
def server(serve: Callable[..., live.PageServer]) -> live.PageServer:
    return serve()


def calls(page: Page) -> Any:
    return page.locator("ol > li .call")


def expect_count(page: Page, number: int) -> None:
    calls(page).nth(number - 1).wait_for(state="attached")
    assert calls(page).count() == number


def focused(page: Page) -> str:
    """The text of the call that has the focus."""
    text = page.evaluate(
        "document.querySelector('plugin-conversation').shadowRoot.activeElement?.closest('li')?.textContent"
    )
    return str(text)


def test_arrows_appear_as_calls_come(page: Page, server: live.PageServer) -> None:
    page.goto(server.url)
    page.get_by_text("Waiting for the first call").wait_for()
    server.feed.call(row(1, "Create", pending=True, status=0))
    page.get_by_text("waiting for the answer").wait_for()
    server.feed.call(row(1, "Create"))
    page.get_by_text("makes volumes/mango").wait_for()
    server.feed.note("plugin.py changed:\n    line two")
    page.get_by_text("plugin.py changed").wait_for()
    server.feed.call(row(2, "Get", answer=MISSING))
    page.get_by_text("no such volume <b>mango</b>").wait_for()
    expect_count(page, 2)
    assert calls(page).nth(1).locator("b").text_content() == "Error"
    assert page.locator(".count").text_content() == "2 calls, 1 with an error"
    assert page.get_by_text("Waiting for the first call").is_hidden()


def test_the_whole_way_from_a_caller_to_the_page(page: Page) -> None:
    with private_folder() as folder:
        told = {"DDD_SOCKET": f"{folder}/p/ddd.sock", "DDD_ROOT": f"{folder}/root", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", START, json.dumps({"plugin": "part3/plugin.py", "web": True})]
        tracing = subprocess.Popen(command, cwd=ROOT, env=told, stdout=subprocess.PIPE, text=True)
        with tracing:
            assert tracing.stdout
            lines = iter(tracing.stdout.readline, "")
            page.goto(next(line for line in lines if "http://" in line).split()[-1])
            address = Address(path=f"{folder}/p/ddd.sock")
            exchange(address, "VolumeDriver.Create", request("VolumeDriver.Create", {"Name": "mango"}))
            page.get_by_text("makes volumes/mango").wait_for()
            tracing.terminate()
            tracing.stdout.read()
    assert tracing.returncode == 0
    page.get_by_text("not connected, trying again").wait_for()


def test_the_page_goes_on_where_it_was_when_the_line_breaks(
    watched: Callable[..., Watched], serve: Callable[..., live.PageServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, connections = serve(), list[socket.socket]()
    accept = server.server.process_request

    def accepted(connection: socket.socket, address: tuple[str, int]) -> None:
        connections.append(connection)
        accept(connection, address)

    monkeypatch.setattr(server.server, "process_request", accepted)
    page = watched().page(server.url)
    server.feed.call(row(1))
    expect_count(page, 1)
    for connection in connections:
        with suppress(OSError):  # one that has ended
            connection.shutdown(socket.SHUT_RDWR)
    page.get_by_text("not connected").wait_for()
    server.feed.call(row(2))
    expect_count(page, 2)


def test_the_page_comes_back_with_the_server(
    watched: Callable[..., Watched], serve: Callable[..., live.PageServer]
) -> None:
    first, browser = serve(), watched()
    page = browser.page(first.url)
    first.feed.call(row(1, "Create", "old"))
    page.get_by_text("makes volumes/old").wait_for()
    first.__exit__()
    page.get_by_text("not connected").wait_for()
    second = serve(first.port)
    browser.page(second.url).get_by_text("Waiting for the first call").wait_for()  # it gets the cookie of this trace
    second.feed.call(row(1, "Create", "new"))
    page.get_by_text("makes volumes/new").wait_for()
    expect_count(page, 1)
    assert page.locator(".state").text_content() == "live"


def test_the_token_leaves_the_address_bar_and_the_page_can_be_loaded_again(page: Page, server: live.PageServer) -> None:
    server.feed.call(row(1))
    page.goto(server.url)
    page.wait_for_url(f"http://127.0.0.1:{server.port}/")
    page.reload()
    expect_count(page, 1)
    assert page.evaluate("document.cookie") == ""


def test_a_click_shows_request_and_answer_as_they_were_written(page: Page, server: live.PageServer) -> None:
    server.feed.call(row(1, answer=MISSING))
    page.goto(server.url)
    calls(page).first.click()
    assert calls(page).first.get_attribute("aria-expanded") == "true"
    asked, answered = page.locator(".detail pre").all_text_contents()
    assert asked == 'POST /VolumeDriver.Get HTTP/1.1\nHost: \n\n{"Name": "mango"}\n'
    assert answered == f"200 OK\nConnection: close\n\n{MISSING}"
    calls(page).first.click()
    assert page.locator(".detail").count() == 0


def test_the_keyboard(page: Page, server: live.PageServer) -> None:
    for n, name in enumerate(["a", "b", "c", "d"], start=1):
        server.feed.call(row(n, name=name))
    server.feed.note("between")
    server.feed.call(row(5, name="e"))
    page.goto(server.url)
    expect_count(page, 5)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    for key, name in [("", "a"), ("ArrowDown", "b"), ("End", "e"), ("ArrowUp", "d"), ("Home", "a"), ("ArrowUp", "a")]:
        if key:
            page.keyboard.press(key)
        assert f"VolumeDriver.Get {name}." in focused(page), key
    page.keyboard.press("Enter")
    assert page.locator(".detail").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('plugin-conversation').shadowRoot.activeElement.tagName") == "PRE"
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0
    assert "VolumeDriver.Get a." in focused(page)


def test_the_filter(page: Page, server: live.PageServer) -> None:
    for n in range(1, 7):
        server.feed.call(row(n, name="mango" if n % 2 else "plum"))
    server.feed.call(row(7, "List", request="{}\n"))
    page.goto(server.url)
    expect_count(page, 7)
    select = page.get_by_label("Volume")
    assert select.locator("option").all_text_contents() == ["all calls", "mango", "plum"]
    select.select_option("plum")
    assert page.locator("li .volume").all_text_contents() == ["plum"] * 3
    server.feed.call(row(8, name="mango"))
    server.feed.call(row(9, name="plum"))
    expect_count(page, 4)
    page.locator("li .call").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    assert "plum" in focused(page)
    select.select_option("")
    assert page.locator("li").count() == 9


def test_a_screen_reader_finds_a_list_of_buttons_that_say_all(page: Page, server: live.PageServer) -> None:
    server.feed.call(row(1, "Create", at=0.5))
    server.feed.call(row(2, status=0, failure="the connection was closed without an answer"))
    page.goto(server.url)
    expect_count(page, 2)
    shown = page.get_by_role("list", name="The conversation between Docker and its plugin").aria_snapshot()
    assert "0.500 s Docker asks: VolumeDriver.Create mango . The plugin answers: 200 OK · 2.0 ms" in shown
    assert "The plugin makes volumes/mango" in shown
    assert "No answer the connection was closed without an answer" in shown
    assert shown.count('button "') == 2 and shown.count("- listitem") == 2


def test_nothing_is_asked_of_anybody_else(
    watched: Callable[..., Watched], server: live.PageServer, element: Path
) -> None:
    browser = watched()
    page = browser.page(server.url)
    server.feed.call(row(1, answer="<img src=http://example.org/x><script src=//example.org/y></script>"))
    calls(page).first.click()
    page.locator(".detail").wait_for()
    assert len(browser.addresses) >= 4
    ours = (f"http://127.0.0.1:{server.port}/", "data:")
    assert {address for address in browser.addresses if not address.startswith(ours)} == set()
    assert "://" not in element.read_text().replace("file://", "")


def contrast(one: list[float], two: list[float]) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it: 1 to 21."""

    def light(colour: list[float]) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    brighter, darker = sorted([light(one), light(two)], reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


COLOURS = """() => {
  const root = document.querySelector('plugin-conversation').shadowRoot;
  const numbers = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const behind = (node) => {
    const colour = node instanceof ShadowRoot ? '' : getComputedStyle(node).backgroundColor;
    if (colour && !/, 0\\)$/.test(colour) && !colour.startsWith('color')) return colour;
    return behind(node instanceof ShadowRoot ? node.host : node.parentNode);
  };
  return [...root.querySelectorAll('*')].filter((node) => node.checkVisibility() && !node.closest('.unseen')
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()))
    .map((node) => [node.className || node.tagName, numbers(getComputedStyle(node).color), numbers(behind(node))]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_in_light_and_dark(
    watched: Callable[..., Watched], server: live.PageServer, scheme: str
) -> None:
    server.feed.note("The plugin runs")
    for n, method in enumerate(["Create", "Get"], start=1):
        server.feed.call(row(n, method, answer=MISSING if method == "Get" else '{"Err": ""}'))
    page = watched(color_scheme=scheme, reduced_motion="reduce").page(server.url)
    expect_count(page, 2)
    calls(page).first.click()
    page.mouse.move(0, 0)
    seen = page.evaluate(COLOURS)
    assert {"method", "what", "effect", "took", "time", "PRE"} <= {name for name, _, _ in seen}
    assert [each for each in seen if contrast(each[1], each[2]) < 4.5] == []
    paper = page.evaluate("getComputedStyle(document.querySelector('plugin-conversation')).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_less_motion_for_those_who_ask_for_it(watched: Callable[..., Watched], server: live.PageServer) -> None:
    names: dict[str, str] = {}
    for motion in ("reduce", "no-preference"):
        page = watched(reduced_motion=motion).page(server.url)
        server.feed.call(row(len(names) + 1))
        page.locator("li.fresh").first.wait_for()
        names[motion] = page.locator("li.fresh").first.evaluate("node => getComputedStyle(node).animationName")
    assert names == {"reduce": "none", "no-preference": "come"}


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(watched: Callable[..., Watched], server: live.PageServer, width: int) -> None:
    server.feed.call(row(1, "Create", name="v" * 255, answer=json.dumps({"Err": "no" * 3000})))
    page = watched(viewport={"width": width, "height": 800}).page(server.url)
    calls(page).first.click()
    page.locator(".detail").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_five_thousand_calls_stay_usable(
    page: Page, server: live.PageServer, record_testsuite_property: Callable[[str, object], None]
) -> None:
    for n in range(1, 5001):
        server.feed.call(row(n, name=f"v{n % 50}", answer=MISSING if n % 7 == 0 else '{"Err": ""}'))
    times = [time.perf_counter()]

    def took(what: str) -> None:
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        times.append(time.perf_counter())
        record_testsuite_property(what, round(times[-1] - times[-2], 3))

    page.goto(server.url)
    expect_count(page, 5000)
    took("5000 calls on screen, s")
    calls(page).last.click()
    page.locator(".detail").wait_for()
    took("open the last, s")
    page.locator("select").select_option("v7")
    assert page.locator("li").count() == 100
    took("filter, s")
    page.locator("select").select_option("")
    took("all again, s")
    calls(page).first.focus()
    page.keyboard.press("End")
    assert "v0" in focused(page)
    took("from the first to the last, s")
    server.feed.call(row(5001))
    expect_count(page, 5001)
    took("one more, s")


def test_the_example_opens_from_a_file(watched: Callable[..., Watched], element: Path) -> None:
    browser = watched()
    page = browser.page((element.parent / "example.html").as_uri())
    conversations = page.locator("plugin-conversation")
    conversations.last.locator(".call").first.wait_for()
    assert conversations.count() == 2
    shown = conversations.first.locator(".ask").all_text_contents()
    assert [each.split(": ")[1] for each in shown][-2:] == ["VolumeDriver.Get mango", "VolumeDriver.Create mango"]
    assert all(address.startswith(("file://", "data:")) for address in browser.addresses)


def test_what_is_embedded_is_what_was_recorded(watched: Callable[..., Watched], element: Path, tmp_path: Path) -> None:
    lines = [header("a </script><b>title</b>"), row(1, answer='{"Err": "</script><!-- "}')]
    recording = "\n".join(map(json.dumps, lines))
    (tmp_path / "page.html").write_text(f"<script src='{element.as_uri()}'></script>{web.element(recording)}")
    page = watched().page((tmp_path / "page.html").as_uri())
    expect_count(page, 1)
    assert page.locator(".what").text_content() == "</script><!-- "
    assert "a </script><b>title</b>" in (page.locator(".title").text_content() or "")


def test_a_cell_of_a_notebook_draws_its_call_in_the_theme_of_jupyterlab(watched: Callable[..., Watched]) -> None:
    bench = lab.start("part1")
    cell = bench.get("/")._repr_html_()
    lab.close()
    served = {
        name: (folder / name).read_text()
        for name, folder in (("notebook.js", jupyter.SCRIPTS), ("conversation.js", web.FOLDER))
    }
    served["lab"] = f"<body data-jp-theme-light='true'>{cell * 2}"
    page = watched().page()

    def answer(route: Any) -> None:
        name = route.request.url.rpartition("/")[2]
        kind = "text/javascript" if name.endswith(".js") else "text/html"
        route.fulfill(body=served[name], content_type=kind)

    page.route("http://127.0.0.1/**", answer)
    page.goto("http://127.0.0.1/lab")
    page.locator("plugin-conversation[theme=light] .ask").first.wait_for()
    # Docker never sends a GET, and nothing is said of a time that differs in every run
    assert page.locator(".ask").all_text_contents() == ["Docker asks: GET /"] * 2
    assert page.locator(".say").first.text_content() == ". The plugin answers: 200 OK"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.locator("plugin-conversation[theme=dark]").nth(1).wait_for()


def test_src_is_fetched_where_it_can_be_and_else_it_is_said(
    watched: Callable[..., Watched], element: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(
        f"<script src='{element.as_uri()}'></script><plugin-conversation src='r.jsonl'></plugin-conversation>"
    )
    page = watched().page((tmp_path / "page.html").as_uri())
    page.get_by_text("r.jsonl cannot be fetched.").wait_for()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"])
def test_a_page_of_another_name_is_refused(server: live.PageServer, host: str) -> None:
    for name, status in [(host.format(port=server.port), 421), (f"localhost:{server.port}", 200)]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", f"/page.css?{server.url.partition('?')[2]}", headers={"Host": name})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == status
    assert server.server.server_address[0] == "127.0.0.1"
