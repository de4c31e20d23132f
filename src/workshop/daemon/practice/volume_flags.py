"""What `docker run` takes for volumes: -v NAME:/data:ro, and --mount type=volume,src=NAME,dst=/data.

Sources: moby daemon/volume/mounts/linux_parser.go (ParseMountRaw, validateMountConfigImpl), docker/cli opts/mount.go
(MountOpt.Set); tests/engine/test_practice_table.py compares with a real engine.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from workshop.daemon.daemon import DockerError, Mount
from workshop.daemon.practice.inside import clean
from workshop.protocol import gojson

VOLUMES_ONLY = "The practice daemon mounts volumes, not folders of this machine: name a volume"
BY_VOLUME = "    ./workshop docker run -v mango:/data …"
BY_MOUNT = "    ./workshop docker run --mount src=mango,dst=/data …"
# what strconv.ParseBool of Go takes
BOOLS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True)
BOOLS |= dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False)
# what the real one knows of -v and --mount beside this; for a volume of a plugin it says nothing
OTHER_MODES = re.compile(r"z|Z|consistent|cached|delegated|r?(shared|slave|private)")
OTHER_KEYS = re.compile(r"consistency|volume-(label|subpath)|(bind|tmpfs)-.*")
FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n]*)'


class WrongFlag(Exception):
    """What the docker command itself refuses, before it asks the daemon; status is its exit status."""

    def __init__(self, text: str, status: int = 125) -> None:
        super().__init__(text)
        self.status = status


def by_volume_flag(text: str, driver: str) -> Mount:
    """Return the mount that -v asks for. Raises DockerError as the daemon does, WrongFlag."""
    parts = text.split(":")
    if not text:
        raise WrongFlag("docker: invalid empty volume spec")
    if len(parts) > 3:
        raise DockerError(f"invalid volume specification: '{text}'")
    if not all(parts):
        raise WrongFlag(f"docker: invalid spec: {text}: empty section between colons. Name both, as in\n{BY_VOLUME}")
    name, place, mode = ("", *parts, "") if len(parts) == 1 else (*parts, "")[:3]
    if name.startswith(("/", "./", "../", "~")) or name in (".", ".."):
        raise WrongFlag(f"{VOLUMES_ONLY}, as in\n{BY_VOLUME}")
    if len(name) == 1 and name.isalpha():
        raise WrongFlag(
            f"docker takes {name}: for a drive of Windows: give the volume a longer name, as in\n{BY_VOLUME}"
        )
    if not name and not place.startswith("/"):
        raise WrongFlag(f"-v {text} names no volume, and no place from the root on. Name both, as in\n{BY_VOLUME}")
    read_only = _by_mode(mode)
    try:
        return Mount(_checked(place), name, driver, read_only=read_only)
    except DockerError as error:
        raise DockerError(f"invalid volume specification: '{text}': {error}") from None


def _by_mode(mode: str) -> bool:
    """Return whether a mode of -v says read-only. Raises DockerError. "nocopy" changes nothing: nothing is copied."""
    words = mode.split(",") if mode else []
    if any(OTHER_MODES.fullmatch(word) for word in words):
        raise WrongFlag(f'The practice daemon knows the modes "ro", "rw" and "nocopy", as in\n{BY_VOLUME[:-2]}:ro …')
    access = [word for word in words if word in ("ro", "rw")]
    if set(words) - {"ro", "rw", "nocopy"} or len(access) > 1 or words.count("nocopy") > 1:
        raise DockerError(f"invalid mode: {mode}")
    return access == ["ro"]


def _checked(place: str) -> str:
    """Return the place of a volume without "." and "..". Raises DockerError if it cannot be one."""
    wrong = 'invalid mount config for type "volume": invalid'
    if not place.startswith("/"):
        raise DockerError(f"{wrong} mount path: '{place}' mount path must be absolute")
    if clean(place) == "/":
        raise DockerError(f"{wrong} specification: destination can't be '/'")
    return clean(place)


def by_mount_flag(text: str) -> Mount:
    """Return the mount that --mount asks for. Raises WrongFlag as the docker command does, DockerError."""
    mount = Mount("")
    kind = "volume"

    def wrong(why: str) -> WrongFlag:
        return WrongFlag(f'invalid argument {gojson.quote_text(text)} for "--mount" flag: {why}')

    if not text:
        raise wrong("EOF")
    if not re.fullmatch(f"{FIELD}(,{FIELD})*", text):
        raise wrong("a quote or the end of a line is where none may be")
    for field in next(csv.reader([text])):
        key, equals, value = field.partition("=")
        key = key.lower()
        if key in ("readonly", "ro", "volume-nocopy"):
            if equals and value not in BOOLS:
                raise wrong(f"invalid value for {key}: {value}")
            if key != "volume-nocopy":
                mount.read_only = BOOLS[value] if equals else True
            continue
        if not equals:
            raise wrong(f"invalid field '{field}' must be a key=value pair")
        match key:
            case "type":
                kind = value.lower()
            case "source" | "src":
                mount.name = value
            case "target" | "dst" | "destination":
                mount.destination = value
            case "volume-driver":
                mount.driver = value
            case "volume-opt":
                option, _, setting = value.partition("=")
                mount.options = {**(mount.options or {}), option: setting}
            case _ if OTHER_KEYS.fullmatch(key):
                raise wrong(f"the practice daemon does not know '{key}'. Leave it out, as in\n{BY_MOUNT}")
            case _:
                raise wrong(f"unexpected key '{key}' in '{field}'")
    if not kind:
        raise wrong("type is required")
    if not mount.destination:
        raise wrong("target is required")
    if kind != "volume" or mount.name.startswith(("./", "../")) or mount.name in (".", ".."):
        raise WrongFlag(f"{VOLUMES_ONLY}, as in\n{BY_MOUNT}")
    mount.destination = _checked(mount.destination)
    return mount


def by_flags(volumes: Sequence[str], driver: str, flags: Sequence[str]) -> list[Mount]:
    """Return the mounts that all -v and --mount of a command line ask for. Raises DockerError, WrongFlag.

    The same -v twice counts once, and an anonymous volume yields to one with a name. Source: docker/cli
    cli/command/container/opts.go (parse), moby daemon/volumes.go (registerMountPoints).
    """
    by_mount = [by_mount_flag(flag) for flag in flags]
    found: dict[str, Mount] = {}
    firm: set[str] = set()
    for mount in [*(by_volume_flag(text, driver) for text in dict.fromkeys(volumes)), *by_mount]:
        yields = not mount.name and mount not in by_mount
        if mount.destination in firm and not yields:
            raise DockerError(f"Duplicate mount point: {mount.destination}")
        if mount.destination not in found or not yields:
            found[mount.destination] = mount
        if not yields:
            firm.add(mount.destination)
    return list(found.values())
