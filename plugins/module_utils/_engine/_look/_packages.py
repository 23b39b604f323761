# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages: what is installed, what could be, what is held, and the vendor's repository."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import os
import re
import time
import typing as t

from .. import _commands, _files, _masking, _openpgp
from .. import _versions as versions
from .._package_managers import (
    FAMILIES,
    Family,
    command,
    variables,
)

# The Engine's own packages by any maker, and what is in their way or needed by them
ENGINES = ("docker-ce", "docker.io", "moby-engine", "docker")
PACKAGES = (
    *ENGINES,
    *("docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin", "docker-ce-rootless-extras"),
    *("docker-cli", "containerd", "runc", "docker-buildx", "docker-compose", "docker-compose-v2", "docker-doc"),
    *("docker-cli-buildx", "docker-cli-compose", "docker-engine", "docker-client", "docker-common", "docker-latest"),
    *("podman", "podman-docker", "iptables", "nftables", "apparmor", "ca-certificates"),
    *("rootlesskit", "slirp4netns", "uidmap", "dbus-user-session", "fuse-overlayfs"),
)
LISTS_FRESH = 3600  # seconds for which the package lists need no update
NO_LISTS = ("lock", "expired_repos.json", ".gpgkeyschecked.yum")  # beside them, and written without one being read


def manager() -> str | None:
    return next((name for name, family in FAMILIES.items() if _commands.which(family.program)), None)


def ask(family: Family, limit: float, words: t.Iterable[str], *names: str) -> tuple[str, str]:
    """What a package manager prints, and all it says if it fails, as it does if it knows none of the names."""
    # The limit is for what others do meanwhile; a slow host may take its time besides.
    told, said = (*command(words, limit), *names), variables(family, limit)
    status, out, err = _commands.run(*told, limit=limit + 600, environment=said, check=False)
    # dnf makecache says the cause on the one, and what came of it on the other.
    return out, f"{out}\n{err}" if status else ""


def explained(said: str) -> str:
    """What is wrong, if anything is."""
    if not said.strip():
        return ""
    # Only now: to load it takes its time.
    from .. import _known_problems as trouble

    return _masking.masked(trouble.explained(_commands.tail(said)))


def lists_age(family: Family) -> int | None:
    """Seconds since the newest of the package lists was read, or None if there are none."""
    ages = []
    for folder, _folders, files in itertools.chain.from_iterable(map(os.walk, family.lists)):
        for name in files:
            # Their modification times are the server's; the change times are this host's.
            with contextlib.suppress(OSError):
                ages.append(os.stat(os.path.join(folder, name)).st_ctime if name not in NO_LISTS else 0)
    newest = max(ages, default=0)
    # A time to come is from before the clock was set back: such lists are as good as old.
    return abs(int(time.time() - newest)) if newest else None


def about_packages(params: dict[str, t.Any], refresh: bool) -> dict[str, t.Any]:
    """What takes as long as all the rest is read only where it matters: versions that could be, and what is held."""
    name = manager()
    if name is None:
        nothing: dict[str, t.Any] = {"installed": {}, "unfinished": [], "candidates": {}, "versions": {}, "held": []}
        return {"manager": None, **nothing, "held_error": "", "lists_age": None, "lists_error": "", "repository": None}
    family, limit = FAMILIES[name], params["wait_timeout"]
    installed, unfinished, held = family.installed(ask(family, limit, family.query, *PACKAGES)[0])
    age = lists_age(family)
    engine = next((package for package in ENGINES if package in installed), None)
    known: dict[str, list[str]] = {}
    lists_error = held_error = ""
    matter = params["upgrade"] or engine is None or not versions.asked_for(installed[engine], params["version"])
    if matter and engine and refresh and (age is None or age > LISTS_FRESH):
        lists_error = ask(family, limit, family.refresh)[1]
        age = lists_age(family)
    if matter and age is not None:
        text, said = ask(family, limit, family.listing, *PACKAGES)
        known = family.available(text)
        lists_error = lists_error or ("" if known else said)
    here = {"docker-ce": "docker_ce", None: "static"}.get(engine, "distro")
    removes = params["source"] not in ("auto", "present", here)
    if family.held and (params["holds"] or removes or matter and engine):
        listed, held_error = ask(family, limit, family.held)
        held = [package for package in PACKAGES if re.search(rf"(?<![\w-]){re.escape(package)}(?:-\d|[\s|]|$)", listed)]
    return {
        "manager": name,
        "installed": {package: version for package, version in installed.items() if package in PACKAGES},
        "unfinished": unfinished,
        "candidates": {package: found[0] for package, found in known.items()},
        "versions": known,
        "held": held,
        "held_error": explained(held_error),
        "lists_age": age,
        "lists_error": explained(lists_error),
        "repository": about_repository(family),
    }


def about_repository(family: Family) -> dict[str, t.Any] | None:
    """Our own source and key, and what is in other files that have to do with the Engine."""
    if family.repository is None:
        return None
    places = family.repository
    key = _files.read(places.key_path)
    try:
        fingerprints = _openpgp.fingerprints(key) if key else []
        if key and key != _openpgp.only(key, fingerprints):
            fingerprints = []  # There is more in it, of which a package manager may trust something.
    except _openpgp.PgpError:
        fingerprints = []
    others = {}
    for path in [*sorted(glob.glob(places.folder + "/*")), "/etc/apt/sources.list"]:
        text = _files.read(path) or "" if path != places.source_path and os.path.isfile(path) else ""
        text = re.sub("#.*", "", text)
        if "docker" in text:
            others[path] = [entry.rstrip("/") for entry in re.findall(places.entries, text, re.MULTILINE)]
    digest = hashlib.sha256(key.encode()).hexdigest() if key else None
    return {"source": _files.read(places.source_path), "key": digest, "fingerprints": fingerprints, "others": others}
