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
    "There is $resembling, but Docker looks for $driver.spec or $driver.json. The file's name is the driver's name: "
    "rename the file.",
    found=("nothing", "a package's"),
    resembling=True,
)
cause(
    "no file for the driver",
    "No file leads to the driver $driver. Docker looks in its places for $driver.sock, then for $driver.spec and "
    "$driver.json: a file's name is the driver's name. This check uses the folder of your plugin as "
    "/etc/docker/plugins. Make one of the last two files there, with the address of the plugin.",
    found="nothing",
    resembling=False,
)
cause(
    "the package's file comes first",
    "Docker takes $place, which a package has brought. The plugin that this file leads to is gone, but Docker does "
    "not go on to the next file. Docker looks in /etc/docker/plugins first, and this check uses the folder of your "
    "plugin for it: make a file $driver.json there.",
    found="a package's",
    resembling=False,
)

# What is in it

own(
    "JSON in the .spec",
    "A .spec is not JSON: it holds one line, the address, such as tcp://127.0.0.1:8787. JSON belongs in a .json. "
    "Docker takes a .spec before a .json in the same folder, even if the .spec is broken.",
    form="JSON in a .spec",
)
own(
    "JSON that Go cannot read",
    "Docker, which is written in Go, cannot read this JSON: $json_error.$json_hint Docker does not skip a broken file.",
    form="broken JSON",
)
own(
    "JSON that Go cannot read",
    'Docker wants an object in a .json: {"Addr": "tcp://127.0.0.1:8787"}. The address alone belongs in a .spec.',
    form="no object",
)
own(
    "a wrong key",
    'Docker does not know the key "$wrong_key_of_json", and ignores it. Docker reads Addr and TLSConfig, and in '
    "TLSConfig it reads CAFile, CertFile, KeyFile and InsecureSkipVerify. Rename or remove the key.",
    form="a wrong key",
)

# The address

readable(
    "two slashes in unix://",
    "After unix:// a path begins with its own slash: $with_three_slashes has three slashes. With two, Docker takes "
    "$host_of_two_slashes as the path of the socket, in the daemon's current folder. This step needs TCP, such as "
    "tcp://127.0.0.1:8787.",
    address="two slashes",
)
readable(
    "a socket instead of an address of TCP",
    "The file leads to a Unix socket. In this step Docker has to reach the driver over TCP, such as "
    "tcp://127.0.0.1:8787.",
    address="unix",
)
readable(
    "an address without a scheme",
    "An address begins with its scheme: tcp:// or http://, or https:// for TLS. Write tcp://$plain_address.",
    address="no scheme",
)
readable(
    "an address in quotes",
    "Docker takes the quotes as a part of the address. Write the address alone: tcp://127.0.0.1:8787.",
    address="quoted",
)
readable(
    "an address that is misspelt",
    "An address begins with a word, a colon and two slashes, such as tcp://127.0.0.1:8787. Yours is $plain_address.",
    address="misspelt",
)
readable(
    "no loopback address",
    "Docker calls the address in the file, and anyone who can reach this address can call the plugin. The plugin is "
    "on this machine: write 127.0.0.1, which no other machine reaches.",
    address=WEB,
    wants="loopback",
)

# TLS

called = partial(readable, wants="an answer over TCP")
readable(
    "a certificate without its key",
    "TLSConfig has no $lacks_a_key: a certificate needs its key. Set CertFile to /etc/docker/ddd-certs/client.pem, "
    "and KeyFile to /etc/docker/ddd-certs/client-key.pem.",
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
    "The address is $plain_address, so Docker speaks plain HTTP, whatever TLSConfig says. The plugin waits for TLS: "
    "write https:// in Addr.",
    address="other",
    over="mutual TLS",
)
called(
    "https for a plugin without TLS",
    "https:// makes Docker speak TLS, but the plugin of this step speaks plain HTTP. Write tcp:// instead.",
    address="https",
    over="TCP",
)
encrypted = partial(called, address="https", over=("HTTP or HTTPS", "mutual TLS"))
encrypted(
    "the plugin's certificate is not accepted",
    "Docker could not verify the plugin's certificate. The certificate is for the hosts 127.0.0.1 and localhost: Addr "
    "has to name one of the two. The authority that signed it is in /etc/docker/ddd-certs/ca.pem: CAFile has to name "
    "that file.",
    handshake="Docker refuses",
)
encrypted(
    "a client certificate that is missing",
    "The plugin asks each caller for a certificate, and Docker had no certificate to show. Name it in TLSConfig: "
    "CertFile is client.pem and KeyFile is client-key.pem, both in /etc/docker/ddd-certs.",
    handshake="no client certificate",
)
encrypted(
    "another certificate than the client's",
    "Docker shows a certificate that the plugin does not accept as a client's. Set CertFile to client.pem, and "
    "KeyFile to client-key.pem. The files server.pem and server-key.pem are the plugin's.",
    handshake="the plugin refuses",
)
IMPOSTOR = "Docker called a program whose certificate comes from another authority."
for setting, reason in (
    (
        "no CAFile",
        "There is no CAFile, and without one Docker verifies nothing, whatever InsecureSkipVerify says. Set CAFile to "
        "/etc/docker/ddd-certs/ca.pem.",
    ),
    ("InsecureSkipVerify", "InsecureSkipVerify is true, so that Docker verifies nothing: set it to false."),
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
    "Docker says: $dockers_error. Docker does not skip a broken file: the first file that it finds counts. A .spec "
    "holds one line, the address. A .json holds an object with Addr."
)
KEY = "a file that Docker cannot use"
readable(KEY, DOCKER_SAYS, address=WEB, wants=("a usable file", "a port"), certificate_error=False, dockers_error=True)
called(KEY, DOCKER_SAYS, address="other", over=("TCP", "HTTP or HTTPS"), dockers_error=True)
encrypted(KEY, DOCKER_SAYS, handshake="none", dockers_error=True)
