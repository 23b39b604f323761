# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads, with a checksum where there is one. Runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import hashlib
import os
import tempfile
import typing as t

from . import _durable

TIMEOUT = 60  # seconds without a byte


class DownloadError(Exception):
    """It could not be had, or is not what it should be; the message says which."""


def cache_folder() -> str:
    """Where a controller keeps what it has got, and what it knows of itself; a user's choice by XDG_CACHE_HOME."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dockyard")


def fetch(url: str, limit: int = 1 << 20) -> str:
    """A small text."""
    data = b""
    for block in blocks(url):
        data += block
        if len(data) > limit:
            raise DownloadError(f"{url} is longer than {limit} bytes, so it is not what is looked for")
    return data.decode("utf-8", "replace")


def fetch_file(url: str, path: str, sha256: str) -> None:
    """A file, put in place only if it has the checksum."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=".dockyard-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            for block in blocks(url):
                out.write(block)
        check(partial, sha256, url)
        _durable.place(partial, path)
    except OSError as error:
        raise DownloadError(f"{url} could not be written to {folder}: {error.strerror}") from None
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def check(path: str, sha256: str, name: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise DownloadError(f"{name} has the SHA-256 checksum {digest.hexdigest()}, and asked for is {sha256}")


def blocks(url: str) -> t.Iterator[bytes]:
    """What a URL has, and all of it."""
    import http.client
    import urllib.error
    import urllib.request  # only here: it takes longer than most of what the modules do

    opener = urllib.request.build_opener()
    opener.addheaders = [("User-Agent", "dockyard.machine")]  # some mirrors refuse the library's own name
    try:
        with opener.open(url, timeout=TIMEOUT) as stream:
            length, got = stream.headers.get("Content-Length"), 0
            while block := stream.read(1 << 20):
                got += len(block)
                yield block
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url} could not be read: HTTP {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DownloadError(f"{url} could not be read: {getattr(error, 'reason', error)}") from None
    if length and got < int(length):
        raise DownloadError(f"{url} could not be read: it ended after {got} of {length} bytes")
