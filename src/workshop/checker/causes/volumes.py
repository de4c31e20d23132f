"""The wrong answer, of part 3: volumes."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import GLOBAL, PLAIN

OK = ("no Err", "null Err", "empty Err")
answered = partial(table.cause, stage="answer", status="200", said=OK)
"""The answer is a success, and has not what the check wants."""
accepted = partial(answered, wants="an error status")
"""The answer is a success, and has to be an error."""
refused = partial(
    table.cause, stage="answer", status=PLAIN, said="Err", wants="success", no_global=False, no_call=False
)
"""The answer is an error with a sentence, and has to be a success."""
seen = partial(table.cause, stage="seen")
"""What the check has seen of the volumes' files."""

refused("refused", "The plugin refused a call that has to succeed. Its own reason is in Err, above.$usual_refuses")

accepted(
    "says yes to any path",
    "The plugin has no such endpoint, but it answers success. Docker would think that its call has had an effect. "
    'Answer status 404 and {"Err": "a sentence"} for a path that the plugin does not have.$usual_yes',
    call="Bake",
    volume="unknown",
)

# Create

NO_OPTIONS = 'Without options, docker 20.10 sends {} and docker 28 sends null. Accept both: body.get("Opts") or {}.'
refused(
    "Opts null refused",
    f"{NO_OPTIONS}",
    call="Create",
    options="null",
    volume="unknown",
    plain_name=True,
    speaks_of_options=True,
    reads_a_form=False,
    reads_small_key=False,
    speaks_of_the_name=False,
)
table.cause(
    "Opts null refused",
    f"The handler raised $raised. {NO_OPTIONS}",
    stage="answer",
    status="exception",
    exception="no options",
    call="Create",
    options="null",
)
AGAIN = (
    "Docker may send a Create twice. For a Create of a volume that exists, answer success, and change nothing. To make "
    "a folder that may exist: mkdir(exist_ok=True) in Python, os.MkdirAll in Go, recursive: true in Node."
)
FORM = (
    "The file looks for Docker's values in $reads_a_form, where only browsers put values. Docker sends JSON in the "
    "body: request.get_json(force=True)."
)
table.cause("a form instead of JSON", FORM, stage="answer", status=PLAIN, said="page", reads_a_form=True)
new = partial(refused, call="Create", volume="unknown", plain_name=True)
new("a form instead of JSON", FORM, reads_a_form=True)
new(
    "wrong case of a key",
    "The file looks for '$reads_small_key' in the request, but Docker sends the key with a capital letter: upper and "
    "lower case matter.",
    reads_a_form=False,
    reads_small_key=True,
)
table.cause(
    "global is missing",
    GLOBAL,
    stage="answer",
    status=PLAIN,
    said="Err",
    wants="success",
    no_global=True,
)
new(
    "get_json without force",
    "The plugin did not find the name. Docker sends JSON without a Content-Type header, and Flask does not read such a "
    "body. Write request.get_json(force=True).",
    reads_a_form=False,
    reads_small_key=False,
    speaks_of_the_name=True,
    reads_with_a_type=True,
)
new(
    "a right name refused",
    "The name that Docker sent is right. Does the plugin read the field Name, in this spelling, with a capital letter?",
    reads_a_form=False,
    reads_small_key=False,
    speaks_of_the_name=True,
    reads_with_a_type=False,
)
refused(
    "a usual name refused",
    "Docker's own volumes can have this name: a letter or a digit, then letters, digits, _ . and -. If the user "
    "gives no name, Docker makes one of 64 hexadecimal digits. Accept all of these.",
    call="Create",
    volume="unknown",
    plain_name=False,
)
TWO_NAMES = (
    "The plugin changed the name, so that two names can become one volume. One user would then get the files of "
    "another. Keep a name as it is, or refuse it."
)
answered("one volume for two names", TWO_NAMES, wants="the usual Name")
seen("one volume for two names", TWO_NAMES, wants="a folder for each name")
seen(
    "Create makes nothing",
    "Create answered success, but there is no trace of the volume in DDD_ROOT. Make a folder for each volume: what is "
    "only in memory is lost when the plugin ends.",
    wants="a trace of the volume",
)
seen(
    "Create again empties the volume",
    "The second Create deleted the files of the volume. Docker repeats a Create when it did not get the answer. Keep "
    "a volume that exists as it is.",
    look="Create",
    wants="files at a second Create",
)
THERE_IS = ("created", "mounted", "let go")
refused("Create again refused", f"{AGAIN}$known_words", call="Create", volume=THERE_IS)
table.cause(
    "Create again refused",
    AGAIN,
    stage="answer",
    call="Create",
    volume=THERE_IS,
    status="exception",
    exception="it exists",
)
accepted(
    "takes any option",
    "The plugin accepted an option that it does not have. A user who types -o size=1G expects a limit, but there is "
    "none. Docker sends the options under Opts: refuse each one that you do not know.$usual_yes",
    call="Create",
    options="some",
    volume=("unknown", "refused"),
)
answered(
    "tells the value of an option",
    "The error shows the value of the option, which can be a password. Logs keep errors: name only the option.",
    status=PLAIN,
    said="Err",
    wants="no value of an option",
)
answered(
    "does not name the option",
    "The error does not say which option it is about. Name it, so that the user knows what to leave out.",
    status=PLAIN,
    said="Err",
    wants="the option's name",
)

