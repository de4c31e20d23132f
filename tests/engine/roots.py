"""Debian's releases, each in a folder of its own with its Docker Engine, its Podman and its Python.

    .venv/bin/python -m tests.engine.roots trixie dockerd --version       a command there

A root is made once, by debootstrap, and kept in the cache. It has a copy of this clone, at the same place, and no
network: the packages of `./workshop test` are fetched by this machine's pip, and found there in a folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from workshop.install import NEEDS, requirements

from .images import CACHE, REPOSITORY, call, once, python_tar, wheels_folder

ROOTS = {
    "bookworm": ("docker.io", "docker-compose"),
    "trixie": ("docker.io", "docker-cli", "docker-compose"),
    "forky": ("docker.io", "docker-cli", "docker-compose"),
}
"""Debian 12, 13 and testing, and the packages that are Docker there: 20.10, 26.1, and 28.5 or newer."""
# what debootstrap of Debian 12 does not know yet is made as sid is; it is signed by the same keys
SCRIPTS = Path("/usr/share/debootstrap/scripts")
LEFT_OUT = shutil.ignore_patterns(".venv*", ".git", ".*_cache", "work", "site", "wheels")
"""What a clone has at its top besides what belongs to the project."""

# dockerd cannot import an image in a plain chroot, so the folder becomes the root of a mount namespace.
ENTER = """
set -e
root=$1 cache=$2 clone=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/var/tmp"
for each in /dev /sys "$cache"; do
    mkdir -p "$root$each"
    mount --rbind "$each" "$root$each"
done
mkdir -p "$root/before"
cd "$root"
pivot_root . before
umount --lazy /before
busybox ip link set lo up
cd "$clone"
exec "$@"
"""


def make(release: str, folder: Path) -> None:
    """Make a root: about two minutes, and 800 MB."""
    packages = ["python3", "python3-venv", "ca-certificates", "procps", *ROOTS[release]]
    packages += [package for package, _ in NEEDS["engine"].packages if package not in packages]
    script = SCRIPTS / (release if (SCRIPTS / release).exists() else "sid")
    default_mirror = ""
    call("debootstrap", "--variant=minbase", release, folder, default_mirror, script)
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # the packages start no service
    policy.chmod(0o755)
    # apt finds an order for packages that need each other, which debootstrap does not
    apt: list[str | Path] = ["chroot", folder, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    call(*apt, "update")
    call(*apt, "install", "--yes", "--no-install-recommends", *packages)
    call(*apt, "clean")


def prepared(release: str) -> Path:
    """The folder of a release. It, and what is in the cache for its tests, is made where it is not there yet."""
    root = once(f"root-{release}", lambda folder: make(release, folder))
    once("python-base.tar", python_tar)
    wheels_folder()
    wheels_for(python_of(root))
    return root


def python_of(root: Path) -> str:
    """The version of a root's Python: "3.13"."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")


def wheels_for(python: str) -> Path:
    """A folder with what `./workshop test` installs, for this version of Python."""
    wanted = ["pip", "flask", *requirements("test", REPOSITORY)]

    def fetch(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={python}"]
        call(*pip, "--dest", folder, "--constraint", REPOSITORY / "constraints.txt", *wanted)

    return once(f"{wheels_folder().name}-test-{python}", fetch)


@contextmanager
def entered(release: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The words that run a command in a root, and its environment; the root is ours as long as this lasts."""
    root = prepared(release)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        renew(root)
        links = {"PIP_FIND_LINKS": str(wheels_for(python_of(root))), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        home = {"HOME": "/root", "XDG_CACHE_HOME": str(CACHE.parent), "PATH": "/usr/local/bin:/usr/sbin:/usr/bin"}
        terminal = {name: os.environ[name] for name in ("TERM", "LANG", "LC_ALL") if name in os.environ}
        spaces = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        yield [*spaces, "sh", "-c", ENTER, "enter", str(root), str(CACHE), str(REPOSITORY)], links | home | terminal


def clone_in(release: str) -> Path:
    """The copy of this clone in a root, at the same place."""
    return prepared(release) / REPOSITORY.relative_to("/")


def renew(root: Path) -> None:
    """Put this clone, as it is now, into a root. What the last run left there goes; its .venv stays."""
    shutil.rmtree(root / "tmp")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    clone = root / REPOSITORY.relative_to("/")
    for left in clone.iterdir() if clone.exists() else ():
        if left.is_dir() and not left.is_symlink() and left.name != ".venv":
            shutil.rmtree(left)
        elif left.name != ".venv":
            left.unlink()
    clone.mkdir(parents=True, exist_ok=True)
    names = os.listdir(REPOSITORY)
    for name in set(names) - LEFT_OUT(str(REPOSITORY), names):
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, clone / name, symlinks=True)
        else:
            shutil.copy2(REPOSITORY / name, clone / name)


def run_in(release: str, command: Sequence[str], output: IO[str] | int | None = None) -> int:
    """Run a command in the copy of this clone that a root has. Return its exit status."""
    with entered(release) as (words, environment):
        return subprocess.run([*words, *command], env=environment, stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT if output else None).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_in(sys.argv[1], sys.argv[2:]))
