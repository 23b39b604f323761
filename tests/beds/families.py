# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with the package managers dnf, zypper and pacman, and repositories for them.

What is real: the package managers, which Debian has too, with their databases, signatures, locks and the scripts of
packages; systemd, sshd and the Engine's programs. What only stands for the real thing: the rest of the system, which is
Debian's, and of which these package managers know nothing: a package without content says that it is there. That is why
/etc/os-release says that this is another system.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import typing as t

from tests.beds._base import cache_folder, locked, run
from tests.beds.repository import BROKEN, OLD, Key, Release, Repository

if t.TYPE_CHECKING:
    from tests.beds.hosts import Bed, Host

# What each family's image has beside the usual packages
PACKAGES = {
    "dnf": ("dnf", "dnf-plugins-core", "rpm"),
    "zypper": ("zypper", "rpm"),
    "pacman": ("pacman-package-manager", "makepkg", "libarchive-tools", "zstd"),
}
OS_RELEASE = {
    "dnf": 'ID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID=9.4\nNAME="Rocky Linux"\n',
    "zypper": 'ID=opensuse-leap\nID_LIKE="suse opensuse"\nVERSION_ID=15.6\nNAME="openSUSE Leap"\n',
    "pacman": "ID=arch\nBUILD_ID=rolling\nNAME=Arch\n",
}
# The rest of the system, as far as packages ask for it
_SYSTEM = """Name: bed-system
Version: {release}
Release: 1
Summary: A system that is there
License: none
AutoReqProv: no
Provides: /bin/sh
Provides: iptables
Provides: system-release = {release}
Provides: system-release(releasever) = {release}
Provides: distribution-release
%description
A system that is there
%files
"""
NUMBERS = {"dnf": "9", "zypper": "15.6"}  # of the release
# As on RHEL, where dnf fails for a repository that can't be had, and takes the newest or nothing
_DNF = (
    "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n"
)
_PRODUCT = """<?xml version="1.0" encoding="UTF-8"?>
<product schemeversion="0">
  <vendor>openSUSE</vendor><name>Leap</name><version>15.6</version><release>1</release><arch>{machine}</arch>
  <summary>openSUSE Leap 15.6</summary>
</product>
"""
_PACMAN = "[options]\nArchitecture = auto\nSigLevel = Never\n\n[extra]\nServer = file:///srv/extra\n"
# Of Debian's own package manager nothing is left that could be found.
_PREPARE = """
rm -f /usr/bin/apt-get /usr/bin/apt-cache /usr/bin/dpkg-query /etc/os-release
printf '%s' "$1" > /etc/os-release
"""
_PREPARE_RPM = """
mkdir -p /etc/yum.repos.d /etc/pki/rpm-gpg /etc/rpm /etc/zypp/repos.d /etc/products.d
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
if test -d /etc/dnf; then
    printf '%s' "$3" > /etc/dnf/dnf.conf
    rm -f /etc/dnf/plugins/local.conf
else
    printf '%s' "$4" > /etc/products.d/Leap.prod
    ln -s Leap.prod /etc/products.d/baseproduct
fi
printf '%s' "$2" > /root/system.spec
rpmbuild -bb --quiet --define '_topdir /root/rpmbuild' /root/system.spec
rpm --install --force-debian /root/rpmbuild/RPMS/*/*.rpm
rm -r /root/rpmbuild /root/system.spec
"""
_PREPARE_PACMAN = """
printf '%s' "$2" > /etc/pacman.conf
mkdir -p /srv/extra /var/lib/pacman/sync /var/cache/pacman/pkg
"""


def host(bed: Bed, family: str) -> Host:
    """A host of a family, with no Engine."""
    words = [OS_RELEASE[family]]
    script = _PREPARE
    if family == "pacman":
        script += _PREPARE_PACMAN
        words.append(_PACMAN)
    else:
        script += _PREPARE_RPM
        words += [
            _SYSTEM.format(release=NUMBERS[family]),
            _DNF,
            _PRODUCT.format(machine=_machine()),
        ]
    return bed.host(image=bed.image_from(bed.image(PACKAGES[family]), script, *words))


# -- repositories of RPM


_EPOCHS = {"docker-ce": 3, "docker-ce-cli": 1}  # as the vendor's
_NUMBER = "1.el9"
_RELATIONS = {
    "docker-ce": "Requires: containerd.io >= 1.6, docker-ce-cli, iptables\nConflicts: docker, docker-engine\n",
    "docker-ce-cli": "Conflicts: docker-engine\n",
    "containerd.io": "Provides: containerd, runc\nConflicts: containerd, runc\n",
    "docker-compose-plugin": "",
    "docker-buildx-plugin": "",
}
_UNITS = {"docker-ce": "docker.service docker.socket", "containerd.io": "containerd.service"}
# What the macros of systemd become: no start after an installation, a restart after an upgrade
_SCRIPTS = """%post
getent group docker > /dev/null || groupadd --system docker
systemctl daemon-reload || :
%preun
if [ $1 -eq 0 ]; then systemctl --no-reload disable --now {units} || :; fi
%postun
systemctl daemon-reload || :
if [ $1 -ge 1 ]; then systemctl try-restart {units} || :; fi
"""
_SPEC = """Name: {name}
{epoch}Version: {version}
Release: {release}
Summary: {name} for tests
License: none
AutoReqProv: no
{relations}%description
{name} for tests
%install
cp -a {files}/usr %{{buildroot}}
{scripts}%files
%defattr(-,root,root)
{listed}
"""
# What takes long and changes nothing
_QUICK = ("_binary_payload w1.zstdio", "_build_id_links none", "debug_package %{nil}", "__os_install_post %{nil}")


