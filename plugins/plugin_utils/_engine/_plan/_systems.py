# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which systems the Engine can be had for, and from whom: by ID, then by each word of ID_LIKE, as os-release has them."""

from __future__ import annotations

import typing as t

VENDOR_URL = "https://download.docker.com/linux"
# https://docs.docker.com/engine/install/ has both.
_DEB_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
_RPM_KEY = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"


class Packages(t.NamedTuple):
    """What one maker calls the Engine's packages."""

    engine: str
    follow: tuple[str, ...] = ()  # have the Engine's version
    beside: tuple[str, ...] = ()  # have versions of their own
    optional: tuple[str, ...] = ()  # follow it where they exist
    needed: tuple[str, ...] = ()  # what is only recommended, but without which the Engine does not do its work
    plugins: t.Mapping[str, str] = {}
    others: tuple[str, ...] = ()  # go with the Engine when another source takes its place
    socket: bool = True  # whether its service listens on docker.socket

    @property
    def all(self) -> tuple[str, ...]:
        return (self.engine, *self.follow, *self.beside, *self.optional, *self.plugins.values(), *self.others)


class Vendor(t.NamedTuple):
    """The vendor's repository for a system."""

    folder: str
    fingerprint: str
    architectures: tuple[str, ...]  # as uname says them
    codename: tuple[str, ...] = ()  # which facts of os-release can be the suite; none where the release is in the URL


DOCKER_CE = Packages(
    "docker-ce",
    follow=("docker-ce-cli",),
    beside=("containerd.io",),
    plugins={"compose": "docker-compose-plugin", "buildx": "docker-buildx-plugin"},
    others=("docker-ce-rootless-extras",),
)
_DEBIAN = Packages(
    "docker.io",
    optional=("docker-cli",),
    needed=("iptables", "ca-certificates"),
    plugins={"compose": "docker-compose", "buildx": "docker-buildx"},
    others=("containerd", "runc"),
)
# Its docker-compose is the program of old, no plugin.
_DEBIAN_12 = _DEBIAN._replace(plugins={})
_DOCKER = Packages(
    "docker", plugins={"compose": "docker-compose", "buildx": "docker-buildx"}, others=("containerd", "runc")
)
# Its docker.socket ends with its service, and does not listen for it.
_SUSE = _DOCKER._replace(socket=False)

# The distribution's own. None says that there is none, so that ID_LIKE is not asked any more.
DISTRO: dict[str, Packages | None] = {
    "debian": _DEBIAN,
    **{f"debian {version}": _DEBIAN_12 for version in (11, 12)},
    "raspbian": _DEBIAN,
    **{f"raspbian {version}": _DEBIAN_12 for version in (11, 12)},
    "ubuntu": _DEBIAN._replace(plugins={"compose": "docker-compose-v2", "buildx": "docker-buildx"}),
    "fedora": _DOCKER._replace(engine="moby-engine", optional=("docker-cli",)),
    "amzn": Packages("docker", others=("containerd", "runc")),
    "rhel": None,
    "centos": None,
    "ol": None,
    "suse": _SUSE,
    "opensuse": _SUSE,
    "arch": _DOCKER,
    "alpine": Packages("docker", plugins={"compose": "docker-cli-compose", "buildx": "docker-cli-buildx"}),
}

_EVERYWHERE = ("x86_64", "aarch64")
_OF_DEBIAN = Vendor("debian", _DEB_KEY, (*_EVERYWHERE, "armv7l", "ppc64le"), ("codename",))
_OF_UBUNTU = Vendor("ubuntu", _DEB_KEY, (*_EVERYWHERE, "armv7l", "ppc64le", "s390x"), ("codename",))
_OF_RHEL = Vendor("rhel", _RPM_KEY, (*_EVERYWHERE, "s390x"))
_OF_CENTOS = Vendor("centos", _RPM_KEY, (*_EVERYWHERE, "ppc64le"))

# https://docs.docker.com/engine/install/ has their architectures.
VENDOR: dict[str, Vendor | None] = {
    "debian": _OF_DEBIAN,
    "ubuntu": _OF_UBUNTU,
    # Its programs have 32 bit, also where its kernel has 64.
    "raspbian": Vendor("raspbian", _DEB_KEY, ("armv6l", "armv7l", "aarch64"), ("codename",)),
    "fedora": Vendor("fedora", _RPM_KEY, (*_EVERYWHERE, "ppc64le")),
    "rhel": _OF_RHEL,
    "centos": _OF_CENTOS,
    "amzn": None,
    "ol": None,
}
# For rebuilds: those of Fedora count their releases differently, so they are not here.
VENDOR_LIKE: dict[str, Vendor] = {
    "ubuntu": _OF_UBUNTU._replace(codename=("ubuntu_codename",)),
    "debian": _OF_DEBIAN._replace(codename=("debian_codename",)),
    "rhel": _OF_RHEL,
    "centos": _OF_CENTOS,
}
# With a repository of the user's own, on systems for which the vendor has none
FINGERPRINTS = {"apt": _DEB_KEY, "dnf": _RPM_KEY, "zypper": _RPM_KEY}

# What is in the way of each source's packages besides another source's Engine: removed only when that is asked for
CONFLICTS: dict[str, tuple[str, ...]] = {
    "docker_ce": (
        *("docker-engine", "docker-client", "docker-common", "docker-latest", "podman-docker"),
        *("containerd", "runc", "docker-cli", "docker-compose", "docker-compose-v2", "docker-buildx"),
    ),
    "distro": ("docker-engine", "podman-docker", "containerd.io", "docker-ce-cli"),
}
# These are in the way of a plugin only.
OF_PLUGINS = {"docker-compose": "compose", "docker-compose-v2": "compose", "docker-buildx": "buildx"}


def distro(system: t.Mapping[str, str]) -> Packages | None:
    """The distribution's packages for a system."""
    words = [system["id"], *system["like"].split()]
    major = system["version"].split(".")[0]
    for key in (f"{words[0]} {major}", *words):
        if key in DISTRO:
            return DISTRO[key]
    return None


def vendor(system: t.Mapping[str, str]) -> tuple[Vendor, str] | None:
    """The vendor's repository for a system, and its suite."""
    if system["id"] in VENDOR:
        found = VENDOR[system["id"]]
    else:
        found = next((VENDOR_LIKE[word] for word in system["like"].split() if word in VENDOR_LIKE), None)
    if found is None:
        return None
    if not found.codename:
        return found, ""
    suite = next((system[name] for name in found.codename if system.get(name)), "")
    return (found, suite) if suite else None
