# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Package managers: how each is asked and told. One row a family; what reads and does is the same for all.

Pure; runs on the controller and, on Python 3.8, on hosts.
"""

from __future__ import annotations

import re
import typing as t

from . import _versions
from ._paths import HEADER


class Installed(t.NamedTuple):
    """What a package manager says of the packages that it has."""

    versions: dict[str, str]
    unfinished: list[str] = []  # an installation that was cut off has left them half done
    held: list[str] = []


class Repository(t.NamedTuple):
    """Where a family keeps a repository of others, and its key."""

    source_path: str
    key_path: str
    folder: str  # of all sources
    template: str  # with url, suite, component and key
    entry: str  # what ours is known by, with url and component: another one that is known by it is the same
    entries: str  # finds what each entry of a file is known by, as a regular expression
    only: tuple[str, ...]  # after refresh, with component: reads this one alone, and fails if it can't be trusted
    signed: str = ""  # added to the template where the signature of the lists counts, and not only those of packages
    trust: tuple[str, ...] = ()  # to which the key's path is added, where the source's naming it is not enough

    def render(self, url: str, suite: str, component: str, signed: bool = False) -> str:
        text = self.template.format(url=url, suite=suite, component=component, key=self.key_path)
        return HEADER + text + (self.signed if signed else "")


class Family(t.NamedTuple):
    """One package manager. Commands are words, to which names are added."""

    program: str
    query: tuple[str, ...]  # prints what is installed
    installed: t.Callable[[str], Installed]
    listing: tuple[str, ...]  # prints what could be
    available: t.Callable[[str], dict[str, list[str]]]  # versions by name, that which would be installed first
    refresh: tuple[str, ...]
    install: tuple[str, ...]
    fetch: tuple[str, ...]  # added to install, to download only
    remove: tuple[str, ...]  # removes packages, and refuses where others need them
    gone: str = ""  # how install is told that one is to go, where it does not find that out by itself
    lists: tuple[str, ...] = ()  # the folders of package lists, by which their age is known
    pin: str | None = None  # how one version is named; None where there is only the newest
    upgrade: tuple[str, ...] = ()  # added to install where packages are there that are to be newer
    downgrade: tuple[str, ...] = ()  # and when a version may be older
    held_too: tuple[str, ...] = ()  # and when a package may be held
    held: tuple[str, ...] = ()  # prints what is held, where query does not
    hold: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    repository: Repository | None = None
    environment: t.Mapping[str, str] = {}
    mends: t.Mapping[
        str, tuple[str, ...]
    ] = {}  # what an installation that was cut off before asks for; removes nothing


# -- reading what package managers print


def dpkg_status(text: str) -> Installed:
    """Name, version and status, a line each."""
    found = Installed({}, [], [])
    for line in text.splitlines():
        if "\t" not in line:
            continue  # rpm says in words what is not installed
        name, version, status = (*line.split("\t"), "", "")[:3]
        if status[1:2] == "i":
            found.versions[name] = version
        elif status[1:2] in ("U", "F", "H", "W", "t"):
            found.unfinished.append(name)
        if status[:1] == "h":
            found.held.append(name)
    return found


def words_status(text: str) -> Installed:
    """Name and version, a line each (pacman)."""
    return Installed({words[0]: words[1] for words in map(str.split, text.splitlines()) if len(words) == 2})


_APK = re.compile(r"^(.+)-(\d[^-\s]*-r\d+)(?:\s|$)", re.MULTILINE)


def apk_status(text: str) -> Installed:
    return Installed(dict(_APK.findall(text)))


_POLICY_VERSION = re.compile(r"(?: \*\*\*|    ) (\S+) -?\d+$")


def apt_policy(text: str) -> dict[str, list[str]]:
    """Versions from what ``apt-cache policy`` prints, the candidate first."""
    found: dict[str, list[str]] = {}
    package = ""
    for line in text.splitlines():
        version = _POLICY_VERSION.fullmatch(line)
        if line and not line[0].isspace():
            package = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            candidate = line.split(":", 1)[1].strip()
            if candidate != "(none)":
                found[package] = [candidate]
        elif version and package in found and version.group(1) not in found[package]:
            found[package].append(version.group(1))
    return found


def _newest_first(pairs: t.Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for name, version in pairs:
        found.setdefault(name, set()).add(version)
    return {name: sorted(versions, key=_versions.order, reverse=True) for name, versions in found.items()}


def tab_listing(text: str) -> dict[str, list[str]]:
    """Name, tab, version (dnf)."""
    return _newest_first(
        t.cast("tuple[str, str]", tuple(line.split("\t"))) for line in text.split("\n") if "\t" in line
    )


def zypper_listing(text: str) -> dict[str, list[str]]:
    """The table of ``zypper search --details``: state, name, kind, version, architecture, repository."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.count("|") >= 5]
    return _newest_first((row[1], row[3]) for row in rows if row[2] == "package")


