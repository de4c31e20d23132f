"""`python -m ddd`, installed as `ddd-plugin`: run the plugin until SIGTERM. `doctor` and `release` work beside it."""

import argparse
import os
import sys

from ddd.folders import to_install

SETTINGS = """\
Two environment variables tell ddd where it works:
  DDD_SOCKET   where Docker looks for it (default: /run/docker/plugins/ddd.sock)
  DDD_ROOT     the folder of the volumes (default: /var/lib/ddd)
A third one serves metrics for Prometheus:
  DDD_METRICS  address and port of /metrics and /health, such as 127.0.0.1:9323 (default: none)
"""


def main() -> None:
    """Run what the command line asks for; without a command, the plugin."""
    parser = argparse.ArgumentParser(
        prog="ddd-plugin",
        description="Serve Docker's volume calls until SIGTERM or Ctrl-C. A COMMAND works beside a running plugin.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("doctor", help="show who uses which volume, and what needs fixing")
    release = commands.add_parser("release", help="delete the records of a volume that no process uses")
    release.add_argument("volume", metavar="VOLUME")
    release.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("metrics", help="print the metrics of the ddd that works in DDD_ROOT, for Prometheus")
    open_standard_descriptors()
    asked = parser.parse_args()
    if asked.command == "metrics":
        show_metrics()
    elif asked.command:
        sys.exit(examine(asked))
    else:
        serve()


def open_standard_descriptors() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed: otherwise the next file that is opened takes its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one


def show_metrics() -> None:
    """Print the metrics. If prometheus_client is not installed, say so and exit with status 1."""
    try:
        from ddd import exporter
    except ModuleNotFoundError:
        sys.exit(f"The metrics need prometheus_client. {to_install()}")
    numbers = exporter.ask()
    try:
        print(numbers, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # at its exit Python tries to write the rest again
        sys.exit(f"The metrics cannot be written: {error.strerror}.")


def examine(asked: argparse.Namespace) -> int:
    """Run doctor or release, and return the exit status."""
    from ddd import doctor

    try:
        return doctor.release(asked.volume, asked.yes) if asked.command == "release" else doctor.doctor()
    except doctor.Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    except OSError as error:
        print(f"ddd cannot look further: {error}. Fix that, and try again.", file=sys.stderr)
        return 1


def serve() -> None:
    """Run the plugin. If gunicorn is not installed, say so and exit with status 1."""
    try:
        from ddd import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "gunicorn":
            raise
        pip = f"{sys.executable} -m pip"
        sys.exit(f"ddd runs under gunicorn, which is not installed. In the clone, type: {pip} install '.[serve]'")
    server.run()


if __name__ == "__main__":
    main()
