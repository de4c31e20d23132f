"""The wrong answer, of part 3: volumes."""

from functools import partial

from workshop.checker.causes import table
from workshop.checker.causes.form import PLAIN

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

refused("refused", "The plugin refused what it has to do. Its own reason stands in Err, above.$usual_refuses")

accepted(
    "says yes to any path",
    "The plugin has no such endpoint, and says yes to it. Docker would take what it wanted for done. Answer status 404 "
    'and {"Err": "a sentence"} for a path that the plugin does not have.$usual_yes',
    call="Bake",
    volume="unknown",
)

# Create

refused(
    "Opts null refused",
    'No options is {} from docker 20.10 and null from docker 28. Take both: body.get("Opts") or {}.',
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
    'The handler raised $raised. No options is {} from docker 20.10 and null from docker 28: body.get("Opts") or {}.',
    stage="answer",
    status="exception",
    exception="no options",
    call="Create",
    options="null",
)
AGAIN = (
    "A Create of a volume that exists is harmless: Docker may send it twice. Answer success, change nothing. "
    "For a folder that is there: mkdir(exist_ok=True) in Python, os.MkdirAll in Go, recursive: true in Node."
)
FORM = (
    "The file looks for Docker's values in $reads_a_form, where browsers put them. Docker sends JSON in the body: "
    "request.get_json(force=True)."
)
table.cause("a form instead of JSON", FORM, stage="answer", status=PLAIN, said="page", reads_a_form=True)
new = partial(refused, call="Create", volume="unknown", plain_name=True)
new("a form instead of JSON", FORM, reads_a_form=True)
new(
    "wrong case of a key",
    "The file looks for '$reads_small_key' in the request, and Docker sends it with a capital letter: upper and lower "
    "case count.",
    reads_a_form=False,
    reads_small_key=True,
)
table.cause(
    "global is missing",
    "The function gives $no_global a new value, so that it is a variable of its own there. Write global $no_global at "
    "its beginning.",
    stage="answer",
    status=PLAIN,
    said="Err",
    wants="success",
    no_global=True,
)
new(
    "get_json without force",
    "The plugin did not find the name. Docker sends JSON without a Content-Type header, and Flask does not read that: "
    "request.get_json(force=True).",
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
    "Docker's own volumes can have this name: a letter or a digit, then letters, digits, _ . and -. A volume that "
    "its user does not name gets 64 digits from Docker. Take all of these.",
    call="Create",
    volume="unknown",
    plain_name=False,
)
TWO_NAMES = (
    "The plugin changed the name, so that two names can become one volume. One user would then get the files of "
    "another. Take a name as it is, or refuse it."
)
answered("one volume for two names", TWO_NAMES, wants="the usual Name")
seen("one volume for two names", TWO_NAMES, wants="a folder for each name")
seen(
    "Create makes nothing",
    "Create answered success, and there is no trace of the volume in DDD_ROOT. Make a folder for each volume: "
    "what is kept in memory alone is lost when the plugin ends.",
    wants="a trace of the volume",
)
seen(
    "Create again empties the volume",
    "The second Create deleted the files of the volume. Docker repeats a Create when it did not get the answer: "
    "leave a volume that exists as it is.",
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
    "The plugin took an option that it does not have. Whoever typed -o size=1G believes in a limit, and there is none. "
    "Docker sends the options under Opts.$usual_yes",
    call="Create",
    options="some",
    volume=("unknown", "refused"),
)
answered(
    "tells the value of an option",
    "The error shows the value of the option, which can be a password. Errors stand in logs: name the option alone.",
    status=PLAIN,
    said="Err",
    wants="no value of an option",
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
    "Create said yes, and Get answers with an error. To Docker the volume does not exist, and its labels are lost."
    "$known_words$usual_forgets",
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
    'Get has to answer the volume in an object of its own: {"Volume": {"Name": …}}. Else it does not exist.$instead'
    "$usual_hollow",
    wants="a Volume",
)
answered(
    "CreatedAt in a wrong format",
    "Docker decodes CreatedAt as a time of RFC 3339, with a time zone. When it cannot, the whole answer "
    "is lost, and the volume does not exist. Leave it out, or use datetime.now(UTC).isoformat().",
    wants="a CreatedAt",
)
answered(
    "Status is no object",
    "Docker decodes Status as an object. When it cannot, the whole answer is lost, and the volume does not exist. "
    'Leave it out, or use an object: {"Status": {"state": "ready"}}.',
    wants="a Status",
)
NAME = "Docker goes on with the Name that Get answers: without it, it mounts and removes something else."
NO_FOLDER = "There is no folder at the Mountpoint that Get names. It has to be an absolute path, the same as Mount's."
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
    "Get of a volume that does not exist has to be an error. One that says yes to everything takes every "
    "new volume of the machine: `docker run -v any:/data` asks all plugins."
)
THERE = ("no object", "no Name", "another Name", "the Name")
unknown("Get knows everything", f"{EVERYTHING}$usual_yes", volume_answered=THERE, missing_f=False, anything_made=False)
unknown(
    "one volume under two names",
    "Only a volume of a similar name exists, and Get took it for this one. Then two names lead to the same files. "
    "Compare whole names, and upper and lower case, too.",
    volume_answered=THERE,
    missing_f=False,
    anything_made=True,
)
unknown(
    "an f is missing before the path",
    "Get took an unknown volume for one that exists. The string $missing_f has braces and no f before it, so that it "
    "is the same path for every volume: put an f before it.",
    volume_answered=THERE,
    missing_f=True,
)
unknown(
    "an empty answer for an unknown volume",
    "Volume is missing or null, which Docker takes for no such volume, and Podman for success. Get of an unknown "
    'volume is an error: status 404 and {"Err": "a sentence"}.',
    volume_answered=("missing", "null"),
)
accepted(
    "refused, and made all the same",
    "Create was refused, and the volume is there all the same. Look at the options first, and make the volume after "
    "that.$usual_both",
    look="Create",
    call="Get",
    volume="refused",
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
    'Each volume of List is an object with its name: {"Name": "mango"}.$usual_nameless',
    wants="names in List",
    volumes="nameless inside",
)
answered(
    "no Volumes in List",
    'List has to answer {"Volumes": […]}, and there is no Volumes in the answer.$instead$usual_hollow',
    wants="Volumes",
    volumes="missing",
)
answered(
    "Volumes is no list",
    'Volumes has to be a list, with an object for each volume: [{"Name": "mango"}].',
    wants="Volumes",
    volumes="no list",
)
NOTHING = (
    "On its first start a plugin has no volumes, and List answers the empty list: this is what `docker volume ls` asks "
    "right after the installation."
)
refused(
    "no List of nothing",
    "List was refused: its reason stands in Err, above. Without volumes, List answers the empty list: this is what "
    "`docker volume ls` asks right after the installation.$known_words",
    call="List",
    anything_made=False,
)
answered(
    "no List of nothing",
    f"{NOTHING} Are there files of an earlier run, outside DDD_ROOT?",
    wants="no volume at first",
)
answered(
    "List is not the truth",
    "List has to name each volume that Create has made, once. It is what `docker volume ls` shows.$listed_and_not"
    "$usual_names",
    wants="each volume once",
)

