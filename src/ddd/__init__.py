"""ddd, a Docker volume plugin for daily use: a volume is a folder, and the file system is the only record of it.

Each room imports only those before it: listener, locks, kernel, users, options, volumes, app,
log, metrics, worker, server.
"""
