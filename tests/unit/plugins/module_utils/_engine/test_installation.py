# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repository, packages and archive on a host: what is put where, and what is as before when it does not work."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _download
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive as archives
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive_layout as static
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands, _files
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _repository as repository
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.module_utils._engine._file_changes import Files
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _packages as look
from ansible_collections.dockyard.machine.plugins.module_utils._engine._package_managers import FAMILIES
from tests.unit.plugins.module_utils._engine.test_openpgp import ED25519, PINNED, RSA


def here(name, tmp_path):
    """A family that keeps its repository here."""
    places = FAMILIES[name].repository
    assert places
    places = places._replace(source_path=str(tmp_path / "docker.sources"), key_path=str(tmp_path / "docker.asc"))
    return FAMILIES[name]._replace(repository=places)


@pytest.fixture
def apt(tmp_path):
    return here("apt", tmp_path)


@pytest.fixture
def told(monkeypatch):
    """Commands, and what they answer: (part of the command) → status, output and errors, one after the other."""
    commands, answers = [], {}

    def run(*command, check=True, **more):
        line = " ".join(command)
        commands.append(line)
        for part, answer in answers.items():
            if part in line and answer:
                return answer.pop(0)
        return 0, "", ""

    monkeypatch.setattr(_commands, "run", run)
    return commands, answers


def step(**more):
    return {
        "source": "Types: deb\n", "component": "stable", "key": ED25519, "pinned": [PINNED], "renew": True, **more
    }  # fmt: skip


def test_key_and_source_are_in_place_and_read(apt, told):
    files = Files()
    repository.set_up(step(), apt, files, 10)
    assert _files.read(apt.repository.key_path) == ED25519 and _files.read(apt.repository.source_path) == "Types: deb\n"
    assert " update -o " in told[0][-1] and told[0][-1].endswith("Dir::Etc::sourceparts=-")


def test_files_with_the_same_repository_go_where_that_is_planned_and_come_back_after_a_failure(apt, told, tmp_path):
    theirs = tmp_path / "docker.list"
    theirs.write_text("deb https://x bookworm stable\n")
    repository.set_up(step(), apt, Files(), 10)
    assert theirs.exists(), "nobody asked"
    repository.set_up(step(others=[str(theirs)]), apt, Files(), 10)
    assert not theirs.exists()

    theirs.write_text("deb https://x bookworm stable\n")
    told[1]["update"] = [REFUSALS[1]]
    files = Files()
    with pytest.raises(HostError, match="was not accepted"):
        repository.set_up(step(others=[str(theirs)]), apt, files, 10)
    files.undo()
    assert theirs.read_text() == "deb https://x bookworm stable\n"


@pytest.mark.parametrize(
    ("family", "files", "seen"),
    [
        (
            "apt",
            {
                "all.list": "# deb https://old.example.org/docker x\ndeb https://deb.example.org/debian bookworm main\n"
                "deb [signed-by=/etc/apt/keyrings/docker.asc] https://mirror.example.org/docker/ bookworm stable # https://x/docker\n"
                "deb cdrom:[Debian]/ bookworm main\n",
                "docker-vendor.sources": "Types: deb\nURIs: https://mirror.example.org/docker\nSuites: x\nSigned-By: /docker.asc\n",
                "other.list": "deb https://deb.example.org/debian bookworm main\n#deb https://mirror.example.org/docker x\n",
            },
            {
                "all.list": ["https://deb.example.org/debian", "https://mirror.example.org/docker", "cdrom:"],
                "docker-vendor.sources": ["https://mirror.example.org/docker"],
            },
        ),
        (
            "dnf",
            {
                "all.repo": "[docker-ce-stable]\nbaseurl=https://mirror.example.org/[x]\n[ tools ]\n#[gone]\ngpgkey=https://x\n",
                "redhat.repo": "[rhel]\nbaseurl=https://x\n",
            },
            {"all.repo": ["docker-ce-stable", "tools"]},
        ),
    ],
    ids=["apt", "dnf"],
)
def test_entries_of_others_are_told_by_file(family, files, seen, tmp_path):
    it = here(family, tmp_path)
    it = it._replace(repository=it.repository._replace(folder=str(tmp_path)))
    _files.write(it.repository.source_path, "Types: deb\nURIs: https://mirror.example.org/docker\n", 0o644)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = look.about_repository(it)["others"]
    assert {
        path.rpartition("/")[2]: entries for path, entries in found.items() if path.startswith(str(tmp_path))
    } == seen


