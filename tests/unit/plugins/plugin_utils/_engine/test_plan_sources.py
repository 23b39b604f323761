# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine comes from: what is planned for each kind of system."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._systems import _DEB_KEY, _RPM_KEY
from tests.unit.plugins.module_utils._engine.test_openpgp import ED25519, OTHER, PINNED, RSA
from tests.unit.plugins.plugin_utils._engine.test_plan import done, fresh, plan, unit

URL = "https://download.docker.com/linux"
SYSTEMS = {
    "debian 12": ("apt", {"id": "debian", "version": "12", "codename": "bookworm"}),
    "debian 13": ("apt", {"id": "debian", "version": "13", "codename": "trixie"}),
    "ubuntu": ("apt", {"id": "ubuntu", "like": "debian", "version": "24.04", "codename": "noble"}),
    "raspbian": ("apt", {"id": "raspbian", "like": "debian", "version": "12", "codename": "bookworm"}),
    "mint": ("apt", {"id": "linuxmint", "like": "ubuntu debian", "codename": "wilma", "ubuntu_codename": "noble"}),
    "lmde": ("apt", {"id": "linuxmint", "like": "debian", "codename": "faye", "debian_codename": "bookworm"}),
    "kali": ("apt", {"id": "kali", "like": "debian", "codename": "kali-rolling"}),
    "rhel": ("dnf", {"id": "rhel", "like": "fedora", "version": "9.4"}),
    "rocky": ("dnf", {"id": "rocky", "like": "rhel centos fedora", "version": "9.4"}),
    "almalinux": ("dnf", {"id": "almalinux", "like": "rhel centos fedora", "version": "9.4"}),
    "centos": ("dnf", {"id": "centos", "like": "rhel fedora", "version": "10"}),
    "fedora": ("dnf", {"id": "fedora", "version": "42"}),
    "amzn": ("dnf", {"id": "amzn", "like": "fedora", "version": "2023"}),
    "oracle": ("dnf", {"id": "ol", "like": "fedora", "version": "9.4"}),
    "sles": ("zypper", {"id": "sles", "like": "suse", "version": "15.6"}),
    "leap": ("zypper", {"id": "opensuse-leap", "like": "suse opensuse", "version": "15.6"}),
    "alpine": ("apk", {"id": "alpine", "version": "3.20.0"}),
    "arch": ("pacman", {"id": "arch"}),
    "manjaro": ("pacman", {"id": "manjaro", "like": "arch"}),
    "flatcar": (None, {"id": "flatcar", "like": "coreos", "version": "4081.2.0"}),
}


def on(name, info=None):
    info = info or fresh()
    manager, system = SYSTEMS[name]
    info["packages"]["manager"] = manager
    if manager in (None, "pacman", "apk"):
        info["packages"]["repository"] = None
    if name == "raspbian":
        info["host"]["architecture"] = "armv7l"
    info["host"]["os"] = {"like": "", "version": "", "codename": "", "name": name, **system}
    return info


@pytest.mark.parametrize(
    ("name", "url", "suite"),
    [
        ("debian 12", f"{URL}/debian", "bookworm"),
        ("debian 13", f"{URL}/debian", "trixie"),
        ("ubuntu", f"{URL}/ubuntu", "noble"),
        ("raspbian", f"{URL}/raspbian", "bookworm"),
        ("mint", f"{URL}/ubuntu", "noble"),
        ("lmde", f"{URL}/debian", "bookworm"),
        ("rhel", f"{URL}/rhel", None),
        ("rocky", f"{URL}/rhel", None),
        ("almalinux", f"{URL}/rhel", None),
        ("centos", f"{URL}/centos", None),
        ("fedora", f"{URL}/fedora", None),
    ],
)
def test_the_vendors_packages_where_there_are_some(name, url, suite):
    it = plan(on(name), source="auto")
    step = it.install["packages"]
    assert it.source == "docker_ce" and it.action == "start"
    assert (step["follow"], step["names"]) == (["docker-ce", "docker-ce-cli"], ["containerd.io"])
    repository = step["repository"]
    assert repository["key"] == f"{url}/gpg"
    assert repository["pinned"] == [_DEB_KEY if suite else _RPM_KEY]
    assert (f"URIs: {url}\nSuites: {suite}\n" if suite else f"baseurl={url}/$releasever/") in repository["source"]
    assert repository["component"] == "stable"
    enabled = it.apply.get("enable")
    assert enabled == (None if suite else ["docker.service", "docker.socket"]), "others' packages enable nothing"


