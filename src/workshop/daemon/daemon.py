"""The practice daemon: Docker's verbs, as the exchanges that a real engine makes, in its order and with its words.

Sources: moby daemon/volume/service (store.go, service.go), whose steps these are, and daemon/volume/mounts
(mounts.go: Setup, Cleanup); traces/ and tests/engine/test_conversations.py, which compare with real engines.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workshop.daemon.calls import Client, Clock, DriverError
from workshop.daemon.drivers import Volume
from workshop.daemon.store import DockerError, NoSuchContainer, NoSuchVolume, Options, Record, Store, Unnamed
from workshop.protocol.discovery import Places
from workshop.protocol.exchange import NO_OPTIONS, Address, Exchange, Shape

__all__ = [
    "Bound",
    "Container",
    "Daemon",
    "DockerError",
    "Mount",
    "NoSuchContainer",
    "NoSuchVolume",
    "Record",
    "Unnamed",
]
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
ANONYMOUS = "com.docker.volume.anonymous"
TAKEN = (
    'Conflict. The container name "/{name}" is already in use by container "{id}". '
    "You have to remove (or rename) that container to be able to reuse that name."
)


@dataclass
class Mount:
    """A volume that a container asks for; without a name an anonymous one, without a driver an existing one."""

    destination: str
    name: str = ""
    driver: str = ""
    options: dict[str, str] | None = None
    read_only: bool = False


@dataclass
class Bound:
    """A volume in a container: the folder that the driver gave, and where it is to be."""

    source: str
    destination: str
    read_only: bool


@dataclass
class Container:
    """What a daemon remembers of a container. A point is a Mount, with its ID and how often it is mounted."""

    id: str
    name: str
    image: str = ""
    command: list[str] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    status: str = "created"
    exit_status: int = 0
    pid: int = 0
    # when the process started: its pid may be another's by now
    started: str = ""
    created: float = 0.0
    remove: bool = False


class Daemon:
    """A daemon. plugins is where it looks for them, or the address of the one plugin it has, whatever its name.

    on_exchange gets every Exchange as it happens; seed repeats the IDs; folder is for the files of local volumes.
    """

    def __init__(
        self,
        plugins: Places | Address = Places(),  # noqa: B008 - it is frozen
        *,
        shape: Shape = "28",
        on_exchange: Callable[[Exchange], None] = lambda _: None,
        seed: int | None = None,
        clock: Clock | None = None,
        record: Record | None = None,
        folder: Path | None = None,
    ) -> None:
        self.shape = shape
        self.record = record or Record()
        self.chance = random.Random(seed)
        self.store = Store(plugins, Client(shape, on_exchange, clock or Clock()), self.record, folder)

    # Volumes

    def volume_create(
        self, name: str = "", driver: str = "local", options: Options = None, labels: Options = None
    ) -> str:
        """docker volume create -d DRIVER -o KEY=VALUE --label KEY=VALUE NAME. Return the name. Raises DockerError."""
        none = NO_OPTIONS[self.shape]
        with self.record:
            return self.store.create(name or self.new_id(), driver, options or none, labels or none).name

    def volume_inspect(self, name: str) -> dict[str, Any]:
        """docker volume inspect NAME. Return what docker prints of it. Raises DockerError."""
        if not name:
            raise Unnamed("volume")
        with self.record:
            volume = self.store.get(name)
            kept = self.store.volumes[name]
            shown = {"CreatedAt": volume.created_at, "Driver": volume.driver, "Labels": kept["labels"]}
            shown |= {"Mountpoint": volume.mountpoint, "Name": volume.name, "Options": kept["options"]}
            shown |= {"Scope": self.store.driver(volume.driver).scope()}
            return shown | ({"Status": volume.status} if volume.status else {})

    def volume_ls(self) -> list[Volume]:
        """docker volume ls. Return the volumes of all drivers; for one that cannot list, those of it in the record."""
        with self.record:
            return self.store.list()

    def volume_rm(self, name: str, force: bool = False) -> str:
        """docker volume rm NAME. Return the name. Raises DockerError; with force not for a volume that is not there.

        With force Docker forgets the volume even if the driver refuses, but still says so.
        """
        if not name:
            raise Unnamed("volume")
        with self.record:
            try:
                self.store.get(name)
            except NoSuchVolume:
                if force:
                    return name
                raise
            users = self.store.users(name)
            if users:
                raise DockerError(f"remove {name}: volume is in use - [{' '.join(users)}]")
            volume = self.store.look_up(name)
            if volume:
                self.store.remove(name, volume, force)
            return name

    def volume_prune(self, all_of_them: bool = False) -> list[str]:
        """docker volume prune. Return the names of the local volumes removed: those of plugins stay.

        Since 23.0 those with a name stay, too, unless all_of_them. Plugins are activated, but not asked.
        """
        with self.record:
            self.store.all_drivers()
            removed = []
            for volume in self.store.local.list():
                kept = self.store.volumes.get(volume.name) or {}
                spared = self.shape != "20.10" and not all_of_them and ANONYMOUS not in (kept.get("labels") or {})
                if not spared and not self.store.users(volume.name):
                    removed.append(self.volume_rm(volume.name))
            return removed

    # Containers

    def container_create(
        self,
        mounts: Sequence[Mount],
        name: str = "",
        image: str = "",
        command: Sequence[str] = (),
        remove: bool = False,
    ) -> Container:
        """docker create: the volumes are there afterwards. Return the container. Raises DockerError.

        If one volume cannot be made there is no container, and no anonymous volume is left; as with Docker, one with
        a name stays.
        """
        name = name.removeprefix("/")
        if name and not NAME.fullmatch(name):
            raise DockerError(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        with self.record:
            for other in self.store.containers.values():
                if name and other["name"] == name:
                    raise DockerError(TAKEN.format(name=name, id=other["id"]))
            container = Container(self.new_id(), name, image, list(command), remove=remove)
            container.name = name or f"practice-{container.id[:6]}"
            try:
                for mount in mounts:
                    container.points.append(self.point(mount))
            except BaseException:
                self.container_rm(container, volumes=True)
                raise
            self.keep(container)
            return container

    def container_start(self, container: Container) -> list[Bound]:
        """docker start: each volume is mounted. Return them. Raises DockerError, and none is mounted then."""
        with self.record:
            bound = self.mount_all(container)
            container.status, container.exit_status = "running", 0
            self.keep(container)
            return bound

    def container_stop(self, container: Container, exit_status: int = 0) -> None:
        """The container's process has exited: unmount each volume. Say nothing if a driver refuses."""
        with self.record:
            self.unmount_all(container)
            container.status, container.exit_status = "exited", exit_status
            container.pid, container.started = 0, ""
            self.keep(container)

    def container_ended(self, container: Container, exit_status: int) -> bool:
        """The container's process has exited by itself. Return False if another command does the rest."""
        with self.record:
            kept = self.store.containers.get(container.id)
            if not kept or kept["status"] != "running" or Container(**kept).started != container.started:
                return False
            self.container_stop(Container(**kept), exit_status)
            return True

    def container_rm(self, container: Container, volumes: bool = False) -> None:
        """docker rm, and with volumes docker rm -v: its anonymous volumes go with it."""
        with self.record:
            self.store.containers.pop(container.id, None)
            for point in container.points if volumes else ():
                if point["anonymous"]:
                    with contextlib.suppress(DockerError):
                        self.volume_rm(point["name"])

    @contextlib.contextmanager
    def container_volumes(self, container: Container) -> Iterator[list[Bound]]:
        """Mount a container's volumes for a `docker cp`: with the ID that a running container has, or a new one."""
        with self.record:
            bound = self.mount_all(container)
            self.keep(container)
        try:
            yield bound
        finally:
            with self.record:
                self.unmount_all(container)
                self.keep(container)

    def container(self, name: str) -> Container:
        """Return the container of this ID or name, else the only one whose ID begins with it. Raises DockerError.

        Source: moby daemon/container.go (GetContainer).
        """
        if not name:
            raise Unnamed("container")
        with self.record:
            everyone = self.store.containers
            named = [each for each in everyone.values() if each["name"] == name.removeprefix("/")]
            found = [everyone[name]] if name in everyone else named
            found = found or [each for each in everyone.values() if each["id"].startswith(name)]
        if len(found) > 1:
            raise DockerError(f"Multiple IDs found with provided prefix: {name}")
        if not found:
            raise NoSuchContainer(name)
        return Container(**found[0])

    def container_list(self) -> list[Container]:
        """docker ps -a. Return the containers, the youngest first."""
        with self.record:
            return [Container(**each) for each in reversed(self.store.containers.values())]

    def run(self, name: str, command: Callable[[str], str], driver: str = "") -> str:
        """docker run --rm -v NAME:/data: command is called with the folder, instead of a container."""
        container = self.container_create([Mount("/data", name, driver)], remove=True)
        try:
            (bound,) = self.container_start(container)
            try:
                return command(bound.source)
            finally:
                self.container_stop(container)
        finally:
            self.container_rm(container, volumes=True)

    def restart(self) -> None:
        """systemctl restart docker: forget activations, and ask for each volume; an error removes its record."""
        with self.record:
            self.record.data["plugins"].clear()
            for name, kept in list(self.store.volumes.items()):
                with contextlib.suppress(DockerError):
                    if not self.store.ask(kept["driver"], name):
                        self.store.volumes.pop(name, None)

    # Mounts

    def point(self, mount: Mount) -> dict[str, Any]:
        """Make the volume of a mount if need be, and return what a container remembers of it."""
        labels = {ANONYMOUS: ""} if not mount.name and self.shape != "20.10" else None
        volume = self.store.create(mount.name or self.new_id(), mount.driver, mount.options, labels)
        # of a plugin's volume Docker keeps no path here, whatever Get says. Source: tests/engine/test_diagnoses.py
        source = volume.mountpoint if volume.driver == "local" else ""
        made = {"name": volume.name, "driver": volume.driver, "source": source, "anonymous": not mount.name}
        return made | {"destination": mount.destination, "read_only": mount.read_only, "id": "", "active": 0}

    def mount_all(self, container: Container) -> list[Bound]:
        """Mount the volumes of a container. Raises DockerError, and unmounts what it has mounted. Source: Setup."""
        bound = []
        try:
            for point in container.points:
                self.store.get(point["name"])
                mount_id = point["id"] or self.new_id()
                source = self.store.driver(point["driver"]).mount(point["name"], mount_id)
                point["id"], point["active"] = mount_id, point["active"] + 1
                bound.append(Bound(source, point["destination"], point["read_only"]))
        except BaseException as error:
            self.unmount_all(container)
            if not isinstance(error, (DockerError, DriverError)):
                raise
            raise DockerError(f"error while mounting volume '{point['source']}': {error}") from None
        return bound

    def unmount_all(self, container: Container) -> None:
        """Unmount what is mounted, once. If Get answers an error, send no Unmount; report no error."""
        for point in container.points:
            if point["id"]:
                with contextlib.suppress(DockerError, DriverError):
                    self.store.get(point["name"])
                    self.store.driver(point["driver"]).unmount(point["name"], point["id"])
                    point["active"] -= 1
                    point["id"] = point["id"] if point["active"] else ""

    def keep(self, container: Container) -> None:
        """Write a container into the record."""
        self.store.containers[container.id] = asdict(container)

    def new_id(self) -> str:
        """Return 64 hexadecimal digits."""
        return f"{self.chance.randrange(16**64):064x}"
