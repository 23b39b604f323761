# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine comes from: a signed repository, an archive, the distribution; on Debian 12 and 13.

Four hosts go through rounds, all of them in each run of ansible-playbook:

- ``vendor``: Debian 12, the repository; a prefix, an upgrade to the newest, one that fails, another key and a downgrade;
- ``former``: Debian 12, the distribution's Engine, which becomes the vendor's, and then an archive's, under a container;
- ``island``: Debian 13 without a way out: the repository is all that it reaches;
- ``sealed``: Debian 13 without a way out, and with a /usr that can't be written to: an archive.
"""

from __future__ import annotations

import hashlib
import tarfile

import pytest

from tests.beds.engine import container_pid, docker, engine_pid, start_container
from tests.beds.repository import BROKEN, NEW, OLD

KEY = "/etc/apt/keyrings/docker.asc"
SOURCE = "/etc/apt/sources.list.d/docker.sources"
THEIRS = "/etc/apt/sources.list.d/docker.list"


@pytest.fixture(scope="module")
def bookworm(repository):
    return repository.add("bookworm")


@pytest.fixture(scope="module")
def trixie(repository):
    return repository.add("trixie")


@pytest.fixture(scope="module")
def hosts(bed, bookworm, trixie):
    """The four hosts, and what each of them is told; a round changes that."""
    made = {
        name: bed.host(suite=release.suite, wait=False)
        for name, release in (("vendor", bookworm), ("former", bookworm), ("island", trixie), ("sealed", trixie))
    }
    for host in made.values():
        bed.wait(host)
    for name in ("island", "sealed"):
        made[name].ssh("ip route delete default")
        assert made[name].ssh("curl -s -m 5 http://deb.debian.org", check=False).returncode
    made["sealed"].ssh("mount --bind /usr /usr && mount -o remount,ro,bind /usr")
    assert made["sealed"].ssh("touch /usr/local/x", check=False).returncode
    yield made
    for host in made.values():
        bed.remove(host)


@pytest.fixture(scope="module")
def told():
    """What each host is told, from round to round."""
    return {}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return tmp_path_factory.mktemp("image") / "busybox.tar"


@pytest.fixture(scope="module")
def alive(hosts, client, image):
    """A container on each host that has one, and what tells that it is the same and runs."""
    # Newer Engines insist on settings of the network that a container in a container may not make.
    network = {"sealed": ["--network=none"]}
    started = {
        name: start_container(hosts[name], client, image, *network.get(name, []))
        for name in ("vendor", "former", "sealed")
    }
    return {name: (container, container_pid(hosts[name], client, container)) for name, container in started.items()}


def same(host, client, alive):
    container, before = alive
    return container_pid(host, client, container) == before


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def static(source, path):
    return {
        "docker_engine_source": "static",
        "docker_engine_archive": {"source": str(source), "checksum": f"sha256:{checksum(path)}"},
    }


@pytest.fixture(scope="module")
def other_archive(trixie, tmp_path_factory):
    """The same programs as another archive."""
    path = tmp_path_factory.mktemp("archive") / "docker-next.tgz"
    with tarfile.open(trixie.archive) as old, tarfile.open(path, "w:gz", compresslevel=1) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name, reverse=True):
            new.addfile(member, old.extractfile(member))
    return path


def installed(host, *names):
    """Versions of packages that are installed, without epoch and revision."""
    text = host.ssh(
        f"dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}} ${{Version}}\\n' {' '.join(names)}", check=False
    )
    found = [line.split() for line in text.stdout.splitlines()]
    return {words[1]: words[2].split(":")[-1].split("-")[0] for words in found if words[0][1] == "i"}


ALL = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin", "docker-buildx-plugin")


def state_of(host):
    """Packages, and which files there are and when they were written."""
    return host.out("dpkg-query -W | sha256sum; find /etc /var/lib/dockyard -printf '%p %i %T@\\n' 2> /dev/null | sort")


def test_what_is_in_the_way_is_named_and_left_alone(hosts, play, repository):
    """The next round is allowed to remove it."""
    host = hosts["vendor"]
    host.ssh("apt-get -q update && apt-get -q -y install --no-install-recommends runc")
    before = state_of(host)
    refused = play(host, ok=False, **repository.options())
    assert "runc on this host is in the way" in refused.message
    assert "docker_engine_remove_conflicting" in refused.message
    assert state_of(host) == before


def test_engine_from_each_source(hosts, told, play, repository, bookworm, trixie, client):
    told.update(
        vendor={
            **repository.options(),
            "docker_engine_version": "27.3",
            "docker_engine_plugins": ["compose", "buildx"],
            "docker_engine_hold": "held",
            "docker_engine_remove_conflicting": True,
        },
        former={"docker_engine_source": "distro"},
        island={
            **repository.options(key=repository.key.armoured),
            "docker_engine_source": "auto",  # the role's default, but not that of these tests
            "docker_engine_plugins": ["compose", "buildx"],
        },
        sealed=static(f"{repository.url}/trixie.tgz", trixie.archive),
    )
    each = {host.name: told[name] for name, host in hosts.items()}
    repository.absent["/trixie.tgz"] = 2
    vendor = hosts["vendor"]
    # By another key: apt would refuse both.
    vendor.ssh(f"echo 'deb [signed-by=/root/docker.asc] {repository.url}/debian bookworm stable' > {THEIRS}")
    played = play(*hosts.values(), each=each)
    assert not repository.absent["/trixie.tgz"], "nobody tried again"
    sources = {name: played.of(host).facts["source"] for name, host in hosts.items()}
    assert sources == {"vendor": "docker_ce", "former": "distro", "island": "docker_ce", "sealed": "static"}
    for host in hosts.values():
        assert docker(host, client, "version", "-f", "{{.Server.Version}}").stdout.strip()
        assert host.out("journalctl -u docker.service -o cat | grep -c '^Started docker.service'") == "1"

    vendor.ssh(f"test ! -e {THEIRS}")
    assert installed(vendor, *ALL, "runc") == dict.fromkeys(ALL[:3], OLD) | dict.fromkeys(ALL[3:], NEW)
    assert installed(hosts["island"], *ALL) == dict.fromkeys(ALL, NEW) | {"containerd.io": OLD}
    assert vendor.out("apt-mark showhold").split() == ["containerd.io", "docker-ce", "docker-ce-cli"]
    for host in (vendor, hosts["island"]):
        assert f"compose v{NEW}" in host.out("docker compose version")
    assert vendor.out(f"stat -c %a {KEY} {SOURCE}").split() == ["644", "644"]
    assert f"Signed-By: {KEY}" in vendor.out(f"cat {SOURCE}")
    sealed = hosts["sealed"]
    assert sealed.out("readlink -f /opt/bin/docker").startswith("/opt/dockyard/engine/")
    assert not installed(sealed, *ALL, "docker.io", "containerd")
    assert not sealed.out("find /var/lib -maxdepth 1 -name 'dockyard-*'")

    told["former"] = {"docker_engine_source": "auto"}
    again = play(*hosts.values(), each={host.name: told[name] for name, host in hosts.items()})
    assert again.changed == 0, "a second run changes nothing, and a default switches no host that has an Engine"


def test_change_of_version_and_of_source_under_containers(hosts, told, play, repository, client, alive, other_archive):
    told["vendor"] |= {"docker_engine_version": "27", "docker_engine_upgrade": True}
    told["former"] = repository.options()
    told["sealed"] = static(other_archive, other_archive)
    pids = {name: engine_pid(host) for name, host in hosts.items()}
    changing = [hosts[name] for name in alive]
    played = play(*changing, each={host.name: told[name] for name, host in hosts.items()})
    for name in alive:
        assert engine_pid(hosts[name]) != pids[name]
        assert same(hosts[name], client, alive[name]), f"the container on {name} did not outlive the change"

    vendor, former = hosts["vendor"], hosts["former"]
    assert installed(vendor, *ALL) == dict.fromkeys(ALL, NEW) | {"containerd.io": OLD}
    assert "docker-ce" in vendor.out("apt-mark showhold").split()
    assert f"upgrade docker-ce from 5:{OLD}" in " ".join(
        played.of(vendor).result("Read the state of the host and plan the changes")["changes"]
    )
    assert vendor.out("journalctl -u docker.service -o cat | grep -c '^Started docker.service'") == "2"
    assert not installed(former, "docker.io", "containerd", "runc")
    assert installed(former, "docker-ce") == {"docker-ce": NEW}
    assert "/usr/bin/dockerd" in former.out("systemctl show -P ExecStart docker.service")
    assert hosts["sealed"].out("ls /opt/dockyard/engine").split() == sorted([checksum(other_archive), "current"])
    assert play(*changing, each={host.name: told[name] for name, host in hosts.items()}).changed == 0
    del told["vendor"]["docker_engine_upgrade"]


def test_what_can_not_be_is_refused_and_all_is_as_before(
    hosts, told, play, repository, bookworm, trixie, client, alive
):
    """An Engine that does not start, a key that is not pinned, a wrong signature, an archive that is another one."""
    broken = told["vendor"] | repository.options(component="test") | {"docker_engine_version": BROKEN}
    unpinned = told["former"] | repository.options(fingerprints=[repository.next_key.fingerprint])
    unsigned = told["island"] | {"docker_engine_upgrade": True} | repository.options(component="test")
    other = static(f"{repository.url}/bookworm.tgz", trixie.archive)
    before = {name: host.out(f"cat {SOURCE} {KEY} 2>/dev/null | sha256sum") for name, host in hosts.items()}
    pids = {name: engine_pid(host) for name, host in hosts.items()}
    repository.publish(trixie, key=repository.next_key, served=repository.key)
    wishes = {"vendor": broken, "former": unpinned, "island": unsigned, "sealed": other}
    played = play(*hosts.values(), each={host.name: wishes[name] for name, host in hosts.items()}, ok=False)
    said = {name: played.of(host).message for name, host in hosts.items()}
    assert "broken for the test" in said["vendor"] and "former packages are back" in said["vendor"]
    assert "not the key that is pinned" in said["former"]
    assert "not signed by a key that this host trusts" in said["island"]
    assert "checksum" in said["sealed"] and checksum(trixie.archive) in said["sealed"]
    for name, host in hosts.items():
        assert host.out(f"cat {SOURCE} {KEY} 2>/dev/null | sha256sum") == before[name], name
        assert (engine_pid(host) == pids[name]) == (name != "vendor"), name
        assert docker(host, client, "version", "-f", "{{.Server.Version}}").stdout.strip()
    assert installed(hosts["vendor"], "docker-ce", "docker-ce-cli") == dict.fromkeys(ALL[:2], NEW)
    for name in alive:
        assert same(hosts[name], client, alive[name]), f"the container on {name} did not outlive the failure"


def test_what_the_engine_judges_wrong_is_not_put_in_place(hosts, told, play):
    """By its own check: the plan does not know the values of such a key."""
    host, path = hosts["island"], "/etc/docker/daemon.json"
    before, pid = host.out(f"stat -c '%i %Y' {path}; cat {path}"), engine_pid(host)
    wrong = {"docker_engine_config": {"max-concurrent-downloads": -1}}
    refused = play(host, ok=False, **told["island"], **wrong)
    assert "The configuration is not valid" in refused.message and "-1" in refused.message, refused.message
    assert host.out(f"stat -c '%i %Y' {path}; cat {path}") == before and engine_pid(host) == pid
    assert host.out("ls /etc/docker") == "daemon.json\ntls"


def test_new_key_downgrade_and_an_archive_in_place_of_packages(
    hosts, told, play, repository, bookworm, trixie, client, alive
):
    for release in (bookworm, trixie):
        repository.publish(release, key=repository.next_key)
    fresh = {"fingerprints": [repository.next_key.fingerprint]}
    told["vendor"] |= repository.options(**fresh) | {"docker_engine_version": OLD, "docker_engine_hold": "released"}
    told["vendor"]["docker_engine_download"] = "controller"
    told["island"] |= repository.options(**fresh, key=repository.next_key.armoured) | {"docker_engine_upgrade": True}
    told["former"] = static(f"{repository.url}/bookworm.tgz", bookworm.archive) | {
        "docker_engine_download": "controller",
        "docker_engine_interrupt": True,
    }
    changing = [hosts[name] for name in ("vendor", "island", "former")]
    known = len(repository.asked)
    played = play(*changing, each={host.name: told[name] for name, host in hosts.items()})
    vendor, former = hosts["vendor"], hosts["former"]
    assert installed(vendor, "docker-ce", "docker-ce-cli") == dict.fromkeys(ALL[:2], OLD)
    assert not vendor.out("apt-mark showhold")
    assert any(
        "is downgraded" in warning
        for warning in played.of(vendor).result("Read the state of the host and plan the changes")["warnings"]
    )
    for host in (vendor, hosts["island"]):
        assert host.out(f"cat {KEY}").strip() == repository.next_key.armoured.strip()
    fetched = [line.split() for line in repository.asked[known:] if line.endswith(("/gpg", ".tgz"))]
    by = {address for address, _path in fetched}
    assert by and not by & {host.address for host in changing}, "a host has fetched what the controller is to bring"
    assert not installed(former, *ALL)
    assert former.out("readlink /opt/dockyard/engine/current") == checksum(bookworm.archive)
    assert same(vendor, client, alive["vendor"]), "the container did not outlive the change"
    assert alive["former"][0] in docker(former, client, "ps", "-aq", "--no-trunc").stdout

    # Nothing is to be done on the others. On this one the Engine is current, and containerd is not.
    repository.publish(bookworm, key=repository.next_key, stable="containerd.io")
    vendor.ssh("apt-get -q update")
    told["vendor"]["docker_engine_upgrade"] = True
    played = play(*changing, each={host.name: told[name] for name, host in hosts.items()})
    changes = [
        played.of(host).result("Read the state of the host and plan the changes")["changes"] for host in changing
    ]
    assert [len(said) for said in changes] == [1, 0, 0]
    assert changes[0][0].startswith(f"upgrade containerd.io from 5:{OLD}")
    assert installed(vendor, *ALL[:3]) == {"docker-ce": OLD, "docker-ce-cli": OLD, "containerd.io": BROKEN}
    assert same(vendor, client, alive["vendor"]), "the container did not outlive the new containerd"
    assert play(vendor, **told["vendor"]).changed == 0