# Get

refused(
    "Get forgets",
    "Create answered success, but Get answers an error. So the volume does not exist to Docker, and Docker forgets its "
    "labels. Let Get know every volume that Create has made.$known_words$usual_forgets",
    call="Get",
    volume="created",
)
refused(
    "Get knows only mounted volumes",
    "Docker calls Get before every Mount: a volume that exists has to be known, mounted or not.",
    call="Get",
    volume="created",
    speaks_of_mounts=True,
    since="nothing",
)
answered(
    "no Volume in Get",
    'Get has to answer the volume in an object of its own: {"Volume": {"Name": …}}. Otherwise it does not exist '
    "to Docker.$instead$usual_hollow",
    wants="a Volume",
)
answered(
    "CreatedAt in a wrong format",
    "Docker decodes CreatedAt as a time of RFC 3339, with a T and a time zone: 2026-11-23T12:00:00Z. If it cannot, the "
    "whole answer is lost, and the volume does not exist to Docker. Leave CreatedAt out, or use "
    "datetime.now(UTC).isoformat().",
    wants="a CreatedAt",
)
answered(
    "Status is no object",
    "Docker decodes Status as an object. If it cannot, the whole answer is lost, and the volume does not exist to "
    'Docker. Leave Status out, or use an object: {"Status": {"state": "ready"}}.',
    wants="a Status",
)
NAME = (
    "Docker uses the Name that Get answers in all later calls: it has to be the Name that was asked for. Otherwise "
    "Docker mounts and removes something else."
)
NO_FOLDER = (
    "There is no folder at the Mountpoint that Get names. The Mountpoint has to be an absolute path, the same one that "
    "Mount answers."
)
answered("Get names no folder", NO_FOLDER, wants="the folder of the volume")
answered("another Name from Get", NAME, wants="the Name", volume_answered=("another Name", "the Name"))
answered(
    "another Name from Get",
    f"The Volume in the answer has no Name. {NAME}$usual_nameless",
    wants="the Name",
    volume_answered="no Name",
)
unknown = partial(accepted, call="Get", volume="unknown")
EVERYTHING = (
    "Get of a volume that does not exist has to be an error. `docker run -v any:/data` asks all plugins for the name. "
    "A plugin that says yes to an unknown name gets every new volume of the machine."
)
THERE = ("no object", "no Name", "another Name", "the Name")
unknown("Get knows everything", f"{EVERYTHING}$usual_yes", volume_answered=THERE, missing_f=False, anything_made=False)
unknown(
    "one volume under two names",
    "Only a volume of a similar name exists, and Get answered success. Then two names lead to the same files. Compare "
    "whole names, and upper and lower case, too.",
    volume_answered=THERE,
    missing_f=False,
    anything_made=True,
)
unknown(
    "an f is missing before the path",
    "Get answered success for a volume that does not exist. The string $missing_f has braces and no f before it, so it "
    "is the same path for every volume: put an f before it.",
    volume_answered=THERE,
    missing_f=True,
)
unknown(
    "an empty answer for an unknown volume",
    "Volume is missing or null. To Docker this means that there is no such volume, but to Podman it is success. Get of "
    'an unknown volume has to be an error: status 404 and {"Err": "a sentence"}.',
    volume_answered=("missing", "null"),
)
accepted(
    "refused, and made all the same",
    "Create was refused, and yet the volume exists. Check the options first, and make the volume after that."
    "$usual_both",
    look="Create",
    call="Get",
    volume="refused",
)

