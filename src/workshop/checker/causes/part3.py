"""Causes in what part 3 asks for: volumes."""

from __future__ import annotations

import re

from workshop.checker.causes.table import cause, simple_cause
from workshop.checker.evidence import Evidence

# Part 3


simple_cause(
    "Opts null refused",
    lambda e: e.is_call_of("Create") and e.refused and ('"Opts":null' in e.last.sent),
    'No options is {} from docker 20.10 and null from docker 28. Take both: body.get("Opts") or {}.',
)
simple_cause(
    "Create makes nothing",
    lambda e: e.step == "3.1" and e.last.ok and "nothing is there" in e.demand,
    (
        "Create answered success, and there is no trace of the volume in DDD_ROOT. Make a folder for each volume: "
        "what is kept in memory alone is lost when the plugin ends."
    ),
)
simple_cause(
    "Get knows only mounted volumes",
    lambda e: e.step == "3.2" and e.refused and ("mount" in e.last.err.lower()),
    "Docker asks Get before every Mount: a volume that exists has to be known, mounted or not.",
)
simple_cause(
    "Get forgets",
    lambda e: e.step == "3.2" and e.refused,
    ("Create said yes, and Get says there is no such volume. To Docker the volume is gone, with its labels."),
)
simple_cause(
    "no Volume in Get",
    lambda e: e.step == "3.2" and (not isinstance(e.last.object.get("Volume"), dict)),
    ('Get has to answer the volume in an object of its own: {"Volume": {"Name": …}}. Else it does not exist.'),
)
simple_cause(
    "CreatedAt in a wrong format",
    lambda e: e.step == "3.2" and "CreatedAt" in e.demand,
    (
        "Docker decodes CreatedAt as a time of RFC 3339, with a time zone. When it cannot, the whole answer "
        "is lost, and the volume does not exist. Leave it out, or use datetime.now(UTC).isoformat()."
    ),
)
simple_cause(
    "Status is no object",
    lambda e: e.step == "3.2" and "Status" in e.demand,
    (
        "Docker decodes Status as an object. When it cannot, the whole answer is lost, and the volume does not exist. "
        'Leave it out, or use an object: {"Status": {"state": "ready"}}.'
    ),
)
simple_cause(
    "another Name from Get",
    lambda e: e.step == "3.2",
    "Docker goes on with the Name that Get answers: without it, it mounts and removes something else.",
)
simple_cause(
    "one volume under two names",
    lambda e: e.step == "3.3" and e.last.ok and any(each.endpoint.endswith("Create") for each in e.exchanges),
    (
        "Only a volume of a similar name exists, and Get took it for this one. Then two names lead to the same files. "
        "Compare whole names, and upper and lower case, too."
    ),
)
simple_cause(
    "Get knows everything",
    lambda e: e.step == "3.3",
    (
        "Get of a volume that does not exist has to be an error. One that says yes to everything takes every "
        "new volume of the machine: `docker run -v any:/data` asks all plugins."
    ),
)
simple_cause(
    "Create again empties the volume",
    lambda e: "at a second Create" in e.demand,
    (
        "The second Create deleted the files of the volume. Docker repeats a Create when it did not get the answer: "
        "leave a volume that exists as it is."
    ),
)
simple_cause(
    "List null",
    lambda e: e.is_call_of("List") and "Volumes" in e.last.object and (e.last.object["Volumes"] is None),
    "Volumes is null. Without volumes the list is empty: [].",
)


@cause("null in List")
def null_in_list(e: Evidence) -> str | None:
    volumes = e.last.object.get("Volumes")
    if e.is_call_of("List") and isinstance(volumes, list) and None in volumes:
        return "There is a null among the volumes: this crashes the Docker daemon."
    return None


simple_cause(
    "no names in List",
    lambda e: e.is_call_of("List") and "for each volume" in e.demand,
    'Each volume of List is an object with its name: {"Name": "mango"}.',
)
simple_cause(
    "volumes lost by eight at once",
    lambda e: e.step == "3.16" and "success for all" in e.demand,
    (
        "Docker calls on several connections at once, and here calls got into each other's way. Let one "
        "finish what it reads and writes before the next (a lock), or make each change in one move (rename)."
    ),
)
simple_cause(
    "no List of nothing",
    lambda e: e.step == "3.5" and e.is_call_of("List") and (e.refused or "first start" in e.demand),
    "On its first start a plugin has no volumes, and List answers the empty list: this is what `docker volume ls` asks "
    "right after the installation.",
)
simple_cause(
    "files lost by a restart",
    lambda e: e.step == "3.5" and "to be there after the restart" in e.demand,
    "The volume is still there after the restart, but its files are gone. Leave what is there as it is at the start.",
)
simple_cause(
    "List names what is no volume",
    lambda e: e.is_call_of("List") and "no name but those of volumes" in e.demand,
    (
        "List named something that is no volume, and `docker volume ls` shows it. Look one level below the folder of "
        "all volumes, for what only a volume has."
    ),
)
simple_cause(
    "volumes lost by a restart",
    lambda e: e.step == "3.5" and (e.is_call_of("Get") or "after the restart" in e.demand),
    (
        "What was there before the plugin was stopped is not as it was. Docker does not send its volumes "
        "again: what a plugin keeps in memory alone is lost. Look on the disk, under DDD_ROOT."
    ),
)
simple_cause(
    "mounts lost by a restart",
    lambda e: e.step == "3.11" and e.last.ok and e.is_call_of("Remove") and e.killed,
    (
        "The plugin was stopped and started again while a container had the volume, and then it removed the volume. "
        "Containers run on while a plugin restarts: keep the record of each Mount, also of two with one ID."
    ),
)
simple_cause(
    "mounts lost by a kill",
    lambda e: e.step == "3.10" and e.last.ok and e.is_call_of("Remove") and e.killed,
    (
        "After the kill the plugin no longer knew that a container has the volume, and removed it under its "
        "feet. Write down each Mount before you answer it."
    ),
)
simple_cause(
    "volumes lost by a kill",
    lambda e: e.step == "3.10" and "after the kill" in e.demand,
    "What was answered before the kill is not there after it: write to the disk before the answer.",
)
simple_cause(
    "List is not the truth",
    lambda e: e.step == "3.5",
    "List has to name each volume that Create has made, once. It is what `docker volume ls` shows.",
)


