# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine by dnf, zypper and pacman themselves, from repositories made here."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive as archives
from ansible_collections.dockyard.machine.plugins.module_utils._engine._package_managers import FAMILIES
from tests.beds import families
from tests.beds.engine import container_pid, engine_pid, start_container
from tests.beds.hosts import own_suite
from tests.beds.repository import BROKEN, NEW, OLD

FOLDERS = {"dnf": "rhel", "zypper": "suse"}  # of the repository
ENGINE = ("docker-ce", "docker-ce-cli", "containerd.io")
PLUGINS = {"docker_engine_plugins": ["compose", "buildx"]}
# A lock that others have set
LOCK = {"dnf": "dnf -q versionlock add", "zypper": "zypper -q --non-interactive addlock"}
LOCKS = {"dnf": "dnf -q versionlock list", "zypper": "zypper -q locks"}
RELEASED = {"docker_engine_hold": "released"}
BROKEN_PROGRAM = b"""#!/bin/sh
test "$1" != --version || { echo Docker version 27.3.1, build x; exit; }
echo 'level=fatal msg="broken for the test"' >&2
exit 1
"""


@pytest.fixture(scope="module")
def release(repository):
    return repository.add(own_suite())


@pytest.fixture(scope="module")
def vendor(repository, release):
    """The vendor's packages as RPMs."""
    for name, folder in FOLDERS.items():
        families.add(repository, release, folder, families.NUMBERS[name])
    return repository


@pytest.fixture(scope="module", params=["dnf", "zypper"])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def host(bed, family):
    it = families.host(bed, family)
    yield it
    bed.remove(it)


@pytest.fixture(scope="module")
def options(vendor, family):
    """What the role is told of the repository."""

    def told(**more):
        return vendor.options(**{"url": f"{vendor.url}/{FOLDERS[family]}", **more})

    return told


@pytest.fixture(scope="module")
def container(host, play, options, client, archive):
    """A container on the older Engine; what tells that it is the same and runs."""
    play(host, **options(), docker_engine_version="27.3", **PLUGINS)
    started = start_container(host, client, archive)
    return started, container_pid(host, client, started)


def installed(host, *names):
    """Versions without epoch and release."""
    text = host.ssh(f"rpm -q --queryformat '%{{NAME}} %{{VERSION}}\\n' {' '.join(names)}", check=False).stdout
    return dict(line.split() for line in text.splitlines() if "not installed" not in line)


def test_first_and_second_run(host, play, options, container):
    assert installed(host, *ENGINE) == dict.fromkeys(ENGINE, OLD)
    assert f"compose v{NEW}" in host.out("docker compose version")
    again = play(host, **options(), docker_engine_version="27.3", **PLUGINS)
    assert again.changed == 0
    assert again.facts["source"] == "docker_ce" and again.facts["version"]


def test_upgrade_downgrade_and_hold(host, play, options, container, client, family):
    wanted = {**options(), **PLUGINS, "docker_engine_hold": "held"}
    newest = {"docker_engine_version": "27", "docker_engine_upgrade": True}
    for asked, version in ((newest, NEW), ({"docker_engine_version": OLD}, OLD)):
        before = engine_pid(host)
        changed = play(host, **wanted, **asked)
        assert changed.changed and engine_pid(host) != before
        assert installed(host, *ENGINE) == {"docker-ce": version, "docker-ce-cli": version, "containerd.io": OLD}
        assert container_pid(host, client, container[0]) == container[1], "the container was restarted"
        assert play(host, **wanted, **asked).changed == 0
    locked = host.out(LOCKS[family])
    assert all(name in locked for name in ENGINE), locked
    released = play(host, **wanted | RELEASED)
    assert released.changed
    assert not any(name in host.out(LOCKS[family]) for name in ENGINE)
    host.ssh(f"{LOCK[family]} docker-ce")
    refused = play(host, ok=False, **options(), docker_engine_version=NEW)
    assert "docker-ce is held on this host" in refused.message
    if family == "dnf":
        # On a minimal RHEL it is not there.
        host.ssh("sed -i 's/^enabled.*/enabled = 0/' /etc/dnf/plugins/versionlock.conf")
        refused = play(host, ok=False, **wanted)
        host.ssh("sed -i 's/^enabled.*/enabled = 1/' /etc/dnf/plugins/versionlock.conf")
        assert "dnf install 'dnf-command(versionlock)'" in refused.message, refused.message
    other = {"source": "http://mirror.example.invalid/docker.tgz", "checksum": "sha256:" + "0" * 64}
    refused = play(host, ok=False, docker_engine_source="static", docker_engine_archive=other)
    assert "docker-ce is held on this host" in refused.message


