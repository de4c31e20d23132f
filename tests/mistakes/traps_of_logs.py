"""Traps: what a plugin has printed, or what its file has elsewhere, that leads to a false sentence in the report.

Each row names what its report never says, and what it says instead.
"""

from mistakes.mistake import Mistake

REMOVE = "        gone = volume.rename("
LOGS = ("def refuse(error):\n", 'def refuse(error):\n    app.logger.exception("refused")\n')
"""The plugin prints the traceback of an exception that it has refused, as it should."""
WITH_FILES = '        if any((volume / "data").iterdir()):\n            '

ROWS = [
    # An older traceback: of a call that was answered long before.
    Mistake(
        "an older traceback, and a refusal with status 500",
        "part3",
        "3.9",
        "the disk is full",
        LOGS,
        (REMOVE, f'{WITH_FILES}return {{"Err": "the disk is full"}}, 500\n{REMOVE}'),
        never="raised|FileNotFoundError",
    ),
    Mistake(
        "an older traceback, and text under status 200",
        "part3",
        "3.9",
        "The answer is text",
        LOGS,
        (REMOVE, f'{WITH_FILES}return "done"\n{REMOVE}'),
        never="raised|FileNotFoundError",
    ),
    Mistake(
        "an older traceback, and os._exit()",
        "part3",
        "3.8",
        "ended at this call, with exit status 3",
        LOGS,
        ("def unmount():\n", "def unmount():\n    os._exit(3)\n"),
        never="raised|FileNotFoundError",
    ),
]