@pytest.mark.parametrize(
    ("family", "told_to"),
    [
        ("dnf", ["dnf makecache -y --disablerepo=* --enablerepo=docker-ce-test"]),
        # Asked by zypper whether to trust a key, it is no one who answers.
        ("zypper", ["rpm --import {key}", "zypper -q --non-interactive refresh --repo docker-ce-test"]),
    ],
)
def test_this_repository_alone_is_read(tmp_path, told, family, told_to):
    it = here(family, tmp_path)
    repository.set_up(step(component="test"), it, Files(), 10)
    assert told[0] == [line.format(key=it.repository.key_path) for line in told_to]


def test_a_lock_of_others_is_waited_for_when_the_repository_is_read(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(_commands, "run", lambda *command, **more: said.append(more.get("environment")) or (0, "", ""))
    repository.set_up(step(), here("zypper", tmp_path), Files(), 42)
    assert said[-1] == {"ZYPP_LOCK_TIMEOUT": "42"}


def test_a_key_that_is_not_pinned_is_put_nowhere(apt, told, monkeypatch):
    for key in (RSA, ED25519 + RSA, "https://mirror.example.org/gpg"):
        monkeypatch.setattr(_download, "fetch", lambda url: RSA)
        with pytest.raises(HostError, match="not the key that is pinned"):
            repository.set_up(step(key=key), apt, Files(), 10)
    assert not os.path.exists(apt.repository.key_path) and not told[0]


def test_a_key_file_with_more_in_it_is_not_taken_for_the_pinned_key(apt):
    """As an earlier release of the role has put one there, just as it came."""
    path = apt.repository.key_path
    for text, seen in (
        (ED25519, [PINNED]),
        (RSA.replace("PUBLIC KEY BLOCK", "ARMORED FILE") + ED25519, []),
        (ED25519 + "more", []),
        ("nothing", []),
    ):
        _files.write(path, text, 0o644)
        assert look.about_repository(apt)["fingerprints"] == seen


REFUSALS = (
    (0, "", "W: GPG error: http://x bookworm InRelease: NO_PUBKEY 1234"),  # apt goes on with the lists of old
    (100, "", "E: The repository 'http://x bookworm InRelease' is not signed."),
    (100, "Err:1 http://x bookworm InRelease\n", ""),
)


@pytest.mark.parametrize("said", REFUSALS)
def test_a_signature_of_another_is_refused(apt, told, said):
    told[1]["update"] = [said]
    files = Files()
    with pytest.raises(HostError, match="was not accepted"):
        repository.set_up(step(), apt, files, 10)
    files.undo()
    assert not os.path.exists(apt.repository.key_path) and not os.path.exists(apt.repository.source_path)


def test_a_key_that_lives_longer_now_is_fetched_anew(apt, told, monkeypatch):
    _files.write(apt.repository.key_path, "of old", 0o644)
    monkeypatch.setattr(_download, "fetch", lambda url: ED25519)
    told[1]["update"] = [(100, "", "E: EXPKEYSIG")]
    repository.set_up(step(key="https://mirror.example.org/gpg", renew=False), apt, Files(), 10)
    assert _files.read(apt.repository.key_path) == ED25519


def test_https_needs_authorities(monkeypatch):
    monkeypatch.setattr(repository, "CA_BUNDLES", ("/nonexistent",))
    assert repository.needs_authorities(step(source="URIs: https://x\n"))
    assert not repository.needs_authorities(step(source="URIs: http://x\n", key="http://x/gpg"))
    monkeypatch.setattr(repository, "CA_BUNDLES", ("/",))
    assert not repository.needs_authorities(step(source="URIs: https://x\n"))


# -- packages


def installation(told, before="", running=True, **more):
    commands, answers = told
    answers["dpkg-query"] = [(0, before, "")]
    answers["apt-cache"] = [(0, "docker-ce:\n  Candidate: 5:27.4.0-1\n     5:27.4.0-1 500\n     5:27.3.1-1 500\n", "")]
    plan = {
        "family": "apt", "names": ["containerd.io"], "follow": ["docker-ce", "docker-ce-cli"], "version": "27.3", "optional": [],
        "remove": [], "brought": [], "hold": [], "release": [], "held": [], "archive": None, "repository": None, "update": False, **more,
    }  # fmt: skip
    return packages.Installation(plan, 0, running)


BEFORE = "docker-ce\t5:27.4.0-1\tii \ndocker-ce-cli\t5:27.4.0-1\tii \n"


def test_what_follows_the_engine_gets_its_version(told):
    installation(told, BEFORE, hold=["docker-ce"], held_too=True).run()
    assert told[0][-2].endswith(
        "--allow-downgrades --allow-change-held-packages docker-ce=5:27.3.1-1 docker-ce-cli=5:27.3.1-1 containerd.io"
    )
    assert "--no-remove" in told[0][-2] and told[0][-1] == "apt-mark hold docker-ce"


def test_what_someone_has_held_is_changed_by_no_dependency_either(told):
    installation(told, BEFORE).run()
    assert "--allow-downgrades" in told[0][-1] and "held" not in told[0][-1]


def test_a_version_that_the_repository_does_not_have(told):
    with pytest.raises(HostError, match=r"'26'.*5:27\.4\.0-1, 5:27\.3\.1-1.*Nothing was installed"):
        installation(told, version="26").run()
    assert not [line for line in told[0] if " install " in line]


@pytest.mark.parametrize(("version", "installed"), [("27", False), ("27.3", True)])
def test_a_mirror_that_is_behind_takes_back_only_what_is_not_asked_for(told, version, installed):
    """Of a repository that is only being set up, the plan knows no versions."""
    it = installation(told, BEFORE.replace("27.4", "27.5"), version=version, names=[])
    it.run()
    assert any(" install " in line for line in told[0]) is installed


def test_the_former_packages_are_back(told):
    before = BEFORE + "containerd.io\t1.7.1-1\tii \n"
    it = installation(told, before)
    it.run()
    told[1]["dpkg-query"] = [(0, before.replace("27.4.0", "27.3.1").replace("1.7.1", "1.7.2"), "")]
    assert "docker-ce=5:27.4.0-1" in it.go_back()
    assert told[0][-1].endswith("docker-ce=5:27.4.0-1 docker-ce-cli=5:27.4.0-1 containerd.io=1.7.1-1")
    told[1]["dpkg-query"] = [(0, before, "")]
    assert it.go_back() == "", "nothing had changed"


def test_the_former_packages_are_held_again(told):
    """apt and dpkg take a hold away with the installation of another version, an older one too."""
    before = BEFORE + "containerd.io\t1.7.1-1\tii \n"
    it = installation(told, before, hold=["docker-ce", "docker-ce-cli", "docker-compose-plugin"], held_too=True)
    it.run()
    told[1]["dpkg-query"] = [(0, before.replace("27.4.0", "27.3.1"), "")]
    assert "former packages are back" in it.go_back()
    assert "--allow-change-held-packages" in told[0][-2]
    assert told[0][-1] == "apt-mark hold docker-ce docker-ce-cli", "and no package that was not there"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"follow": ["docker"]}, "add -q -u docker"),
        ({"follow": [], "names": ["docker-cli-compose"]}, "add -q docker-cli-compose"),
        ({"follow": [], "names": ["docker"]}, "add -q -u docker"),
    ],
)
def test_apk_upgrades_what_is_there_and_only_that(told, step, words):
    """By itself it would leave what is there as it is; and with what it upgrades goes all that needs."""
    told[1]["list"] = [(0, "docker-27.3.1-r0 x86_64 {docker} (Apache-2.0) [installed]\n", "")]
    installation(told, **{"family": "apk", "names": [], "version": "", **step}).run()
    assert told[0][-1].endswith(words)


