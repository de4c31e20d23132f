"""Why a trace cannot be made."""


class Usage(Exception):
    """What was typed is not what trace takes: the text says why, and ends in a command."""


class Refused(Exception):
    """What was typed cannot be done on this machine now: the text says why, and ends in a command."""
