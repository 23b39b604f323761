# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's repository, or a mirror of it: its source file, its key, and who else has it already."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openpgp
from ansible_collections.dockyard.machine.plugins.module_utils._engine._package_managers import FAMILIES
from ansible_collections.dockyard.machine.plugins.module_utils._engine._paths import HEADER
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _systems
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError, Wanted

OPTION = "docker_engine_repository"


def is_url(value: str) -> bool:
    return value.startswith(("https://", "http://"))


def has_login(value: str) -> bool:
    """Whether a URL has a user name or password in it."""
    return is_url(value) and "@" in value.split("://", 1)[-1].split("/", 1)[0]


def is_foreign(source: str | None) -> bool:
    """Whether the file in which our repository would be has something that the role has not written."""
    return bool((source or "").strip()) and not str(source).startswith(HEADER)


def check(wanted: Wanted) -> None:
    """What can be said against the option without a host."""
    given = wanted.repository
    for name in ("url", "key"):
        if has_login(given.get(name) or ""):
            raise PlanError(
                f"{OPTION}.{name} has a user name or password in it, and all users can read the file it is written to. Identify "
                "hosts to the mirror in another way, or keep the login in the package manager's own configuration"
            )
    if given.get("url") and not is_url(given["url"]):
        raise PlanError(f"{OPTION}.url is {given['url']!r}; it can be an http or https URL")
    try:
        pinned = [_openpgp.normal(fingerprint) for fingerprint in given.get("fingerprints") or []]
        if given.get("key") and not is_url(given["key"]) and pinned:
            _openpgp.only(given["key"], pinned)
    except _openpgp.PgpError as error:
        raise PlanError(f"{OPTION}: {error}") from None


def plan_repository(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> dict[str, t.Any] | None:
    """What is to be done about the repository, or None if it is as wanted."""
    seen, manager = info["packages"]["repository"], info["packages"]["manager"]
    places = FAMILIES[manager].repository
    if places is None:
        raise PlanError(f"{OPTION} can't be used here: the role knows no place for a repository with {manager}")
    given = wanted.repository
    url, suite, pinned = _place(wanted, info)
    key = given.get("key") or f"{url}/gpg"
    component = given.get("component") or "stable"
    text = places.render(url, suite, component, bool(given.get("metadata_signed")))
    step: dict[str, t.Any] = {}
    if seen["source"] != text:
        if is_foreign(seen["source"]) and not wanted.remove_conflicting:
            raise PlanError(
                f"{places.source_path} on the host was not written by the role, and what it has would be lost. Set "
                "docker_engine_remove_conflicting to replace it, or give that file another name if it has something else. An "
                f"Engine that was installed from it stays with it if docker_engine_source is 'auto' and {OPTION} is empty"
            )
        plan.differ(places.source_path, seen["source"], text)
        step["source"] = text
    if is_url(key):
        right = bool(seen["fingerprints"]) and set(seen["fingerprints"]) <= set(pinned)
    else:
        try:
            right = seen["key"] == hashlib.sha256(_openpgp.only(key, pinned).encode()).hexdigest()
        except _openpgp.PgpError as error:
            raise PlanError(f"{OPTION}.key: {error}") from None
    if not right:
        plan.differ(places.key_path, seen["fingerprints"] or None, pinned)
        step["renew"] = True
    others = _others(wanted, seen["others"], places.entry.format(url=url, component=component))
    if others:
        step["others"] = others
        plan.changes.append(f"remove {', '.join(others)}, which has the repository too")
    if not step:
        return None
    plan.changes.append(f"set up the repository {url} with the key {_openpgp.spaced(pinned[0])}")
    return {"source": text, "component": component, "key": key, "pinned": pinned, **step}


def _place(wanted: Wanted, info: dict[str, t.Any]) -> tuple[str, str, list[str]]:
    """URL, suite and fingerprints."""
    given, system, manager = wanted.repository, info["host"]["os"], info["packages"]["manager"]
    known = _systems.vendor(system)
    suite = given.get("suite") or (known[1] if known else "") or (system["codename"] if given.get("url") else "")
    if known is None and not given.get("url"):
        raise PlanError(
            f"docker_engine_source is 'docker_ce', but the vendor has no packages for {system['name'] or 'this system'}. "
            f"Give {OPTION} with the URL of a repository that has them, or use {_possible(info)}"
        )
    if manager == "apt" and not suite:
        raise PlanError(f"{OPTION} needs the suite: {system['name']} does not say of which release it is a rebuild")
    url = (given.get("url") or f"{_systems.VENDOR_URL}/{known[0].folder if known else ''}").rstrip("/")
    pinned = [_openpgp.normal(fingerprint) for fingerprint in given.get("fingerprints") or []]
    return url, suite, pinned or [known[0].fingerprint if known else _systems.FINGERPRINTS[manager]]


def _possible(info: dict[str, t.Any]) -> str:
    distro = "docker_engine_source 'distro', " if _systems.distro(info["host"]["os"]) else ""
    return f"{distro}'static' with an archive, or 'present' once an Engine is installed"


def _others(wanted: Wanted, others: dict[str, list[str]], ours: str) -> list[str]:
    """Files that have the same repository: apt would refuse both where their keys differ, dnf and zypper would take one."""
    same = [path for path, entries in others.items() if ours in entries]
    if "/etc/apt/sources.list" in same:
        raise PlanError(f"/etc/apt/sources.list has {ours} too, with a key of its own: take that line out first")
    shared = [path for path in same if set(others[path]) != {ours}]
    if shared:
        raise PlanError(
            f"{', '.join(shared)} on the host has {ours} too, with other repositories, so it is not removed: remove that entry "
            "first"
        )
    if same and not wanted.remove_conflicting:
        raise PlanError(
            f"{', '.join(same)} on the host has {ours} too, and the package manager refuses two entries with different keys, or "
            "takes one of them. Set docker_engine_remove_conflicting to replace it, or leave docker_engine_source at 'auto', "
            "which uses the repositories that are there"
        )
    return same