@cause("Mountpoint empty or missing")
def mountpoint_empty_or_missing(e: Evidence) -> str | None:
    if e.is_call_of("Mount") and e.last.ok and not e.last.object.get("Mountpoint"):
        keys = [key for key in e.last.object if key != "Err"]
        other = f" The answer has {keys[0]!r} instead." if keys else ""
        return (
            f"There is no Mountpoint in the answer.{other} Docker starts the container all the same, with a folder of "
            "its own at that place: nothing that is written there is kept."
        )
    return None


simple_cause(
    "Mountpoint relative",
    lambda e: e.is_call_of("Mount") and e.last.ok and (not str(e.last.object["Mountpoint"]).startswith("/")),
    ("The Mountpoint is relative. Docker's idea of the current folder is not yours: answer an absolute path."),
)
simple_cause(
    "Mountpoint is not there",
    lambda e: "a folder at the Mountpoint" in e.demand and e.step != "3.8",
    "No folder is there: Docker cannot mount what does not exist. Make it at Create.",
)
simple_cause(
    "another folder than Mount's",
    lambda e: e.step == "3.6" and "the one that Mount named" in e.demand,
    (
        "Mount names the folder that the container gets. Get and List name another one: `docker volume inspect` shows "
        "it, and people look for their files there. Take the path from one function."
    ),
)
simple_cause(
    "a folder closed to others",
    lambda e: e.step == "3.6" and "other users can enter" in e.demand,
    (
        "A program in a container often runs as another user than root. It cannot enter this folder. Make the folder "
        "with mode 0755. Does the plugin set its umask for the socket? Then set it back after bind."
    ),
)
simple_cause(
    "one folder for all volumes",
    lambda e: e.step == "3.6" and "a folder for each volume" in e.demand,
    "Two volumes have the same folder: their containers would write over each other's files. Give each its own.",
)
simple_cause(
    "the same ID twice refused",
    lambda e: e.step == "3.11" and e.is_call_of("Mount") and e.refused,
    "`docker cp` mounts again with the ID of the running container. Refuse that, and docker cp fails.",
)
simple_cause(
    "another folder for another container",
    lambda e: e.step in ("3.8", "3.11") and e.is_call_of("Mount") and e.last.ok and " for both" in e.demand,
    "Two containers that share a volume share one folder: answer the same Mountpoint to each.",
)
simple_cause(
    "Path is not Mount's folder",
    lambda e: e.step == "3.7" and "error status" not in e.demand,
    "Path says where the volume is mounted, so it has to say what Mount said. Podman asks it.",
)
simple_cause(
    "files lost at Unmount",
    lambda e: e.step == "3.8" and e.last.ok,
    "Unmount says that one container has let go. It deletes nothing: only Remove does.",
)
simple_cause(
    "Remove follows links",
    lambda e: e.step == "3.9" and "a link in the volume" in e.demand,
    (
        "A link in the volume leads to a folder outside, and Remove deleted the files there. Anyone who writes to a "
        "volume can make such a link. shutil.rmtree deletes the link alone."
    ),
)
simple_cause(
    "Remove takes a neighbour",
    lambda e: e.step == "3.9" and "to stay when" in e.demand,
    (
        "Remove of one volume took the files of another, whose name only begins in the same way. Compare whole names: "
        "mango-10 is not mango-1."
    ),
)
simple_cause(
    "old files in a new volume",
    lambda e: e.step == "3.9" and "of the old one" in e.demand,
    (
        "A volume was removed, and a new one of the same name has its files. Whoever removes a volume wants its files "
        "gone, and the next owner of the name must not read them. Delete the files at Remove."
    ),
)
simple_cause(
    "gives no space back",
    lambda e: e.step == "3.9" and "space comes back" in e.demand,
    "Remove took the name away, but the files are still on the disk, where nobody finds them. Delete the files, too.",
)
simple_cause(
    "Remove does not remove",
    lambda e: e.step == "3.9" and e.last.ok and not (e.is_call_of("Remove") and "error status" in e.demand),
    "Remove said yes, and the volume is still known: Docker would show and use it again.",
)
simple_cause(
    "lets go too early",
    lambda e: e.step == "3.11" and e.is_call_of("Remove") and e.last.ok,
    (
        "`docker cp` sent Mount and Unmount with the container's own ID, and after that Unmount the plugin "
        "took the volume for free, with the container still writing. Count the Mounts of each ID; a set of "
        "IDs is not enough."
    ),
)
simple_cause(
    "files lost at a refused Remove",
    lambda e: e.step == "3.10" and "because Remove was refused" in e.demand,
    (
        "Remove was refused, and the files are gone all the same: the container loses them. Look whether anybody uses "
        "the volume before you change anything."
    ),
)
simple_cause(
    "removes what is in use",
    lambda e: e.step == "3.10" and e.is_call_of("Remove") and e.last.ok,
    "The volume went away while a container had it: that container loses its files. Remember who mounts.",
)
simple_cause(
    "never lets go",
    lambda e: (
        e.step in ("3.9", "3.10", "3.11")
        and e.is_call_of("Remove")
        and e.refused
        and any(each.endpoint.endswith("Unmount") for each in e.exchanges)
    ),
    "All have unmounted, and Remove is still refused: nobody can get rid of this volume.",
)
simple_cause(
    "says yes to the unknown",
    lambda e: e.step in ("3.6", "3.7", "3.9") and e.last.ok,
    ("There is no such volume, so this has to be an error: Docker would go on with something that is not there."),
)
simple_cause(
    "a usual name refused",
    lambda e: e.step == "3.12" and e.is_call_of("Create") and e.refused,
    (
        "Docker's own volumes can have this name: a letter or a digit, then letters, digits, _ . and -. A volume that "
        "its user does not name gets 64 digits from Docker. Take all of these."
    ),
)
simple_cause(
    "one volume for two names",
    lambda e: e.step == "3.12" and re.search("the Name|a folder for each", e.demand),
    (
        "The plugin changed the name, so that two names can become one volume. One user would then get the files of "
        "another. Take a name as it is, or refuse it."
    ),
)
simple_cause(
    "an empty body will do",
    lambda e: e.step == "3.12" and e.last.ok and e.nameless,
    (
        "This call has no name to work with. When a connection breaks, Docker sends its call again without "
        "the body: answered with success, it would go on with a volume that was never made."
    ),
)
simple_cause(
    "a name that leaves the root",
    lambda e: e.step == "3.12" and "mount ID" not in e.demand,
    (
        "Docker checks no name: what a user types comes as it is, and a plugin that joins it to a path makes "
        "and deletes folders anywhere. Take only names that match [a-zA-Z0-9][a-zA-Z0-9_.-]* as a whole "
        "(re.fullmatch)."
    ),
)
simple_cause(
    "an ID that leaves the root",
    lambda e: e.step == "3.12",
    "The mount's ID became part of a path that leads outside, to a file there. Check it as you check the name.",
)
simple_cause(
    "a scope that changes",
    lambda e: e.step == "3.14" and "the same Scope" in e.demand,
    "Docker asks for the scope once, and remembers it. Answer the same each time.",
)
simple_cause(
    "unknown scope",
    lambda e: e.step == "3.14",
    (
        'Docker wants {"Capabilities": {"Scope": "local"}} for volumes of this machine, or "global" in its place for '
        "those of a whole cluster. It takes anything else for local."
    ),
)
simple_cause(
    "takes any option",
    lambda e: e.step == "3.13" and e.last.ok,
    "The plugin took an option that it does not have. Whoever typed -o size=1G believes in a limit, and there is none.",
)
simple_cause(
    "tells the value of an option",
    lambda e: e.step == "3.13" and "no value of an option" in e.demand,
    "The error shows the value of the option, which can be a password. Errors stand in logs: name the option alone.",
)
simple_cause(
    "does not name the option",
    lambda e: e.step == "3.13",
    "The error does not say which option it is about. Name it, so that one knows what to leave out.",
)
simple_cause(
    "a neighbour's mount counts",
    lambda e: e.step == "3.15" and e.is_call_of("Remove") and e.refused,
    (
        "Nothing is mounted in this volume, only in another whose name begins with the same letters. Put a / after the "
        "path of the volume before you compare: then mango2 is not taken for mango."
    ),
)
simple_cause(
    "Mount and Remove in each other's way",
    lambda e: e.step == "3.16" and "Mount or Remove refused" in e.demand,
    (
        "Remove looked, then a Mount came, then Remove renamed: both were answered with success, and the container "
        "has lost its files. Each call has a thread. Let Mount and Remove hold one lock from the look to the change."
    ),
)
simple_cause(
    "refused",
    lambda e: e.refused and e.last.err,
    "The plugin refused what it has to do. Its own reason stands in Err, above.",
)