def test_an_engine_that_does_not_start(host, play, options, container, client, family):
    """The lock of before is there again, too."""
    wanted = {**options(component="test"), "docker_engine_version": BROKEN, **RELEASED}
    failed = play(host, ok=False, **wanted)
    assert "broken for the test" in failed.message and "former packages are back" in failed.message, failed.message
    assert installed(host, *ENGINE) == dict.fromkeys(ENGINE, OLD)
    assert "docker-ce" in host.out(LOCKS[family])
    assert container_pid(host, client, container[0]) == container[1], "the container was restarted"
    assert play(host, **options()).changed == 0


def test_a_wrong_key_and_a_wrong_signature(host, play, options, repository, container, family):
    unpinned = play(host, ok=False, **options(fingerprints=[repository.next_key.fingerprint]))
    assert "not the key that is pinned" in unpinned.message
    folder = FOLDERS[family]
    families.publish(repository, folder, repository.next_key)
    pid = engine_pid(host)
    try:
        refused = play(host, ok=False, **options(), docker_engine_version=NEW, **RELEASED)
    finally:
        families.publish(repository, folder, repository.key)
    assert "GPG check FAILED" in refused.message or "Signature verification failed" in refused.message
    assert engine_pid(host) == pid
    assert installed(host, *ENGINE) == dict.fromkeys(ENGINE, OLD)
    assert "docker-ce" in host.out(LOCKS[family])


@pytest.mark.long
def test_lists_of_another_or_without_a_signature_are_refused_where_that_is_asked_for(
    host, play, options, repository, container, family
):
    """A mirror could hold back newer versions by them, though each package is signed."""
    pid, folder = engine_pid(host), FOLDERS[family]
    lists = list((repository.web / folder).rglob("repomd.xml"))
    signed = {**options(metadata_signed=True), **RELEASED, "docker_engine_wait_timeout": 20}
    clean = {"dnf": "dnf -q clean all", "zypper": "zypper -q clean --all"}[family]
    try:
        for how in ("another's", "none"):
            for path in lists:
                signature = path.with_name("repomd.xml.asc")
                signature.unlink() if how == "none" else signature.write_text(repository.next_key.signature(path))
            host.ssh(clean)
            refused = play(host, ok=False, **signed)
            assert "is not signed by a key that this host trusts" in refused.message, refused.message
            assert "repo_gpgcheck" not in host.out(f"cat {FAMILIES[family].repository.source_path}")
            if how == "none":
                assert play(host, **options(), **RELEASED).changed == 0, (
                    "without the option, packages alone are verified"
                )
    finally:
        families.publish(repository, folder, repository.key)
        host.ssh(clean)
    assert play(host, **signed).changed and play(host, **signed).changed == 0
    assert "repo_gpgcheck=1" in host.out(f"cat {FAMILIES[family].repository.source_path}")
    assert play(host, **options(), **RELEASED).changed and engine_pid(host) == pid


