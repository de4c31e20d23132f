"""The steps of part 2: activation, and discovery."""

import re

from workshop.checker.lookup import discovery
from workshop.plugins.under_test import PluginUnderTest, over_tcp

CONTENT_TYPES = ("application/x-www-form-urlencoded", "application/json", "application/vnd.docker.plugins.v1.1+json")


def test_2_1_activate_names_volume_driver(plugin: PluginUnderTest) -> None:
    """Plugin.Activate names VolumeDriver: to Docker, which sends an empty body, and to curl, which sends {}."""
    wanted = plugin.activate().json
    for content_type in CONTENT_TYPES:
        answer = plugin.call("Plugin.Activate", {}, content_type=content_type)
        failure = f"wanted the same answer with Content-Type {content_type}, got\n{answer}"
        plugin.prefers(answer.json == wanted, failure, f"{content_type} is not taken. Docker sends no Content-Type.")


def test_2_2_an_error_that_docker_can_print(plugin: PluginUnderTest) -> None:
    """An endpoint that the plugin does not have is answered with a JSON error, not with a page of HTML."""
    advice = "An endpoint that the plugin does not have is an error, with a sentence in Err. Docker calls none today."
    answer = plugin.should_refuse("VolumeDriver.Bake", {"Name": plugin.name()}, advice)
    sentence = not re.match(r"\s*<|Traceback", answer.err)
    plugin.prefers(sentence, f"wanted a sentence in Err, not HTML and not a traceback, for\n{answer}", advice)


@over_tcp
def test_2_3_found_over_tcp(plugin: PluginUnderTest) -> None:
    """Docker finds the driver ddd-tcp by the file ddd-tcp.spec, and activates the plugin over TCP."""
    with discovery(plugin) as docker:
        docker.reaches("ddd-tcp", over="TCP")


@over_tcp
def test_2_4_the_order_of_the_places(plugin: PluginUnderTest) -> None:
    """Docker finds the driver ddd-tls by your file, though a package has brought a file for it, too."""
    with discovery(plugin) as docker:
        docker.installed("ddd-tls.spec", "unix:///run/ddd-1.0.sock\n")
        docker.reaches("ddd-tls", over="HTTP or HTTPS")


@over_tcp
def test_2_5_mutual_tls(plugin: PluginUnderTest) -> None:
    """Docker shows its certificate to the plugin, and calls no program whose certificate it cannot verify."""
    with discovery(plugin) as docker:
        docker.reaches("ddd-tls", over="mutual TLS")
        docker.refuses_an_impostor("ddd-tls")
