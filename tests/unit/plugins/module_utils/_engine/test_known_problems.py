# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _clock, _durable
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _disk_space as places
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _files, _processes, _waiting
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _known_problems as trouble
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError

RESOLVING = "E: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Temporary failure resolving 'deb.debian.org'"
URL = "http://deb.debian.org/debian/pool/main/d/docker.io/docker.io_20.10.24_amd64.deb"
SAID = {
    RESOLVING: "can't resolve the name deb.debian.org. Look at its /etc/resolv.conf",
    "curl: (6) Could not resolve host: get.example.org": "can't resolve the name get.example.org",
    f"E: Failed to fetch {URL}  404  Not Found [IP: 192.0.2.1 80]": f"has no {URL}",
    "E: The repository 'http://deb.debian.org/debian trixie Release' does not have a Release file.": (
        "has no http://deb.debian.org/debian trixie Release"
    ),
    f"E: Failed to fetch {URL}  503  Service Unavailable [IP: 192.0.2.1 80]": "does not answer",
    "W: Failed to fetch http://x/InRelease  Could not connect to x:80 (192.0.2.1). - connect (111: Connection refused)": (
        "does not answer: Could not connect to x:80 (192.0.2.1). - connect (111: Connection refused). Look at the host's network"
    ),
    f"E: Failed to fetch {URL}  Hash Sum mismatch": "is being changed",
    "E: The repository 'http://x trixie Release' does not have a Release file.\nW: GPG error: http://x trixie: BADSIG 6ED0": (
        "is being changed"
    ),
    "W: GPG error: http://x trixie: BADSIG 6ED0": "not signed by a key that this host trusts",
    "E: You don't have enough free space in /var/cache/apt/archives/.": "is full: ",
    "dpkg: error processing archive /a.deb (--unpack):\n cannot copy: No space left on device": "free. Free some space there",
    "E: Release file for http://deb.debian.org/debian/dists/bookworm/InRelease is not valid yet (invalid for another 5h)": (
        "the lists of http://deb.debian.org/debian/dists/bookworm/InRelease are not valid. Set the clock"
    ),
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)": (
        "installing packages: /var/lib/dpkg/lock-frontend is held by process 7 (apt-get). Wait"
    ),
    "E: Held packages were changed and -y was used without --allow-change-held-packages.": "Set docker_engine_hold to",
    "E: Unable to locate package docker.io": "has docker.io. Look at",
    "E: Package 'docker.io' has no installation candidate": "has docker.io. Look at",
    "dpkg: error: unable to access: Read-only file system": "is read-only: ",
}
# As a download of our own says it
KEY = "https://mirror.example.org/rhel/gpg"
SAID |= {
    f"The key is missing: {KEY} could not be read: [Errno -3] Temporary failure in name resolution": (
        "can't resolve the name mirror.example.org. Look at its /etc/resolv.conf"
    ),
    f"The key is missing: {KEY} could not be read: HTTP 404 Not Found": f"can't get {KEY}. Look at that address",
    f"The key is missing: {KEY} could not be read: HTTP 503 Service Unavailable": f"can't get {KEY}",
    f"The key is missing: {KEY} could not be read: [Errno 111] Connection refused": f"can't get {KEY}",
    f"The key is missing: {KEY} could not be read: timed out": f"can't get {KEY}",
    f"{KEY} could not be read: The read operation timed out": f"can't get {KEY}",
    f"{KEY} could not be read: _ssl.c:989: The handshake operation timed out": f"can't get {KEY}",
    f"{KEY} could not be read: IncompleteRead(2 bytes read, 3 more expected)": f"can't get {KEY}",
    f"{KEY} could not be read: it ended after 2 of 5 bytes": f"can't get {KEY}",
    f"{KEY} could not be read: Remote end closed connection without response": f"can't get {KEY}",
}
# As dnf, zypper and pacman said it
MIRROR = "http://192.0.2.1/rhel/9/x86_64/stable/repodata/repomd.xml"
SKIPPED = "Some of the repositories have not been refreshed because of an error.\nNo provider of 'docker' found."
ALL_TRIED = "\nError: Failed to download metadata for repo 'docker-ce-stable': Cannot download repomd.xml: All mirrors were tried"
SAID |= {
    f" - Curl error (6): Couldn't resolve host name for {MIRROR} [Could not resolve host: mirror.example.org]{ALL_TRIED}": (
        "can't resolve the name mirror.example.org. Look at"
    ),
    f"Error code: Connection failed\nError message: Could not resolve host: mirror.example.org\n{SKIPPED}": (
        "can't resolve the name mirror.example.org. Look at"
    ),
    "error: failed retrieving file 'extra.db' from m.example.org : Could not resolve host: m.example.org": (
        "can't resolve the name m.example.org. Look at"
    ),
    f" - Curl error (7): Couldn't connect to server for {MIRROR} [Failed to connect to 192.0.2.1]{ALL_TRIED}": "does not answer: ",
    f"Error message: Failed to connect to 192.0.2.1 port 1 after 0 ms: Couldn't connect to server\n{SKIPPED}": "does not answer: ",
    f" - Status code: 404 for {MIRROR} (IP: 192.0.2.1){ALL_TRIED}": f"has no {MIRROR}. Look at the mirror",
    f"[docker-ce-stable|{MIRROR}] Repository type can't be determined.\n{SKIPPED}": f"has no {MIRROR}. Look at the mirror",
    "error: failed retrieving file 'extra.db' from 192.0.2.1 : The requested URL returned error: 404": "has no extra.db. Look at",
    " - Status code: 503 for http://192.0.2.1/x (IP: 192.0.2.1)": "does not answer: Status code: 503",
    "Public key for docker-ce-cli-27.3.1-1.el9.x86_64.rpm is not installed.\nError: GPG check FAILED": "not signed by a key",
    "GPG verification is enabled, but GPG signature is not available. This may be an error or the repository does not support GPG "
    "verification: Status code: 404 for http://x/repodata/repomd.xml.asc": "not signed by a key",
    "repomd.xml GPG signature verification error: Signing key not found": "not signed by a key",
    "Warning: File 'repomd.xml' from repository 'Docker CE (stable)' is unsigned.": "not signed by a key",
    "History:\n - Signature verification failed for repomd.xml\nNo provider of 'docker' found.": "not signed by a key",
    "Error: Unable to find a match: docker-ce-3:27.3.1-1.el9 docker-ce-cli-1:27.3.1-1.el9": "has docker-ce-3:27.3.1-1.el9 docker",
    "No provider of 'docker' found.": "has docker. Look at",
    "error: target not found: docker": "has docker. Look at",
    "System management is locked by the application with pid 102 (zypper).": "Another program is installing packages",
    "error: failed to init transaction (unable to lock database)": "Another program is installing packages",
    "error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)": "Another program is installing",
    "Download failed: Curl error (23): Failed writing received data to disk/application for http://192.0.2.1/x.rpm": "is full: ",
}