answered(
    "List names what is no volume",
    "List named something that is no volume, and `docker volume ls` shows it. Look one level below the folder of "
    "all volumes, for what only a volume has: another file or folder there is none.",
    wants="no name but those of volumes",
)
answered(
    "Remove leaves a name in List",
    "Remove gave the volume another name, and List names that now. Move what is being deleted out of the folder of "
    "all volumes.",
    look="Remove",
    wants="no name of what Remove took",
)
table.cause(
    "List is not the truth",
    "List was refused while volumes were removed: a volume can go between two looks at it. Leave it out then.",
    stage="answer",
    status=PLAIN,
    said="Err",
    wants="List while volumes are removed",
)

# What a restart and a kill leave

RESTART = (
    "What was there before the plugin was stopped is not as it was. Docker does not send its volumes "
    "again: what a plugin keeps in memory alone is lost. Look on the disk, under DDD_ROOT.$usual_lost"
)
answered("volumes lost by a restart", RESTART, wants=("the same after a restart", "listed after the restart"))
seen(
    "files lost by a restart",
    "The volume is still there after the restart, but its files are gone. Leave what is there as it is at the start.",
    look="(nowhere)",
    wants="files after the restart",
)
refused("volumes lost by a restart", RESTART, call="Get", volume="created", since="stop")
answered(
    "volumes lost by a kill",
    "What was answered before the kill is not there after it: write to the disk before the answer.$usual_killed",
    wants="listed after the kill",
)
accepted(
    "mounts lost by a kill",
    "After the kill the plugin no longer knew that a container has the volume, and removed it under its "
    "feet. Write down each Mount before you answer it.$usual_killed",
    call="Remove",
    volume="mounted",
    since="kill",
)

