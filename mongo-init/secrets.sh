#!/usr/bin/env bash
# Makes the key file of the replica set, the passwords and the services' MongoDB address, once; later runs change nothing
# but the address. Runs as MongoDB's user, because mongod reads a key file only if nobody else can.
set -euo pipefail
umask 077

: "${MONGO_SECRETS_DIR:?where mongod and its init script read the key file and the passwords}"
: "${APP_SECRETS_DIR:?where the services read their MongoDB address}"
: "${MONGO_MEMBERS:?host:port of each member, comma separated}"
: "${MONGO_REPLICA_SET:?name of the replica set}"

# put MODE FILE: standard input becomes FILE, whole or not at all.
put() {
  local temporary
  temporary="$(mktemp "$2.XXXXXX")"
  cat >"$temporary"
  chmod "$1" "$temporary"
  sync "$temporary"
  mv "$temporary" "$2"
}

# Hexadecimal, so that nothing has to be escaped inside an address.
password() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

keyfile="$MONGO_SECRETS_DIR/keyfile"
[ -s "$keyfile" ] || head -c 756 /dev/urandom | base64 --wrap=0 | put 400 "$keyfile"
for name in root packstats; do
  [ -s "$MONGO_SECRETS_DIR/$name.password" ] || password | put 400 "$MONGO_SECRETS_DIR/$name.password"
done

# Readable by the services, which run as another user; nothing else mounts this volume.
printf 'mongodb://packstats:%s@%s/?replicaSet=%s&authSource=admin\n' \
  "$(<"$MONGO_SECRETS_DIR/packstats.password")" "$MONGO_MEMBERS" "$MONGO_REPLICA_SET" |
  put 444 "$APP_SECRETS_DIR/mongo-uri"

echo "secrets are in place"