# List

answered("List null", "Volumes is null. Without volumes, answer the empty list: [].", wants="Volumes", volumes="null")
answered(
    "null in List",
    "There is a null among the volumes. It crashes the Docker daemon. Each volume of List is an object: "
    '{"Name": "mango"}.',
    wants="names in List",
    volumes="null inside",
)
answered(
    "no names in List",
    'Each volume of List is an object with its name: {"Name": "mango"}.$usual_nameless',
    wants="names in List",
    volumes="nameless inside",
)
answered(
    "no Volumes in List",
    'List has to answer {"Volumes": […]}, but there is no Volumes in the answer.$instead$usual_hollow',
    wants="Volumes",
    volumes="missing",
)
answered(
    "Volumes is no list",
    'Volumes has to be a list, with an object for each volume: [{"Name": "mango"}].',
    wants="Volumes",
    volumes="no list",
)
refused(
    "no List of nothing",
    "List was refused: its reason is in Err, above. Without volumes, answer the empty list: `docker volume ls` calls "
    "List right after the installation, too.$known_words",
    call="List",
    anything_made=False,
)
answered(
    "no List of nothing",
    "On its first start a plugin has no volumes, so List has to answer the empty list: []. Does List name a folder of "
    "the plugin itself? Or are there files of an earlier run, outside DDD_ROOT?",
    wants="no volume at first",
)
answered(
    "List is not the truth",
    "List has to name each volume that Create has made, once: `docker volume ls` shows this list."
    "$listed_and_not$usual_names",
    wants="each volume once",
)

answered(
    "List names what is no volume",
    "List named something that is no volume, and `docker volume ls` shows it. Look only at what is directly in the "
    "folder of all volumes. Leave out every file or folder that does not have what Create makes for a volume.",
    wants="no name but those of volumes",
)
answered(
    "Remove leaves a name in List",
    "Remove gave the volume another name, and List now names that one. Move what is being deleted out of the folder of "
    "all volumes.",
    look="Remove",
    wants="no name of what Remove took",
)
table.cause(
    "List is not the truth",
    "List was refused while volumes were removed. A volume can disappear while List looks at it: leave it out then.",
    stage="answer",
    status=PLAIN,
    said="Err",
    wants="List while volumes are removed",
)

# What a restart and a kill leave

RESTART = (
    "The volumes are not as they were before the plugin was stopped. Docker does not send its volumes again: what a "
    "plugin keeps only in memory is lost. Look on the disk, under DDD_ROOT.$usual_lost"
)
answered("volumes lost by a restart", RESTART, wants=("the same after a restart", "listed after the restart"))
seen(
    "files lost by a restart",
    "The volume is still there after the restart, but its files are gone. At its start, the plugin has to "
    "leave what is there as it is.",
    look="(nowhere)",
    wants="files after the restart",
)
refused("volumes lost by a restart", RESTART, call="Get", volume="created", since="stop")
answered(
    "volumes lost by a kill",
    "A volume whose Create was answered before the kill is gone after the kill. Write to the disk before the answer."
    "$usual_killed",
    wants="listed after the kill",
)
accepted(
    "mounts lost by a kill",
    "After the kill, the plugin no longer knew that a container uses the volume, and removed the volume. Write a "
    "record of each Mount to the disk before you answer it.$usual_killed",
    call="Remove",
    volume="mounted",
    since="kill",
)

accepted(
    "mounts lost by a restart",
    "The plugin was stopped and started again while a container used the volume. Then it removed the volume. "
    "Containers go on while a plugin restarts: keep a record of each Mount on the disk, even of two with one ID.",
    call="Remove",
    volume="mounted",
    since="stop",
)

# Mount and Path