def pacman_listing(text: str) -> dict[str, list[str]]:
    """``pacman -Si``."""
    return _newest_first(re.findall(r"^Name\s*: (\S+)\nVersion\s*: (\S+)$", text, re.MULTILINE))


def apk_listing(text: str) -> dict[str, list[str]]:
    """``apk policy``: a name with a colon, and below it versions with a colon."""
    pairs, name = [], ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            name = line.split()[0].rstrip(":")
        elif re.match(r"\s+\d\S*:$", line):
            pairs.append((name, line.strip().rstrip(":")))
    return _newest_first(pairs)


# -- the table

_DEB822 = "Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: {component}\nSigned-By: {key}\n"
_REPO = (
    "[docker-ce-{component}]\nname=Docker CE ({component})\nbaseurl={url}/$releasever/$basearch/{component}\nenabled=1\n"
    "gpgcheck=1\ngpgkey=file://{key}\n"
)
_URLS = r"\b[a-z][a-z+-]*:/[^\s\]]+|\bcdrom:"
_NAMES = r"^\s*\[\s*([^\]]*[^\]\s])\s*\]"
_RPM = ("rpm", "-q", "--queryformat", "%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\tii \\n")
_APT = (
    *("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"),
    *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
)

FAMILIES: dict[str, Family] = {
    "apt": Family(
        program="apt-get",
        query=("dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${db:Status-Abbrev}\\n"),
        installed=dpkg_status,
        listing=("apt-cache", "policy"),
        available=apt_policy,
        # Descriptions in other languages are a third of the work and serve nobody here; those that are there stay.
        refresh=(
            *_APT,
            "-o",
            "Acquire::Languages=none",
            "-o",
            "APT::Get::List-Cleanup=false",
            "-o",
            "APT::Update::Error-Mode=any",
            "update",
        ),
        install=(*_APT, "-o", "DPkg::Lock::Timeout={limit}", "install", "--no-install-recommends", "--no-remove"),
        fetch=("--download-only", "-o", "APT::Get::Remove=true"),
        remove=("dpkg", "--remove"),
        gone="{name}-",
        lists=("/var/lib/apt/lists",),
        pin="{name}={version}",
        downgrade=("--allow-downgrades",),
        held_too=("--allow-change-held-packages",),
        hold=("apt-mark", "hold"),
        release=("apt-mark", "unhold"),
        repository=Repository(
            "/etc/apt/sources.list.d/docker.sources",
            "/etc/apt/keyrings/docker.asc",
            "/etc/apt/sources.list.d",
            _DEB822,
            "{url}",
            _URLS,
            ("-o", "Dir::Etc::sourcelist=/etc/apt/sources.list.d/docker.sources", "-o", "Dir::Etc::sourceparts=-"),
        ),
        mends={
            "dpkg --configure -a": ("dpkg", "--configure", "-a"),
            "--fix-broken install": (*_APT, "--fix-broken", "--no-remove", "--no-install-recommends", "install"),
        },
        environment={
            "DEBIAN_FRONTEND": "noninteractive",
            "NEEDRESTART_SUSPEND": "1",
            "APT_LISTCHANGES_FRONTEND": "none",
        },
    ),
    "dnf": Family(
        program="dnf",
        query=_RPM,
        installed=dpkg_status,
        listing=(
            "dnf",
            "-q",
            "repoquery",  # which shows all versions without being asked, and in dnf 5 has no option to ask it by
            "--queryformat",
            "%{name}\t%{epoch}:%{version}-%{release}\n",
        ),
        available=tab_listing,
        # Not -q: it would say only that all mirrors were tried, and not what came of that.
        refresh=("dnf", "makecache"),
        install=("dnf", "-y", "--setopt=install_weak_deps=False", "install"),
        fetch=("--downloadonly", "--allowerasing"),
        remove=("rpm", "--erase"),
        lists=("/var/cache/dnf", "/var/cache/libdnf5"),
        pin="{name}-{version}",
        # Without repositories, a mirror that does not answer has no say in it.
        held=("dnf", "-q", "--disablerepo=*", "versionlock", "list"),
        hold=("dnf", "-q", "versionlock", "add"),
        release=("dnf", "-q", "versionlock", "delete"),
        repository=Repository(
            "/etc/yum.repos.d/docker-ce.repo",
            "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
            "/etc/yum.repos.d",
            _REPO,
            "docker-ce-{component}",
            _NAMES,
            # The lists are verified with a key that dnf asks about first. The source names no key but the pinned one.
            ("-y", "--disablerepo=*", "--enablerepo=docker-ce-{component}"),
            signed="repo_gpgcheck=1\n",
        ),
    ),
    "zypper": Family(
        program="zypper",
        query=_RPM,
        installed=dpkg_status,
        listing=("zypper", "-q", "--non-interactive", "search", "--details", "--match-exact", "--type=package"),
        available=zypper_listing,
        refresh=("zypper", "-q", "--non-interactive", "refresh"),
        install=("zypper", "-q", "--non-interactive", "install", "--no-recommends"),
        fetch=("--download-only", "--force-resolution"),
        remove=("rpm", "--erase"),
        lists=("/var/cache/zypp/solv",),
        pin="{name}={version}",
        downgrade=("--oldpackage",),
        held=("zypper", "-q", "locks"),
        hold=("zypper", "-q", "addlock"),
        release=("zypper", "-q", "removelock"),
        repository=Repository(
            "/etc/zypp/repos.d/docker-ce.repo",
            "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
            "/etc/zypp/repos.d",
            _REPO,
            "docker-ce-{component}",
            _NAMES,
            ("--repo", "docker-ce-{component}"),
            signed="repo_gpgcheck=1\n",
            # Else zypper asks whether to trust the key, which is a no where nobody answers. To have it take keys without
            # asking would be to take those that a mirror has beside its lists, too.
            trust=("rpm", "--import"),
        ),
        environment={"ZYPP_LOCK_TIMEOUT": "{limit}"},
    ),
    "pacman": Family(
        program="pacman",
        query=("pacman", "-Q"),
        installed=words_status,
        listing=("pacman", "-Si"),
        available=pacman_listing,
        # Only where the lists are of no use: newer lists without an upgrade of all are half an upgrade.
        refresh=("pacman", "-Sy", "--noconfirm"),
        install=("pacman", "-S", "--noconfirm", "--needed"),
        fetch=("--downloadonly",),
        remove=("pacman", "-R", "--noconfirm"),
        lists=("/var/lib/pacman/sync",),
    ),
    "apk": Family(
        program="apk",
        query=("apk", "list", "--installed"),
        installed=apk_status,
        listing=("apk", "policy"),
        available=apk_listing,
        refresh=("apk", "--wait", "{limit}", "update", "-q"),
        install=("apk", "--wait", "{limit}", "add", "-q"),
        fetch=("--simulate",),
        remove=("apk", "--wait", "{limit}", "del", "-q"),
        lists=("/var/cache/apk",),
        pin="{name}={version}",
        upgrade=("-u",),
    ),
}


def command(words: t.Iterable[str], limit: float) -> list[str]:
    return [word.replace("{limit}", f"{limit:.0f}") for word in words]


def variables(family: Family, limit: float) -> dict[str, str]:
    """The environment of its commands."""
    return {name: value.replace("{limit}", f"{limit:.0f}") for name, value in family.environment.items()}
