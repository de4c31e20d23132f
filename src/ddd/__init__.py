"""ddd, a Docker volume plugin for daily use: a volume is a folder, and the file system is the only record of it.

Each room imports only those before it: listener, locks, kernel, folders, holders, users, trash,
options, volumes, app, log, metrics, exporter, worker, server, doctor.
"""
