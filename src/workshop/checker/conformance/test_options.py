"""Conformance: Capabilities, and the options of Create."""

from __future__ import annotations

import re

from workshop.checker.conformance.candidate import Candidate
from workshop.checker.conformance.case import case
from workshop.checker.conformance.test_create import SOME_OPTIONS
from workshop.plugins.under_test import GLOBAL

SECRET = "swordfish-4711"
SECRET_KEY = re.compile("passw|secret|token|credential|key$", re.IGNORECASE)


# Capabilities


@case("should", podman="none")
def test_capabilities_there(plugin: Candidate) -> None:
    """Capabilities is answered.

    Docker calls it right after the activation. Without an answer the scope is local, and Docker calls it again at
    nearly every step.
    """
    plugin.succeeds("VolumeDriver.Capabilities", {})


@case("should", podman="none")
def test_capabilities_scope(plugin: Candidate) -> None:
    """The scope is local or global.

    Any other is local to Docker, with a warning in the daemon's log (moby daemon/volume/drivers/adapter.go).
    """
    answer = plugin.succeeds("VolumeDriver.Capabilities", {})
    capabilities = answer.object.get("Capabilities")
    scope = str(capabilities.get("Scope")).lower() if isinstance(capabilities, dict) else None
    allowed = ("global",) if "global" in plugin.traits else ("local", "global")
    assert scope in allowed, f'wanted {{"Capabilities": {{"Scope": "{allowed[0]}"}}}} for\n{answer}'
    if scope == "global":
        plugin.propose("global", GLOBAL)


@case("should", podman="none")
def test_capabilities_stay(plugin: Candidate) -> None:
    """Capabilities are the same before and after a volume is made.

    Docker calls it once, and remembers the answer until the daemon is restarted.
    """
    first = plugin.succeeds("VolumeDriver.Capabilities", {})
    plugin.create()
    again = plugin.succeeds("VolumeDriver.Capabilities", {})
    assert again.json == first.json, f"wanted {first.json} again from\n{again}"


@case("record", podman="none")
def test_capabilities_tell(plugin: Candidate) -> None:
    """Which scope the plugin has.

    local: each machine has volumes of its own. global: a cluster shares them.
    """
    capabilities = plugin.call("VolumeDriver.Capabilities", {}).object.get("Capabilities")
    plugin.note(f"scope {capabilities.get('Scope') if isinstance(capabilities, dict) else 'not told'}")


# options


@case("should")
def test_options_unknown(plugin: Candidate) -> None:
    """An option that the plugin does not know is refused.

    Otherwise a typing mistake makes a volume without what was asked for, such as its encryption.
    """
    plugin.refuses("VolumeDriver.Create", {"Name": plugin.name(), "Opts": SOME_OPTIONS})


@case("should")
def test_options_named(plugin: Candidate) -> None:
    """The error for an unknown option names it.

    `docker volume create` prints the sentence: it should say what to change.
    """
    answer = plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": SOME_OPTIONS})
    if plugin.fails(answer):
        assert next(iter(SOME_OPTIONS)) in answer.text, f"wanted the option's name in the Err of\n{answer}"


@case("should")
def test_options_no_object(plugin: Candidate) -> None:
    """Opts that are no object are refused.

    No client sends them. If they are taken for "no options", what somebody meant is lost.
    """
    for options in (["size=1"], "size=1", 7, [["size", "1"]]):
        plugin.does_not_take("VolumeDriver.Create", {"Name": plugin.name(), "Opts": options})


@case("should")
def test_options_secret_told(plugin: Candidate) -> None:
    """The value of an option does not come back in an error, in Get or in List.

    It may be a password, and `docker volume inspect` is for everybody who may use Docker.
    """
    name = plugin.name()
    options, secrets = secret_options(plugin)
    answer = plugin.call("VolumeDriver.Create", {"Name": name, "Opts": options})
    told = [answer, plugin.call("VolumeDriver.Get", {"Name": name}), plugin.call("VolumeDriver.List", {})]
    for answer in told:
        assert not any(secret in answer.text for secret in secrets), f"wanted no option's value in\n{answer}"


def secret_options(plugin: Candidate) -> tuple[dict[str, object], list[str]]:
    """Return options with a secret for a Create, and the secrets: those of --opt, if a key of it says that it is one.

    A plugin that knows its own password tells what it is given, and refuses any other.
    """
    known = [value for key, value in plugin.options.items() if SECRET_KEY.search(key) and len(value) > 3]
    return ({}, known) if known else ({"password": SECRET}, [SECRET])


@case("should", process=True)
def test_options_secret_logged(plugin: Candidate) -> None:
    """The value of an option is not in what the plugin prints.

    It may be a password, and logs go to many places.
    """
    options, secrets = secret_options(plugin)
    plugin.call("VolumeDriver.Create", {"Name": plugin.name(), "Opts": options})
    plugin.activate()
    printed = plugin.output()
    assert not any(secret in printed for secret in secrets), "wanted no option's value in what the plugin prints"
