"""Why a check fails: one table of causes, which are tried in the order of these modules, and in them from the top."""

from importlib import import_module

for module in ("discovery", "start", "answers", "part1", "part2", "part3"):
    import_module(f"{__name__}.{module}")
