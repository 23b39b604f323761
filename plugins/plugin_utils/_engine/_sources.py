# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller has or gets for the Engine's sources: a repository's key, an archive."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.module_utils import _download
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openpgp
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import Plan, PlanError
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._repository import is_url
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import find_file, read_pem


def repository(loader: DataLoader, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """The option with the content of a key that is a file here."""
    given = {name: value for name, value in given.items() if value is not None}
    key = given.get("key") or ""
    if key and not is_url(key):
        given["key"] = read_pem(loader, "docker_engine_repository.key", key)
    return given


def archive(loader: DataLoader, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """The option with the full path of an archive that is a file here."""
    given = {name: value for name, value in given.items() if value is not None}
    source = given.get("source") or ""
    if source and not is_url(source):
        given["source"] = find_file(loader, source)
    return given


def fetch(plan: Plan, here: bool, check_mode: bool) -> None:
    """Get what the plan needs and the host can't, and find out before the host is touched that it is what it should be."""
    try:
        step = (plan.install.get("packages") or {}).get("repository")
        if step and here and is_url(step["key"]) and not check_mode:
            text = _download.fetch(step["key"])
            step["key"] = _openpgp.only(text, step["pinned"])
        step = plan.install.get("archive")
        if step and not step["url"]:
            _download.check(step["source"], step["checksum"], step["source"])
            step["send"] = step["source"]
        elif step and here and not check_mode:
            step["send"] = _cached(step["url"], step["checksum"])
    except _openpgp.PgpError as error:
        raise PlanError(f"{step['key'] if step else ''} is not the key that is pinned: {error}") from None
    except _download.DownloadError as error:
        raise PlanError(f"{error}. No host was touched") from None
    except OSError as error:
        raise PlanError(f"docker_engine_archive: {error}") from None


def _cached(url: str, checksum: str) -> str:
    """An archive in the user's cache, downloaded once for all hosts that want it at the same time."""
    folder = os.path.join(_download.cache_folder(), "archives")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, checksum)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            with contextlib.suppress(_download.DownloadError):
                _download.check(path, checksum, path)
                return path
        _download.fetch_file(url, path, checksum)
    return path
