"""JupyterLab with the learner's copies of the notebooks."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from workshop import learner, notebooks
from workshop.site import free_port

QUIET = [
    # no question at Ctrl-C, and nothing is asked of another machine
    "--ServerApp.answer_yes=True",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--Application.log_level=ERROR",
]


def copies() -> Path:
    """Return the folder with the learner's copies. One that is there already stays as it is."""
    folder = learner.work() / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for path in notebooks.stored():
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    return folder


def serve(part: int | None) -> NoReturn:
    """Become JupyterLab with the learner's copies, on 127.0.0.1 only; say where. Ctrl-C ends it."""
    folder, port, token = copies(), free_port(8888), secrets.token_hex(16)
    place = f"lab/tree/part{part}.ipynb" if part else "lab"
    print(f"The notebooks in {learner.shown(folder)} are yours to change. One that you remove is copied anew.")
    print(f"JupyterLab is at   http://127.0.0.1:{port}/{place}?token={token}")
    print("in a few seconds. Ctrl-C ends it, and every plugin that it has started.", flush=True)
    command = [
        sys.executable,
        "-P",
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--ServerApp.root_dir={folder}", *QUIET]
    command += [f"--LabApp.default_url=/{place}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        command.append("--no-browser")
    # in the environment, a token is not to be seen in the list of processes
    os.execve(sys.executable, command, os.environ | {"JUPYTER_TOKEN": token})