LOST_FOLDER = "Docker still starts the container, but not with the volume. What the container writes there is lost."
answered(
    "Mountpoint empty or missing",
    f"There is no Mountpoint in the answer.$instead {LOST_FOLDER}$usual_hollow",
    wants="a Mountpoint",
    mountpoint="missing",
)
answered(
    "Mountpoint empty or missing",
    f"The Mountpoint is empty. {LOST_FOLDER}",
    wants="a Mountpoint",
    mountpoint="empty",
)
answered(
    "Mountpoint is no text",
    "The Mountpoint has to be a string, with an absolute path. Otherwise Docker cannot decode the answer.",
    wants="a Mountpoint",
    mountpoint="no text",
)
answered(
    "Mountpoint relative",
    "The Mountpoint is relative, and Docker's current folder is not the plugin's: answer an absolute path.",
    wants="a Mountpoint",
    mountpoint="relative",
)
seen(
    "Mountpoint is not there",
    "There is no folder at this Mountpoint: Docker cannot mount what does not exist. Make the folder at Create."
    "$usual_folder",
    wants="a folder at the Mountpoint",
)
refused(
    "the same ID twice refused",
    "`docker cp` mounts again with the ID of the running container. It fails if the plugin refuses this second Mount: "
    "answer the same Mountpoint again.",
    call="Mount",
    same_id=True,
    speaks_of_no_volume=False,
)
refused(
    "another container refused",
    "The volume is mounted by one container, and the plugin refused Mount for another one. Several containers can "
    "share a volume: answer each with the same Mountpoint.",
    call="Mount",
    volume="mounted",
    same_id=False,
    before=("", "Create", "Get", "Mount", "Path"),
)
SHARE = "Two containers that share a volume share one folder: answer the same Mountpoint to each."
OF_AN_ID = (
    "Mount answers a folder of its own for each mount ID. A volume has one folder, the same for every container: leave "
    "the ID out of the path."
)
shared = partial(answered, wants=("the folder of the other container", "the folder of the first Mount"))
shared("another folder for another container", SHARE, folder_of_an_id=False)
shared("another folder for another container", OF_AN_ID, folder_of_an_id=True)
path = partial(answered, wants="the folder of Mount")
path(
    "Path is not Mount's folder",
    "Path says where the volume is mounted: answer what Mount said, the same Mountpoint. Podman calls Path.",
    mountpoint=("no text", "relative", "absolute"),
    folder_of_an_id=False,
)
path("another folder for another container", OF_AN_ID, look="Mount", mountpoint="absolute", folder_of_an_id=True)
path(
    "Path is not Mount's folder",
    "Path has to answer with a Mountpoint, the same one as Mount, but there is none in the answer."
    "$instead$usual_hollow",
    mountpoint=("missing", "empty"),
)
answered(
    "another folder than Mount's",
    "Mount names the folder that the container gets, but Get or List names another one. `docker volume inspect` shows "
    "that one, and people look for their files there. Let all three take the path from one function.",
    wants="the Mountpoint of Mount",
)
answered(
    "another folder for another container",
    OF_AN_ID,
    look="Mount",
    wants="the Mountpoint of Mount",
    folder_of_an_id=True,
)
seen(
    "a folder closed to others",
    "A program in a container often runs as another user than root. It cannot enter this folder. Make the folder "
    "with mode 0755. Does the plugin set its umask for the socket? Then set the umask back after bind.",
    look="Create",
    wants="a folder that others can enter",
)
seen(
    "one folder for all volumes",
    "Two volumes have the same folder: their containers would overwrite each other's files. Give each "
    "volume its own folder.",
    wants="a folder for each volume",
)
answered(
    "a refused Mount makes a volume",
    "Mount of an unknown volume was refused, but now List names this volume. Only Create makes a volume.",
    look="Mount",
    wants="no volume of a refused Mount",
)
accepted(
    "says yes to the unknown",
    "The volume does not exist, so the answer has to be an error. Otherwise Docker goes on with a volume that is not "
    "there.$usual_yes",
    call=("Mount", "Path", "Remove", "Unmount"),
    volume=("unknown", "refused", "removed"),
)

# Unmount

