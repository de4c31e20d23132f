"""A report is in its file whole, or not at all: until the run has ended, the file is what it was before."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator

from workshop.interrupt import at_end, deferred


def try_out(path: str) -> None:
    """See that a file can be written, and leave it as it is. Raises OSError."""
    found = _status(path)
    if found and stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if found and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if not found:
        with _new_beside(path):
            pass


def write(path: str, content: bytes) -> None:
    """Put a whole file in the place of another one, with its mode and its owner. Raises OSError."""
    found = _status(path)
    if found and (number := _own_output(found)):
        # through what we print into, because it knows how far we have come
        return _write_into(number, content)
    if found and not stat.S_ISREG(found.st_mode):
        return _write_into(path, content)
    try:
        return _replace(path, content, found)
    except OSError as error:
        # no file can be made in its folder, or it is mounted there by itself, as `docker run -v FILE:FILE` does it
        if not found or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY):
            raise
    return _write_into(path, content)


def _status(path: str) -> os.stat_result | None:
    """Return what stands at a path, behind symbolic links; None for nothing."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _own_output(found: os.stat_result) -> int:
    """Return by which number this process prints into a file, 1 or 2; 0 where it does not."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(number)):
                return number
    return 0


def _replace(path: str, content: bytes, found: os.stat_result | None) -> None:
    """Write a new file beside, and move it into the place; a symbolic link goes on to point there. Raises OSError."""
    with _new_beside(path) as new:
        with open(new, "wb") as file:
            file.write(content)
            if found:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode) if found else 0o666 & ~_umask())
        os.replace(new, os.path.realpath(path))


def _write_into(place: str | int, content: bytes) -> None:
    """Write into a FIFO, a device, a file that cannot be replaced, or what is open by this number. Raises OSError."""
    sys.stdout.flush()
    with open(place, "wb", buffering=0, closefd=isinstance(place, str)) as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]


@contextlib.contextmanager
def _new_beside(path: str) -> Iterator[str]:
    """Give a new file in the folder of a path, and remove it afterwards if it is still there. Raises OSError."""
    target = os.path.realpath(path)
    with deferred():
        descriptor, new = tempfile.mkstemp(prefix=".", suffix=".part", dir=os.path.dirname(target))
        os.close(descriptor)
        end = at_end(lambda: _remove(new))
    try:
        yield new
    finally:
        end()


def _remove(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _umask() -> int:
    """Return the umask. Source: proc_pid_status(5)."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
