# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's repository and archive, made here from what the distribution has, signed, and served on the beds' bridge.

The packages have the vendor's names, dependencies and conflicts, and the distribution's own programs, so that an Engine
really runs. There are two versions of them, and in the channel ``test`` a third of which the Engine does not start. Of that
one containerd works, and can be published in the channel ``stable`` later.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import functools
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import tarfile
import tempfile
import threading
import typing as t

from tests.beds._base import cache_folder, locked, run
from tests.beds._engine import GATEWAY

if t.TYPE_CHECKING:
    from tests.beds.hosts import Bed

OLD, NEW, BROKEN = "27.3.1", "27.4.0", "27.5.0"
# What the distribution's packages have, and in which of the vendor's it is
SOURCES = ("docker.io", "docker-cli", "containerd", "runc", "tini", "rootlesskit")
PROGRAMS = {
    "docker-ce": {
        "dockerd": "/usr/sbin/dockerd",
        "docker-proxy": "/usr/sbin/docker-proxy",
        "docker-init": "/usr/bin/tini",
    },
    "docker-ce-cli": {"docker": "/usr/bin/docker"},
    "containerd.io": {name: f"/usr/bin/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr", "runc")},
    "docker-ce-rootless-extras": {
        "dockerd-rootless.sh": "/usr/share/docker.io/contrib/dockerd-rootless.sh",
        "rootlesskit": "/usr/bin/rootlesskit",
        "rootlesskit-docker-proxy": "/usr/bin/rootlesskit-docker-proxy",
    },
}
NOT_EVERYWHERE = ("rootlesskit-docker-proxy",)  # of which newer rootlesskits have no need
ARCHIVED = ("docker-ce", "docker-ce-cli", "containerd.io")  # of which the programs are in the archive, too
RELATIONS = {
    "docker-ce": "Depends: containerd.io, docker-ce-cli, iptables\nConflicts: docker.io, docker-engine\n",
    "docker-ce-cli": "Conflicts: docker.io, docker-cli, docker-engine\n",
    "containerd.io": "Conflicts: containerd, runc\nReplaces: containerd, runc\nProvides: containerd, runc\n",
    "docker-ce-rootless-extras": "Depends: dbus-user-session\nConflicts: rootlesskit\nReplaces: rootlesskit\n",
    "docker-compose-plugin": "Conflicts: docker-compose\n",
    "docker-buildx-plugin": "",
}
# What each of the later versions has anew
CHANGED = {
    NEW: ("docker-ce", "docker-ce-cli", "docker-compose-plugin", "docker-buildx-plugin"),
    BROKEN: ("docker-ce", "docker-ce-cli", "containerd.io"),
}
_UNITS = ("docker.service", "docker.socket")
# As debhelper writes it: a start after the first installation, a restart after an upgrade
_POSTINST = """#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
getent group docker > /dev/null || groupadd --system docker
for unit in {units}; do deb-systemd-helper enable "$unit" > /dev/null || true; done
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload > /dev/null || true
    deb-systemd-invoke "$([ -n "$2" ] && echo restart || echo start)" {units} > /dev/null || true
fi
"""
_PRERM = """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop {units} > /dev/null || true; fi
"""
_PLUGIN = """#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then
    echo '{{"SchemaVersion": "0.1.0", "Vendor": "Dockyard", "Version": "v{version}"}}'
else
    echo "{name} v{version}"
fi
"""


