"""What `docker run` takes for volumes: -v NAME:/data:ro, and --mount type=volume,src=NAME,dst=/data.

Sources: moby daemon/volume/mounts/linux_parser.go (ParseMountRaw), docker/cli opts/mount.go (MountOpt.Set).
"""

from __future__ import annotations

import csv

from workshop.daemon import DockerError, Mount

VOLUMES_ONLY = "The practice daemon mounts volumes, not folders of this machine: name a volume"


class WrongFlag(Exception):
    """What the docker command itself refuses, before it asks the daemon."""


def by_volume_flag(text: str, driver: str) -> Mount:
    """Return the mount that -v asks for. Raises DockerError as the daemon does."""
    parts = text.split(":")
    name, place, mode = ("", *parts, "") if len(parts) == 1 else (*parts, "", "")[:3]
    if len(parts) > 3 or not place:
        raise DockerError(f"invalid volume specification: '{text}'")
    if name.startswith(("/", "./", "~")) or name == ".":
        raise WrongFlag(f"{VOLUMES_ONLY}, as in\n    ./workshop docker run -v mango:{place} …")
    if not place.startswith("/"):
        path = f"invalid mount path: '{place}' mount path must be absolute"
        raise DockerError(f"invalid volume specification: '{text}': invalid mount config for type \"volume\": {path}")
    return Mount(place, name, driver, read_only="ro" in mode.split(","))


def by_mount_flag(text: str) -> Mount:
    """Return the mount that --mount asks for. Raises WrongFlag as the docker command does."""
    mount = Mount("")
    kind = "volume"
    for field in next(csv.reader([text])):
        key, _, value = field.partition("=")
        match key.lower():
            case "type":
                kind = value.lower()
            case "source" | "src":
                mount.name = value
            case "target" | "dst" | "destination":
                mount.destination = value
            case "volume-driver":
                mount.driver = value
            case "readonly" | "ro":
                mount.read_only = value.lower() in ("", "1", "t", "true")
            case "volume-opt":
                option, _, setting = value.partition("=")
                mount.options = {**(mount.options or {}), option: setting}
            case "volume-nocopy":
                pass
            case _:
                raise WrongFlag(
                    f"invalid argument \"{text}\" for \"--mount\" flag: unexpected key '{key}' in '{field}'"
                )
    if kind != "volume":
        raise WrongFlag(f"{VOLUMES_ONLY}, as in\n    ./workshop docker run --mount src=mango,dst=/data …")
    if not mount.destination:
        raise WrongFlag(f'invalid argument "{text}" for "--mount" flag: target is required')
    return mount