accepted(
    "mounts lost by a restart",
    "The plugin was stopped and started again while a container had the volume, and then it removed the volume. "
    "Containers run on while a plugin restarts: keep the record of each Mount, also of two with one ID.",
    call="Remove",
    volume="mounted",
    since="stop",
)

# Mount and Path

LOST_FOLDER = (
    "Docker starts the container all the same, with a folder of its own at that place: nothing that is written there "
    "is kept."
)
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
    "The Mountpoint has to be a string, with an absolute path. Docker cannot decode the answer otherwise.",
    wants="a Mountpoint",
    mountpoint="no text",
)
answered(
    "Mountpoint relative",
    "The Mountpoint is relative. Docker's idea of the current folder is not yours: answer an absolute path.",
    wants="a Mountpoint",
    mountpoint="relative",
)
seen(
    "Mountpoint is not there",
    "No folder is there: Docker cannot mount what does not exist. Make it at Create.$usual_folder",
    wants="a folder at the Mountpoint",
)
refused(
    "the same ID twice refused",
    "`docker cp` mounts again with the ID of the running container. Refuse that, and docker cp fails.",
    call="Mount",
    same_id=True,
    speaks_of_no_volume=False,
)
refused(
    "another container refused",
    "The volume is mounted by one container, and Mount for another one is refused. Several containers can share a "
    "volume: answer each with the same Mountpoint.",
    call="Mount",
    volume="mounted",
    same_id=False,
    before=("", "Create", "Get", "Mount", "Path"),
)
SHARE = "Two containers that share a volume share one folder: answer the same Mountpoint to each."
OF_AN_ID = "Mount answers a folder of its own for each mount ID. A volume has one folder, the same for every container."
shared = partial(answered, wants=("the folder of the other container", "the folder of the first Mount"))
shared("another folder for another container", SHARE, folder_of_an_id=False)
shared("another folder for another container", OF_AN_ID, folder_of_an_id=True)
path = partial(answered, wants="the folder of Mount")
path(
    "Path is not Mount's folder",
    "Path says where the volume is mounted, so it has to say what Mount said. Podman asks it.",
    mountpoint=("no text", "relative", "absolute"),
    folder_of_an_id=False,
)
path("another folder for another container", OF_AN_ID, look="Mount", mountpoint="absolute", folder_of_an_id=True)
path(
    "Path is not Mount's folder",
    "Path has to answer with a Mountpoint, the same one as Mount, and there is none in the "
    "answer.$instead$usual_hollow",
    mountpoint=("missing", "empty"),
)
answered(
    "another folder than Mount's",
    "Mount names the folder that the container gets. Get and List name another one: `docker volume inspect` shows "
    "it, and people look for their files there. Take the path from one function.",
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
    "with mode 0755. Does the plugin set its umask for the socket? Then set it back after bind.",
    wants="a folder that others can enter",
)
seen(
    "one folder for all volumes",
    "Two volumes have the same folder: their containers would write over each other's files. Give each its own.",
    wants="a folder for each volume",
)
answered(
    "a refused Mount makes a volume",
    "Mount of an unknown volume was refused, and List names it now. Only Create makes a volume.",
    look="Mount",
    wants="no volume of a refused Mount",
)
accepted(
    "says yes to the unknown",
    "The volume does not exist, so this has to be an error: Docker would go on with something that is not "
    "there.$usual_yes",
    call=("Mount", "Path", "Remove", "Unmount"),
    volume=("unknown", "refused", "removed"),
)