def test_zypper_goes_back_only_to_a_version_that_is_named(told):
    for version, older in (("", False), ("27.3", True)):
        told[1]["rpm"] = [(0, RPMS["rpm"], "")]
        told[1]["search"] = [(0, "v | docker-ce | package | 3:27.3.1-1 | x86_64 | Main\n", "")]
        installation(told, family="zypper", names=[], version=version).run()
        assert ("--oldpackage" in told[0][-1]) is older


RPMS = {
    "rpm": "docker-ce\t3:27.4.0-1\tii \ndocker-ce-cli\t1:27.4.0-1\tii \n",
    "repoquery": "docker-ce\t3:27.4.0-1\ndocker-ce\t3:27.3.1-1\ndocker-ce-cli\t1:27.4.0-1\ndocker-ce-cli\t1:27.3.1-1\n",
}


def rpms(told, **more):
    """As the vendor counts them: each package has an epoch of its own."""
    told[1].update({word: [(0, text, "")] for word, text in RPMS.items()})
    return installation(told, **{"family": "dnf", "names": [], **more})


def test_a_version_has_each_packages_own_epoch(told):
    rpms(told).run()
    assert told[0][-1].endswith("install docker-ce-3:27.3.1-1 docker-ce-cli-1:27.3.1-1")


def test_what_is_locked_is_released_to_be_changed_and_locked_again(told):
    """dnf and zypper know no option to change it nevertheless; of dnf's locks each is for one version."""
    before = RPMS["rpm"] + "containerd.io\t0:1.7.1-1\tii \n"
    names = ["docker-ce", "docker-ce-cli", "containerd.io"]
    it = rpms(told, held=["docker-ce", "containerd.io"], hold=names, held_too=True)
    told[1]["rpm"] = [(0, before, "")]
    it.run()
    assert [line for line in told[0] if "versionlock" in line] == [
        "dnf -q versionlock delete containerd.io docker-ce",
        "dnf -q versionlock add docker-ce docker-ce-cli containerd.io",
    ]
    told[1]["rpm"] = [(0, before.replace("27.4.0", "27.3.1").replace("1.7.1", "1.7.2"), "")]
    assert "docker-ce-3:27.4.0-1, docker-ce-cli-1:27.4.0-1, containerd.io-0:1.7.1-1" in it.go_back()
    assert told[0][-4] == "dnf -q versionlock delete containerd.io docker-ce docker-ce-cli"
    assert " install " in told[0][-2]
    assert told[0][-1] == "dnf -q versionlock add docker-ce docker-ce-cli containerd.io"