class Key:
    """A signing key."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.home = folder / name
        self.home.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", f"{name} <{name}@example.org>", "rsa2048", "sign", "never")
        self.armoured = self._gpg("--armor", "--export")
        listed = self._gpg("--with-colons", "--list-keys").splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def sign(self, text: str) -> str:
        return self._gpg("--clearsign", "--digest-algo", "SHA512", input=text)

    def signature(self, path: pathlib.Path) -> str:
        return self._gpg("--armor", "--detach-sign", "--digest-algo", "SHA512", "--output", "-", str(path))

    def _gpg(self, *arguments: str, **more: t.Any) -> str:
        command = ("gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes", "--passphrase", "")
        return run(*command, *arguments, **more).stdout

    def close(self) -> None:
        run("gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent", check=False)


@dataclasses.dataclass
class Release:
    """What is made of one Debian release, in the cache."""

    folder: pathlib.Path
    suite: str
    number: str

    def version(self, upstream: str) -> str:
        return f"5:{upstream}-1~debian.{self.number}~{self.suite}"

    @property
    def archive(self) -> pathlib.Path:
        return self.folder / "docker.tgz"


class Repository:
    """Serves the repository of one or more releases, with keys that a test chooses."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dy-", dir="/tmp"))
        os.chmod(self.folder, 0o755)
        self.web = self.folder / "web"
        self.web.mkdir()
        self.asked: list[str] = []
        self.absent: dict[str, int] = {}  # how many more times a path is not found
        self.key = Key(self.folder, "first")
        self.next_key = Key(self.folder, "second")
        handler = functools.partial(_Handler, directory=str(self.web), asked=self.asked, absent=self.absent)
        self.server = http.server.ThreadingHTTPServer((GATEWAY.split("/", 1)[0], 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for key in (self.key, self.next_key):
            key.close()
        shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.server.server_address[:2])

    def add(self, suite: str) -> Release:
        """A release's packages, signed with the first key."""
        release = _made(self.bed, suite)
        pool = self.web / "debian" / "pool" / suite
        pool.parent.mkdir(parents=True, exist_ok=True)
        pool.symlink_to(release.folder / "pool")
        (self.web / f"{suite}.tgz").symlink_to(release.archive)
        self.publish(release)
        return release

    def publish(
        self, release: Release, key: Key | None = None, served: Key | None = None, stable: str | None = None
    ) -> None:
        """Write the lists anew, signed with a key. The key that is served may be another one.

        A package of ``test`` can be made ``stable``.
        """
        key = key or self.key
        dists = self.web / "debian" / "dists" / release.suite
        listed = []
        for component in ("stable", "test"):
            lines = (release.folder / f"Packages-{component}").read_text()
            if stable and component == "stable":
                others = (release.folder / "Packages-test").read_text().split("\n\n")
                lines += "\n" + next(text for text in others if text.startswith(f"Package: {stable}\n")).strip() + "\n"
            name = f"{component}/binary-{_architecture()}/Packages"
            (dists / name).parent.mkdir(parents=True, exist_ok=True)
            (dists / name).write_text(lines)
            listed.append(f" {hashlib.sha256(lines.encode()).hexdigest()} {len(lines.encode())} {name}")
        text = (
            f"Origin: Docker\nLabel: Docker CE\nSuite: {release.suite}\nCodename: {release.suite}\n"
            f"Date: {email.utils.formatdate(usegmt=True)}\nArchitectures: {_architecture()}\nComponents: stable test\n"
            "SHA256:\n" + "\n".join(listed) + "\n"
        )
        (dists / "InRelease").write_text(key.sign(text))
        (self.web / "debian" / "gpg").write_text((served or key).armoured)

    def options(self, **more: t.Any) -> dict[str, t.Any]:
        """What the role is told of it."""
        place = {"url": f"{self.url}/debian", "fingerprints": [self.key.fingerprint], **more}
        return {"docker_engine_source": "docker_ce", "docker_engine_repository": place}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: t.Any, asked: list[str], absent: dict[str, int], **more: t.Any) -> None:
        self.asked = asked
        self.absent = absent
        super().__init__(*arguments, **more)

    def do_GET(self) -> None:
        if self.absent.get(self.path):
            self.absent[self.path] -= 1
            self.send_error(404)
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: t.Any) -> None:
        self.asked.append(f"{self.client_address[0]} {self.path}")


# -- making packages


@functools.cache
def _architecture() -> str:
    return run("dpkg", "--print-architecture").stdout.strip()


