# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine as the vendor's archive of programs: putting it there, and taking it away.

Everything is under /opt and /etc, so that a system on which /usr can't be written to will do.
Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import tarfile
import typing as t

from .. import _download
from . import _archive_layout as static
from . import _commands, _files
from . import _versions as versions
from ._errors import HostError
from ._file_changes import Files

ARRIVED = "/var/lib/dockyard-archive-"  # and a checksum: where the controller puts what the host can't download
# Where a user's shell finds the client: the first folder that can be written to
LINKS = ("/usr/local/bin/docker", "/opt/bin/docker")
NEEDED = ("dockerd", "containerd", "containerd-shim-runc-v2", "runc")


class Archive:
    """One step of a plan: the programs of an archive take the place of what is there, and the way back."""

    def __init__(self, step: dict[str, t.Any], limit: float) -> None:
        self.step = step
        self.limit = limit
        self.files = Files()
        self.before = static.current()
        self.enabled: list[str] = []  # units of these names, before: of an archive, or of others
        self.done = False

    def unpack(self) -> None:
        """The programs beside those that are used; nothing changes yet."""
        folder = f"{static.FOLDER}/{self.step['checksum']}"
        if not os.path.isdir(folder):
            self._unpack(folder)
        try:
            said = _commands.run(f"{folder}/dockerd", "--version")[1].strip()
        except HostError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise HostError(
                f"The archive's programs don't run on this host, which is {os.uname().machine}: {error}. Nothing was installed"
            ) from None
        version = said.split("version ")[-1].split(",")[0]
        if not versions.asked_for(version, self.step["version"]):
            shutil.rmtree(folder, ignore_errors=True)
            raise HostError(f"docker_engine_version is {self.step['version']!r}, and the archive has {version}")

    def run(self) -> None:
        try:
            grp.getgrnam("docker")
        except KeyError:
            _commands.run("groupadd", "--system", "docker")
        self.enabled = static.enabled()
        self.done = True
        for path, text in static.UNIT_FILES.items():
            self.files.put(path, text, 0o644)
        _use(self.step["checksum"])
        _commands.run("systemctl", "daemon-reload", limit=self.limit)
        # Its containers outlive it; the Engine's own turn comes with the rest of the plan.
        _commands.run("systemctl", "restart", "containerd.service", limit=self.limit)
        _commands.run("systemctl", "enable", "--quiet", *static.UNITS, limit=self.limit)

    def go_back(self) -> str:
        if not self.done:
            return ""
        _commands.run("systemctl", "stop", "containerd.service", limit=self.limit, check=False)
        _commands.run("systemctl", "disable", "--quiet", *static.UNITS, limit=self.limit, check=False)
        self.files.undo()
        _use(self.before)
        _commands.run("systemctl", "daemon-reload", check=False)
        if self.enabled:
            _commands.run("systemctl", "enable", "--quiet", *self.enabled, limit=self.limit, check=False)
        _commands.run("systemctl", "start", "containerd.service", limit=self.limit, check=False)
        if self.before:
            return "The former programs are back. "
        return f"The archive's programs are not used any more, and stay in {static.FOLDER}. "

    def finish(self) -> None:
        """Once the Engine runs: the archives of before are of no use."""
        clean(self.step["checksum"])

    def _unpack(self, folder: str) -> None:
        step = self.step
        arrived = ARRIVED + step["checksum"]
        try:
            if os.path.exists(arrived):
                _download.check(arrived, step["checksum"], "The archive that the controller sent")
            elif step["url"]:
                _download.fetch_file(step["url"], arrived, step["checksum"])
            else:
                raise HostError("The archive did not arrive from the controller. Run again")
        except _download.DownloadError as error:
            raise HostError(
                f"{error}. Nothing was installed. For an air-gapped host, send the archive from the controller with "
                "docker_engine_download"
            ) from None
        partial = folder + ".new"
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial, mode=0o755)
        try:
            _extract(arrived, partial)
            os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            _files.remove(arrived)


def _extract(archive: str, folder: str) -> None:
    """The programs, flat: paths and kinds of the archive's members are not trusted with more than a name."""
    found = set()
    try:
        with tarfile.open(archive) as members:
            for member in members:
                name = os.path.basename(member.name)
                stream = members.extractfile(member) if member.isfile() and name else None
                if stream is None:
                    continue
                with open(os.path.join(folder, name), "wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
                os.chmod(os.path.join(folder, name), 0o755)
                found.add(name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise HostError(f"The archive could not be unpacked into {folder}: {error}") from None
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise HostError(
            f"The archive has no {', '.join(missing)}, so it is not one of the Engine. Nothing was installed"
        )


def _use(checksum: str | None) -> None:
    """Let the link show to an archive's programs, or to none."""
    if checksum is None:
        _files.remove(static.CURRENT)
    else:
        partial = static.CURRENT + ".new"
        _files.remove(partial)
        os.symlink(checksum, partial)
        os.rename(partial, static.CURRENT)
    for path in LINKS:
        if os.path.islink(path) and os.readlink(path) == f"{static.CURRENT}/docker":
            if checksum is None:
                _files.remove(path)
            return
    if (
        checksum is None
        or not os.path.exists(f"{static.CURRENT}/docker")
        or _commands.which("docker") != f"{static.CURRENT}/docker"
    ):
        return
    for path in LINKS:
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(f"{static.CURRENT}/docker", path)
            return


def take_away(limit: float) -> Files:
    """Our units and links, once another source takes their place. The programs stay until that has worked."""
    _commands.run(
        "systemctl", "stop", "docker.socket", "docker.service", "containerd.service", limit=limit, check=False
    )
    _commands.run("systemctl", "disable", "--quiet", *static.UNITS, limit=limit, check=False)
    files = Files()
    for path in static.UNIT_FILES:
        files.put(path, None)
    _use(None)
    _commands.run("systemctl", "daemon-reload", limit=limit)
    return files


def give_back(files: Files, checksum: str, limit: float) -> None:
    files.undo()
    _use(checksum)
    _commands.run("systemctl", "daemon-reload", limit=limit)
    _commands.run("systemctl", "enable", "--quiet", *static.UNITS, limit=limit, check=False)


def clean(keep: str | None) -> None:
    for name in os.listdir(static.FOLDER) if os.path.isdir(static.FOLDER) else []:
        if name not in ("current", keep):
            shutil.rmtree(os.path.join(static.FOLDER, name), ignore_errors=True)
