"""Images that need no registry: busybox from the machine's own, a Debian with Python, and ours built on it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from .engine import Engine

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "docker-plugin-workshop"
BUSYBOX = "busybox:local"
PYTHON_BASE = "python-base:local"
OURS = "docker-plugin-workshop"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The file or folder `name` of the cache. What is there is whole: it is made aside and renamed into place."""
    wanted = CACHE / name
    if not wanted.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            make(Path(folder) / name)
            os.rename(Path(folder) / name, wanted)
    return wanted


def call(*command: str | Path) -> None:
    """Run a command on this machine; what it wrote is in the error when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\nended with status {done.returncode}:\n{done.stdout}")


def busybox_tar(file: Path) -> None:
    """A file system of one static program and a link for each of its names."""
    program = shutil.which("busybox") or "busybox"
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(file, "w") as tar:
        tar.add(program, "bin/busybox")
        for name in set(names) - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)


def python_tar(file: Path) -> None:
    """Debian 12 with Python and curl: about 40 s, and 130 MB."""
    root = file.parent / "root"
    packages = "--include=python3,python3-venv,curl,ca-certificates"
    call("debootstrap", "--variant=minbase", packages, "bookworm", root)
    for folder in ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"]:
        shutil.rmtree(root / folder)
    call("tar", "--create", "--file", file, "--directory", root, ".")


def wheels(folder: Path) -> None:
    """The packages of the image, for the Python of Debian 12."""
    constraints = REPOSITORY / "constraints.txt"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version=3.11"]
    call(*pip, "--dest", folder, "--constraint", constraints, "flask", "gunicorn", "prometheus_client")


def wheels_folder() -> Path:
    """The folder with the packages of the image, for the versions of constraints.txt."""
    versions = hashlib.sha256((REPOSITORY / "constraints.txt").read_bytes()).hexdigest()[:12]
    return once(f"wheels-metrics-{versions}", wheels)


def import_busybox(engine: Engine) -> None:
    """Give the engine the image busybox:local."""
    tar = engine.folder / "busybox.tar"
    busybox_tar(tar)
    engine.docker("import", str(tar), BUSYBOX)


def import_python_base(engine: Engine) -> None:
    """Give the engine the image python-base:local."""
    engine.docker("import", str(once("python-base.tar", python_tar)), PYTHON_BASE)


def build_ours(engine: Engine) -> None:
    """Build our Dockerfile on python-base:local, without a network: the wheels are in the build's folder."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        for name in ["Dockerfile", ".dockerignore", "constraints.txt"]:
            shutil.copy(REPOSITORY / name, context)
        for name in ["src/ddd", "part1", "part2", "part3"]:
            shutil.copytree(REPOSITORY / name, context / name)
        shutil.copytree(wheels_folder(), context / "wheels")
        arguments = ["--build-arg", f"BASE={PYTHON_BASE}", "--build-arg", "PIP_NO_INDEX=1", "--network=none"]
        engine.docker("build", *arguments, "--tag", OURS, folder, seconds=300)
