"""JupyterLab with the learner's copies of the notebooks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from workshop import interpreter, learner, notebooks
from workshop.site import free_port

OPTIONS = [
    "--ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.answer_yes=True",  # no question at Ctrl-C
    "--LabApp.extension_manager=readonly",
    "--Application.log_level=ERROR",
    "--KernelManager.transport_encryption=auto",  # else each kernel warns of loopback
]
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""JupyterLab asks whether it may fetch news: what needs no network does not ask for one."""


def copies() -> Path:
    """Return the folder with the learner's copies. One that is there already stays as it is."""
    folder = learner.work() / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for path in notebooks.stored():
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    return folder


def settings() -> Path:
    """Return a folder with what JupyterLab is told by file."""
    folder = learner.work() / ".jupyter"
    (folder / "labconfig").mkdir(parents=True, exist_ok=True)
    (folder / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    return folder


def serve(part: int | None) -> NoReturn:
    """Become JupyterLab with the learner's copies, on 127.0.0.1 only; say where. Ctrl-C ends it."""
    folder, port, token = copies(), free_port(8888), secrets.token_hex(16)
    place = f"/lab/tree/part{part}.ipynb" if part else "/lab"
    print(f"The notebooks in {learner.shown(folder)} are yours to change. One that you remove is copied anew.")
    print(f"JupyterLab is at   http://127.0.0.1:{port}{place}?token={token}")
    print("in a few seconds. Ctrl-C ends it, and every plugin that it has started.", flush=True)
    command = [sys.executable, "-P", "-m", "jupyterlab", *OPTIONS, f"--port={port}"]
    command += [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url={place}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    # without a window, it would open a browser of text in this terminal
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        command.append("--no-browser")
    # in the environment, a token is not to be seen in the list of processes
    told = {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": str(settings())}
    os.execve(sys.executable, command, interpreter.environment() | told)