LOST = "Unmount says that one container has ended its use of the volume. Unmount deletes nothing: only Remove does."
seen("files lost at Unmount", LOST, look="Unmount", wants="a folder that stays")
seen(
    "files lost at Unmount",
    "The files are gone after the last Unmount and the next Mount. Neither of the two may delete anything: only Remove "
    "may.",
    look="Unmount",
    wants="files that stay",
)
seen("files lost at Unmount", LOST, look="Unmount", wants="a folder at the Mountpoint", unmounted_before=True)
refused(
    "Unmount forgets the volume",
    "The plugin knew the volume until the Unmount before this call. Does Unmount delete more than one mount?",
    look="Unmount",
    call=("Get", "Mount", "Path", "Unmount"),
    volume=("mounted", "let go"),
    before="Unmount",
    since="nothing",
    speaks_of_no_volume=True,
)
table.cause(
    "Unmount forgets the volume",
    "The handler raised $raised: it does not find a volume that exists. It found the volume until the Unmount before "
    "this call. Does Unmount delete more than one mount?",
    look="Unmount",
    stage="answer",
    status="exception",
    exception="the volume",
    volume=("mounted", "let go"),
    before="Unmount",
    since="nothing",
)

# Remove

takes = partial(seen, look="Remove")
takes(
    "Remove follows links",
    "A link in the volume leads to a folder outside, and Remove deleted the files there. Anyone who writes to a "
    "volume can make such a link. shutil.rmtree deletes only the link.",
    wants="what a link leads to stays",
)
takes(
    "Remove takes a neighbour",
    "Remove of one volume took another one, whose name is only like it. Compare whole names, letter by letter: "
    "mango-10, mango-1.old and MANGO-1 are not mango-1.",
    wants="a neighbour stays",
)
takes(
    "old files in a new volume",
    "A volume was removed, and a new one of the same name has its files. Remove has to delete the files: the next user "
    "of the name must not read them.$usual_stays",
    wants="a new volume is empty",
)
takes(
    "gives no space back",
    "Remove took the name away, but the files are still on the disk, and use its space. Delete the files, too."
    "$usual_stays",
    wants="space comes back",
)
takes(
    "files lost at a refused Remove",
    "Remove was refused, and yet the files are gone: the container loses them. Before you change anything, look "
    "whether a container uses the volume.",
    wants="files at a refused Remove",
)
GONE = (
    "Remove answered success, but the plugin still knows the volume: Docker would show it and use it again. Delete the "
    "volume before you answer.$usual_stays"
)
answered("Remove does not remove", GONE, look="Remove", wants="gone from List")
accepted("Remove does not remove", GONE, look="Remove", call="Get", volume="removed")
accepted(
    "removes what is in use",
    "The plugin removed a volume that a container uses: this container loses its files. Keep a record of each Mount, "
    "and refuse Remove until the last Unmount.$usual_frees",
    call="Remove",
    volume="mounted",
)
accepted(
    "removes what is in use",
    "The plugin removed a volume that a container uses. An Unmount with the ID of no container had ended this "
    "container's mount. Let Unmount end only a mount with its own ID.",
    look="Unmount",
    call="Remove",
    volume="mounted",
    foreign_unmount=True,
    mounted_again=False,
    since="nothing",
)
COPIED = (
    "`docker cp` sent Mount and Unmount with the container's own ID. After that Unmount, the plugin removed the "
    "volume, with the container still writing."
)
accepted(
    "lets go too early",
    f"{COPIED} Keep an entry for each Mount, and let each Unmount end one of them: a set of IDs is not enough.",
    look="Unmount",
    call="Remove",
    volume="mounted",
    mounted_again=True,
    since="nothing",
)
for how, ends in (
    ("all in a loop", "its loop goes on after the first one. Put a break after the line that deletes it"),
    ("all by a filter", "it keeps only the entries of other IDs. Take only one out, as remove() of a list does"),
):
    accepted(
        "lets go too early",
        f"{COPIED} Unmount ends every entry of the ID: {ends}.",
        look="Unmount",
        call="Remove",
        volume="mounted",
        mounted_again=True,
        since="nothing",
        unmount_ends=how,
    )
