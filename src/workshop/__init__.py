"""The tool of the course: it plays Docker's side of the conversation with a plugin, and checks the answers."""

__version__ = "0.2.0"
