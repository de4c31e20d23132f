"""The steps of part 2: activation."""

from workshop.subject import PluginUnderTest

CONTENT_TYPES = ("application/x-www-form-urlencoded", "application/json", "application/vnd.docker.plugins.v1.1+json")


def test_2_1_activate_names_volume_driver(plugin: PluginUnderTest) -> None:
    """Plugin.Activate names VolumeDriver: to Docker, which sends an empty body, and to curl, which sends {}."""
    wanted = plugin.activated().json
    for content_type in CONTENT_TYPES:
        answer = plugin.call("Plugin.Activate", {}, content_type=content_type)
        assert answer.json == wanted, f"wanted the same answer with Content-Type {content_type}, got\n{answer}"


def test_2_2_an_error_that_docker_can_print(plugin: PluginUnderTest) -> None:
    """An endpoint that the plugin does not have is answered with a JSON error, not with a page of HTML."""
    plugin.refuses("VolumeDriver.Bake", {"Name": plugin.name()})
