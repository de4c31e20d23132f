"""The options of Create: who owns the data folder of a volume, and its mode."""

import os
import re
import stat

LAST_ID = 2**32 - 2  # the kernel takes the number after it for "leave the owner as it is". Source: chown(2)
LAST_MODE = 0o1777  # setuid means nothing on a folder. setgid would take another capability: a container can set it

Options = dict[str, int]
"""`uid`, `gid` and `mode`: those that Create asks for."""


class OtherOptions(Exception):
    """The volume exists with another owner or mode than Create asks for; the text says which, in a sentence."""


def read(sent: dict[str, object]) -> Options:
    """Return the options that a Create sends, as numbers. Raises ValueError with a sentence that has no value in it.

    Docker passes on what was typed, unchecked. If ddd ignored an option, the volume would lack what its user asked for.
    No value is repeated, because it may be a password.
    """
    unknown = sorted(set(sent) - {"uid", "gid", "mode"})
    if unknown:
        raise ValueError(f"ddd takes the options uid, gid and mode: leave out {', '.join(unknown)[:200]}.")
    return {option: number(option, value) for option, value in sent.items()}


def number(option: str, value: object) -> int:
    """Return the value of an option. Raises ValueError."""
    if option == "mode":
        form, base, last, rule = "[0-7]{1,5}", 8, LAST_MODE, "an octal number from 0 to 1777, such as -o mode=0750"
    else:
        form, base, last, rule = "[0-9]{1,10}", 10, LAST_ID, f"a number from 0 to {LAST_ID}, such as -o {option}=1000"
    if not isinstance(value, str) or not re.fullmatch(form, value) or int(value, base) > last:
        raise ValueError(f"The option {option} cannot be used: type {rule}.")
    return int(value, base)


def apply(folder: int, options: Options) -> None:
    """Give an open folder the owner and the mode that were asked for. Raises OSError, which says what that needs."""
    if "mode" in options:
        os.fchmod(folder, options["mode"])
    # only if asked for: an older systemd unit of ddd forbids this call
    if "uid" in options or "gid" in options:
        try:
            os.fchown(folder, options.get("uid", -1), options.get("gid", -1))
        except OSError as error:
            needs = "ddd needs CAP_CHOWN, and in a user namespace an ID that is mapped there"
            raise OSError(error.errno, f"{error.strerror}: to change an owner {needs}") from error


def differences(now: os.stat_result, options: Options) -> str:
    """Say what a folder has instead of what is asked for: "uid=0, mode=0755". Empty if nothing differs."""
    has = {"uid": now.st_uid, "gid": now.st_gid, "mode": stat.S_IMODE(now.st_mode)}
    typed = {"uid": f"{now.st_uid}", "gid": f"{now.st_gid}", "mode": f"{has['mode']:04o}"}
    return ", ".join(f"{option}={typed[option]}" for option in has if options.get(option, has[option]) != has[option])
