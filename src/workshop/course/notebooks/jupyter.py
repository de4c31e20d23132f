"""JupyterLab with the learner's copies of the notebooks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from workshop import interpreter, repository
from workshop.course import progress
from workshop.course.notebooks import lab
from workshop.course.site import notebook_pages
from workshop.course.site.build import free_port
from workshop.trace import page as web

OPTIONS = [
    "--ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.answer_yes=True",  # no question at Ctrl-C
    "--ServerApp.allow_remote_access=False",  # a page of another name is refused (DNS rebinding)
    "--ServerApp.allow_unauthenticated_access=False",
    "--LabApp.extension_manager=readonly",
    "--Application.log_level=ERROR",
    "--KernelManager.transport_encryption=auto",  # else each kernel warns of loopback
]
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""JupyterLab asks whether it may fetch news: what needs no network does not ask for one."""
SERVER = """import os
c.IdentityProvider.token = os.environ["JUPYTER_TOKEN"]
c.ServerApp.extra_static_paths = {paths}
"""
"""Jupyter's variable alone is a default, which a config file of the machine would win over. The paths have the scripts
that draw conversations: they are served at /static/."""
KERNEL = 'c.InteractiveShellApp.extensions = ["workshop.course.notebooks.sentences"]\n'
"""A cell that is run before the first one answers in a sentence, too."""
SCRIPTS = Path(__file__).parent / "static"


def copies() -> Path:
    """Return the folder with the learner's copies. One that is there already stays as it is."""
    folder = repository.work() / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for path in notebook_pages.notebook_files():
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    return folder


def _settings() -> Path:
    """Return a folder with what JupyterLab is told by file."""
    folder = repository.work() / ".jupyter"
    (folder / "labconfig").mkdir(parents=True, exist_ok=True)
    (folder / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    paths = [str(SCRIPTS), str(web.FOLDER)]
    (folder / "jupyter_server_config.py").write_text(SERVER.format(paths=paths))
    profile(folder / "ipython")
    return folder


def profile(folder: Path) -> Path:
    """Make a folder for the kernels' IPYTHONDIR, in which cells answer in sentences; return it."""
    (folder / "profile_default").mkdir(parents=True, exist_ok=True)
    (folder / "profile_default" / "ipython_kernel_config.py").write_text(KERNEL)
    return folder


def serve(part: int | None, mine: bool) -> NoReturn:
    """Become JupyterLab with the learner's copies, on 127.0.0.1 only; say where. Ctrl-C ends it.

    mine has them run the learner's plugin. Raises Lacking where there is none.
    """
    if mine and not (repository.work() / "plugin.py").is_file():
        raise repository.Lacking(f"There is no work/plugin.py yet. Begin one:   {repository.tool()} start")
    folder, port, token = copies(), free_port(8888), secrets.token_hex(16)
    place = f"/lab/tree/part{part}.ipynb" if part else "/lab"
    print(f"The notebooks in {progress.clone_path(folder)} are yours to change. One that you remove is copied anew.")
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
    settings = _settings()
    told = {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_DIR": str(settings), "IPYTHONDIR": str(settings / "ipython")}
    told |= {lab.MINE: "1"} if mine else {}
    # what was set for another Jupyter may do without a token
    ours = interpreter.environment()
    kept = {name: value for name, value in ours.items() if not name.startswith("JUPYTER_") and name != lab.MINE}
    os.execve(sys.executable, command, kept | told)
