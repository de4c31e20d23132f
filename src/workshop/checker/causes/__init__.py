"""Why a check fails: one table of causes, with a module for each kind of evidence. Their order does not matter."""

from importlib import import_module

for module in ("start", "discovery", "no_answer", "form", "socket", "activation", "volumes"):
    import_module(f"{__name__}.{module}")