@pytest.mark.parametrize(
    ("name", "follow", "optional"),
    [
        ("kali", ["docker.io"], ["docker-cli"]),
        ("amzn", ["docker"], []),
        ("sles", ["docker"], []),
        ("leap", ["docker"], []),
        ("arch", ["docker"], []),
        ("manjaro", ["docker"], []),
    ],
)
def test_the_distributions_packages_elsewhere(name, follow, optional):
    it = plan(on(name), source="auto", access="local")
    step = it.install["packages"]
    assert it.source == "distro"
    assert (step["follow"], step["optional"], step["repository"]) == (follow, optional, None)


@pytest.mark.parametrize(
    ("name", "built", "not_built"),
    [
        ("debian 13", ["x86_64", "aarch64", "armv7l", "ppc64le"], ["s390x", "armv6l", "riscv64"]),
        ("lmde", ["x86_64", "aarch64", "armv7l", "ppc64le"], ["s390x", "armv6l", "riscv64"]),
        ("ubuntu", ["x86_64", "aarch64", "armv7l", "ppc64le", "s390x"], ["riscv64"]),
        ("mint", ["x86_64", "aarch64", "armv7l", "ppc64le", "s390x"], ["riscv64"]),
        ("raspbian", ["armv6l", "armv7l", "aarch64"], ["x86_64"]),
        ("fedora", ["x86_64", "aarch64", "ppc64le"], ["s390x", "riscv64"]),
    ],
)
def test_processors_that_the_vendor_builds_for(name, built, not_built):
    """By the table of its documentation; for all others the distribution has packages."""
    for architecture in (*built, *not_built):
        info = on(name)
        info["host"]["architecture"] = architecture
        assert plan(info, source="auto").source == ("docker_ce" if architecture in built else "distro"), architecture


@pytest.mark.parametrize(
    ("name", "built", "not_built"),
    [
        ("rhel", ["x86_64", "aarch64", "s390x"], "ppc64le"),
        ("rocky", ["x86_64", "aarch64", "s390x"], "ppc64le"),
        ("centos", ["x86_64", "aarch64", "ppc64le"], "s390x"),
    ],
)
def test_where_the_distribution_has_none_a_processor_without_packages_is_named(name, built, not_built):
    for architecture in built:
        info = on(name)
        info["host"]["architecture"] = architecture
        assert plan(info, source="auto").source == "docker_ce"
    info = on(name)
    info["host"]["architecture"] = not_built
    with pytest.raises(PlanError, match=rf"for {name} \({not_built}\).*'static' with docker_engine_archive"):
        plan(info, source="auto")
    assert plan(info, source="auto", repository=MIRROR).source == "docker_ce"


@pytest.mark.parametrize("name", ["oracle", "flatcar"])
def test_where_nobody_has_packages_it_says_what_is_possible(name):
    with pytest.raises(PlanError, match=f"for {name}.*'static' with docker_engine_archive"):
        plan(on(name), source="auto")


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("amzn", "docker_ce", "no packages for amzn.*'distro'"),
        ("arch", "docker_ce", "no packages for arch.*'distro'"),
        ("flatcar", "docker_ce", "no packages for flatcar"),
        ("rhel", "distro", "no package of the Engine is known for rhel"),
        ("flatcar", "distro", "no package of the Engine is known for flatcar"),
        ("kali", "docker_ce", "no packages for kali"),
    ],
)
def test_a_source_that_a_system_does_not_have(name, source, said):
    with pytest.raises(PlanError, match=said):
        plan(on(name), source=source)


