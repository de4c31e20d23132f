"""What the plugin's file says, where it is one in Python; and whether the server knows the path that was called."""

from __future__ import annotations

import re
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact

FLASKS = "requested URL was not found"
"""Flask says so of a path that it does not know, and in abort(404) without a sentence."""


@fact
def route(e: Evidence) -> Literal["/", "there", "not known", "missing"]:
    """Return whether the path that was called is one of the plugin's: in its file the server may still not know it."""
    if not e.last.endpoint:
        return "/"
    if e.last.status != 404:
        return "there"
    if e.route(e.last.endpoint):
        by_hand = FLASKS in e.last.text and any(re.search(r"abort\(404\)|NotFound\(\)", line) for _, line in e.code)
        return "not known" if _as_of_no_path(e) and not by_hand else "there"
    return "missing" if _as_of_no_path(e) or not _written(e) else "there"


def _as_of_no_path(e: Evidence) -> bool:
    """Tell whether the plugin answers as it does to a path that it cannot have, and not of a volume."""
    path, text = f"/{e.last.endpoint}", e.last.text
    if path in e.last.err or FLASKS in text:
        return True
    if e.to_no_path is not None:
        return e.to_no_path.status == 404 and e.to_no_path.text.replace(e.to_no_path.endpoint, e.last.endpoint) == text
    # these ask for no volume that could be unknown
    for_any = e.last.endpoint.rpartition(".")[2] in ("Activate", "Create", "List", "Capabilities")
    return text.lstrip().startswith("<") or (for_any and not e.route(e.last.endpoint))


def _written(e: Evidence) -> bool:
    """Tell whether the method that was called stands in the plugin's file; where that cannot be read, it may."""
    method = e.last.endpoint.rpartition(".")[2]
    return not e.code or any(re.search(rf"""[./"']{method}["']""", line) for _, line in e.code)
