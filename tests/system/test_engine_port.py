# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The port never answers without a certificate: a real run is killed at each of its file changes, and the host boots.

tests/unit/plugins/modules/test_engine_port.py has the same for all changes of access, on a model.
"""

from __future__ import annotations

import itertools

import pytest

from tests.beds._base import until
from tests.system.test_engine_access import ping

pytestmark = pytest.mark.long

# Python on the host reads this when it starts, and ends itself at the change that the file names.
KILLER = """
import os, signal, sys
try:
    left = [int(open("/etc/kill-at").read())]
except OSError:
    left = []
def counted(change):
    def step(*paths, **more):
        result = change(*paths, **more)
        if str(paths[-1]).startswith(("/etc/docker", "/etc/systemd", "/var/lib/dockyard")):
            left[0] -= 1
            if not left[0]:
                open("/etc/killed", "w").write(" ".join(map(str, paths)))
                os.kill(os.getpid(), signal.SIGKILL)
        return result
    return step
if left:
    os.rename, os.unlink = counted(os.rename), counted(os.unlink)
"""
KEPT = "/etc/docker /etc/systemd/system/docker.service.d /etc/systemd/system/docker.socket.d /var/lib/dockyard"
BEFORE = "rm -f /etc/kill-at /etc/killed"
SERVED = "curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:2376/version || :"


@pytest.fixture(scope="module")
def engine_host(bed, play):
    host = bed.host()
    place = host.out("python3 -c 'import sitecustomize; print(sitecustomize.__file__)'")
    host.ssh(f"cat > {place} <<'EOF'\n{KILLER}\nEOF")
    play(host)
    yield host
    bed.remove(host)


def served(host):
    """What the port answers to who has no certificate, asked on the host and from elsewhere."""
    return {host.out(SERVED), str(ping(host, limit=5.0))} & {"200"}


@pytest.mark.parametrize(("before", "after"), [("tls", "local"), ("local", "tls")])
def test_killed_at_any_file_and_booted_the_port_asks_for_a_certificate(bed, engine_host, play, before, after):
    host = engine_host
    host.ssh(BEFORE)
    play(host, docker_engine_access=before)
    host.ssh(f"tar -C / -cf /root/before.tar $(cd / && ls -d {KEPT} 2> /dev/null)")
    places = []
    for number in itertools.count(1):
        host.ssh(f"echo {number} > /etc/kill-at")
        done = play(host, ok=None, docker_engine_access=after)
        place = host.out("cat /etc/killed 2> /dev/null || :")
        host.ssh(BEFORE)
        if not place:
            assert done.rc == 0, done.text
            break
        places.append(place.split()[-1])
        assert not served(host), place
        # By an upgrade of the distribution, say
        host.ssh("systemctl daemon-reload; systemctl restart docker.service", check=False)
        assert not served(host), f"{place}, and the Engine restarted"
        bed.engine.docker("kill", host.container)
        bed.start(host)
        until(lambda: host.out("systemctl is-system-running || :") != "starting", "the boot", limit=60)
        assert not served(host), f"{place}, and booted"
        host.ssh(f"systemctl stop docker.socket docker.service; rm -rf {KEPT}; tar -C / -xf /root/before.tar")
        host.ssh("systemctl daemon-reload; systemctl start docker.socket docker.service")
    assert {"/etc/systemd/system/docker.socket.d/zz-dockyard.conf"} < set(places)
    assert "/etc/systemd/system/docker.service.d/zz-dockyard.conf" in places
    assert play(host, docker_engine_access=after).changed == 0
    assert not served(host)


def test_what_a_killed_run_has_left_is_removed_by_the_next(engine_host, play):
    host = engine_host
    host.ssh(BEFORE)
    play(host)
    left = (
        "/etc/docker/.dockyard-abcdefgh",
        "/root/.docker/.dockyard-ijklmno_",
        "/etc/docker/daemon.json.dockyard-check",
    )
    host.ssh(
        f"mkdir -p /root/.docker; for path in {' '.join(left)}; do echo secret > $path; touch -d '1 hour ago' $path; done"
    )
    pid = host.out("systemctl show -P MainPID docker.service")
    removed = play(host)
    assert removed.changed == 1 and all(
        path in str(removed.result("Read the state of the host and plan the changes")["changes"]) for path in left
    )
    assert host.out(f"ls {' '.join(left)} 2> /dev/null || :") == "" and play(host).changed == 0
    assert host.out("systemctl show -P MainPID docker.service") == pid


def test_a_link_of_a_user_is_neither_followed_nor_read(engine_host, play):
    host = engine_host
    host.ssh(BEFORE)
    play(host)
    host.ssh(
        'echo \'{"canary": "canary-of-a-file"}\' > /root/secret.json && chmod 600 /root/secret.json && cp -a /etc/docker /root/kept'
        " && chown debian /etc/docker && su debian -c 'cd /etc/docker && rm -f daemon.json && ln -s /root/secret.json daemon.json'"
    )
    try:
        refused = play(host, ok=False, arguments=["-vvv", "--diff"], docker_engine_config={"debug": True})
        assert "others than root can change" in refused.message and "canary-of-a-file" not in refused.text
        assert host.out("cat /root/secret.json") == '{"canary": "canary-of-a-file"}'
        # Nor into a folder that is somebody's link
        host.ssh(
            "rm -rf /etc/docker/daemon.json /etc/docker/tls; mkdir /root/other; su debian -c 'ln -s /root/other /etc/docker/tls'"
        )
        refused = play(host, ok=False)
        assert "others than root can change" in refused.message and host.out("ls /root/other") == ""
    finally:
        host.ssh("rm -rf /etc/docker /root/other && mv /root/kept /etc/docker")
    assert play(host).changed == 0