def test_what_is_locked_stays_so_where_nothing_is_installed(told):
    rpms(told, follow=[], held=["docker-ce"], hold=["docker-ce-cli"], held_too=True).run()
    assert [line for line in told[0] if "versionlock" in line] == ["dnf -q versionlock add docker-ce-cli"]


def test_what_was_locked_before_is_locked_after_a_failure(told):
    told[1]["install"] = [(1, "", "Error: no"), (1, "", "Error: no")]
    it = rpms(told, held=["docker-ce"], release=["docker-ce"], held_too=True)
    with pytest.raises(HostError, match="Error: no"):
        it.run()
    told[1]["rpm"] = [(0, RPMS["rpm"], "")]
    assert it.go_back() == "" and told[0][-1].endswith("versionlock add docker-ce")


@pytest.mark.parametrize("family", ["apt", "dnf"])
def test_a_former_package_that_was_held_is_held_again_once_it_is_back(told, tmp_path, monkeypatch, family):
    """Its hold goes with it, or has to be let go before."""
    monkeypatch.setattr(packages, "HOLDS", (str(tmp_path / "hold.conf"),))
    before = "docker.io\t20.10\tii \n"
    told[1]["rpm"] = [(0, before, "")]
    it = installation(
        told,
        before,
        family=family,
        follow=[],
        names=["docker-ce"],
        version="",
        remove=["docker.io"],
        held=["docker.io"],
    )
    it.run()
    holding = f"{' '.join(packages.FAMILIES[family].hold)} docker.io"
    assert holding not in told[0]
    told[1]["dpkg-query"] = told[1]["rpm"] = [(0, "", "")]
    assert "former packages are back" in it.go_back()
    assert told[0][-1] == holding


