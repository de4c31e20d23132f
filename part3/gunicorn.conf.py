"""An installed unit may name this file: it starts ddd, which is a package now, and says what to change."""

import importlib.util
import os
import sys

if not importlib.util.find_spec("ddd"):
    sys.exit(f"ddd is a package now. To install it, type in the clone: {sys.executable} -m pip install '.[serve]'")
program = os.path.join(os.path.dirname(sys.executable), "ddd-plugin")
print(f"{__file__} only starts ddd. Change this line of ddd.service: ExecStart={program}", file=sys.stderr, flush=True)
# in the same process: systemd has given the socket to this one
os.execv(sys.executable, [sys.executable, "-P", "-m", "ddd"])
