# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with OpenRC: Debian's packages openrc and sysvinit-core as their init, and what stands for Alpine's packages.

What is real: OpenRC with its supervise-daemon, sshd, and the programs of Debian's docker.io. What only stands for the
real thing: the program ``apk``, which puts these programs in place and knows one version of them; the service's script,
which is ours in the form of Alpine's; and /etc/os-release, which says that this is Alpine.
"""

from __future__ import annotations

from tests.beds.hosts import Bed, Host

PACKAGES = ("openrc", "sysvinit-core", "docker.io", "ufw")
VERSION = "20.10.24-r0"  # by the stand-in's word
CALLS = "/var/log/stand-in-apk.log"

INITTAB = """id:2:initdefault:
si::sysinit:/sbin/openrc sysinit
rc::bootwait:/sbin/openrc boot
l2:2:wait:/sbin/openrc default
"""

SSHD = """#!/sbin/openrc-run
command=/usr/sbin/sshd
pidfile=/run/sshd.pid
start_pre() {
    checkpath -d -m 0755 /run/sshd
}
"""

# As Alpine's: supervised, options from /etc/conf.d, a log file, and a reload by SIGHUP
SERVICE = """#!/sbin/openrc-run
supervisor=supervise-daemon
command="${DOCKERD_BINARY:-/usr/bin/dockerd}"
command_args="${DOCKER_OPTS}"
: "${DOCKER_LOGFILE:=/var/log/docker.log}"
supervise_daemon_args="--stdout ${DOCKER_OUTFILE:-$DOCKER_LOGFILE} --stderr ${DOCKER_ERRFILE:-$DOCKER_LOGFILE}"
retry="${DOCKER_RETRY:-TERM/60/KILL/10}"
extra_started_commands="reload"

depend() {
    after firewall
}

reload() {
    ebegin "Telling the Engine to read its configuration"
    supervise-daemon "$RC_SVCNAME" --signal HUP
    eend $?
}
"""

# As Gentoo's, and Alpine's of old: in the background, with a pid file. Debian has its own start-stop-daemon for that, by
# which OpenRC does not learn that an Engine has ended.
UNSUPERVISED = """#!/sbin/openrc-run
command="/usr/bin/dockerd"
pidfile=/run/docker.pid
command_args="-p \\"$pidfile\\" $DOCKER_OPTS"
start_stop_daemon_args="--background --output /var/log/docker.log"
extra_started_commands="reload"
retry="TERM/60/KILL/10"

reload() {
    kill -HUP "$(cat "$pidfile")"
}
"""

SETTINGS = """# Options for the Engine
DOCKER_OPTS=""
"""

OS_RELEASE = """ID=alpine
VERSION_ID=3.20.0
NAME="Alpine Linux"
PRETTY_NAME="Debian with OpenRC, which stands for Alpine"
"""

APK = f"""#!/bin/sh
# A STAND-IN for Alpine's apk, for tests alone: it knows one package, docker, and has it in /opt/stand-in.
echo "$*" >> {CALLS}
db=/var/lib/stand-in-apk
while :; do
    case "$1" in
        --wait) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
verb=$1
shift
for word in "$@"; do
    name=${{word%%=*}}
    case "$verb $name" in
        *" -"*) ;;
        "list docker") ! test -e $db/docker || echo "docker-{VERSION} x86_64 {{docker}} (Apache-2.0) [installed]" ;;
        "policy docker") printf 'docker policy:\\n  {VERSION}:\\n    https://stand-in.example.org/community\\n' ;;
        "add docker")
            test "$word" = docker -o "$word" = docker={VERSION} || {{ echo "ERROR: unable to select $word" >&2; exit 1; }}
            cp /opt/stand-in/bin/* /usr/bin/
            cp /opt/stand-in/docker.initd /etc/init.d/docker
            test -e /etc/conf.d/docker || cp /opt/stand-in/docker.confd /etc/conf.d/docker
            touch $db/docker
            ;;
        "del docker") rm -f /usr/bin/dockerd /usr/bin/docker /etc/init.d/docker $db/docker ;;
        add*|del*) echo "ERROR: unable to select packages: $name (no such package)" >&2; exit 1 ;;
    esac
done
test "$verb" != update || touch /var/cache/apk/APKINDEX.stand-in.tar.gz
"""

# Of Debian's services none but sshd: what they do at boot is for whole machines.
PREPARE = """
for file in inittab init.d/sshd os-release; do
    rm -f "/etc/$file"
    printf '%s' "$1" > "/etc/$file"
    shift
done
rm -f /etc/runlevels/*/*
mkdir -p /opt/stand-in/bin /var/lib/stand-in-apk /var/cache/apk /etc/conf.d
mv /usr/sbin/dockerd /usr/sbin/docker-proxy /usr/bin/docker /opt/stand-in/bin/
rm -f /etc/init.d/ssh /etc/init.d/docker /etc/default/docker /lib/systemd/system/docker.*
printf '%s' "$1" > /opt/stand-in/docker.initd
printf '%s' "$2" > /opt/stand-in/docker.confd
printf '%s' "$3" > /sbin/apk
chmod 755 /etc/init.d/sshd /opt/stand-in/docker.initd /sbin/apk
ln -s /etc/init.d/sshd /etc/runlevels/default/sshd
rm -f /usr/bin/apt-get /usr/bin/apt-cache
"""


def image(bed: Bed) -> str:
    return bed.image_from(bed.image(PACKAGES), PREPARE, INITTAB, SSHD, OS_RELEASE, SERVICE, SETTINGS, APK)


def host(bed: Bed) -> Host:
    """A host with OpenRC and no Engine."""
    return bed.host(image=image(bed))
