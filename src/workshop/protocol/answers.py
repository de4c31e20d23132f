"""The answers of a volume plugin: into which Go types Docker decodes them.

Source: moby volume/drivers/proxy.go and adapter.go (since 29 daemon/volume/drivers), pkg/plugins/client.go, plugins.go.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workshop.protocol.gojson import Object, Struct, decode, fold, unmarshal

VOLUME = Struct(
    "drivers.proxyVolume", {"Name": str, "Mountpoint": str, "CreatedAt": datetime, "Status": dict}, pointer=True
)
FIELDS: dict[str, dict[str, Any]] = {
    "Create": {},
    "Remove": {},
    "Mount": {"Mountpoint": str},
    "Unmount": {},
    "Path": {"Mountpoint": str},
    "Get": {"Volume": VOLUME},
    "List": {"Volumes": [VOLUME]},
    "Capabilities": {"Capabilities": Struct("volume.Capability", {"Scope": str})},
}
ANSWERS = {
    f"VolumeDriver.{method}": Struct(f"drivers.volumeDriverProxy{method}Response", {**fields, "Err": str})
    for method, fields in FIELDS.items()
}
# Activate is decoded by another package, which does not look for an Err
ANSWERS["Plugin.Activate"] = Struct("plugins.Manifest", {"Implements": [str]})
ERROR = Struct("plugins.responseErr", {"Err": str})


def read_answer(endpoint: str, body: bytes) -> dict[str, Any]:
    """Return what Docker decodes an answer with status 200 into. Raises ValueError in Go's words.

    Err is one of its fields, "" where the answer says nothing of an error.
    """
    return dict(unmarshal(decode(body), ANSWERS.get(endpoint, ERROR)))


def read_error(body: bytes) -> str:
    """Return what Docker prints of an answer with another status: its Err, or all of it if it has none.

    Source: pkg/plugins/client.go (callWithRetry).
    """
    try:
        err = unmarshal(decode(body, whole=True), ERROR)["Err"]
    except ValueError:
        err = ""
    return str(err) or body.decode("utf-8", "replace")


NAMES = {fold(name): name for answer in ANSWERS.values() for name in answer.fields}
NAMES |= {fold(name): name for name in (*VOLUME.fields, "Scope")}
HOLDERS = ("Volume", "Volumes", "Capabilities")


def named(value: Any) -> Any:
    """Return an answer with the protocol's own keys in their own case: Go takes "err" and "ERR" for Err.

    Of one that comes twice the last counts, but null for a string does not. What is in a Status, or in a field that
    Docker does not know, stays as it is.
    """
    if isinstance(value, Object):
        found: dict[str, Any] = {}
        for key, each in value.pairs:
            name = NAMES.get(fold(key), key)
            if each is not None or not isinstance(found.get(name), str):
                found[name] = named(each) if name in HOLDERS else each
        return found
    return [named(each) for each in value] if isinstance(value, list) else value