def test_a_new_key_from_a_mirror_that_has_nothing_for_a_while(
    host, play, options, repository, container, client, family
):
    nowhere = options(url="http://mirror.example.invalid", key=repository.key.armoured) | RELEASED
    refused = play(host, ok=False, **nowhere, docker_engine_version=NEW, docker_engine_wait_timeout=3)
    assert "can't resolve the name mirror.example.invalid" in refused.message, refused.message
    families.publish(repository, FOLDERS[family], repository.next_key, served=repository.next_key)
    told = options(fingerprints=[repository.next_key.fingerprint])
    place = f"/{FOLDERS[family]}/{families.NUMBERS[family]}"
    lists = next(path.split()[1] for path in repository.asked if place in path and path.endswith("/repomd.xml"))
    repository.absent |= {f"/{FOLDERS[family]}/gpg": 2, lists: 2}
    assert play(host, **told, docker_engine_version=NEW, **RELEASED).changed
    assert not any(repository.absent.values()), repository.absent
    assert installed(host, *ENGINE) == {"docker-ce": NEW, "docker-ce-cli": NEW, "containerd.io": OLD}
    assert container_pid(host, client, container[0]) == container[1], "the container was restarted"


def test_an_upgrade_from_a_mirror_that_is_gone(host, play, options, repository, container, family):
    row, gone = FAMILIES[family], "http://mirror.example.invalid"
    keys = [repository.next_key.fingerprint]
    there = f"{repository.url}/{FOLDERS[family]}"
    host.ssh(f"sed -i 's,{there},{gone},' {row.repository.source_path}; rm -rf /var/cache/dnf/* /var/cache/zypp/*")
    asked = {"docker_engine_upgrade": True, "docker_engine_wait_timeout": 3}
    played = play(host, **options(url=gone, fingerprints=keys), **asked)
    told = played.result("Read the state of the host and plan the changes").get("warnings", [])
    assert any("docker_engine_upgrade" in text and "mirror.example.invalid" in text for text in told), told
    host.ssh(f"sed -i 's,{gone},{there},' {row.repository.source_path}")
    assert not played.changed and not play(host, **options(fingerprints=keys)).changed


def test_another_source_that_does_not_start(host, play, options, repository, release, container, tmp_path):
    """The former packages come with the next boot again."""
    path = tmp_path / "docker.tgz"
    with tarfile.open(release.archive) as old, tarfile.open(path, "w:gz", compresslevel=1) as new:
        for member in old.getmembers():
            name = member.name.rpartition("/")[2]
            if name == "dockerd":
                member.size = len(BROKEN_PROGRAM)
                new.addfile(member, io.BytesIO(BROKEN_PROGRAM))
            elif name in archives.NEEDED:
                new.addfile(member, old.extractfile(member))
    given = {"source": str(path), "checksum": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"}
    other = {"docker_engine_source": "static", "docker_engine_archive": given, "docker_engine_interrupt": True}
    failed = play(host, ok=False, **other)
    assert "broken for the test" in failed.message and "former packages are back" in failed.message, failed.message
    assert host.out("systemctl is-enabled docker.service docker.socket") == "enabled\nenabled"
    assert not play(host, **options(fingerprints=[repository.next_key.fingerprint])).changed


@pytest.mark.long
def test_pacman(bed, release, play, client, archive):
    host = families.host(bed, "pacman")
    families.fill(host, release, OLD)
    distro = {"docker_engine_source": "distro"}
    # Another program installs something for a while.
    host.ssh("touch /var/lib/pacman/db.lck; setsid sh -c 'sleep 8; rm /var/lib/pacman/db.lck' > /dev/null 2>&1 &")
    made = play(host, **distro, docker_engine_plugins=["compose"])
    assert made.facts["source"] == "distro"
    assert host.out("pacman -Q").split("\n") == [
        f"containerd 1:{OLD}-1",
        f"docker 1:{OLD}-1",
        f"docker-compose 1:{OLD}-1",
    ]
    assert play(host, **distro, docker_engine_plugins=["compose"]).changed == 0
    container = start_container(host, client, archive)
    pid = container_pid(host, client, container)

    families.fill(host, release, NEW)
    assert play(host, **distro, docker_engine_version=OLD).changed == 0
    host.ssh("pacman -Sy")
    assert play(host, **distro, docker_engine_upgrade=True).changed
    assert f"docker 1:{NEW}-1" in host.out("pacman -Q")
    assert container_pid(host, client, container) == pid, "the container was restarted"
    refused = play(host, ok=False, **distro, docker_engine_version=OLD)
    assert f"the available versions of docker are 1:{NEW}-1" in refused.message
    bed.remove(host)