def test_units_that_were_enabled_are_so_again_once_their_packages_are_back(told, tmp_path, monkeypatch):
    """Packages of RPM disable them when they go."""
    monkeypatch.setattr(packages, "HOLDS", (str(tmp_path / "hold.conf"),))
    told[1]["rpm"] = [(0, RPMS["rpm"], "")]
    told[1]["is-enabled"] = [(1, "", ""), (0, "", ""), (1, "", "")]
    it = installation(told, family="zypper", follow=[], names=["docker"], version="", remove=["docker-ce"])
    it.run()
    assert "docker-ce" in it.go_back()
    assert told[0][-2].endswith(" docker-ce=3:27.4.0-1") and told[0][-1] == "systemctl enable --quiet docker.socket"


def test_an_engine_that_had_to_go_comes_back_though_the_mirror_has_another_version_by_now(told, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "HOLDS", (str(tmp_path / "hold.conf"),))
    before = "docker.io\t20.10\tii \nrunc\t1.1.4\tii \n"
    it = installation(told, before, follow=[], names=[], version="", remove=["docker.io", "runc"])
    it.run()
    told[1]["install"] = [(100, "", "E: Version '1.1.4' for 'runc' was not found")]
    assert it.go_back() == "The former packages are back (docker.io, runc). "
    pinned, lists, back, dummy = told[0][-4:]
    assert (
        pinned.endswith(" docker.io=20.10 runc=1.1.4")
        and lists.endswith(" update")
        and back.endswith(" docker.io runc")
    )
    told[1]["install"] = [(100, "", "E: none")] * 2
    assert "could not be installed again: apt-get install ended with 100: E: none" in it.go_back()


def test_a_version_that_stays_is_not_taken_for_the_former_one(told):
    it = installation(told, BEFORE)
    it.run()
    told[1].update(
        {"dpkg-query": [(0, BEFORE.replace("27.4.0", "27.3.1"), "")], "install": [(100, "", "E: no such version")]}
    )
    assert "could not be installed again" in it.go_back()
    assert told[0][-1].endswith(" docker-ce=5:27.4.0-1 docker-ce-cli=5:27.4.0-1")


def test_what_came_with_the_new_packages_makes_way_for_the_former_ones(told, tmp_path, monkeypatch):
    """containerd, say, which is in the way of containerd.io."""
    monkeypatch.setattr(packages, "HOLDS", (str(tmp_path / "hold.conf"),))
    more = {"follow": ["docker.io"], "names": [], "version": "", "brought": ["docker.io", "containerd", "runc"]}
    it = installation(told, "docker-ce\t5:27.4.0-1\tii \n", remove=["docker-ce"], **more)
    it.run()
    told[1]["dpkg-query"] = [(0, "docker.io\t20.10\tii \ncontainerd\t1.6\tii \ntini\t0.19\tii \n", "")] * 2
    assert "docker-ce=5:27.4.0-1" in it.go_back()
    removed, back, dummy = told[0][-3:]
    assert removed.startswith("dpkg --remove ") and sorted(removed.split()[2:]) == ["containerd", "docker.io"]
    assert back.endswith(" docker-ce=5:27.4.0-1")


def test_nothing_is_removed_before_all_that_replaces_it_was_fetched(told, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "HOLDS", (str(tmp_path / "hold.conf"),))
    it = installation(told, "docker.io\t20.10\tii \n", remove=["docker.io"])
    it.stop = lambda: told[0].append("stop")
    it.run()
    steps = ("--download-only", "stop", "dpkg --remove docker.io")
    assert [word for line in told[0] for word in steps if word in line] == list(steps)
    assert " install " in told[0][-1]
    # apt does not find out by itself that containerd.io goes for containerd
    fetched = next(line for line in told[0] if "--download-only" in line)
    assert fetched.endswith(" containerd.io docker.io-") and "docker.io-" not in told[0][-1]
    it = installation(told, "docker.io\t20.10\tii \n", remove=["docker.io"])
    told[1]["--download-only"] = [(100, "", "E: 403 Forbidden")]
    told[0].clear()
    with pytest.raises(HostError, match="403"):
        it.run()
    assert not [line for line in told[0] if "--remove docker.io" in line]


