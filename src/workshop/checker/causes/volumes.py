"""The wrong answer, of part 3: volumes."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import PLAIN

OK = ("no Err", "null Err", "empty Err")
answered = partial(table.cause, stage="answer", status="200", said=OK)
"""The answer is a success, and has not what the check wants."""
accepted = partial(answered, wants="an error status")
"""The answer is a success, and has to be an error."""
refused = partial(table.cause, stage="answer", status=PLAIN, said="Err", wants="success")
"""The answer is an error with a sentence, and has to be a success."""
seen = partial(table.cause, stage="seen")
"""What the check has seen of the volumes' files."""

refused("refused", "The plugin refused what it has to do. Its own reason stands in Err, above.")

# Create

refused(
    "Opts null refused",
    'No options is {} from docker 20.10 and null from docker 28. Take both: body.get("Opts") or {}.',
    call="Create",
    options="null",
    volume="unknown",
)
AGAIN = "A Create of a volume that exists is harmless: Docker may send it twice. Answer success, change nothing."
refused("Create again refused", AGAIN, call="Create", volume="created")
table.cause(
    "Create again refused",
    AGAIN,
    stage="answer",
    call="Create",
    volume="created",
    status="exception",
    exception="it exists",
)
accepted(
    "takes any option",
    "The plugin took an option that it does not have. Whoever typed -o size=1G believes in a limit, and there is none.",
    call="Create",
    options="some",
    volume=("unknown", "refused"),
)
answered(
    "does not name the option",
    "The error does not say which option it is about. Name it, so that one knows what to leave out.",
    status=PLAIN,
    said="Err",
    wants="the option's name",
)

# Get

refused(
    "Get forgets",
    "Create said yes, and Get says there is no such volume. To Docker the volume is gone, with its labels.",
    call="Get",
    volume="created",
)
refused(
    "Get knows only mounted volumes",
    "Docker asks Get before every Mount: a volume that exists has to be known, mounted or not.",
    call="Get",
    volume="created",
    speaks_of_mounts=True,
    since="nothing",
)
answered(
    "no Volume in Get",
    'Get has to answer the volume in an object of its own: {"Volume": {"Name": …}}. Else it does not exist.',
    wants="a Volume",
)
answered(
    "CreatedAt in a wrong format",
    "Docker decodes CreatedAt as a time of RFC 3339, with a time zone. When it cannot, the whole answer "
    "is lost, and the volume does not exist. Leave it out, or use datetime.now(UTC).isoformat().",
    wants="a CreatedAt",
)
answered(
    "another Name from Get",
    "Docker goes on with the Name that Get answers: without it, it mounts and removes something else.",
    wants="the Name",
)
accepted(
    "Get knows everything",
    "Get of a volume that does not exist has to be an error. One that says yes to everything takes every "
    "new volume of the machine: `docker run -v any:/data` asks all plugins.",
    call="Get",
    volume="unknown",
)

# List

answered("List null", "Volumes is null. Without volumes the list is empty: [].", wants="Volumes", volumes="null")
answered(
    "null in List",
    "There is a null among the volumes: this crashes the Docker daemon.",
    wants="names in List",
    volumes="null inside",
)
answered(
    "no names in List",
    'Each volume of List is an object with its name: {"Name": "mango"}.',
    wants="names in List",
    volumes="nameless inside",
)
NOTHING = (
    "On its first start a plugin has no volumes, and List answers the empty list: this is what `docker volume ls` asks "
    "right after the installation."
)
refused("no List of nothing", NOTHING, call="List", anything_made=False)
answered("no List of nothing", NOTHING, wants="no volume at first")
answered(
    "List is not the truth",
    "List has to name each volume that Create has made, once. It is what `docker volume ls` shows.",
    wants="each volume once",
)

# What a restart and a kill leave

RESTART = (
    "What was there before the plugin was stopped is not as it was. Docker does not send its volumes "
    "again: what a plugin keeps in memory alone is lost. Look on the disk, under DDD_ROOT."
)
answered("volumes lost by a restart", RESTART, wants="the same after a restart")
refused("volumes lost by a restart", RESTART, call="Get", volume="created", since="stop")
answered(
    "volumes lost by a kill",
    "What was answered before the kill is not there after it: write to the disk before the answer.",
    wants="listed after the kill",
)
accepted(
    "mounts lost by a kill",
    "After the kill the plugin no longer knew that a container has the volume, and removed it under its "
    "feet. Write down each Mount before you answer it.",
    call="Remove",
    volume="mounted",
    since="kill",
)

# Mount and Path

