# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of the user's that gets certificates signed elsewhere. Its contract is in docs/certificates.md."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._tls import TlsError

MOST = 256 * 1024  # bytes of an answer; a chain has a few thousand
GLANCE = 0.05  # seconds, until it is looked again whether the command has ended
SHOWN = 1500  # of what the command says when it fails


def find(command: list[str], path_of: t.Callable[[str], str], option: str) -> str:
    """The program, on this controller; ``path_of`` knows relative paths. TlsError if it can't be run."""
    program = path_of(command[0]) if os.sep in command[0] else shutil.which(command[0])
    if not program or not os.access(program, os.X_OK) or os.path.isdir(program):
        raise TlsError(
            f"{option} is {shlex.join(command)}, and there is no program {command[0]!r} that can be run on the controller. "
            "It is a list of a program and its arguments; no shell is used"
        )
    return program


def call(
    command: list[str], question: dict[str, t.Any], limit: float, path_of: t.Callable[[str], str], option: str
) -> str:
    """What the command prints to the question, which it gets as JSON. TlsError if it fails or takes too long."""
    program = find(command, path_of, option)
    said = f"{option} ({shlex.join(command)})"
    try:
        with tempfile.TemporaryFile() as asked:  # the command may read it or not
            asked.write(json.dumps(question).encode())
            asked.seek(0)
            code, out, err = _run([program, *command[1:]], asked, limit)
    except subprocess.TimeoutExpired:
        raise TlsError(
            f"{said} has not answered within {limit:g} s. Nothing was signed as far as is known here"
        ) from None
    except OSError as error:
        raise TlsError(f"{said} can't be run: {error}") from error
    if len(out) > MOST:
        raise TlsError(f"{said} printed more than {MOST} bytes, which is not a certificate")
    if code:
        raise TlsError(f"{said} exited with {code} and printed: {_readable(err) or 'nothing'}")
    return out


def _run(command: list[str], stdin: t.IO[bytes], limit: float) -> tuple[int, str, str]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            out, err = _heard(process, limit)
        finally:
            if process.poll() is None:
                # Whatever it has started goes with it
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, out, err


def _heard(process: subprocess.Popen[bytes], limit: float) -> tuple[str, str]:
    """What it has printed until it ended, or too much already; and the end of what it said to its standard error.

    What goes on in the background, such as an agent that it has started, may keep both open, and is not waited for.
    """
    until = time.monotonic() + limit
    out, err = b"", b""
    with selectors.DefaultSelector() as selector:
        for stream in filter(None, (process.stdout, process.stderr)):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and len(out) <= MOST:
            left = until - time.monotonic()
            ended = process.poll() is not None  # asked first: by then, all that it has printed can be read
            if left < 0 and not ended:
                raise subprocess.TimeoutExpired(process.args, limit)
            ready = selector.select(0 if ended else min(left, GLANCE))
            if ended and (left < 0 or not ready):
                break
            for key, _events in ready:
                part = os.read(key.fd, MOST)
                if not part:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    out += part
                else:
                    err = (err + part)[-MOST:]
        if not selector.get_map():
            process.wait(max(until - time.monotonic(), 0))
    return out.decode(errors="replace"), err.decode(errors="replace")


def _readable(text: str) -> str:
    kept = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(kept.split())[-SHOWN:]