@pytest.fixture(autouse=True)
def holder(monkeypatch):
    monkeypatch.setattr(
        _processes, "lock_holder", lambda paths: "/var/lib/dpkg/lock-frontend is held by process 7 (apt-get)"
    )


@pytest.mark.parametrize("said", SAID)
def test_what_a_package_manager_says_is_told_with_a_remedy(said):
    told = trouble.explained(said)
    assert SAID[said] in told and told.endswith(f"In its own words: {said}")
    assert "{" not in told


def test_the_file_system_of_the_file_that_did_not_fit_is_told_first(tmp_path, monkeypatch):
    def place(path):
        return {"folder": path, "device": 2 if path.startswith(str(tmp_path)) else 1, "free": 1024, "read_only": False}

    monkeypatch.setattr(places, "place", place)
    said = f"cannot copy './x' to '{tmp_path}/x.dpkg-new': failed to write (No space left on device)"
    assert f"is full: {tmp_path}/x has 1.0 KiB free, /etc/docker has" in trouble.explained(said)


def test_what_is_not_known_is_told_as_it_is():
    assert trouble.explained("E: {0} odd") == "E: {0} odd"


def test_a_cause_is_told_before_what_follows_from_it():
    assert "can't resolve" in trouble.explained(f"{RESOLVING}\nE: Unable to locate package docker.io")


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now, self.pauses = 0.0, []

    def monotonic(self):
        return self.now

    def sleep(self, pause):
        self.pauses.append(pause)
        self.now += pause


@pytest.fixture
def clock(monkeypatch):
    it = Clock()
    monkeypatch.setattr(trouble.time, "monotonic", it.monotonic)
    monkeypatch.setattr(trouble.time, "sleep", it.sleep)
    monkeypatch.setattr(_clock.Clock, "jittered", lambda self, seconds: seconds)
    return it


def fails(*said):
    answers = list(said)

    def work():
        if answers:
            raise HostError(answers.pop(0) if len(answers) > 1 else answers[0])

    return work


def test_what_may_pass_is_tried_again_ever_more_slowly_until_the_limit(clock):
    with pytest.raises(
        HostError, match=r"^Tried 10 times in 60 s \(docker_engine_wait_timeout\). This host can't resolve"
    ):
        trouble.persistently(fails(RESOLVING), 60)
    assert clock.now == 60 and clock.pauses == sorted(clock.pauses[:-1]) + clock.pauses[-1:]


def test_it_ends_with_success_once_the_trouble_has_passed(clock):
    said = [RESOLVING, RESOLVING]

    def work():
        if said:
            raise HostError(said.pop())

    trouble.persistently(work, 60)
    assert clock.pauses == [1.0, 1.5]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No space left on device", "is full"),
        (f"{KEY} could not be read: HTTP 403 Forbidden", "^http"),
        (f"{KEY} could not be read: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "^http"),
    ],
)
def test_what_does_not_pass_by_itself_fails_at_once(clock, said, told):
    with pytest.raises(HostError, match=told):
        trouble.persistently(fails(said), 60)
    assert clock.pauses == []


@pytest.mark.parametrize("known", [said for said in SAID if "could not be read" in said])
def test_a_download_that_fails_is_tried_again(clock, known):
    said = [known, known]

    def work():
        if said:
            raise HostError(said.pop())

    trouble.persistently(work, 60)
    assert len(clock.pauses) == 2


# -- places


def test_a_place_that_is_not_there_yet_is_where_it_will_be(tmp_path):
    found = places.place(str(tmp_path / "a" / "b"))
    assert tmp_path.is_relative_to(found["folder"]) and found["device"] == tmp_path.stat().st_dev
    assert found["free"] > 0 and not found["read_only"]


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (60 * 2**20, "60 MiB"), (2**50, "1024 TiB")],
)
def test_sizes(amount, said):
    assert places.size(amount) == said


def test_a_file_that_can_not_be_written_says_why(tmp_path, monkeypatch):
    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_durable.os, "open", full)
    path = tmp_path / "daemon.json"
    with pytest.raises(HostError, match=f"{path} can't be written: No space left on device .* free"):
        _files.write(str(path), "{}", 0o644)


def test_one_run_waits_for_another(tmp_path):
    path = str(tmp_path / "lock")
    refused = pytest.raises(HostError, match="Another run of the role docker_engine")
    with _waiting.alone(path, 1), refused, _waiting.alone(path, 0.1):
        pass
    with _waiting.alone(path, 0.1):
        pass