def add(repository: Repository, release: Release, folder: str, number: str) -> None:
    """The vendor's packages for a system with rpm, below the folder of that system and the number of its release."""
    top = repository.web / folder
    for path in sorted(_made(release).iterdir()):
        component = top / number / _machine() / ("test" if BROKEN in path.name else "stable")
        component.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, component)
    publish(repository, folder, repository.key)


def publish(repository: Repository, folder: str, key: Key, served: Key | None = None) -> None:
    """Sign all packages with a key, and list them. The key that is served stays, unless another is named."""
    top = repository.web / folder
    packages = [str(path) for path in top.rglob("*.rpm")]
    run(
        *("rpmsign", "--define", f"__gpg {shutil.which('gpg')}", "--define", f"_gpg_path {key.home}"),
        *("--define", f"_gpg_name {key.fingerprint}", "--addsign", *packages),
        limit=300,
    )
    for component in {os.path.dirname(path) for path in packages}:
        run("createrepo_c", "--quiet", component, limit=120)
        listed = pathlib.Path(component) / "repodata" / "repomd.xml"
        listed.with_name("repomd.xml.asc").write_text(key.signature(listed))
    if served or not (top / "gpg").exists():
        (top / "gpg").write_text((served or key).armoured)


def _made(release: Release) -> pathlib.Path:
    """The packages of a release as RPM, made at the first use; they have the same programs."""
    folder = release.folder.with_name(f"{release.folder.name}-rpm")
    with locked(cache_folder() / "rpm.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                top = pathlib.Path(scratch)
                for path in sorted((release.folder / "pool").iterdir()):
                    package, upstream, _architecture = path.name.split("_")
                    if package in _RELATIONS:
                        _build(top, path, package, upstream)
                os.replace(next((top / "RPMS").iterdir()), folder)
    return folder


def _build(top: pathlib.Path, deb: pathlib.Path, package: str, upstream: str) -> None:
    files = top / "files"
    run("dpkg-deb", "-x", str(deb), str(files), limit=120)
    units = _UNITS.get(package)
    text = _SPEC.format(
        name=package,
        epoch=f"Epoch: {_EPOCHS[package]}\n" if package in _EPOCHS else "",
        version=upstream,
        release=_NUMBER,
        relations=_RELATIONS[package],
        files=files,
        scripts=_SCRIPTS.format(units=units) if units else "",
        listed="\n".join(f"/{path.relative_to(files)}" for path in files.rglob("*") if not path.is_dir()),
    )
    spec = top / f"{package}.spec"
    spec.write_text(text)
    defined = [word for one in (f"_topdir {top}", *_QUICK) for word in ("--define", one)]
    run("rpmbuild", "-bb", "--quiet", *defined, str(spec), limit=300)
    shutil.rmtree(files)


# -- a repository of pacman


_PKGINFO = """pkgname = {name}
pkgbase = {name}
pkgver = {version}
pkgdesc = {name} for tests
url = https://example.org
builddate = 1
packager = The tests
size = 1
arch = {machine}
license = none
"""
# What Arch's hooks do
_PACMAN_INSTALL = """post_install() {
    getent group docker > /dev/null || groupadd --system docker
    systemctl daemon-reload || :
}
post_upgrade() {
    systemctl daemon-reload || :
}
"""
# What is in which of Arch's packages, and its dependencies
_ARCH = {
    "docker": (("docker-ce", "docker-ce-cli"), "depend = containerd\n"),
    "containerd": (("containerd.io",), ""),
    "docker-compose": (("docker-compose-plugin",), ""),
}


def fill(host: Host, release: Release, upstream: str) -> None:
    """Put packages of one version into the host's own repository: Arch has the newest of each only."""
    assert host.bed
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        for name, (contents, more) in _ARCH.items():
            files = pathlib.Path(scratch) / name
            for package in contents:
                wanted = OLD if package == "containerd.io" else upstream
                deb = next((release.folder / "pool").glob(f"{package}_{wanted}_*"))
                run("dpkg-deb", "-x", str(deb), str(files), limit=120)
            version = f"1:{upstream}-1"
            (files / ".PKGINFO").write_text(_PKGINFO.format(name=name, version=version, machine=_machine()) + more)
            (files / ".INSTALL").write_text(_PACMAN_INSTALL)
            archive = f"{name}-{version}-{_machine()}.pkg.tar.zst"
            owned = ("--owner=0", "--group=0", "--use-compress-program=zstd -1 -T0")
            run(
                "tar", *owned, "-cf", f"{scratch}/{archive}", "-C", str(files), ".PKGINFO", ".INSTALL", "usr", limit=120
            )
            host.bed.engine.docker("cp", f"{scratch}/{archive}", f"{host.container}:/srv/extra/", limit=120)
    host.ssh("cd /srv/extra && rm -f extra.* && repo-add -q extra.db.tar.gz *.pkg.tar.zst")


def _machine() -> str:
    return os.uname().machine
