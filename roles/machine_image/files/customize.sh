#!/bin/sh
# Run by mmdebstrap as `sh -c … exec ROOT` when the packages and the files of guest/ are in place:
# turns the tree into a machine that boots quickly and is nobody's yet.
set -eu
root=$1

chroot "$root" /bin/sh -eu <<'CHROOT'
export LC_ALL=C.UTF-8
disable() {
    for unit; do
        if [ -e "/lib/systemd/system/$unit" ]; then systemctl --quiet disable "$unit"; fi
    done
}

# --- what runs
systemctl --quiet enable dockyard-credentials.service dockyard-coldplug.service systemd-networkd.service \
    systemd-resolved.service containerd.service docker.socket docker.service
disable ssh.service ssh.socket
systemctl --quiet enable ssh.service

# --- what doesn't. Nothing here is needed to reach or to use the machine, and all of it can be enabled again.
#     apparmor.service confines no service of this image, and the Engine loads its own profile by itself.
disable systemd-networkd-wait-online.service systemd-network-generator.service apparmor.service e2scrub_reap.service \
    systemd-pstore.service getty@.service console-setup.service keyboard-setup.service
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    man-db.timer motd-news.timer
# Modules that the kernel loads by itself when they are used, and file systems that nothing here uses
systemctl --quiet mask modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service dev-hugepages.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
    systemd-binfmt.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-hwdb-update.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path
# There is no password to log in with at a console
mkdir -p /etc/systemd/system-generators
for generator in cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run system-update sysv veritysetup; do
    ln -s /dev/null "/etc/systemd/system-generators/systemd-$generator-generator"
done
# Users may log in before the boot has ended
ln -s /dev/null /etc/tmpfiles.d/systemd-nologin.conf
# The resolver is started beside the rest, which does not wait for it
sed -e 's/^Before=.*/Before=nss-lookup.target shutdown.target/' -e 's/^WantedBy=.*/WantedBy=multi-user.target/' \
    /lib/systemd/system/systemd-resolved.service >/etc/systemd/system/systemd-resolved.service
systemctl --quiet reenable systemd-resolved.service
systemctl --quiet set-default multi-user.target

# --- the root disk grows with the disk that it is on
printf '/dev/vda / ext4 defaults,x-systemd.growfs 0 0\n' >/etc/fstab
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

# --- nobody's yet
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed /var/lib/dbus/machine-id /etc/hostname
rm -rf /var/lib/systemd/credential.secret /etc/docker/key.json /var/lib/docker
: >/etc/machine-id
usermod --password '*' root

# --- sshd would refuse a wrong configuration at each start: ask once, with a key for the question only
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key
/usr/sbin/sshd -t
rm -f /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub

# --- the initial RAM disk: busybox and the modules between the kernel and its root disk
kernel=$(basename "$(find /lib/modules -mindepth 1 -maxdepth 1 | sort -V | tail -n 1)")
build=$(mktemp -d)
mkdir -p "$build/bin" "$build/dev" "$build/proc" "$build/root" "$build/modules"
cp /bin/busybox "$build/bin/busybox"
{ echo '#!/bin/busybox sh' && cat /usr/lib/dockyard/init; } >"$build/init"
chmod 755 "$build/init"
: >"$build/modules/order"
for module in virtio_pci virtio_blk ext4; do
    modprobe --set-version "$kernel" --show-depends "$module" | while read -r verb path _; do
        [ "$verb" = insmod ] || continue
        name=$(basename "$path")
        case $path in
        *.xz) name=${name%.xz} && xz -dc "$path" >"$build/modules/$name" ;;
        *.zst) name=${name%.zst} && zstd -dcq "$path" >"$build/modules/$name" ;;
        *) cp "$path" "$build/modules/$name" ;;
        esac
        grep -qx "$name" "$build/modules/order" || echo "$name" >>"$build/modules/order"
    done
done
mkdir -p /boot/dockyard
(cd "$build" && find . | busybox cpio -o -H newc >/boot/dockyard/initrd.img 2>/dev/null)
cp "/boot/vmlinuz-$kernel" /boot/dockyard/vmlinuz
rm -rf "$build"

# --- caches: what the first boot would build is built, what the build left goes
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt/* /run/sshd
rm -f /etc/apt/apt.conf.d/00mmdebstrap
ldconfig
rm -f /var/cache/ldconfig/aux-cache
mkdir -p /var/log/journal
touch /etc/.updated /var/.updated
CHROOT