# Unmount

LOST = "Unmount says that one container has let go. It deletes nothing: only Remove does."
seen("files lost at Unmount", LOST, look="Unmount", wants="a folder that stays")
seen(
    "files lost at Unmount",
    "The files are gone after the last Unmount and the next Mount. Neither deletes anything: only Remove does.",
    look="Unmount",
    wants="files that stay",
)
seen("files lost at Unmount", LOST, look="Unmount", wants="a folder at the Mountpoint", unmounted_before=True)
refused(
    "Unmount forgets the volume",
    "The plugin knew the volume until the Unmount before this call. Does Unmount delete more than the one mount?",
    look="Unmount",
    call=("Get", "Mount", "Path", "Unmount"),
    volume=("mounted", "let go"),
    before="Unmount",
    since="nothing",
    speaks_of_no_volume=True,
)
table.cause(
    "Unmount forgets the volume",
    "The handler raised $raised: it does not find a volume that exists. It did until the Unmount before this call. "
    "Does Unmount delete more than the one mount?",
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
    "volume can make such a link. shutil.rmtree deletes the link alone.",
    wants="what a link leads to stays",
)
takes(
    "Remove takes a neighbour",
    "Remove of one volume took the files of another, whose name only begins in the same way. Compare whole names: "
    "mango-10 is not mango-1.",
    wants="a neighbour stays",
)
takes(
    "old files in a new volume",
    "A volume was removed, and a new one of the same name has its files. Whoever removes a volume wants its files "
    "gone, and the next owner of the name must not read them. Delete the files at Remove.$usual_stays",
    wants="a new volume is empty",
)
takes(
    "gives no space back",
    "Remove took the name away, but the files are still on the disk, where nobody finds them. Delete the "
    "files, too.$usual_stays",
    wants="space comes back",
)
takes(
    "files lost at a refused Remove",
    "Remove was refused, and the files are gone all the same: the container loses them. Look whether anybody uses "
    "the volume before you change anything.",
    wants="files at a refused Remove",
)
GONE = "Remove said yes, and the volume is still known: Docker would show and use it again.$usual_stays"
answered("Remove does not remove", GONE, look="Remove", wants="gone from List")
accepted("Remove does not remove", GONE, look="Remove", call="Get", volume="removed")
accepted(
    "removes what is in use",
    "The volume went away while a container had it: that container loses its files. Remember who mounts.$usual_frees",
    call="Remove",
    volume="mounted",
)
accepted(
    "removes what is in use",
    "The volume went away while a container had it. Before, there was an Unmount with the ID of no container, and that "
    "let it go: Unmount ends the mount with its own ID, and no other.",
    look="Unmount",
    call="Remove",
    volume="mounted",
    foreign_unmount=True,
    mounted_again=False,
    since="nothing",
)
accepted(
    "lets go too early",
    "`docker cp` sent Mount and Unmount with the container's own ID, and after that Unmount the plugin "
    "took the volume for free, with the container still writing. Keep an entry for each Mount, and let each Unmount "
    "end one of them: a set of IDs is not enough.",
    look="Unmount",
    call="Remove",
    volume="mounted",
    mounted_again=True,
    since="nothing",
)
for how, ends in (
    ("all in a loop", "its loop goes on after the first one. Put a break behind what deletes it"),
    ("all by a filter", "it keeps only those of other IDs. Take one out, as remove() of a list does"),
):
    accepted(
        "lets go too early",
        "`docker cp` sent Mount and Unmount with the container's own ID, and after that Unmount the plugin "
        f"took the volume for free, with the container still writing. Unmount ends every entry of the ID: {ends}.",
        look="Unmount",
        call="Remove",
        volume="mounted",
        mounted_again=True,
        since="nothing",
        unmount_ends=how,
    )
