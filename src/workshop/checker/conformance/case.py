"""The rules of the suite as cases: what each is about, and how much it matters to whom. The tests here are cases."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable

from workshop.checker.case import Case, Test

LEVELS = {
    "must": "a real client breaks without it, or files are lost",
    "should": "advice: users and operators are better off",
    "record": "noted, and never a failure",
}
GROUPS = (
    *("activate", "http", "answers", "names", "create", "get", "list", "path", "mount", "unmount", "remove", "files"),
    *("capabilities", "options", "errors", "many", "restart", "security", "socket"),
)
MODULES = (
    *(
        "test_http",
        "test_answers",
        "test_errors",
        "test_empty_body",
        "test_names",
        "test_create",
        "test_get",
        "test_list",
    ),
    *(
        "test_remove",
        "test_options",
        "test_mount",
        "test_unmount",
        "test_many",
        "test_restart",
        "test_files",
        "test_socket",
        "test_security",
    ),
)


def case(
    level: str, *, podman: str = "", process: bool = False, destructive: bool = False, unless: tuple[str, ...] = ()
) -> Callable[[Test], Test]:
    """Make a test a case: its level for Docker, the one for Podman where that differs ("none": it never asks).

    process is for what starts and stops the plugin; destructive for what could harm the volumes of others, if the
    plugin is bad, or leave some of its own that nobody can remove; unless names the traits of plugins it is not for.
    """

    def mark(test: Test) -> Test:
        group, _, name = test.__name__.removeprefix("test_").partition("_")
        rule, _, why = inspect.cleandoc(test.__doc__ or "").partition("\n\n")
        levels = {"docker": level, "podman": podman or level}
        test.case = Case(  # type: ignore[attr-defined]
            f"{group}.{name.replace('_', '-')}",
            " ".join(rule.split()),
            test,
            " ".join(why.split()),
            levels,
            needs_process=process,
            destructive=destructive,
            unless=unless,
        )
        return test

    return mark


def case_of(test: object) -> Case | None:
    """Return the case that a function is, None for any other."""
    found = getattr(test, "case", None)
    return found if isinstance(found, Case) else None


def cases() -> list[Case]:
    """Return all cases, group by group."""
    modules = [importlib.import_module(f"{__package__}.{name}") for name in MODULES]
    found = [each for module in modules for test in vars(module).values() if (each := case_of(test))]
    return sorted(found, key=lambda each: GROUPS.index(each.group))
