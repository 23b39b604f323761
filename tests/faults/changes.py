# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files were changed since what is published, and whose cells of the matrix that concerns."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import typing as t

GIVEN = "MATRIX_BASE"  # a commit to compare with, from the environment
PUBLISHED = ("origin/HEAD", "origin/main", "origin/master", "main", "master")

CORE = (
    *(f"plugins/module_utils/{name}/" for name in ("_lifecycle", "_resources", "_store", "_tls")),
    *(
        f"plugins/module_utils/{name}.py"
        for name in [
            "_access",
            "_clock",
            "_contract",
            "_durable",
            "_errors",
            "_host_key",
            "_host_vars",
            "_input",
            "_module",
            "_pin",
            "_plan",
            "_process",
            "_record",
            "_ssh",
            "_times",
            "_wish",
            "driver",
        ]
    ),
    "tests/faults/",
)
STANDS_FOR_THE_CORE = "thing"  # whose cells are the cheapest of those whose machines are made of several things
BESIDES = {  # driver -> what else its cells go through, beside the files of its name
    "amazonec2": ("tests/doubles/ec2.py",),
    "generic": ("plugins/module_utils/_engine/", "plugins/modules/engine_", "plugins/plugin_utils/_fleet/_rotation.py"),
    "model": ("tests/model/",),
    "qemu": ("tests/doubles/qemu.py",),
    "thing": ("tests/collections/ansible_collections/acme/cloud/plugins/",),
}


@dataclasses.dataclass
class Changes:
    """The files that differ from ``base``; None: nobody knows, and ``base`` says why."""

    base: str
    files: list[str] | None
    seed: int = 0  # each commit draws other cells, and the same ones whenever it is tested


def find(root: pathlib.Path, environ: t.Mapping[str, str] | None = None) -> Changes:
    """Since the branch left what is published; on that itself, since the last commit or merge."""
    environ = os.environ if environ is None else environ

    def git(*arguments: str) -> str | None:
        command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head is None:
        return Changes("git knows no commit here", None)
    seed = int(head[:6], 16)
    given = environ.get(GIVEN, "").strip("0")  # of a branch that is new, GitHub says zeros
    base = named = given and git("rev-parse", "--verify", "--quiet", f"{environ[GIVEN]}^{{commit}}")
    if not base:
        for named in PUBLISHED:
            base = git("merge-base", "HEAD", named)
            if base not in (None, head):
                break
        else:
            base, named = git("rev-parse", "--verify", "--quiet", "HEAD^"), "the commit before"
    if not base:
        return Changes("the clone has one commit alone: fetch more of them (fetch-depth: 0)", None, seed)
    differ, new = git("diff", "--name-only", "--no-renames", base), git("ls-files", "--others", "--exclude-standard")
    if differ is None or new is None:
        return Changes(f"git can't compare with {base}", None, seed)
    return Changes(f"{base[:12]} ({named})", sorted({*differ.splitlines(), *new.splitlines()}), seed)


def concerned(files: t.Iterable[str], drivers: t.Iterable[str]) -> set[str]:
    """The drivers whose cells may go otherwise. Pages and unit tests change none of them."""
    found = set()
    for path in files:
        if path.startswith(CORE) and not path.startswith(("tests/faults/test_", "tests/faults/worlds/")):
            found.add(STANDS_FOR_THE_CORE)
        for driver in drivers:
            own = (f"/modules/{driver}.py", f"/module_utils/_{driver}.py", f"tests/faults/worlds/{driver}.py")
            if path.endswith(own) or path.startswith(BESIDES.get(driver, ("?",))):
                found.add(driver)
    return found


def seconds_of(driver: str, drivers: t.Collection[str], concerned: t.Collection[str], seconds: float) -> float:
    """Its part of the time: half of all for those that are concerned, and the rest for each alike."""
    for_all = seconds / 2 if concerned else seconds
    return for_all / len(drivers) + ((seconds - for_all) / len(concerned) if driver in concerned else 0)
