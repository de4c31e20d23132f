"""Causes in what part 2 asks for: activation."""

from __future__ import annotations

from workshop.checker.causes.table import cause, simple_cause
from workshop.checker.evidence import Evidence

# Part 2


simple_cause(
    "no sentence in Err",
    lambda e: e.step == "2.2" and "a sentence in Err" in e.demand,
    (
        "Docker prints Err to its user as it is. HTML and tracebacks are not for that user. Say in one sentence what "
        "is wrong: Flask's error.description is one, error.get_description() is HTML."
    ),
)
simple_cause(
    "another answer for another caller",
    lambda e: e.step == "2.1" and "the same answer" in e.demand,
    ("What a caller sends with Plugin.Activate does not matter: {} or nothing, with or without a Content-Type."),
)


@cause("Implements misspelt")
def implements_misspelt(e: Evidence) -> str | None:
    other = [key for key in e.last.object if key != "Err"]
    if e.step == "2.1" and other and "Implements" not in e.last.object:
        return (
            f'There is no "Implements" in the answer, but there is "{other[0]}". Docker looks for "Implements", in '
            "this spelling, with a list under it."
        )
    return None


simple_cause(
    "Implements is no list",
    lambda e: e.step == "2.1" and (not isinstance(e.last.object.get("Implements"), list)),
    'Docker wants a list under "Implements": ["VolumeDriver"]. It cannot decode anything else.',
)
simple_cause(
    "wrong subsystem",
    lambda e: e.step == "2.1",
    (
        'The list does not name "VolumeDriver", in just this spelling. Docker then says "Plugin does not '
        'implement the requested driver", and remembers that until it is restarted.'
    ),
)
