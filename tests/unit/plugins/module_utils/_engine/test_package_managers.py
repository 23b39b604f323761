# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _package_managers as families
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _versions as versions


@pytest.mark.parametrize(
    ("version", "asked", "fits"),
    [
        ("5:27.3.1-1~debian.12~bookworm", "27.3", True),
        ("5:27.3.1-1~debian.12~bookworm", "27.3.1", True),
        ("5:27.3.1-1~debian.12~bookworm", "5:27.3.1-1~debian.12~bookworm", True),
        ("5:27.3.1-1~debian.12~bookworm", "", True),
        ("5:27.30.1-1~debian.12~bookworm", "27.3", False),
        ("5:27.3.1-1~debian.12~bookworm", "7.3", False),
        ("5:20.10.14~3-0~debian-buster", "20.10.14", True),
        ("5:28.0.0~rc.1-1~debian.12~bookworm", "28.0.0", False),
        ("5:28.0.0~rc.1-1~debian.12~bookworm", "28.0.0~rc.1", True),
        ("20.10.24+dfsg1-1+deb12u1", "20.10.24", True),
        ("3:27.3.1-1.el9", "27", True),
        ("27.3.1-r0", "27.3.1", True),
        ("0:27.5.1_ce-219.1", "27.5.1", True),
        ("27x3", "27.3", False),
        ("5:27.3.1-1~debian.12~bookworm", "5:27.3", True),
        ("5:27.30.1-1~debian.12~bookworm", "5:27.3", False),
        ("5:27.3.1-1~debian.12~bookworm", "3:27.3", False),
    ],
)
def test_a_version_is_asked_for_in_full_or_by_its_beginning(version, asked, fits):
    assert versions.asked_for(version, asked) is fits


def test_versions_are_ordered_as_package_managers_do():
    ordered = ["5:27.0.0~rc.1-1", "5:27.0.0-1", "5:27.0.1-1", "5:27.3.0-1", "5:27.10.0-1", "6:1.0-1"]
    assert sorted([*ordered[3:], *ordered[:3]], key=versions.order) == ordered


RPM = "docker-ce\t3:27.3.1-1.el9\tii \npackage docker is not installed\niptables-nft\t0:1.8.8-6.el9\tii \n"
REPOQUERY = "docker-ce\t3:27.3.1-1.el9\n\ndocker-ce\t3:27.10.0-1.el9\n\ndocker-ce\t3:26.1.4-1.el9\n"
ZYPPER = """\
S  | Name   | Type    | Version         | Arch   | Repository
---+--------+---------+-----------------+--------+-----------
v  | docker | package | 27.5.1_ce-219.1 | x86_64 | Update
i  | docker | package | 26.1.5_ce-212.1 | x86_64 | Main
   | docker | patch   | 99              | noarch | Update
"""
PACMAN = "Repository      : extra\nName            : docker\nVersion         : 1:27.3.1-1\nDescription     : x\n"
APK = "docker policy:\n  26.1.5-r0:\n    lib/apk/db/installed\n  27.3.1-r0:\n    https://mirror.example.org/community\n"


@pytest.mark.parametrize(
    ("family", "installed", "text", "available"),
    [
        ("dnf", (RPM, "docker-ce"), REPOQUERY, {"docker-ce": ["3:27.10.0-1.el9", "3:27.3.1-1.el9", "3:26.1.4-1.el9"]}),
        ("zypper", (RPM, "docker-ce"), ZYPPER, {"docker": ["27.5.1_ce-219.1", "26.1.5_ce-212.1"]}),
        ("pacman", ("docker 1:27.3.1-1\nerror: package 'x' was not found\n", "docker"), PACMAN, {"docker": ["1:27.3.1-1"]}),
        (
            "apk",
            ("docker-27.3.1-r0 x86_64 {docker} (Apache-2.0) [installed]\nWARNING: opening\n", "docker"),
            APK,
            {"docker": ["27.3.1-r0", "26.1.5-r0"]},
        ),
    ],
)  # fmt: skip
def test_what_each_package_manager_prints_is_understood(family, installed, text, available):
    row = families.FAMILIES[family]
    said, name = installed
    assert "27.3.1" in row.installed(said).versions[name]
    assert row.available(text) == available


def test_limits_are_filled_in():
    install = families.FAMILIES["apt"].install
    assert "DPkg::Lock::Timeout=42" in families.command(install, 42.0)


def test_sources_are_rendered_for_each_family():
    apt = families.FAMILIES["apt"].repository
    assert apt.render("https://mirror.example.org/debian", "bookworm", "stable").splitlines()[1:] == [
        "Types: deb",
        "URIs: https://mirror.example.org/debian",
        "Suites: bookworm",
        "Components: stable",
        "Signed-By: /etc/apt/keyrings/docker.asc",
    ]
    for family in ("dnf", "zypper"):
        text = families.FAMILIES[family].repository.render("https://mirror.example.org/rhel", "", "stable")
        assert "baseurl=https://mirror.example.org/rhel/$releasever/$basearch/stable\n" in text
        assert "gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-docker\n" in text and "repo_gpgcheck" not in text
        signed = families.FAMILIES[family].repository.render("https://mirror.example.org/rhel", "", "stable", True)
        assert signed == text + "repo_gpgcheck=1\n"
    assert apt.render("https://x", "s", "c", True) == apt.render("https://x", "s", "c")
