"""What the files say that lead to a driver, and what Docker makes of them."""

from __future__ import annotations

import json
import re
from typing import Literal

from workshop.checker.evidence import Evidence
from workshop.checker.facts.table import fact
from workshop.protocol import gojson
from workshop.protocol.discovery import Lookup

KEYS = {"addr": "Addr", "tlsconfig": "TLSConfig", "name": "Name"}
TLS_KEYS = {
    "cafile": "CAFile",
    "certfile": "CertFile",
    "keyfile": "KeyFile",
    "insecureskipverify": "InsecureSkipVerify",
}
TLS_KEYS |= {"exclusiverootpools": "ExclusiveRootPools"}


@fact
def found(e: Evidence) -> Literal["nothing", "a package's", "own"]:
    """Return whose file Docker has found for the driver."""
    lookup = e.failed_lookup
    return "nothing" if not lookup or not lookup.file else "own" if lookup.own else "a package's"


@fact
def driver(e: Evidence) -> str:
    """Return the driver that was looked for."""
    return e.lookup.driver if e.lookup else ""


@fact
def place(e: Evidence) -> str:
    """Return the path of the file that Docker has found."""
    return e.lookup.place if e.lookup else ""


@fact
def resembling(e: Evidence) -> str:
    """Return a file that may be meant for the driver, and has another name; "" for none."""
    lookup = e.failed_lookup
    files = [path.name for path in sorted(lookup.folder.iterdir()) if path.is_file()] if lookup else []
    return next((name for name in files if lookup and _resembles(name, lookup.driver)), "")


def _resembles(file: str, driver: str) -> bool:
    """Tell whether a file may be meant for a driver, and has another name. Files that were put aside are not."""
    other = {"ddd-tcp": "ddd-tls", "ddd-tls": "ddd-tcp"}.get(driver, "")
    ending = r"\.(spec|json)(\.\w+)?" if driver not in file else r"(\.\w+)*"
    return bool(re.fullmatch(rf"(?!\.|{other}\.|.*-\d+\.)[^.]*{ending}", file))


@fact
def form(e: Evidence) -> Literal["none", "JSON in a .spec", "broken JSON", "no object", "a wrong key", "fine"]:
    """Return what is wrong with the learner's file, whatever it says."""
    lookup = e.failed_lookup
    if not lookup or not lookup.own:
        return "none"
    if lookup.place.endswith(".spec"):
        return "JSON in a .spec" if lookup.text.lstrip().startswith(("{", "[")) else "fine"
    if json_error(e):
        return "broken JSON"
    if not isinstance(gojson.decode(lookup.text), dict):
        return "no object"
    return "a wrong key" if wrong_key_of_json(e) else "fine"


@fact
def json_error(e: Evidence) -> str:
    """Return what Docker says of a .json file that it cannot read."""
    lookup = e.failed_lookup
    if lookup and lookup.place.endswith(".json"):
        try:
            gojson.decode(lookup.text)
        except ValueError as error:
            return str(error)
    return ""


@fact
def json_hint(e: Evidence) -> str:
    """Return what is to be changed in a .json file that Docker cannot read, "" where that is not known."""
    if comma := _trailing_comma(e.lookup.text) if e.lookup else 0:
        return f" Nothing follows the comma in line {comma}: remove the comma."
    error = json_error(e)
    if e.lookup and _lacks_a_comma(e.lookup.text):
        return " A comma is missing before this character, perhaps at the end of the line above."
    if error.startswith("invalid character '\\''"):
        return " JSON has double quotes, not single ones."
    return " JSON writes true, false and null in small letters." if re.match("invalid character '[TFN]'", error) else ""


def _lacks_a_comma(text: str) -> bool:
    """Tell whether a key or a string stands where JSON wants a comma. Other signs need another change."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return "',' delimiter" in error.msg and bool(re.match(r'"[^"\\\n]*"\s*[:,\]]', text[error.pos :]))
    return False


@fact
def lacks_a_key(e: Evidence) -> str:
    """Return which of CertFile and KeyFile TLSConfig lacks, where it has the other."""
    return _lacking(e.lookup) if e.lookup else ""


def _lacking(lookup: Lookup) -> str:
    """Return which of CertFile and KeyFile TLSConfig lacks, where it has the other."""
    has = [bool((lookup.tls or {}).get(name)) for name in ("CertFile", "KeyFile")]
    return "" if has[0] == has[1] else "KeyFile" if has[0] else "CertFile"


@fact
def wrong_key_of_json(e: Evidence) -> str:
    """Return the first key of a .json file that means nothing to Docker."""
    return next(iter(_wrong_keys(e.failed_lookup)), "") if e.failed_lookup else ""


@fact
def address(e: Evidence) -> Literal["two slashes", "unix", "quoted", "misspelt", "no scheme", "https", "other"]:
    """Return how the address in the file is spoken to."""
    lookup = e.failed_lookup
    url = lookup.url.lower() if lookup else ""
    if re.match("unix://[^/]", url):
        return "two slashes"
    if url.startswith("unix:"):
        return "unix"
    if plain_address(e).startswith(('"', "'")):
        return "quoted"
    if re.match(r"\w+(//|:/[^/]|:[a-z])", plain_address(e)):
        return "misspelt"
    if re.match(r"[^/:]*:\d+", plain_address(e)):
        return "no scheme"
    return "https" if url.startswith("https:") else "other"


@fact
def plain_address(e: Evidence) -> str:
    """Return the address as it stands in the file."""
    lookup = e.failed_lookup
    if not lookup or not lookup.own:
        return ""
    return lookup.url or ("" if _json_of(lookup) else lookup.text.strip())


@fact
def with_three_slashes(e: Evidence) -> str:
    """Return a unix:// address as it has to be."""
    return plain_address(e).replace("://", ":///", 1)


