"""Signals that end the program: a signal waits while something is made or removed, so that nothing is left behind.

Python raises KeyboardInterrupt between any two steps of the main thread: also between the start of a process and the
line that remembers it, and in the middle of a clean-up. `deferred` moves the signal behind such a pair of steps, and
what `at_end` has noted is done at the program's end, however that comes.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    depth = 0
    waiting = 0
    last = 0
    error: Callable[[int], BaseException] = staticmethod(lambda number: KeyboardInterrupt())


def happened() -> bool:
    """Tell whether a signal has come that ends the program: then finish soon."""
    return bool(_State.last)


def go_on() -> None:
    """End, in any thread, if such a signal has come: Python loses the exception where it comes in a __del__."""
    if _State.last:
        raise _State.error(_State.last)


class deferred:
    """While this lasts, a signal waits. A signal never interrupts another thread than the main one."""

    def __enter__(self) -> None:
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            _State.depth += 1

    def __exit__(self, *_: object) -> None:
        if self.main:
            _State.depth -= 1
            if _State.waiting and not _State.depth:
                _raise(_State.waiting)


def _raise(number: int) -> None:
    _State.waiting = 0
    raise _State.error(number)


def _handle(number: int, _: FrameType | None) -> None:
    _State.last = number
    if _State.depth:
        _State.waiting = number
    else:
        _raise(number)


def _exit_for(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


@contextlib.contextmanager
def handled(only_keyboard_interrupts: bool = False) -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, SIGTERM and SIGHUP SystemExit, but never inside of `deferred`.

    What is owed since the beginning is done before the end. For pytest each signal is a KeyboardInterrupt: a SystemExit
    in a test is a failed test to it.
    """
    debts = set(_owed)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    was = _State.error
    _State.error = staticmethod(lambda number: KeyboardInterrupt()) if only_keyboard_interrupts else _exit_for
    try:
        for number in SIGNALS:
            signal.signal(number, _handle)
        yield
    finally:
        try:
            with deferred():
                _pay(debts)
                for number, handler in before.items():
                    signal.signal(number, handler)
        finally:
            _State.error = was


_owed: dict[object, Callable[[], None]] = {}


def at_end(end: Callable[[], None]) -> Callable[[], None]:
    """Note what has to be done when the program exits. Return a function that does it now, if it is not done yet."""
    key = object()
    _owed[key] = end

    def now() -> None:
        with deferred():
            if _owed.pop(key, None):
                end()

    return now


def _pay(but: set[object]) -> None:
    """Do what is owed, the latest first, but for these."""
    for key in reversed([key for key in _owed if key not in but]):
        try:
            _owed.pop(key, lambda: None)()
        except Exception:
            traceback.print_exc(file=sys.stderr)


@atexit.register
def _pay_all() -> None:
    if _owed:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        _pay(set())
