"""What newer engines say in other words than 20.10.

Reports say what Docker Engine 20.10 prints, and the practice daemon prints what 20.10 or 28 does. On the engines
between and after them the same errors come in words that differ a little; a test that compares takes this out of both.
"""

from __future__ import annotations

import re

WORDS = (
    # since 26 it says which plugin it was that does not implement VolumeDriver
    (r': plugin="[^"]*", requested implementation="VolumeDriver"$', ""),
    # the words of newer Go: of a field of the wrong type, of a line end in a string, of a byte order mark
    (r"Go struct field \w*\.", "Go struct field ."),
    (r" in string literal$", " in string"),
    (r"invalid character '(ï|\\ufeff)'", "invalid character BOM"),
    # where an address has no host, an engine since 20.10.26 asks for plugin.moby.localhost, and finds no such machine
    (
        r'"http://(plugin\.moby\.localhost|[^"]*)/Plugin\.Activate": (http: no Host in request URL'
        r"|dial tcp: lookup \S+( on \S+)?: (no such host|dial udp .*)|dial unix: missing address)$",
        '"http://NO-HOST/Plugin.Activate": it is not reached',
    ),
    # of a filter that there is not, of a mode with a colon in it
    (r"[Ii]nvalid filter( '.*')?", "invalid filter"),
    (
        r"^docker: invalid spec: (\S+): too many colons",
        r"docker: Error response from daemon: invalid volume specification: '\1'",
    ),
    # what the client of 26 and that of 28 put after an error of docker run
    (r"(?s)^(docker: .*?)\.?(\s+(See|Run) 'docker run --help'.*)?$", r"\1"),
)


def neutral(text: str, version: str) -> str:
    """Return a message without what depends on the engine's release; on 20.10, as it is."""
    if version.startswith("20.10"):
        return text
    for pattern, same in WORDS:
        text = re.sub(pattern, same, text.strip())
    return text
