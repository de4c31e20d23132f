"""A conversation on a page: live.py serves it as it happens, and any page can contain a recording."""

import html
from pathlib import Path

FOLDER = Path(__file__).parent / "static"


def element(recording: str, name: str = "", compact: bool = False, instead: str = "") -> str:
    """Return the element with a recording inside, for a page that may be opened from file://.

    recording is the text of a file of traces/. The page loads conversation.js once. compact leaves out what stands
    around the calls. Where no script is run, the HTML in instead is shown.
    """
    # "</script>" or "<!--" in a body must not end the data; \u003c means the same to JSON
    data = recording.strip().replace("<", "\\u003c")
    label = f' name="{html.escape(name)}"' if name else ""
    label += f' calls="{len(data.splitlines())}"' if compact else ""
    return (
        f"<plugin-conversation{label}>\n{instead}"
        f'<script type="application/jsonl">\n{data}\n</script>\n</plugin-conversation>\n'
    )