refused(
    "never lets go",
    "All have unmounted, and Remove is still refused: nobody can get rid of this volume.$known_words$usual_holds",
    look="Unmount",
    call="Remove",
    volume="let go",
)
INSIDE = (
    "Something is mounted in the volume, and Remove deleted its files: to the file system a mounted disk is a "
    "folder like any other. /proc/self/mounts says what is mounted."
)
accepted("deletes what is mounted inside", INSIDE, call="Remove", volume="let go")
table.cause(
    "deletes what is mounted inside",
    "The handler raised $raised. Something is mounted in the volume: look for that below the volume's whole folder "
    "before you delete anything. /proc/self/mounts says what is mounted.",
    stage="answer",
    status="exception",
    exception="busy",
)
refused(
    "Remove does not find it",
    "Create made the volume, nobody uses it, and Remove does not find it. Is something else missing that Remove needs, "
    "such as the folder into which it renames?",
    call="Remove",
    volume="created",
    speaks_of_no_volume=True,
    mounted_in_another=False,
)
refused(
    "a neighbour's mount counts",
    "Nothing is mounted in this volume, only in another whose name begins with the same letters. Put a / after the "
    "path of the volume before you compare: then mango2 is not taken for mango.",
    call="Remove",
    volume="created",
    mounted_in_another=True,
)
seen("deletes what is mounted inside", INSIDE, wants="what is mounted inside stays")

# Names, and calls without one

accepted(
    "an empty body will do",
    "This call has no name to work with. When a connection breaks, Docker sends its call again without "
    "the body: answered with success, it would go on with a volume that was never made.$usual_yes",
    volume="nameless",
)
OUTSIDE = (
    "Docker checks no name: what a user types comes as it is, and a plugin that joins it to a path makes "
    "and deletes folders anywhere. Take only names that match [a-zA-Z0-9][a-zA-Z0-9_.-]* as a whole "
    "(re.fullmatch).$usual_unchecked"
)
accepted("a name that leaves the root", OUTSIDE, volume="bad name")
seen("a name that leaves the root", OUTSIDE, wants=("a file outside that stays", "what is outside stays"))
answered("a name that leaves the root", OUTSIDE, wants="a place among the volumes")
seen(
    "an ID that leaves the root",
    "The mount's ID became part of a path that leads outside, to a file there. Check it as you check the name.",
    wants="no file of a mount ID",
)

# Capabilities

SCOPE = 'Docker wants {"Capabilities": {"Scope": "local"}}, or "global" for volumes of a whole cluster.'
answered(
    "a scope that changes",
    "Docker asks for the scope once, and remembers it. Answer the same each time.",
    wants="the same scope",
)
scope = partial(answered, wants="a scope")
scope("unknown scope", f"There is no Capabilities in the answer.$instead {SCOPE}$usual_hollow", scope="missing")
scope("unknown scope", f"Scope has to be in an object, under Capabilities. {SCOPE}", scope="alone")
scope("unknown scope", f"Capabilities has to be an object, with a Scope in it. {SCOPE}", scope="no object")
scope("unknown scope", f"A scope is written in lower case. {SCOPE}", scope="wrong case")
scope("unknown scope", f"There is no such scope. {SCOPE} It takes anything else for local.", scope="another")

# Several at once

table.cause(
    "volumes lost by eight at once",
    "Docker calls on several connections at once, and here calls got into each other's way. Let one "
    "finish what it reads and writes before the next (a lock), or make each change in one move (rename).$known_words",
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
    "Remove looked, then a Mount came, then Remove went on: both were answered with success, and the container "
    "has lost its files. Each call has a thread. Let Mount and Remove hold one lock from the look to the change.",
    wants="Mount or Remove refused",
)
