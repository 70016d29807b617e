#!/bin/sh
# Makes the account ($1) that tests run as where they are started by root: without privileges, with subordinate ids, as most
# users of containers are. It stays. Two test programs may come here at once: the second waits, and finds everything done.
set -e
exec 9>"/run/$1.lock"
flock 9
id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$1"
grep -q "^$1:" /etc/subuid || usermod --add-subuids 3000000-3065535 "$1"
grep -q "^$1:" /etc/subgid || usermod --add-subgids 3000000-3065535 "$1"
chmod 666 /dev/fuse