@pytest.mark.parametrize("name", ["sles", "leap"])
def test_what_could_not_be_reached_by_tls_is_not_installed(name):
    """Once it is there its service itself is looked at, with what others have changed about it."""
    for info in (on(name), on(name, vendor())):
        with pytest.raises(
            PlanError, match=f"of {name}'s own packages .*fd://.*'static' .*'docker_ce' .*'ssh' or 'local'"
        ):
            plan(info, source="distro")
    assert plan(on(name), source="docker_ce", repository=MIRROR).install
    info = on(name, done())
    info["packages"]["installed"] = {"docker": "0:27.5.1_ce-219.1"}
    assert plan(info, source="distro").changes == []


MIRROR = {"url": "https://mirror.example.org/docker/"}


def test_a_mirror_makes_a_source_possible_where_the_vendor_has_none():
    for name in ("oracle", "leap"):
        for source in ("docker_ce", "auto"):
            it = plan(on(name), source=source, repository=MIRROR)
            repository = it.install["packages"]["repository"]
            assert it.source == "docker_ce"
            assert "baseurl=https://mirror.example.org/docker/$releasever/" in repository["source"]
            assert repository["pinned"] == [_RPM_KEY]
    step = plan(on("kali"), source="docker_ce", repository={**MIRROR, "suite": "bookworm"}).install["packages"]
    assert "Suites: bookworm\n" in step["repository"]["source"] and step["repository"]["pinned"] == [_DEB_KEY]


# -- the repository


@pytest.mark.parametrize("signed", [True, False, None])
def test_the_lists_of_rpm_are_verified_where_that_is_asked_for(signed):
    info = on("rocky")
    mirror = {"url": "https://mirror.example.org/rhel", "metadata_signed": signed}
    source = plan(info, source="docker_ce", repository=mirror).install["packages"]["repository"]["source"]
    assert "gpgcheck=1\n" in source and ("\nrepo_gpgcheck=1\n" in source) == bool(signed)


def vendor(version="5:27.3.1-1", source=None, key=ED25519, **more):
    """A host with the vendor's packages, set up by the role."""
    info = done(containers=1)
    info["packages"]["installed"] = {"docker-ce": version, "docker-ce-cli": version, "containerd.io": "1.7"}
    info["packages"]["versions"] = {"docker-ce": ["5:27.4.0-1", "5:27.3.1-1", "5:26.1.4-1"]}
    info["packages"]["candidates"] = {"docker-ce": "5:27.4.0-1", "containerd.io": "1.7.1"}
    if source is None:
        source = plan(fresh(), **OURS).install["packages"]["repository"]["source"]
    seen = {"source": source, "key": hashlib.sha256(key.encode()).hexdigest(), "fingerprints": [PINNED], "others": {}}
    info["packages"].update({"repository": seen, "lists_age": 60, **more})
    return info


OURS = {"source": "docker_ce", "repository": {"key": ED25519, "fingerprints": [PINNED]}}


def test_nothing_to_do_with_a_repository_that_is_as_wanted():
    assert plan(vendor(), **OURS).changes == []


@pytest.mark.parametrize("text", ["Types: deb\nURIs: https://mirror.example.org/docker\n", None])
def test_the_repository_of_an_engine_of_others_is_left_alone(text):
    """Also by the name that the vendor's own guide has, which is that of ours."""
    info = vendor(source=text)
    if text is None:
        info["packages"]["repository"].update(source=None, key=None, fingerprints=[])
    it = plan(info, source="auto")
    assert it.source == "docker_ce" and it.changes == [] and not it.install
    for asked in ({"source": "docker_ce"}, {"source": "auto", "repository": MIRROR}):
        assert plan(info, **asked, remove_conflicting=True).install["packages"]["repository"]


def test_what_others_wrote_where_the_repository_would_be_is_an_error_or_goes_when_asked():
    info = fresh()
    info["packages"]["repository"]["source"] = "Types: deb\nURIs: https://intern.example.org/tools\n"
    with pytest.raises(PlanError, match=r"docker\.sources on the host was not.*docker_engine_remove_conflicting"):
        plan(info, source="docker_ce")
    assert plan(info, source="docker_ce", remove_conflicting=True).install["packages"]["repository"]
    info["packages"]["repository"]["source"] = "\n"
    assert plan(info, source="docker_ce").install["packages"]["repository"]


