"""What is known about a failed check, as facts with names: a module for each kind of evidence."""

from importlib import import_module

for module in ("stage", "exchange", "history", "reads", "log", "source", "serving", "start", "files", "words", "usual"):
    import_module(f"{__name__}.{module}")
