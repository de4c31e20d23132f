"""`check`: run the steps on a plugin, and tell what came of them, in text, JUnit XML or JSON."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import sys
import textwrap
import time
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import SkipTest

from workshop import course, setup
from workshop.diagnose import Diagnosis, Evidence, diagnose, docker_prints, place
from workshop.discovery import Lookup
from workshop.process import OurTrouble
from workshop.subject import Check, PluginUnderTest, makes_volumes, shapes_of, steps_of
from workshop.wire import Exchange

WIDTH = 80
SHOWN = 6
COLOURS = {"ok": "32", "FAIL": "31", "skip": "33", "docker": "36", "plugin": "32", "head": "1"}
COLOURS |= {"warn": "33", "note": "36", "error": "31"}


@dataclass
class Result:
    """What came of one step: outcome is "ok", "FAIL", "skip" or "error" (ours, not the plugin's).

    Of a case of the conformance suite, it is also "warn" (a should that fails) or "note" (a record).
    """

    step: str
    title: str
    outcome: str = "ok"
    seconds: float = 0.0
    reason: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    evidence: Evidence | None = None
    diagnosis: Diagnosis | None = None
    level: str = ""


def steps(part: int) -> dict[str, Check]:
    """Return the checks of a part by step, from the clone's tests/ or from the installed wheel."""
    home = setup.home()
    folder = home / "tests" if home else Path(__file__).parent / "steps"
    spec = importlib.util.spec_from_file_location(f"workshop_steps_{part}", folder / f"test_part{part}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return steps_of(module)


def run(plugin: PluginUnderTest, checks: dict[str, Check], go_on: bool, file: Path | None) -> Iterator[Result]:
    """Run the checks in their order, and yield the result of each; end at the first failure unless go_on."""
    for step, check in checks.items():
        result = run_step(plugin, step, check, file)
        yield result
        if plugin.lost or (result.outcome in ("FAIL", "error") and not go_on):
            return


def run_step(plugin: PluginUnderTest, step: str, check: Check, file: Path | None) -> Result:
    """Run one check in every shape of Docker's calls, and return what came of it."""
    result = Result(step, title(step, check))
    if makes_volumes(step):
        plugin.survey()
    before, printed = time.perf_counter(), plugin.printed()
    try:
        with plugin.judged():
            for plugin.shape in shapes_of(check):
                plugin.exchanges.clear()
                if getattr(check, "needs_process", False):
                    plugin.needs_process()
                check(plugin.ready_for(check))
                result.exchanges += plugin.exchanges
        tell_of_crash(plugin, Evidence(step, "", log=plugin.output(printed), file=file))
    except SkipTest as reason:
        result.outcome, result.reason = "skip", str(reason)
    except AssertionError as failure:
        result.outcome, result.exchanges = "FAIL", list(plugin.exchanges)
        result.evidence = evidence(plugin, step, str(failure), plugin.output(printed), file)
        result.diagnosis = diagnose(result.evidence)
    except OurTrouble:
        raise
    except Exception as error:
        result.outcome, result.reason = "error", our_fault(error)
    finally:
        plugin.clean_up()
    look_for_the_others(plugin, result)
    if result.outcome in ("FAIL", "error"):
        plugin.afresh()
    result.seconds = time.perf_counter() - before
    return result


def our_fault(error: Exception) -> str:
    """Return where an exception comes from that no plugin can be blamed for, and what it says."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(place.filename).name}:{place.lineno} {type(error).__name__}: {error}"


def look_for_the_others(plugin: PluginUnderTest, result: Result) -> None:
    """Make a result a failure, whatever else it is, where List has lost a volume that this check did not make."""
    with contextlib.suppress(AssertionError):
        plugin.look_for_the_others()
    if plugin.lost:
        names = ", ".join(plugin.lost)
        result.outcome = "FAIL"
        result.evidence = result.evidence or Evidence(
            result.step, f"wanted {names} to be left alone", list(result.exchanges), socket=plugin.socket
        )
        why = "The volume was there before this check, which did not make it, and List does not name it any more"
        result.diagnosis = Diagnosis("others lost", f"{names}: {why}. The check ends here. Look what is left.")


def tell_of_crash(plugin: PluginUnderTest, known: Evidence) -> None:
    """Advise against a refusal that is none: the handler has raised an exception, and the user gets to hear nothing."""
    where = place(known) if known.error else None
    if where and known.file:
        line = f"{shown_path(known.file)}:{where[0]}"
        plugin.advise(f"Step {known.step} passes, but only by a crash: {line} raised {known.error}")


def title(step: str, check: Check) -> str:
    """Return the step's title from the slides; where they do not have it, what the check says of itself."""
    with contextlib.suppress(course.CourseError):
        return course.step(step).title
    return (check.__doc__ or "").strip().splitlines()[0].rstrip(".")


def evidence(plugin: PluginUnderTest, step: str, failure: str, log: str, file: Path | None) -> Evidence:
    """Gather what is known about a failed check."""
    ended = plugin.exit_status(wait=0.3 if plugin.exchanges and plugin.exchanges[-1].failure else 0)
    listens = plugin.listens() if plugin.trouble else []
    known = (plugin.trouble, ended, plugin.socket, listens, file, plugin.lookup)
    return Evidence(step, failure, list(plugin.exchanges), log, *known)


def say(colour: str, text: str) -> str:
    """Return text in colour for a terminal, as it is elsewhere or with NO_COLOR."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\033[{COLOURS[colour]}m{text}\033[0m"


def lines_of(result: Result) -> list[str]:
    """Return the report of one step: a line, and after a failure all that helps to mend it."""
    time_taken = f"{result.seconds * 1000:.0f} ms"
    mark = say(result.outcome, f"{result.outcome:5}")
    title = result.title if len(result.title) <= 54 else f"{result.title[:53]}…"
    lines = [f"  {mark} {result.step:5} {title:55}{time_taken:>10}".rstrip()]
    if result.outcome in ("skip", "error"):
        lines += wrapped(" " * 12, result.reason)
    if result.evidence and result.diagnosis:
        lines += failure_lines(result.evidence, result.diagnosis)
    return lines


def failure_lines(known: Evidence, diagnosis: Diagnosis) -> list[str]:
    """Return the conversation, what was wanted, why it is so, where to look, and what docker would print."""
    lines = searched(known.lookup) if known.lookup else []
    lines += conversation(known.exchanges)
    lines += wrapped("  wanted    ", printable(wanted(known.wanted)))
    lines += wrapped("  Why       ", diagnosis.why)
    where, file = place(known), known.lookup.file if known.lookup else known.file
    if where and file:
        lines += wrapped("  Look      ", f"{shown_path(file)}:{where[0]}   {where[1]}")
    if (known.trouble or known.error) and known.log.strip():
        lines += ["  The plugin's last lines:", *printed(known.log, known.file)]
    prints = docker_prints(known)
    if prints:
        lines += ["  Docker itself would print:", *wrapped("            ", shortened(prints, 300))]
    return lines


def searched(lookup: Lookup) -> list[str]:
    """Return which file Docker takes for a driver, and which of the learner's files that is."""
    took = f"takes {lookup.place}" if lookup.place else "finds no file in any of the places"
    own = f", your {shown_path(lookup.file)}" if lookup.own and lookup.file else ""
    return wrapped(f"  {say('docker', '[docker]')}  ", f"looks for the driver {lookup.driver}, and {took}{own}")


def conversation(exchanges: Sequence[Exchange]) -> list[str]:
    """Return the last exchanges, each line with its speaker."""
    earlier = len(exchanges) - SHOWN
    lines = [f"            ({earlier} earlier calls)"] if earlier > 0 else []
    for exchange in exchanges[-SHOWN:]:
        method = exchange.request.split(b" ")[0].decode()
        said = shortened(printable(exchange.sent), 200) or "(empty body)"
        lines += wrapped(f"  {say('docker', '[docker]')}  ", f"{method} /{exchange.endpoint}  {said}")
        lines += wrapped(f"  {say('plugin', '[plugin]')}  ", answered(exchange))
    return lines


def answered(exchange: Exchange) -> str:
    """Return what the plugin answered: status, media type and body; or why there is no answer."""
    if not exchange.status:
        return f"({exchange.failure})"
    media = exchange.headers.get("content-type", "")
    body = shortened(printable(exchange.text.strip()), 300) or "(empty body)"
    kind = "" if "json" in media else f"{media}  "
    return f"{exchange.status} {exchange.reason}  {kind}{body}"


def wanted(text: str) -> str:
    """Return what was wanted, without the exchange that the text ends with: it is shown above."""
    first = text.splitlines()[0] if text else ""
    return re.sub(r",? (for|in|got|not|from|of|after)$|,? got POST .*$", "", first.removeprefix("wanted "))


def printed(log: str, file: Path | None) -> list[str]:
    """Return the last lines of what the plugin printed, without colours and carets, and with short names of files."""
    plain = re.sub(r"\033\[[0-9;]*m", "", log).replace(str(file), shown_path(file) if file else "None")
    # where a package lies says nothing, and would push what its line does out of sight
    plain = re.sub(r'File "/[^"]*/([^/"]+/[^/"]+)"', r'File "…/\1"', plain)
    kept = [line for line in plain.strip().splitlines() if line.strip(" ~^")]
    return [f"    {shortened(printable(line), 72)}" for line in kept[-6:]]


def printable(text: str) -> str:
    """Return text with its control characters made visible, and IDs as short as docker shows them."""
    visible = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return re.sub(r'"([0-9a-f]{12})[0-9a-f]{52}"', r'"\1…"', visible)


def shortened(text: str, length: int) -> str:
    """Return text, at most so long."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def wrapped(head: str, text: str) -> list[str]:
    """Return text in lines of 80 columns behind a head of 12."""
    lines = textwrap.wrap(" ".join(text.split(" ")), WIDTH - 12, break_on_hyphens=False) or [""]
    return [f"{head}{lines[0]}", *(f"{'':12}{line}" for line in lines[1:])]


def shown_path(path: Path) -> str:
    """Return a path as somebody would type it here."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here


def junit(results: Sequence[Result], name: str) -> str:
    """Return the results as JUnit XML, as continuous integration reads it."""
    counts = {kind: sum(result.outcome == kind for result in results) for kind in ("ok", "FAIL", "skip", "error")}
    seconds = f"{sum(result.seconds for result in results):.3f}"
    totals = {"tests": str(len(results)), "failures": str(counts["FAIL"]), "skipped": str(counts["skip"])}
    suite = ET.Element("testsuite", {"name": name, "time": seconds, "errors": str(counts["error"]), **totals})
    for result in results:
        case = {"classname": name, "name": f"{result.step} {result.title}", "time": f"{result.seconds:.3f}"}
        element = ET.SubElement(suite, "testcase", case)
        if result.outcome == "skip":
            ET.SubElement(element, "skipped", {"message": printable(result.reason)})
        if result.evidence and result.diagnosis:
            # XML has no place for control characters
            text = "\n".join(printable(re.sub(r"\033\[[0-9;]*m", "", line)) for line in lines_of(result))
            kind = "failure" if result.outcome == "FAIL" else "system-out"
            ET.SubElement(
                element, kind, {"message": printable(result.diagnosis.why)} if kind == "failure" else {}
            ).text = text
        elif result.outcome in ("note", "error"):
            ET.SubElement(element, "system-out" if result.outcome == "note" else "error").text = printable(
                result.reason
            )
    return ET.tostring(suite, "unicode", xml_declaration=True)


def as_json(results: Sequence[Result], name: str) -> str:
    """Return the results as JSON, with every exchange: {"name", "steps": [{"step", "outcome", "exchanges", …}]}."""
    steps = []
    for result in results:
        row: dict[str, object] = {"step": result.step, "title": result.title, "outcome": result.outcome}
        row |= {"seconds": round(result.seconds, 4), "reason": result.reason}
        row |= {"level": result.level} if result.level else {}
        if result.diagnosis and result.evidence:
            row |= {"diagnosis": result.diagnosis.key, "why": result.diagnosis.why, "wanted": result.evidence.wanted}
        row["exchanges"] = [exchange_as_json(exchange) for exchange in result.exchanges]
        steps.append(row)
    return json.dumps({"name": name, "steps": steps}, indent=2, ensure_ascii=False) + "\n"


def exchange_as_json(exchange: Exchange) -> dict[str, object]:
    """Return an exchange with all that was said; bytes that are no text are shown as U+FFFD."""
    return {
        "request": exchange.request.decode("utf-8", "replace"),
        "status": exchange.status,
        "headers": dict(exchange.headers),
        "body": exchange.text,
        "failure": exchange.failure,
        "seconds": round(exchange.seconds, 6),
    }
