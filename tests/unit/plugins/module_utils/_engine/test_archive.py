# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _download
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive as archive
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _archive_layout as static
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _installation as source
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _known_problems as trouble
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError

URL = "http://mirror.example.org/docker.tgz"
DOCKERD = "#!/bin/sh\necho 'Docker version 27.3.1, build abc'\n"
WHOLE = {**dict.fromkeys(archive.NEEDED, "#!/bin/sh\n"), "dockerd": DOCKERD}


def made(programs, folder="docker/"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as it:
        for name, text in programs.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(text)
            it.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """What is asked, and what is said instead of the content, in order; and a source for a content."""
    monkeypatch.setattr(static, "FOLDER", str(tmp_path / "engine"))
    monkeypatch.setattr(archive, "ARRIVED", str(tmp_path / "arrived-"))
    monkeypatch.setattr(trouble.time, "sleep", lambda seconds: None)
    asked, said, served = [], [], []

    def blocks(url):
        asked.append(url)
        if said:
            raise _download.DownloadError(f"{url} could not be read: {said.pop(0)}")
        yield served[0]

    monkeypatch.setattr(_download, "blocks", blocks)

    def plan(content, checksum=None, version=""):
        served[:] = [content]
        step = {"checksum": checksum or hashlib.sha256(content).hexdigest(), "url": URL, "version": version}
        return source.Source({"archive": step}, 10)

    monkeypatch.setattr(archive.Archive, "run", lambda self: None)
    return asked, said, plan


def test_an_archive_is_unpacked_once_the_mirror_has_it(mirror, tmp_path):
    asked, said, plan = mirror
    said += ["HTTP 404 Not Found", "timed out"]
    it = plan(made(WHOLE))
    it.run()
    assert asked == [URL] * 3
    folder = tmp_path / "engine" / it.new.step["checksum"]
    assert sorted(os.listdir(folder)) == sorted(WHOLE) and os.access(folder / "dockerd", os.X_OK)
    assert sorted(os.listdir(tmp_path)) == ["engine"], "the download is left behind"
    it.run()
    assert len(asked) == 3, "what is there is not downloaded again"


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (made(WHOLE), {"checksum": "00" * 32}, "has the SHA-256 checksum"),
        (made({"dockerd": DOCKERD}), {}, "has no containerd, containerd-shim-runc-v2, runc"),
        (b"no archive", {}, "could not be unpacked"),
        (
            made({**WHOLE, "dockerd": "\x7fELF of another machine"}),
            {},
            f"don't run on this host, which is {os.uname().machine}",
        ),
        (made(WHOLE), {"version": "28.0"}, "docker_engine_version is '28.0', and the archive has 27.3.1"),
    ],
)
def test_what_is_no_archive_of_the_engine_for_this_host_is_refused_at_once(mirror, tmp_path, content, more, told):
    asked, dummy, plan = mirror
    with pytest.raises(HostError, match=told):
        plan(content, **more).run()
    assert asked == [URL]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "something is left behind"


def test_programs_are_put_flat_whatever_their_paths(mirror, tmp_path):
    plan = mirror[2]
    it = plan(made(WHOLE, folder="../../etc/"))
    it.run()
    assert sorted(os.listdir(tmp_path / "engine" / it.new.step["checksum"])) == sorted(WHOLE)
    assert not (tmp_path / "etc").exists()
