#!/bin/sh
# A right plugin in shell: socat listens, and runs this file with "answer" for each caller. It reads no more of JSON
# than it needs.
SOCKET=${DDD_SOCKET:-/run/docker/plugins/ddd.sock}
ROOT=${DDD_ROOT:-/var/lib/ddd}

reply() { # STATUS BODY
    printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n' "$1"
    printf 'Content-Length: %s\r\n\r\n%s\n' "$((${#2} + 1))" "$2"
    exit 0
}

refuse() { # STATUS SENTENCE
    reply "$1" "{\"Err\": \"$2\"}"
}

field() { # KEY: its value, nothing where it is not a valid name
    printf '%s' "$body" | sed -n 's/^{.*"'"$1"'": *"\([a-zA-Z0-9][a-zA-Z0-9_.-]\{0,99\}\)"[,}].*$/\1/p'
}

answer() {
    read -r method path _
    length=0
    while read -r key value && [ ${#key} -gt 1 ]; do # the last line holds a carriage return alone
        case $key in
            [Cc]ontent-[Ll]ength:) length=${value%?} ;;
        esac
    done
    body=$(head -c "$length")
    case $path in
        /) reply "200 OK" "Hello from the shell" ;;
        /Plugin.Activate) reply "200 OK" '{"Implements": ["VolumeDriver"]}' ;;
        /VolumeDriver.Capabilities) reply "200 OK" '{"Capabilities": {"Scope": "local"}}' ;;
        /VolumeDriver.List) list ;;
    esac
    [ "$method" = POST ] || refuse "405 Method Not Allowed" "POST it"
    name=$(field Name)
    [ -n "$name" ] || refuse "400 Bad Request" "Name is not valid"
    data=$ROOT/$name/data
    mounts=$ROOT/$name/mounts
    exec 9>"$ROOT/.lock"
    flock 9
    [ "$path" != /VolumeDriver.Create ] || create
    [ -d "$data" ] || refuse "404 Not Found" "There is no volume $name"
    case $path in
        /VolumeDriver.Get)
            reply "200 OK" "{\"Volume\": $(describe "$data"), \"Err\": \"\"}"
            ;;
        /VolumeDriver.Path) mountpoint ;;
        /VolumeDriver.Mount) mount_it ;;
        /VolumeDriver.Unmount) unmount_it ;;
        /VolumeDriver.Remove) remove ;;
    esac
    refuse "404 Not Found" "There is no call $path"
}

mountpoint() {
    reply "200 OK" "{\"Mountpoint\": \"$data\", \"Err\": \"\"}"
}

describe() { # DATA
    volume=${1%/data}
    printf '{"Name": "%s", "Mountpoint": "%s"}' "${volume##*/}" "$1"
}

list() {
    volumes=
    for found in "$ROOT"/*/data; do
        [ ! -d "$found" ] || volumes="$volumes${volumes:+, }$(describe "$found")"
    done
    reply "200 OK" "{\"Volumes\": [$volumes], \"Err\": \"\"}"
}

create() {
    options=$(printf '%s' "$body" | sed -n 's/.*"Opts": *{\([^}][^}]*\)}.*/\1/p' | sed 's/: *"[^"]*"//g; s/"//g')
    [ -z "$options" ] || refuse "400 Bad Request" "Options are not known: $options"
    mkdir -p "$mounts" "$data"
    reply "200 OK" '{"Err": ""}'
}

mount_it() {
    id=$(field ID)
    [ -n "$id" ] || refuse "400 Bad Request" "ID is not valid"
    mktemp "$mounts/$id.XXXXXXXX" >/dev/null
    mountpoint
}

unmount_it() {
    id=$(field ID)
    [ -n "$id" ] || refuse "400 Bad Request" "ID is not valid"
    for record in "$mounts/$id".*; do
        [ ! -e "$record" ] || rm "$record"
        break
    done
    reply "200 OK" '{"Err": ""}'
}

remove() {
    [ -z "$(ls "$mounts")" ] || refuse "409 Conflict" "Volume $name is in use"
    ! grep -qF " $data/" /proc/self/mounts || refuse "409 Conflict" "Something is mounted in volume $name"
    rm -r "${ROOT:?}/$name"
    reply "200 OK" '{"Err": ""}'
}

if [ "$1" = answer ]; then
    answer
fi
mkdir -p "$ROOT"
if [ -S "$SOCKET" ]; then
    if socat -u OPEN:/dev/null "UNIX-CONNECT:$SOCKET" 2>/dev/null; then
        echo "A plugin listens at $SOCKET." >&2
        exit 1
    fi
    rm "$SOCKET"
elif [ -e "$SOCKET" ]; then
    echo "$SOCKET is not a socket." >&2
    exit 1
fi
trap 'kill $!; rm -f "$SOCKET"; exit 0' TERM INT
socat "UNIX-LISTEN:$SOCKET,fork,mode=0600,backlog=128" "EXEC:sh $0 answer" &
wait