# -- archives


@pytest.fixture
def opt(tmp_path, monkeypatch):
    """/opt, /etc and the rest in a folder."""
    folder = tmp_path / "engine"
    folder.mkdir()
    monkeypatch.setattr(static, "FOLDER", str(folder))
    monkeypatch.setattr(static, "CURRENT", str(folder / "current"))
    monkeypatch.setattr(archives, "ARRIVED", str(tmp_path / "arrived-"))
    monkeypatch.setattr(archives, "LINKS", (str(tmp_path / "bin" / "docker"),))
    monkeypatch.setattr(static, "UNIT_FILES", {str(tmp_path / "docker.service"): "[Unit]\n"})
    monkeypatch.setattr(archives.grp, "getgrnam", lambda name: None)
    return tmp_path


def pack(path, names=(*archives.NEEDED, "docker"), **more):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(f"docker/{name}")
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
        for name in ("../../escaped", "/escaped"):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
        link = tarfile.TarInfo("docker/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(link)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def archive(opt, told, names=(*archives.NEEDED, "docker"), version="", url=""):
    made = opt / "made.tgz"
    digest = pack(made, names)
    os.rename(made, archives.ARRIVED + digest)
    told[1]["--version"] = [(0, "Docker version 27.3.1, build x\n", "")]
    return archives.Archive({"checksum": digest, "version": version, "url": url}, 10), digest


def test_an_archive_takes_its_place_and_goes_again(opt, told):
    told[1]["is-enabled"] = [(1, "", ""), (0, "", ""), (1, "", "")]
    it, digest = archive(opt, told)
    it.unpack()
    assert static.current() is None, "nothing is used before all is there"
    it.run()
    assert static.about() == {"static": digest, "static_units": True}
    folder = opt / "engine" / digest
    assert {path.name for path in folder.iterdir()} == {*archives.NEEDED, "docker", "escaped"}
    assert os.access(folder / "dockerd", os.X_OK) and not (opt / "escaped").exists()
    assert not os.path.exists(archives.ARRIVED + digest)
    told[0].clear()
    assert f"stay in {opt / 'engine'}" in it.go_back() and folder.exists()
    assert static.about() == {"static": None, "static_units": False} and not (opt / "docker.service").exists()
    assert [line for line in told[0] if "able " in line] == [
        "systemctl disable --quiet containerd.service docker.socket docker.service",
        "systemctl enable --quiet docker.socket",  # which others had enabled before
    ]


def test_the_archive_of_before_is_kept_until_the_new_one_runs(opt, told):
    it, first = archive(opt, told)
    it.unpack()
    it.run()
    it, second = archive(opt, told, names=(*archives.NEEDED, "docker", "ctr"))
    it.unpack()
    it.run()
    assert static.current() == second != first
    it.go_back()
    assert static.current() == first
    it.run()
    it.finish()
    assert sorted(path.name for path in (opt / "engine").iterdir()) == sorted([second, "current"])


@pytest.mark.parametrize(
    ("more", "said"),
    [({"names": ("dockerd", "runc")}, "no containerd, containerd-shim-runc-v2"), ({"version": "26"}, "has 27.3.1")],
)
def test_an_archive_that_is_not_what_was_asked_for(opt, told, more, said):
    it, digest = archive(opt, told, **more)
    with pytest.raises(HostError, match=said):
        it.unpack()
    assert not (opt / "engine" / digest).exists() and not it.go_back()


def test_an_archive_of_another_architecture_says_so(opt):
    """The programs of pack() are none that a kernel runs."""
    it, digest = archive(opt, ([], {}))
    with pytest.raises(HostError, match=f"don't run on this host, which is {os.uname().machine}: .*Exec format error"):
        it.unpack()
    assert not (opt / "engine" / digest).exists() and not it.go_back()
