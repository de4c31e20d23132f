"""A conversation between a daemon and its plugin: pass it on byte for byte, show it, record it, read it back."""


class Usage(Exception):
    """What was typed is not what trace takes: the text says why, and ends in a command."""


class Refused(Exception):
    """What was typed cannot be done on this machine now: the text says why, and ends in a command."""
