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
    # of two names for a volume, and of an empty one for a container
    (
        "conflicting options: either specify --name or provide positional arg, not both",
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
    ),
    (r"\bcontainer name cannot be empty", "Container name cannot be empty"),
    # the words of the newest Go: of a number, and of too many brackets
    ("after decimal point in numeric literal", "in numeric literal"),
    (r"invalid character '\[' exceeded max depth", "exceeded max depth"),
)
OF_CLIENTS = (
    # an error that docker of 20.10 also logs
    (r'(?m)^time="[^"]*" level=error msg="error waiting for container: context canceled"$\n?', ""),
    # where the engine has no such volume, docker volume inspect of 20.10 has words of its own
    (r"^Error: No such volume: (\S+)$", r"Error response from daemon: get \1: no such volume"),
    # what docker of 20.10, 26 and 28 puts after an error of docker run
    (r"(?s)^(docker: .*?)\.?(\s+(See|Run) 'docker run --help'.*)?$", r"\1"),
)


def neutral(text: str, version: str) -> str:
    """Return a message without what depends on the client, and on an engine that is newer than 20.10."""
    for pattern, same in OF_CLIENTS if version.startswith("20.10") else (*WORDS, *OF_CLIENTS):
        text = re.sub(pattern, same, text.strip())
    return text
