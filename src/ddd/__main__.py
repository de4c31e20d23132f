"""`python -m ddd`, installed as `ddd-plugin`: run the plugin until SIGTERM."""

import argparse
import sys

SETTINGS = """\
Two variables of the environment tell ddd where it works:
  DDD_SOCKET   where Docker looks for it (default: /run/docker/plugins/ddd.sock)
  DDD_ROOT     the folder of the volumes (default: /var/lib/ddd)
"""


def main() -> None:
    """Run the plugin. Where gunicorn is not installed, say so and exit with status 1."""
    argparse.ArgumentParser(
        prog="ddd-plugin",
        description="Serve Docker's volume calls until SIGTERM or Ctrl-C.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        from ddd import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "gunicorn":
            raise
        sys.exit("ddd runs under gunicorn, which is not installed. In the clone, type: pip install '.[serve]'")
    server.run()


if __name__ == "__main__":
    main()
