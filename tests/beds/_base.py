# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all beds share: where they keep things, and running commands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import subprocess
import time
import typing as t


class BedError(RuntimeError):
    """The bed can't be had on this machine; the message says what is missing."""


def cache_folder() -> pathlib.Path:
    """What is expensive to make and safe to keep: root file systems, images."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base) / "dockyard" / "beds"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_folder() -> pathlib.Path:
    """Sockets, pid files and keys of what runs now. Short, since a socket's path has at most 107 characters."""
    folder = pathlib.Path(f"/tmp/dockyard-beds-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise BedError(f"{folder} belongs to someone else")
    return folder


def run(*command: str, check: bool = True, limit: float = 120, **more: t.Any) -> subprocess.CompletedProcess:
    """A command's result as text; a failure shows what it printed."""
    more.setdefault("text", True)
    if "input" not in more:
        # ssh makes what it reads from non-blocking, which others who share it do not bear
        more.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False, **more)
    except FileNotFoundError:
        raise BedError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired as error:
        raise BedError(f"{' '.join(command)} took longer than {limit} s: {error.stdout!r} {error.stderr!r}") from None
    if check and done.returncode:
        raise BedError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def until(question: t.Callable[[], t.Any], what: str, limit: float = 30, pause: float = 0.1) -> t.Any:
    """The first true answer, asked again and again; after the limit an error that says what was pending."""
    end = time.monotonic() + limit
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise BedError(f"{what}: not within {limit} s")
        time.sleep(pause)


@contextlib.contextmanager
def locked(path: pathlib.Path) -> t.Iterator[None]:
    """Alone, among processes that use the same path."""
    with open(path, "w", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