def _made(bed: Bed, suite: str) -> Release:
    """The packages of a release, made at the first use."""
    recipe = json.dumps(
        ["dereferenced", OLD, NEW, BROKEN, SOURCES, PROGRAMS, RELATIONS, CHANGED, _POSTINST, _PRERM, _PLUGIN]
    )
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    number = {"bookworm": "12", "trixie": "13"}.get(suite, "0")
    release = Release(cache_folder() / f"repository-{suite}-{key}", suite, number)
    with locked(cache_folder() / f"repository-{suite}.lock"):
        if not release.folder.exists():
            partial = release.folder.with_suffix(f".{os.getpid()}")
            try:
                _make(bed, dataclasses.replace(release, folder=partial))
                os.replace(partial, release.folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return release


def _make(bed: Bed, release: Release) -> None:
    pool = release.folder / "pool"
    pool.mkdir(parents=True)
    root = release.folder / "root"
    _programs(bed, release.suite, root)
    for upstream in (OLD, NEW, BROKEN):
        version = release.version(upstream)
        for package in RELATIONS:
            if upstream == OLD or package in CHANGED[upstream]:
                _package(root, pool, package, version, upstream)
    with tarfile.open(release.archive, "w:gz", compresslevel=1, dereference=True) as archive:
        for package in ARCHIVED:
            for name, path in PROGRAMS[package].items():
                archive.add(root / path[1:], f"docker/{name}")
    shutil.rmtree(root)
    texts: dict[str, list[str]] = {"stable": [], "test": []}
    for path in sorted(pool.iterdir()):
        fields = run("dpkg-deb", "--field", str(path)).stdout
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        place = f"Filename: pool/{release.suite}/{path.name}\nSize: {path.stat().st_size}\nSHA256: {digest}\n"
        texts["test" if BROKEN in path.name else "stable"].append(fields + place)
    for component, found in texts.items():
        (release.folder / f"Packages-{component}").write_text("\n".join(found))


def _programs(bed: Bed, suite: str, root: pathlib.Path) -> None:
    """The distribution's packages, unpacked: what a host of that release would get."""
    docker = bed.engine.docker
    script = (
        "cd /root && apt-get -q update && for name in $0 $@; do apt-get -q download $name || true; done && mkdir found && "
        "for package in *.deb; do dpkg-deb -x $package found; done"
    )
    container = docker("create", bed.image(suite=suite), "sh", "-c", script, *SOURCES)
    try:
        docker("start", "--attach", container, limit=300)
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            docker("cp", f"{container}:/root/found", folder, limit=120)
            os.rename(pathlib.Path(folder) / "found", root)
    finally:
        docker("rm", "-f", container, check=False)


def _package(root: pathlib.Path, pool: pathlib.Path, package: str, version: str, upstream: str) -> None:
    with tempfile.TemporaryDirectory(dir=pool.parent) as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        for name, path in PROGRAMS.get(package, {}).items():
            if name not in NOT_EVERYWHERE or (root / path[1:]).exists():
                _install(folder / "usr/bin" / name, root / path[1:])
        units: tuple[str, ...] = ()
        if package == "docker-ce":
            units = _UNITS
            for unit in _UNITS:
                found = next(path for path in root.rglob(unit) if path.parent.name == "system")
                text = found.read_text().replace("/usr/sbin/dockerd", "/usr/bin/dockerd")
                _write(folder / "usr/lib/systemd/system" / unit, text)
            if upstream == BROKEN:
                (folder / "usr/bin/dockerd").unlink()
                _write(
                    folder / "usr/bin/dockerd",
                    "#!/bin/sh\necho 'level=fatal msg=\"broken for the test\"' >&2\nexit 1\n",
                    0o755,
                )
        elif package == "containerd.io":
            units = ("containerd.service",)
            text = next(root.rglob("containerd.service")).read_text()
            _write(folder / "usr/lib/systemd/system/containerd.service", text)
        elif package.endswith("-plugin"):
            name = package.removesuffix("-plugin")
            text = _PLUGIN.format(name=name, version=upstream)
            _write(folder / "usr/libexec/docker/cli-plugins" / name, text, 0o755)
        for script, text in (("postinst", _POSTINST), ("prerm", _PRERM)):
            if units:
                _write(folder / "DEBIAN" / script, text.format(units=" ".join(units)), 0o755)
        control = f"Package: {package}\nVersion: {version}\nArchitecture: {_architecture()}\nMaintainer: The tests <t@example.org>\n"
        _write(folder / "DEBIAN" / "control", control + RELATIONS[package] + f"Description: {package} for tests\n")
        name = f"{package}_{upstream}_{_architecture()}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", str(folder), str(pool / name), limit=300)


def _write(path: pathlib.Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _install(path: pathlib.Path, source: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)


@contextlib.contextmanager
def serving(bed: Bed) -> t.Iterator[Repository]:
    it = Repository(bed)
    try:
        yield it
    finally:
        it.close()
