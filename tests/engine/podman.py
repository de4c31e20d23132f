"""Podman, beside an engine and on the same plugin."""

from __future__ import annotations

import subprocess

from .engine import Engine
from .images import BUSYBOX

# Podman looks for its plugins here, and nowhere else. The runtime is the one that Docker Engine brings; its own limits
# are more than root in a container may set.
SETTINGS = """
[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[engine.volume_plugins]
ddd = "/run/docker/plugins/ddd.sock"
"""


class Podman:
    """Podman beside an engine: in its namespaces, so that nothing is left, and with a storage in its folder."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        (engine.folder / "containers.conf").write_text(SETTINGS)
        self("import", str(engine.folder / "busybox.tar"), BUSYBOX)
        self("volume", "reload")  # what it knew before may be gone

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `podman` with these arguments."""
        folder = self.engine.folder
        places = [f"--root={folder}/podman", f"--runroot={folder}/podman-run", "--storage-driver=vfs"]
        settings = f"CONTAINERS_CONF={folder}/containers.conf"
        return self.engine.run("env", settings, "podman", *places, *arguments, check=check)

    def output(self, *arguments: str) -> str:
        """What `podman` with these arguments prints, without the last newline."""
        return self(*arguments).stdout.rstrip("\n")

    def refused(self, *arguments: str) -> str:
        """The error that `podman` with these arguments ends with."""
        failed = self(*arguments, check=False)
        assert failed.returncode != 0, failed.stdout
        return failed.stderr
