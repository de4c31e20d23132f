"""The results as text, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workshop.checker.diagnose import Diagnosis, docker_prints, line_at_fault
from workshop.checker.evidence import Evidence, is_dockers, string_of
from workshop.checker.result import Result
from workshop.protocol.discovery import Lookup
from workshop.protocol.exchange import Exchange
from workshop.terminal import in_colour, last_lines, printable, short_path, shorten, wrap

EXCHANGES_SHOWN = 6


def lines_of(result: Result) -> list[str]:
    """Return the report of one step: a line, and after a failure all that helps to mend it."""
    time_taken = f"{result.seconds * 1000:.0f} ms"
    mark = in_colour(result.outcome, f"{result.outcome:5}")
    width = 54 - len(result.page)
    title = f"{shorten(result.title, width):{width}} {result.page}"
    lines = [f"  {mark} {result.step:5} {title}{time_taken:>10}".rstrip()]
    if result.outcome in ("skip", "error"):
        lines += wrap(" " * 12, result.reason)
    if result.evidence and result.diagnosis:
        lines += failure_lines(result.evidence, result.diagnosis)
    return lines


def failure_lines(known: Evidence, diagnosis: Diagnosis) -> list[str]:
    """Return the conversation, what was wanted, why it is so, where to look, and what docker would print."""
    lines = _searched(known.lookup) if known.lookup else []
    lines += _conversation(known.exchanges)
    if known.trouble and known.ended is None:
        lines += wrap("  waited    ", known.trouble.removeprefix("Waited "))
    lines += wrap("  wanted    ", printable(demand(known.wanted)))
    lines += wrap("  Why       ", diagnosis.why)
    if where := line_at_fault(known):
        lines += wrap("  Look      ", f"{short_path(where.file)}:{where.number}   {where.text}")
    if known.printed:
        lines += ["  The plugin's last lines:", *last_lines(known.output, known.file)]
    prints = docker_prints(known)
    if prints:
        lines += ["  Docker itself would print:", *wrap("            ", shorten(prints, 300))]
    return lines


def _searched(lookup: Lookup) -> list[str]:
    """Return which file Docker takes for a driver, and which of the learner's files that is."""
    took = f"takes {lookup.place}" if lookup.place else "finds no file in any of the places"
    own = f", which is your {short_path(lookup.file)}" if lookup.own and lookup.file else ""
    return wrap(f"  {in_colour('docker', '[docker]')}  ", f"looks for the driver {lookup.driver}, and {took}{own}")


def _conversation(exchanges: Sequence[Exchange]) -> list[str]:
    """Return the last exchanges, each line with its speaker; before a Remove, also all that used its volume."""
    lines, before = [], 0
    for at, exchange in enumerate(exchanges):
        if at < len(exchanges) - EXCHANGES_SHOWN and not _uses_what_is_removed(exchange, exchanges[-1]):
            continue
        left_out, before = at - before, at + 1
        lines += [f"            ({left_out} earlier call{'s' if left_out > 1 else ''})"] if left_out else []
        lines += wrap(speaker_of(exchange), asked(exchange))
        lines += wrap(f"  {in_colour('plugin', '[plugin]')}  ", exchange.way + _answer_line(exchange))
    return lines


def _uses_what_is_removed(exchange: Exchange, last: Exchange) -> bool:
    """Tell whether the last call is a Remove, and this one a Mount or Unmount of its volume: it says who has it."""
    uses = exchange.endpoint in ("VolumeDriver.Mount", "VolumeDriver.Unmount")
    return uses and last.endpoint == "VolumeDriver.Remove" and string_of(exchange, "Name") == string_of(last, "Name")


def speaker_of(exchange: Exchange) -> str:
    """Return the head of a line with a call: Docker, or curl where Docker sends no such call."""
    return f"  {in_colour('docker', '[docker]' if is_dockers(exchange) else '[curl]  ')}  "


def asked(exchange: Exchange) -> str:
    """Return a call in a line: its method, path and body."""
    method = exchange.request.split(b" ")[0].decode()
    return f"{method} /{exchange.endpoint}  {shorten(printable(exchange.sent), 200) or '(empty body)'}"


def _answer_line(exchange: Exchange) -> str:
    """Return what the plugin answered: status, media type and body; or why there is no answer."""
    if not exchange.status:
        waited = f", waited {exchange.seconds:.1f} s" if exchange.failure == "no answer in time" else ""
        return f"({exchange.failure}{waited})"
    media = exchange.headers.get("content-type", "")
    body = shorten(printable(exchange.text.strip()), 300) or "(empty body)"
    kind = "" if "json" in media else f"{media}  "
    return f"{exchange.status} {exchange.reason}  {kind}{body}"


def demand(text: str) -> str:
    """Return what was wanted, without the exchange that the text ends with: it is shown above."""
    first = text.splitlines()[0] if text else ""
    return re.sub(r",? (for|in|got|not|from|of|after)$|,? got POST .*$", "", first.removeprefix("wanted "))