def test_another_fingerprint_renews_the_key():
    new = {"key": RSA, "fingerprints": [OTHER]}
    it = plan(vendor(), source="docker_ce", repository=new)
    assert it.install["packages"]["repository"]["renew"] and it.action is None
    assert any(part["after_header"] == "/etc/apt/keyrings/docker.asc" for part in it.diff)
    by_url = {"fingerprints": [PINNED]}
    assert plan(vendor(), source="docker_ce", repository=by_url).changes == [], (
        "a key by URL is known by its fingerprint"
    )


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ({"key": RSA, "fingerprints": [PINNED]}, "pinned is"),
        ({"key": ED25519 + RSA, "fingerprints": [PINNED]}, "pinned is"),
        ({"key": "no key"}, "no armoured"),
        ({"fingerprints": ["8D81803C0EBFCD88"]}, "not a fingerprint"),
        ({"url": "mirror.example.org"}, "it can be an http or https URL"),
        ({"url": "https://jo:secret@mirror.example.org/x"}, "all users can read the file"),
    ],
)
def test_a_repository_that_can_not_be_is_refused(repository, said):
    with pytest.raises(PlanError, match=said) as caught:
        plan(fresh(), source="docker_ce", repository=repository)
    assert "secret" not in str(caught.value)


def test_another_entry_of_the_same_repository_is_an_error_or_goes_when_asked():
    info = fresh()
    info["packages"]["repository"]["others"] = {"/etc/apt/sources.list.d/docker.list": [f"{URL}/debian"]}
    with pytest.raises(PlanError, match=r"docker\.list.*docker_engine_remove_conflicting"):
        plan(info, source="docker_ce")
    step = plan(info, source="docker_ce", remove_conflicting=True).install["packages"]["repository"]
    assert step["others"] == ["/etc/apt/sources.list.d/docker.list"]


@pytest.mark.parametrize(
    ("name", "path", "entries", "said"),
    [
        ("debian 12", "/etc/apt/sources.list.d/all.list", [f"{URL}/debian", "https://deb.example.org/debian"], "all.list on the host"),
        ("debian 12", "/etc/apt/sources.list", [f"{URL}/debian"], "take that line out"),
        ("rocky", "/etc/yum.repos.d/all.repo", ["docker-ce-stable", "tools"], "all.repo on the host has docker-ce-stable too"),
    ],
)  # fmt: skip
def test_a_file_that_has_other_repositories_too_is_never_removed(name, path, entries, said):
    info = on(name)
    info["packages"]["repository"]["others"] = {path: entries}
    for asked in (False, True):
        with pytest.raises(PlanError, match=said):
            plan(info, source="docker_ce", remove_conflicting=asked)
    info["packages"]["repository"]["others"] = {path: ["https://deb.example.org/docker", "docker-ce-test"]}
    assert plan(info, source="docker_ce").install, "what is another repository may stay"


# -- versions


def changed(info, **more):
    it = plan(info, **{**OURS, **more})
    return it, it.install.get("packages") or {"follow": [], "version": None, "names": []}


@pytest.mark.parametrize(
    ("asked", "goal", "action"),
    [
        ({}, None, None),
        ({"version": "27"}, None, None),
        ({"version": "27.3"}, None, None),
        ({"version": "27.4"}, "5:27.4.0-1", "restart"),
        ({"version": "26"}, "5:26.1.4-1", "restart"),
        ({"version": "27", "upgrade": True}, "5:27.4.0-1", "restart"),
        ({"version": "27.3", "upgrade": True}, None, "restart"),
        ({"upgrade": True}, "5:27.4.0-1", "restart"),
    ],
)
def test_which_version_is_installed(asked, goal, action):
    it, step = changed(vendor(), **asked)
    assert (step["follow"] and step["version"] or None, it.action) == (goal, action)
    assert ("containerd.io" in step["names"]) is bool(asked.get("upgrade"))
    assert bool(it.warnings) is (asked.get("version") == "26")
    assert it.install.get("live_restore") is (False if action else None), "live-restore is on already"


