# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import hashlib
import http.server
import pathlib
import threading
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _download

SHA256 = hashlib.sha256(b"whole").hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers by the path: whole, cut off (of a known length or in chunks), not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"5\r\nwh"
        else:
            self.send_header("Content-Length", "5")
            body = b"wh" if self.path == "/length" else b"whole"
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *arguments: t.Any) -> None:
        pass


@pytest.fixture(scope="module")
def mirror() -> t.Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_whole_is_put_in_place(mirror: str, tmp_path: pathlib.Path) -> None:
    assert _download.fetch(f"{mirror}/whole") == "whole"
    _download.fetch_file(f"{mirror}/whole", str(tmp_path / "new" / "file"), SHA256)
    assert (tmp_path / "new" / "file").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("path", "said"),
    [("length", "it ended after 2 of 5 bytes"), ("chunks", "IncompleteRead"), ("missing", "HTTP 404 Not Found")],
)
def test_what_is_cut_off_or_missing_is_told_as_such_and_leaves_nothing(
    mirror: str, tmp_path: pathlib.Path, path: str, said: str
) -> None:
    """It is not told as a wrong checksum, which would send somebody to look for a forger."""
    with pytest.raises(_download.DownloadError, match=f"/{path} could not be read: .*{said}"):
        _download.fetch(f"{mirror}/{path}")
    with pytest.raises(_download.DownloadError, match=f"/{path} could not be read: .*{said}"):
        _download.fetch_file(f"{mirror}/{path}", str(tmp_path / "file"), SHA256)
    assert not list(tmp_path.iterdir())


def test_another_content_is_refused(mirror: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(_download.DownloadError, match="has the SHA-256 checksum .* and asked for is 00"):
        _download.fetch_file(f"{mirror}/whole", str(tmp_path / "file"), "00" * 32)
    assert not list(tmp_path.iterdir())


def test_a_text_that_is_too_long_is_refused(mirror: str) -> None:
    with pytest.raises(_download.DownloadError, match="is longer than 4 bytes"):
        _download.fetch(f"{mirror}/whole", limit=4)


def test_a_full_disk_is_not_told_as_the_mirrors_failure(mirror: str, tmp_path: pathlib.Path, mocker: t.Any) -> None:
    mocker.patch.object(_download.os, "rename", side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(_download.DownloadError, match=f"could not be written to {tmp_path}: No space left on device"):
        _download.fetch_file(f"{mirror}/whole", str(tmp_path / "file"), SHA256)
    assert not list(tmp_path.iterdir())
