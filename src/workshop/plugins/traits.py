"""What a plugin may be by design: its author names such a trait, and the checks judge it by that."""

from __future__ import annotations

TRAITS = {
    "read-only": "its volumes can be read, and not written",
    "global": "its volumes are those of a cluster, and others make and remove them, too",
    "no-persistence": "it does not know the volumes of before its start",
    "own-storage": "its volumes are in a store of its own, and not in DDD_ROOT",
    "mountpoint-per-id": "each mount ID has a mountpoint of its own, over the same files",
}