@fact
def host_of_two_slashes(e: Evidence) -> str:
    """Return what Docker takes for the host in a unix:// address with two slashes."""
    return plain_address(e).partition("://")[2].partition("/")[0]


@fact
def over(e: Evidence) -> str:
    """Return how the plugin listens in this step: "TCP", "HTTP or HTTPS", "mutual TLS"; "TLS" for an impostor."""
    return e.lookup.wanted if e.lookup else ""


@fact
def handshake(
    e: Evidence,
) -> Literal["none", "Docker refuses", "no client certificate", "the plugin refuses"]:
    """Return what broke off the TLS handshake."""
    if "Docker does not accept" in e.last.failure:
        return "Docker refuses"
    met = e.lookup.met if e.lookup else ""
    if met == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "no client certificate"
    return "the plugin refuses" if met == "CERTIFICATE_VERIFY_FAILED" else "none"


@fact
def verifies_nothing(e: Evidence) -> Literal["no CAFile", "InsecureSkipVerify", "another authority"]:
    """Return why Docker accepts any certificate. Source: moby pkg/plugins/client.go, tlsconfig.Client."""
    tls = (e.lookup.tls if e.lookup else None) or {}
    if not tls.get("CAFile"):
        return "no CAFile"
    return "InsecureSkipVerify" if tls.get("InsecureSkipVerify") else "another authority"


@fact
def dockers_error(e: Evidence) -> str:
    """Return why Docker did not reach the driver, in its own words."""
    return e.lookup.error if e.lookup else ""


@fact
def certificate_error(e: Evidence) -> bool:
    """Tell whether Docker could not read a file of certificates."""
    return bool(re.match("could not read CA|failed to append|Could not load X509", dockers_error(e)))


def line_of_file(lookup: Lookup) -> tuple[int, str]:
    """Return the line of the file that Docker takes where to look, and its text."""
    lines = lookup.text.splitlines() or [""]
    number = _line_of_json(lookup, lines) if lookup.place.endswith(".json") else 1
    return number, lines[number - 1].strip()


def _json_of(lookup: Lookup) -> dict[str, object]:
    """Return the object in the .json file that was found, an empty one where it is none."""
    try:
        value = gojson.decode(lookup.text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and lookup.place.endswith(".json") else {}


def _line_of_json(lookup: Lookup, lines: list[str]) -> int:
    """Return the line at fault of a .json file: where it breaks off, or that of a wrong key, a path, the address."""
    if comma := _trailing_comma(lookup.text):
        return comma
    try:
        json.JSONDecoder().raw_decode(lookup.text.lstrip())
    except json.JSONDecodeError as error:
        return min(error.lineno, len(lines))
    words = [f'"{key}"' for key in _wrong_keys(lookup)] + re.findall(r"/etc/docker/ddd-certs/[\w.-]+", lookup.error)
    words += ['"CertFile"', '"KeyFile"'] if _lacking(lookup) or "X509 key pair" in lookup.error else []
    # with a handshake, the address was right
    if re.match(r"https://(127\.0\.0\.1|localhost)\b", lookup.url.lower()) and not lookup.error:
        switched_off = (lookup.tls or {}).get("CAFile") and (lookup.tls or {}).get("InsecureSkipVerify")
        culprit = '"InsecureSkipVerify"' if switched_off else '"CAFile"'
        words += ['"TLSConfig"'] if lookup.wanted == "mutual TLS" else [culprit, '"TLSConfig"']
    words = [word.lower() for word in (*words, '"addr"')]
    return next((n for word in words for n, line in enumerate(lines, 1) if word in line.lower()), 1)


def _trailing_comma(text: str) -> int:
    """Return the line of a comma with no key or value after it, 0 where there is none."""
    plain = re.sub(r'"(\\.|[^"\\\n])*"', lambda found: "x" * len(found[0]), text)
    found = re.search(r",\s*[}\]]", plain)
    return plain.count("\n", 0, found.start()) + 1 if found else 0


def _wrong_keys(lookup: Lookup) -> list[str]:
    """Return the keys of a .json file that mean nothing to Docker. Upper and lower case do not count to it."""
    told = _json_of(lookup)
    tls = gojson.field(told, "TLSConfig")
    inner = [key for key in tls if key.lower() not in TLS_KEYS] if isinstance(tls, dict) else []
    return [key for key in told if key.lower() not in KEYS] + inner