refused(
    "never lets go",
    "All have unmounted the volume, but Remove is still refused: nobody can delete this volume. Let each Unmount end "
    "one mount. Only Mount begins one.$known_words$usual_holds",
    look="Unmount",
    call="Remove",
    volume="let go",
)
INSIDE = (
    "Something was mounted in the volume, and Remove deleted the files of that mount. To the file system a mounted "
    "disk is a folder like any other. Refuse Remove if /proc/self/mounts has a mount below the volume's whole folder."
)
accepted("deletes what is mounted inside", INSIDE, call="Remove", volume="let go")
table.cause(
    "deletes what is mounted inside",
    "The handler raised $raised. Something is mounted in the volume. Before you delete anything, look for mounts below "
    "the volume's whole folder: /proc/self/mounts says what is mounted.",
    stage="answer",
    status="exception",
    exception="busy",
)
refused(
    "Remove does not find it",
    "Create made the volume, nobody uses it, but Remove does not find it. Is something else missing that Remove needs, "
    "such as the folder into which it renames the volume?",
    call="Remove",
    volume="created",
    speaks_of_no_volume=True,
    mounted_in_another=False,
)
refused(
    "a neighbour's mount counts",
    "Nothing is mounted in this volume, only in another one whose name begins with the same letters. Before you "
    "compare paths, put a / after the path of the volume: then mango2 does not match mango.",
    call="Remove",
    volume="created",
    mounted_in_another=True,
)
seen("deletes what is mounted inside", INSIDE, wants="what is mounted inside stays")

# Names, and calls without one

accepted(
    "an empty body will do",
    "This call has no name to work with. When a connection breaks, Docker sends its call again without the body. After "
    "a success Docker goes on with a volume that was never made: refuse a call without a name.",
    volume="nameless",
)
OUTSIDE = (
    "Docker checks no name, and sends what the user types. A plugin that joins such a name to a path makes and deletes "
    "folders anywhere. Accept only names that match [a-zA-Z0-9][a-zA-Z0-9_.-]* as a whole: re.fullmatch() in Python."
    "$usual_unchecked"
)
accepted("a name that leaves the root", OUTSIDE, volume="bad name")
seen("a name that leaves the root", OUTSIDE, wants=("a file outside that stays", "what is outside stays"))
answered("a name that leaves the root", OUTSIDE, wants="a place among the volumes")
seen(
    "an ID that leaves the root",
    "The mount ID became part of a path that leads out of the root, to a file there. Check the ID as you check the "
    "name.",
    wants="no file of a mount ID",
)

# Capabilities

SCOPE = 'Docker wants {"Capabilities": {"Scope": "local"}}, or "global" for volumes of a whole cluster.'
answered(
    "a scope that changes",
    "Docker asks for the scope once, and remembers it. Answer the same scope each time.",
    wants="the same scope",
)
scope = partial(answered, wants="a scope")
scope("unknown scope", f"There is no Capabilities in the answer.$instead {SCOPE}$usual_hollow", scope="missing")
scope("unknown scope", f"Scope has to be in an object, under Capabilities. {SCOPE}", scope="alone")
scope("unknown scope", f"Capabilities has to be an object, with a Scope in it. {SCOPE}", scope="no object")
scope("unknown scope", f"A scope is written in lower case. {SCOPE}", scope="wrong case")
scope("unknown scope", f"There is no such scope. {SCOPE} Docker treats anything else as local.", scope="another")

# Several at once

table.cause(
    "volumes lost by eight at once",
    "Docker calls on several connections at once, and here the calls disturbed each other. Let one call finish what it "
    "reads and writes before the next one begins (a lock), or make each change in one step (rename).$known_words",
    stage="answer",
    wants="success for all",
    status=PLAIN,
    said="Err",
)
answered(
    "List is not the truth",
    "Several Creates came at once, and List does not name all volumes. Let one change finish before the next begins.",
    wants="all volumes of eight at once",
)
answered(
    "the volumes of others changed",
    "Calls without a name were refused, and yet List names other volumes than before. A refused call changes nothing."
    "$usual_names",
    wants="the volumes of before",
)
answered(
    "Mount and Remove in each other's way",
    "Remove found no Mount, then a Mount came, then Remove went on: both were answered with success, and the container "
    "has lost its files. Each call has its own thread. Let Mount and Remove hold one lock from the look to the change.",
    wants="Mount or Remove refused",
)