@pytest.mark.parametrize(
    ("there", "listed", "version"),
    [
        ("0:27.5.1_ce-219.1", "27.5.1_ce-219.1", ""),  # an epoch of 0, which zypper does not list
        ("5:27.5.0-1", "5:27.4.0-1", ""),
        ("5:27.5.0-1", "5:27.4.0-1", "27"),
    ],
)
def test_an_upgrade_does_not_go_back(there, listed, version):
    """A mirror may be behind what is there."""
    info = vendor(there, versions={"docker-ce": [listed]}, candidates={})
    it, dummy = changed(info, version=version, upgrade=True)
    assert (it.changes, it.warnings, it.action) == ([], [], None)


def test_a_version_can_begin_with_the_epoch_that_messages_show():
    it, step = changed(vendor(), version="5:27.4")
    assert step["version"] == "5:27.4.0-1" and it.action == "restart"


def test_an_upgrade_goes_back_to_a_version_that_is_asked_for():
    it, step = changed(vendor("5:27.5.0-1"), version="27.4", upgrade=True)
    assert step["version"] == "5:27.4.0-1" and it.warnings


def test_apk_is_told_a_version_only_where_one_is_asked_for():
    """It keeps to one ever after."""
    info = on("alpine", vendor(versions={"docker": ["27.4.0-r0"]}, candidates={}))
    info["packages"]["installed"] = {"docker": "27.3.1-r0"}
    for version, told in (("", ""), ("27.4", "27.4.0-r0")):
        it = plan(info, source="distro", version=version, upgrade=True)
        step = it.install["packages"]
        assert (step["follow"], step["version"]) == (["docker"], told)
        assert it.changes == ["upgrade docker from 27.3.1-r0 to 27.4.0-r0"]


def test_what_is_beside_the_engine_is_upgraded_though_the_engine_is_current():
    """Containerd by a restart with all that belongs to one; plugins without."""
    info = vendor()
    info["packages"]["installed"]["docker-compose-plugin"] = "2.29"
    info["packages"]["candidates"]["docker-compose-plugin"] = "2.30"
    asked = {"version": "27.3", "upgrade": True, "plugins": ["compose"]}
    it, step = changed(info, **asked)
    assert it.changes == ["upgrade containerd.io from 1.7 to 1.7.1", "upgrade docker-compose-plugin from 2.29 to 2.30"]
    assert (step["names"], step["follow"]) == (["containerd.io", "docker-compose-plugin"], [])
    with pytest.raises(PlanError, match="upgrade containerd.io from 1.7 to 1.7.1.*docker_engine_interrupt"):
        changed(info, live_restore=False, **asked)
    info["packages"]["installed"]["containerd.io"] = "1.7.1"
    it, step = changed(info, **asked)
    assert (it.action, step["names"]) == (None, ["docker-compose-plugin"]) and len(it.changes) == len(it.diff) == 1
    for newest in ("2.29", "0:2.29", "2.28"):
        info["packages"]["candidates"]["docker-compose-plugin"] = newest
        assert changed(info, **asked)[0].changes == []


def test_a_version_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(PlanError, match=r"'25'.*5:27\.4\.0-1, 5:27\.3\.1-1.*is installed"):
        changed(vendor(), version="25")
    with pytest.raises(PlanError, match="docker_engine_upgrade"):
        plan(fresh(), version="latest")
    with pytest.raises(PlanError, match="newest version only"):
        info = on("arch", done())
        info["packages"]["installed"] = {"docker": "1:26.1-1"}
        info["packages"]["versions"] = {"docker": ["1:27.3.1-1"]}
        plan(info, source="distro", version="27")


