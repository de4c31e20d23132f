"""The wrong answer, of part 2: activation."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import OBJECT, PLAIN

cause = partial(table.cause, stage="answer", status="200", said=OBJECT)

ANOTHER = (
    "What a caller sends with Plugin.Activate does not matter. Give the same answer to {} and to an empty body, with "
    "or without a Content-Type."
)
cause("another answer for another caller", ANOTHER, wants="the same Implements")
table.cause(
    "another answer for another caller",
    ANOTHER,
    stage="answer",
    wants="the same Implements",
    status=PLAIN,
    said="Err",
)
table.cause(
    "refused",
    "The plugin refused Plugin.Activate: its own reason is in Err, above. Docker sends this call before any other."
    "$usual_refuses",
    stage="answer",
    wants="Implements",
    status=PLAIN,
    said="Err",
)
activates = partial(cause, wants="Implements")
activates(
    "Implements misspelt",
    'There is no "Implements" in the answer, but there is "$another_key". Docker looks for "Implements", in '
    "this spelling, with a list under it.",
    implements="another key",
)
activates(
    "Implements is no list",
    'Docker wants a list under "Implements": {"Implements": ["VolumeDriver"]}. It accepts nothing else.$usual_hollow',
    implements=("missing", "no list"),
)
activates(
    "wrong subsystem",
    'The list does not name "VolumeDriver", in exactly this spelling. Docker then says "Plugin does not '
    'implement the requested driver", and remembers that until the daemon restarts.',
    implements="no VolumeDriver",
)