answered(
    "Mountpoint empty or missing",
    "There is no Mountpoint in the answer.$instead_of_mountpoint Docker starts the container all the same, with a "
    "folder of its own at that place: nothing that is written there is kept.",
    wants="a Mountpoint",
    mountpoint="missing",
)
answered(
    "Mountpoint relative",
    "The Mountpoint is relative. Docker's idea of the current folder is not yours: answer an absolute path.",
    wants="a Mountpoint",
    mountpoint="relative",
)
seen(
    "Mountpoint is not there",
    "No folder is there: Docker cannot mount what does not exist. Make it at Create.",
    wants="a folder at the Mountpoint",
)
refused(
    "the same ID twice refused",
    "`docker cp` mounts again with the ID of the running container. Refuse that, and docker cp fails.",
    call="Mount",
    same_id=True,
)
answered(
    "another folder for another container",
    "Two containers that share a volume share one folder: answer the same Mountpoint to each.",
    wants=("the folder of the other container", "the folder of the first Mount"),
)
answered(
    "Path is not Mount's folder",
    "Path says where the volume is mounted, so it has to say what Mount said. Podman asks it.",
    wants="the folder of Mount",
)
accepted(
    "says yes to the unknown",
    "There is no such volume, so this has to be an error: Docker would go on with something that is not there.",
    call=("Mount", "Path", "Remove", "Unmount"),
    volume=("unknown", "refused", "removed"),
)

# Unmount

LOST = "Unmount says that one container has let go. It deletes nothing: only Remove does."
seen("files lost at Unmount", LOST, look="Unmount", wants=("a folder that stays", "files that stay"))
seen("files lost at Unmount", LOST, look="Unmount", wants="a folder at the Mountpoint", unmounted_before=True)

# Remove

GONE = "Remove said yes, and the volume is still known: Docker would show and use it again."
answered("Remove does not remove", GONE, look="Remove", wants="gone from List")
accepted("Remove does not remove", GONE, look="Remove", call="Get", volume="removed")
accepted(
    "removes what is in use",
    "The volume went away while a container had it: that container loses its files. Remember who mounts.",
    call="Remove",
    volume="mounted",
)
accepted(
    "lets go too early",
    "`docker cp` sent Mount and Unmount with the container's own ID, and after that Unmount the plugin "
    "took the volume for free, with the container still writing. Count the Mounts of each ID; a set of "
    "IDs is not enough.",
    look="Unmount",
    call="Remove",
    volume="mounted",
    mounted_again=True,
    since="nothing",
)
refused(
    "never lets go",
    "All have unmounted, and Remove is still refused: nobody can get rid of this volume.",
    look="Unmount",
    call="Remove",
    volume="let go",
)
INSIDE = (
    "Something is mounted in the volume, and Remove deleted its files: to the file system a mounted disk is a "
    "folder like any other. /proc/self/mounts says what is mounted."
)
accepted("deletes what is mounted inside", INSIDE, call="Remove", volume="let go")
seen("deletes what is mounted inside", INSIDE, wants="what is mounted inside stays")

# Names, and calls without one

accepted(
    "an empty body will do",
    "This call has no name to work with. When a connection breaks, Docker sends its call again without "
    "the body: answered with success, it would go on with a volume that was never made.",
    volume="nameless",
)
OUTSIDE = (
    "Docker checks no name: what a user types comes as it is, and a plugin that joins it to a path makes "
    "and deletes folders anywhere. Take only names that match [a-zA-Z0-9][a-zA-Z0-9_.-]* as a whole "
    "(re.fullmatch)."
)
accepted("a name that leaves the root", OUTSIDE, volume="bad name")
seen("a name that leaves the root", OUTSIDE, wants="a file outside that stays")
seen(
    "an ID that leaves the root",
    "The mount's ID became part of a path, and made a file outside. Check it as you check the name.",
    wants="no file of a mount ID",
)

# Capabilities

answered(
    "unknown scope",
    'The scope is "local" (volumes of this machine) or "global" (of the whole cluster).',
    wants="a scope",
)

# Several at once

table.cause(
    "volumes lost by eight at once",
    "Docker calls on several connections at once, and here calls got into each other's way. Let one "
    "finish what it reads and writes before the next (a lock), or make each change in one move (rename).",
    stage="answer",
    wants="success for all",
    status=PLAIN,
    said="Err",
)
answered(
    "Mount and Remove in each other's way",
    "Remove looked, then a Mount came, then Remove renamed: both were answered with success, and the container "
    "has lost its files. Each call has a thread. Let Mount and Remove hold one lock from the look to the change.",
    wants="Mount or Remove refused",
)
