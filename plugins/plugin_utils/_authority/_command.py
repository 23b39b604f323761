# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of the user's that gets certificates signed elsewhere. Its contract is in docs/certificates.md."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._tls import TlsError

MOST = 256 * 1024  # characters of an answer; a chain has a few thousand
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
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise TlsError(f"{said} can't be run: {error}") from error
    try:
        out, err = process.communicate(json.dumps(question), timeout=limit)
    except subprocess.TimeoutExpired:
        raise TlsError(
            f"{said} has not answered within {limit:g} s. Nothing was signed as far as is known here"
        ) from None
    finally:
        if process.returncode is None:
            # Whatever it has started goes with it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise TlsError(f"{said} ended with {process.returncode} and said: {_readable(err) or 'nothing'}")
    if len(out) > MOST:
        raise TlsError(f"{said} printed {len(out)} characters, which is no certificate")
    return out


def _readable(text: str) -> str:
    kept = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(kept.split())[-SHOWN:]
