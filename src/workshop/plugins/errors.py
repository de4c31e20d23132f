"""Why a plugin cannot be tried: it does not start, its command is not one, or this machine is in trouble."""

from __future__ import annotations

import errno

# what this process lacks, and no plugin is to blame for
LACKING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class Usage(Exception):
    """What was typed cannot be done: the text says why, and ends in a command."""


class OurTrouble(Exception):
    """The check itself cannot go on, and the plugin is not to blame: the text says why, and what to do."""


class NotReady(Exception):
    """The plugin ended, or did not listen in time; the text says which, with its last lines."""


class WrongCommand(ValueError):
    """What was given as a command is not one; the text says why."""