def test_lists_that_could_not_be_read_are_told_where_they_matter():
    info = vendor(lists_error="the mirror does not answer")
    it, step = changed(info, upgrade=True)
    assert step["version"] == "5:27.4.0-1" and "the mirror does not answer" in it.warnings[0]
    assert changed(info, version="27.4")[0].warnings == [], "what is known is enough"
    with pytest.raises(
        PlanError,
        match=r"'28', and 5:27.*can't be read from the package lists of this host: the mirror does not answer",
    ):
        changed(info, version="28")
    moved = {"repository": {**OURS["repository"], "url": "https://mirror.example.org/docker/"}}
    assert changed(info, version="28", upgrade=True, **moved)[0].warnings == [], "lists are those of before"


def test_a_fresh_host_gets_the_version_asked_for():
    step = plan(fresh(), **OURS, version="27.3").install["packages"]
    assert (step["follow"], step["version"]) == (["docker-ce", "docker-ce-cli"], "27.3")


def test_what_is_missing_beside_the_engine_comes_with_its_version():
    info = vendor()
    del info["packages"]["installed"]["docker-ce-cli"]
    it, step = changed(info, plugins=["compose"])
    assert (step["follow"], step["version"]) == (["docker-ce-cli"], "5:27.3.1-1")
    assert step["names"] == ["docker-compose-plugin"] and it.action is None


def test_plugins_that_a_source_does_not_have():
    with pytest.raises(PlanError, match="docker_engine_plugins has 'buildx'.*debian 12"):
        plan(on("debian 12"), source="distro", plugins=["buildx"])
    step = plan(on("debian 13"), source="distro", plugins=["buildx", "compose"]).install["packages"]
    assert {"docker-buildx", "docker-compose"} <= set(step["names"])
    step = plan(on("ubuntu"), source="distro", plugins=["compose"]).install["packages"]
    assert "docker-compose-v2" in step["names"]


def test_holds():
    info = vendor(held=["docker-ce"])
    with pytest.raises(PlanError, match="docker-ce is held"):
        changed(info, version="27.4")
    assert changed(info)[0].changes == []
    it, step = changed(info, hold="held", version="27.4")
    assert step["follow"] and set(step["hold"]) == {"docker-ce", "docker-ce-cli", "containerd.io"}
    it, step = changed(info, hold="released")
    assert step["release"] == ["docker-ce"] and it.changes == ["release docker-ce"] and it.action is None
    containerd = vendor(held=["containerd.io"])
    with pytest.raises(PlanError, match="containerd.io is held"):
        changed(containerd, upgrade=True)
    it, step = changed(containerd, version="27.4")
    assert it.action == "restart" and not step["held_too"] and "containerd.io" not in step["names"]
    it, step = changed(vendor(held=["docker-ce", "docker-ce-cli", "containerd.io"]), hold="held", upgrade=True)
    assert step["held_too"] and "containerd.io" in step["hold"], "an upgrade may take the hold away"
    all_held = vendor(held=["docker-ce", "docker-ce-cli", "containerd.io"])
    assert changed(all_held, hold="held")[0].changes == []
    it, step = changed(all_held, hold="held", plugins=["compose"])
    assert step["hold"] == ["docker-ce", "docker-ce-cli", "containerd.io"], "dnf and zypper let go of all for it"
    assert it.changes == ["install docker-compose-plugin"]
    with pytest.raises(PlanError, match="no hold for arch"):
        plan(on("arch"), source="distro", hold="held")


def test_a_hold_that_is_not_possible_is_refused_before_anything_is_installed():
    info = on("rocky")
    info["packages"]["held_error"] = "dnf has no command for it"
    with pytest.raises(PlanError, match="docker_engine_hold is 'held', .* can't be read: dnf has no command"):
        plan(info, source="docker_ce", hold="held")
    assert plan(info, source="docker_ce", hold="released").install, "there is nothing to release"


# -- from one source to another

SHA = "a" * 64
ARCHIVE = {
    "source": "static",
    "archive": {"source": "https://mirror.example.org/docker.tgz", "checksum": f"sha256:{SHA}"},
}


