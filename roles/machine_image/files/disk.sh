#!/bin/sh
# Run by mmdebstrap as `sh -c … exec ROOT`, last: the tree becomes an ext4 file system in the file behind DOCKYARD_DISK.
set -eu
root=$1
rm -rf "$root/boot/dockyard" "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/tmp/* "$root"/var/tmp/*
if [ -e "$root/sbin/start-stop-daemon.REAL" ]; then mv -f "$root/sbin/start-stop-daemon.REAL" "$root/sbin/start-stop-daemon"; fi
# Without the mounts that mmdebstrap has below the tree
bare=$(mktemp -d)
mount --bind "$root" "$bare"
trap 'umount "$bare" && rmdir "$bare"' EXIT
mke2fs -q -t ext4 -L root -m 1 -J size=32 -E lazy_itable_init=1,lazy_journal_init=1 -d "$bare" "$DOCKYARD_DISK"
