"""Discovery: Docker does not find the driver, or does not reach it by what the file says."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="search")
own = partial(cause, found="own")
"""Docker takes a file of the learner, and does not reach the plugin by it."""
readable = partial(own, form="fine")
WEB = ("https", "other")

# Which file

cause(
    "a file of another name",
    "There is $resembling, and Docker looks for $driver.spec or $driver.json, because the "
    "driver that was asked for is $driver. The file's name is the driver's name: rename it.",
    found=("nothing", "a package's"),
    resembling=True,
)
cause(
    "no file for the driver",
    "No file leads to the driver $driver. Docker looks in its places for $driver.sock, then "
    "$driver.spec and $driver.json: a file's name is the driver's name. This check takes the "
    "folder of your plugin for /etc/docker/plugins. Make a file there, with the address of the plugin.",
    found="nothing",
    resembling=False,
)
cause(
    "the package's file comes first",
    "Docker takes $place, which a package has brought, and the plugin that this leads to is gone. A "
    "file that leads nowhere is not passed over. Docker looks in /etc/docker/plugins first: make a file "
    "$driver.json there, which is $driver.json beside your plugin here.",
    found="a package's",
    resembling=False,
)

# What is in it

own(
    "JSON in the .spec",
    "A .spec is not JSON: it is one line with the address, such as tcp://127.0.0.1:8787. What begins with a "
    "brace belongs in a .json. A .spec in the same folder comes before the .json, even if it is broken.",
    form="JSON in a .spec",
)
own(
    "JSON that Go cannot read",
    "Docker, which is written in Go, cannot read this JSON: $json_error.$json_hint Docker does not pass over "
    "a broken file.",
    form="broken JSON",
)
own(
    "JSON that Go cannot read",
    'Docker wants an object in a .json: {"Addr": "tcp://127.0.0.1:8787"}. The address alone belongs in a .spec.',
    form="no object",
)
own(
    "a wrong key",
    'Docker does not know the key "$wrong_key_of_json", and says nothing about it. It reads Addr and TLSConfig, and '
    "in TLSConfig it reads CAFile, CertFile, KeyFile and InsecureSkipVerify.",
    form="a wrong key",
)

# The address

readable(
    "two slashes in unix://",
    "After unix:// a path begins with a slash of its own: $with_three_slashes has three. With "
    "two, $host_of_two_slashes is the host, and Docker takes that for the path, in its own folder. This step is "
    "about TCP: tcp://127.0.0.1:8787.",
    address="two slashes",
)
readable(
    "a socket instead of an address of TCP",
    "The file leads to a Unix socket. Here the driver is to be reached over TCP: tcp://127.0.0.1:8787.",
    address="unix",
)
readable(
    "an address without a scheme",
    "An address begins with how it is spoken to: tcp:// or http://, https:// for TLS. So it is tcp://$plain_address.",
    address="no scheme",
)
readable(
    "an address in quotes",
    "The quotes are taken for a part of the address. The file holds the address alone: tcp://127.0.0.1:8787.",
    address="quoted",
)
readable(
    "an address that is misspelt",
    "An address begins with a word, a colon and two slashes, such as tcp://127.0.0.1:8787. This is $plain_address.",
    address="misspelt",
)
readable(
    "no loopback address",
    "Docker calls the address in the file, and whoever can reach it can call the plugin. The plugin is on this "
    "machine: name 127.0.0.1, which no other machine reaches.",
    address=WEB,
    wants="loopback",
)

# TLS

called = partial(readable, wants="an answer over TCP")
readable(
    "a certificate without its key",
    "TLSConfig has no $lacks_a_key: a certificate comes with its key. CertFile is /etc/docker/ddd-certs/client.pem, "
    "and KeyFile is /etc/docker/ddd-certs/client-key.pem.",
    address=WEB,
    wants="a usable file",
    certificate_error=True,
    lacks_a_key=True,
)
readable(
    "a certificate that cannot be read",
    "Docker says: $dockers_error. The files are ca.pem for CAFile, client.pem for CertFile and client-key.pem "
    "for KeyFile, all three in /etc/docker/ddd-certs.",
    address=WEB,
    wants="a usable file",
    certificate_error=True,
    lacks_a_key=False,
)
called(
    "a plain http address for TLS",
    "The address is $plain_address, so Docker speaks plain HTTP, whatever TLSConfig says, and the plugin waits "
    "for TLS. Only https:// is TLS.",
    address="other",
    over="mutual TLS",
)
called(
    "https for a plugin without TLS",
    "https:// makes Docker speak TLS, and the plugin of this step speaks plain HTTP. Write tcp:// instead.",
    address="https",
    over="TCP",
)
encrypted = partial(called, address="https", over=("HTTP or HTTPS", "mutual TLS"))
encrypted(
    "the plugin's certificate is not accepted",
    "Docker could not verify the plugin's certificate. It is for 127.0.0.1 and localhost, and the authority "
    "that vouches for it is in /etc/docker/ddd-certs/ca.pem: Addr has to name one of the two hosts, and CAFile "
    "that file.",
    handshake="Docker refuses",
)
encrypted(
    "a client certificate that is missing",
    "The plugin wants to see who calls, and Docker had no certificate to show. CertFile and KeyFile in "
    "TLSConfig name it: client.pem and client-key.pem in /etc/docker/ddd-certs.",
    handshake="no client certificate",
)
encrypted(
    "another certificate than the client's",
    "Docker shows a certificate that the plugin does not take for one of a client. Docker's own are client.pem "
    "and client-key.pem; server.pem and server-key.pem are the plugin's.",
    handshake="the plugin refuses",
)
IMPOSTOR = "Docker called a program whose certificate is of another authority: it verifies nothing."
for setting, reason in (
    ("no CAFile", "There is no CAFile, and without one Docker verifies nothing, whatever InsecureSkipVerify says."),
    ("InsecureSkipVerify", "InsecureSkipVerify is true, which switches verifying off: set it to false."),
    ("another authority", "CAFile has to name the authority of the plugin's certificate, and no other."),
):
    readable(
        "anybody is taken for the plugin",
        f"{IMPOSTOR} {reason}",
        address=WEB,
        wants="no impostor",
        verifies_nothing=setting,
    )

# Anything else that Docker says

DOCKER_SAYS = (
    "Docker says: $dockers_error. It does not pass over a broken file: the first one there is counts. A .spec "
    "holds one line, the address; a .json holds an object with Addr."
)
KEY = "a file that Docker cannot use"
readable(KEY, DOCKER_SAYS, address=WEB, wants=("a usable file", "a port"), certificate_error=False, dockers_error=True)
called(KEY, DOCKER_SAYS, address="other", over=("TCP", "HTTP or HTTPS"), dockers_error=True)
encrypted(KEY, DOCKER_SAYS, handshake="none", dockers_error=True)