def test_a_default_switches_no_host():
    assert plan(done(), source="auto").changes == []
    info = vendor()
    info["packages"]["repository"] = {
        "source": None,
        "key": None,
        "fingerprints": [],
        "others": {"x": [f"{URL}/debian"]},
    }
    assert plan(info, source="auto").changes == [], "nor does it touch the repositories of others"
    info = done()
    info["packages"]["installed"] = {}
    it = plan(info, source="auto")
    assert (it.source, it.changes) == ("present", [])


def test_a_switch_that_is_asked_for_removes_the_former_packages_and_keeps_containers():
    info = done(containers=2)
    info["packages"]["installed"] = {"docker.io": "20.10", "containerd": "1.6", "runc": "1.1"}
    it = plan(info, source="docker_ce")
    assert it.install["packages"]["remove"] == ["docker.io", "containerd", "runc"] and it.action == "cycle"
    assert it.install["running"] and "/var/lib/docker stays" in " ".join(it.changes)
    it = plan(vendor(), source="distro")
    assert it.install["packages"]["remove"] == ["docker-ce", "docker-ce-cli", "containerd.io"]
    with pytest.raises(PlanError, match="docker_engine_interrupt"):
        plan(info, source="docker_ce", live_restore=False)


@pytest.mark.parametrize(("name", "enabled"), [("leap", ["docker.service", "docker.socket"]), ("debian 12", None)])
def test_units_that_a_switch_disables_are_enabled_again(name, enabled):
    """Packages of RPM disable them when they go, and those that come leave them so; dpkg remembers."""
    assert plan(on(name, vendor()), source="distro", access="local").apply.get("enable") == enabled


@pytest.mark.parametrize(
    ("wish", "told"),
    [({"source": "distro"}, "Set docker_engine_hold"), ({**ARCHIVE, "interrupt": True}, "Release it there first")],
    ids=["packages", "archive"],
)
def test_a_hold_of_others_is_not_ended_by_a_switch(wish, told):
    """dpkg and rpm remove a package without asking whether it is held."""
    info = vendor(held=["docker-ce"])
    with pytest.raises(PlanError, match=f"docker-ce is held on this host, and has to be removed .*{told}"):
        plan(info, **wish)
    step = plan(info, source="distro", hold="held").install["packages"]
    assert "docker-ce" in step["remove"] and step["held"] == ["docker-ce"] and "docker-ce" not in step["hold"]
    step = plan(info, source="distro", hold="released").install["packages"]
    assert step["held"] == ["docker-ce"] and step["release"] == [], "what is gone is not released"


def test_what_is_in_the_way_and_held_stays():
    info = fresh()
    info["packages"].update(installed={"containerd": "1.6"}, held=["containerd"])
    with pytest.raises(PlanError, match="containerd is held"):
        plan(info, source="docker_ce", remove_conflicting=True)
    assert plan(info, source="docker_ce", remove_conflicting=True, hold="released").install["packages"]["remove"]


def test_an_engine_of_unknown_origin_is_not_replaced():
    info = done()
    info["packages"]["installed"] = {}
    with pytest.raises(PlanError, match="does not know how to remove it"):
        plan(info, source="docker_ce")


def test_what_is_in_the_way_goes_only_when_that_is_asked_for():
    info = fresh()
    info["packages"]["installed"] = {"containerd": "1.6", "podman-docker": "4", "docker-compose": "1.29"}
    with pytest.raises(PlanError, match="podman-docker, containerd on this host is in the way"):
        plan(info, source="docker_ce")
    it = plan(info, source="docker_ce", remove_conflicting=True, plugins=["compose"])
    assert it.install["packages"]["remove"] == ["podman-docker", "containerd", "docker-compose"]


# -- an archive


def test_an_archive_for_any_system():
    it = plan(on("flatcar"), **ARCHIVE)
    assert it.action == "start" and it.install["archive"]["checksum"] == SHA and "packages" not in it.install
    info = on("flatcar")
    info["host"]["iptables"] = None
    with pytest.raises(PlanError, match="iptables is missing"):
        plan(info, **ARCHIVE)


