# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which test files a change of a file concerns: those about the same topic, by their names, and those listed here."""

from __future__ import annotations

import pathlib
import re
import typing as t

# What names don't tell: a word of a path -> topics. A word stays when a file moves to another folder.
RELATED = {
    "access": ("generic", "pin"),
    "archive": ("engine_sources",),
    "authority": ("signers", "certificates"),
    "ca": ("signers", "certificates"),
    "certificate": ("certificates",),
    "config": ("engine_configuration",),
    "driver": ("third_party", "matrix"),
    "ec2": ("amazonec2",),
    "engine": ("docker_engine",),
    "firewall": ("engine_access",),
    "image": ("qemu", "machines"),
    "isolation": ("engine_isolation",),
    "lifecycle": ("machines", "third_party", "processes", "matrix"),
    "machine": ("fleet", "machines", "third_party", "values"),
    "move": ("shared_store",),
    "packages": ("engine_sources", "engine_families"),
    "pin": ("host_key", "generic"),
    "prune": ("orphans",),
    "record": ("values", "inventory", "bad_input"),
    "remove": ("fleet", "machines"),
    "resources": ("matrix", "orphans"),
    "rootless": ("engine_isolation",),
    "rotate": ("rotate_certs",),
    "rotation": ("rotate_certs",),
    "s3": ("store_s3", "shared_store"),
    "schemas": ("hostile_host",),
    "ssh": ("pin", "generic", "host_key"),
    "store": ("store_processes", "store_s3", "shared_store", "file_store", "filesystem", "stress"),
    "thing": ("third_party",),
    "tls": ("certificates", "rotate_certs"),
}
_NOT_BEHAVIOUR = ("docs/", "changelogs/", "tests/unit/", "tests/mutants/", "tests/bench/")
_IS_TEST = re.compile(r"tests/(system|faults|stress)/test_")


def topic(test_file: str) -> str:
    return pathlib.PurePath(test_file).stem.removeprefix("test_")


def concerned(changed: t.Iterable[str], test_files: t.Iterable[str]) -> set[str]:
    """Of the test files, those that a change of these paths concerns."""
    return {file for file in test_files for path in changed if _concerns(path, file)}


def _concerns(path: str, test_file: str) -> bool:
    if path == test_file:
        return True
    if path.startswith(_NOT_BEHAVIOUR) or path.endswith(".md") or _IS_TEST.match(path):
        return False
    about, words = topic(test_file), _words(path)
    return set(about.split("_")) <= words or any(about in RELATED[word] for word in words & set(RELATED))


def _words(path: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", path.lower()))
