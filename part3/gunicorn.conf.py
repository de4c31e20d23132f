"""The plugin of part 3 for daily use: gunicorn -c part3/gunicorn.conf.py"""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plugin

wsgi_app = "plugin:app"
# one process, so that nothing has to be told to another; threads, because Docker calls on several connections at once,
# and so many, because a caller who stops half-way through a call keeps one
workers = 1
worker_class = "gthread"
threads = 64
# Docker keeps its connections. One that is closed under a call comes back without its body: never be the one who closes
keepalive = 7 * 24 * 3600
# gunicorn's own way of opening a Unix socket lets everybody in, so it is given ours; SIGHUP reads this file again
if not hasattr(plugin, "listener"):
    plugin.prepare()
    plugin.listener = plugin.listen(plugin.SOCKET).detach()
bind = f"fd://{plugin.listener}"
control_socket_disable = True


def post_worker_init(worker):
    # not after a SIGHUP: the worker before this one may still be making a volume there
    if worker.age == 1:
        threading.Thread(target=plugin.clear, args=[os.listdir(plugin.ASIDE)], daemon=True).start()