def test_an_archive_that_is_there_is_left_alone_and_another_replaces_it():
    info = done(containers=1)
    info["packages"]["installed"] = {}
    info["engine"].update(static=SHA, static_units=True)
    info["engine"]["version"] = "27.3.1"
    for given in (ARCHIVE, {"source": "auto"}):
        assert plan(info, **given).changes == plan(info, **given, version="27.3").changes == []
        with pytest.raises(
            PlanError, match="'28.0', and the Engine here is 27.3.1, from an archive: give the docker_engine_arch"
        ):
            plan(info, **given, version="28.0")
        for asked in ({"plugins": ["compose"]}, {"hold": "held"}, {"upgrade": True}):
            with pytest.raises(PlanError, match=f"docker_engine_{next(iter(asked))} "):
                plan(info, **given, **asked)
    info["engine"]["static"] = "b" * 64
    assert plan(info, **ARCHIVE, version="28.0").install["archive"]["version"] == "28.0", "the host asks the programs"
    assert plan(info, **ARCHIVE).action == "restart"
    info["engine"].update(static=SHA, static_units=False)
    assert plan(info, **ARCHIVE).action == "restart", "units that someone changed"
    with pytest.raises(PlanError, match="1 containers that run would stop.*docker_engine_interrupt"):
        plan(info, source="docker_ce")
    it = plan(info, source="docker_ce", interrupt=True)
    assert it.install["packages"]["archive"] == SHA and it.action == "cycle"
    assert it.install["stop_containers"], "left behind, they would not come with the next Engine"
    assert it.apply["enable"] == ["docker.service", "docker.socket"]


def test_an_archive_in_place_of_packages():
    with pytest.raises(PlanError, match="docker_engine_interrupt"):
        plan(vendor(), **ARCHIVE)
    it = plan(vendor(), **ARCHIVE, interrupt=True)
    assert it.install["packages"]["remove"] == ["docker-ce", "docker-ce-cli", "containerd.io"] and it.action == "cycle"
    assert it.install["archive"]["checksum"] == SHA and it.install["stop_containers"]


def test_units_of_others_are_not_taken_the_place_of():
    info = on("flatcar")
    there = {"exists": True, "load": "loaded", "fragment": "/etc/systemd/system/docker.service", "enabled": "enabled"}
    info["units"]["docker.service"] = unit(exec_start="x", arguments=[], later_drop_ins=[], **there)
    with pytest.raises(PlanError, match="docker_engine_remove_conflicting"):
        plan(info, **ARCHIVE)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"archive": {}}, "needs docker_engine_archive"),
        ({"archive": {"source": "x", "checksum": "md5:1"}}, "SHA-256"),
        ({"archive": {"source": "https://jo:secret@mirror.example.org/x", "checksum": SHA}}, "password in it"),
        ({"plugins": ["compose"]}, "is not available from an archive"),
        ({"hold": "held"}, "about packages"),
        ({"upgrade": True}, "docker_engine_upgrade is about packages.*another docker_engine_archive"),
    ],
)
def test_what_an_archive_can_not_do(more, said):
    with pytest.raises(PlanError, match=said) as caught:
        plan(fresh(), **{**ARCHIVE, **more})
    assert "secret" not in str(caught.value)


def test_a_present_engine_of_another_version_than_is_asked_for():
    with pytest.raises(PlanError, match="the Engine here is 20.10"):
        plan(done(), source="present", version="27")
    assert plan(done(), source="present", version="20").changes == []


@pytest.mark.parametrize("lacking", ["docker.service", "docker.socket"])
def test_a_present_engine_without_units_is_refused(lacking):
    info = done()
    info["units"][lacking]["exists"] = False
    with pytest.raises(
        PlanError, match="to /usr/sbin/dockerd there is no docker.service and docker.socket on this host"
    ):
        plan(info, source="present")


@pytest.mark.parametrize("asked", [{"hold": "held"}, {"hold": "released"}, {"plugins": ["compose"]}, {"upgrade": True}])
def test_what_is_asked_for_of_packages_can_not_be_had_without_them(asked):
    (option,) = asked
    with pytest.raises(PlanError, match=f"docker_engine_{option} is about packages"):
        plan(done(), source="present", **asked)
