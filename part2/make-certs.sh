#!/bin/sh
# Make what mutual TLS needs: an authority (ca), and a certificate for each side that it vouches for:
# the plugin shows server.pem, Docker shows client.pem. They are good for a year and for this machine only.
#   part2/make-certs.sh [FOLDER]        FOLDER is /etc/docker/ddd-certs, where ddd-tls.json looks for them
set -eu
folder=${1:-/etc/docker/ddd-certs}
command -v openssl >/dev/null || { echo "openssl is missing: apt-get install openssl" >&2; exit 1; }

umask 077 # keys are for their owner alone
mkdir -p "$folder"
cd "$folder"

new_key_and_certificate() { # NAME SUBJECT EXTENSION...: signed by ca, or by itself when NAME is ca
    name=$1 subject=$2
    shift 2
    printf '%s\n' "$@" >"$name.ext"
    openssl ecparam -name prime256v1 -genkey -noout -out "$name-key.pem"
    openssl req -new -key "$name-key.pem" -subj "/CN=$subject" -out "$name.csr"
    if [ "$name" = ca ]; then set -- -signkey ca-key.pem; else set -- -CA ca.pem -CAkey ca-key.pem -CAcreateserial; fi
    openssl x509 -req -in "$name.csr" "$@" -days 365 -extfile "$name.ext" -out "$name.pem" 2>/dev/null
    rm "$name.csr" "$name.ext"
}

new_key_and_certificate ca "ddd course authority" "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign"
# Docker is written in Go, which looks only at the subjectAltName: a certificate with just a common name is refused
new_key_and_certificate server "ddd plugin" "subjectAltName=IP:127.0.0.1,DNS:localhost" "extendedKeyUsage=serverAuth"
new_key_and_certificate client "docker daemon" "extendedKeyUsage=clientAuth"
rm -f ca.srl
echo "Made ca, server and client certificates in $folder."
