"""The steps of part 2: activation."""

from workshop.plugins.under_test import PluginUnderTest

CONTENT_TYPES = ("application/x-www-form-urlencoded", "application/json", "application/vnd.docker.plugins.v1.1+json")


def test_2_1_activate_names_volume_driver(plugin: PluginUnderTest) -> None:
    """Plugin.Activate, which Docker sends with an empty body, is answered with what the plugin implements."""
    plugin.activate()


def test_2_2_activate_from_curl(plugin: PluginUnderTest) -> None:
    """curl's way of asking, with {} and a Content-Type, gets the same answer."""
    wanted = plugin.activate().json
    for content_type in CONTENT_TYPES:
        answer = plugin.call("Plugin.Activate", {}, content_type=content_type)
        assert answer.json == wanted, f"wanted the same answer with Content-Type {content_type}, got\n{answer}"


def test_2_3_an_error_that_docker_can_print(plugin: PluginUnderTest) -> None:
    """An endpoint that the plugin does not have is answered with a JSON error, not with a page of HTML."""
    plugin.refuses("VolumeDriver.Bake", {"Name": plugin.name()})
