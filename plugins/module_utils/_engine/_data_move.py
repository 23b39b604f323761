# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving the Engine's data to another data-root.

On one file system the folder is renamed. Else it is copied into a folder within the new place, put up from there, and the
old data goes only when the Engine has answered with all that was there. A journal says how far it came, so that a run that
was cut off is finished or taken back by the next. Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import typing as t

from . import _api, _commands, _files, _waiting
from . import _copy_tree as tree
from . import _data_root as data
from . import _packages as packages
from ._errors import HostError

# Outlives a boot: an Engine that starts between the rename and its new configuration would begin with no data.
HOLD = "/etc/systemd/system/docker.service.d/zz-dockyard-move.conf"
_TASK = "com.docker.swarm.task.id"


class Move:
    """One move, from where an earlier run left it."""

    def __init__(self, plan: dict[str, t.Any]) -> None:
        # The Engine follows links to its root: where they lead to is what containers have noted, and what it says of itself.
        self.source: str = os.path.realpath(plan["from"])
        self.target: str = os.path.realpath(plan["to"])
        self.keep: bool = plan["keep"]
        self.switched: bool = plan["switched"]
        self.abandoned: bool = plan["abandon"]
        self.partial = os.path.join(self.target, data.PARTIAL)
        kept = data.journal() or {}
        named = {"from": plan["from"], "to": plan["to"]}
        ours = {name: kept.get(name) for name in named} == named
        new = {**named, "stage": "new", "running": [], "active": False, "inventory": {}}
        self.state: dict[str, t.Any] = kept if ours else new
        self.warnings: list[str] = []
        self.runs_there = False

    def _note(self, stage: str) -> None:
        self.state["stage"] = stage
        _files.write(data.JOURNAL, json.dumps(self.state) + "\n", 0o600, 0o700)

    def begin(self, active: bool) -> bool:
        """While the Engine still runs, if it does: who will have to run afterwards. Whether it ran when all this began."""
        self.runs_there = active and self.switched
        if not self.switched:
            if self.state["stage"] == "removing":
                self.warnings.append(
                    f"After its data was moved to {self.target} the Engine has run in {self.source} again: what it has written "
                    "there since was not moved, and stays"
                )
            elif not self.state.get("rename") and not self.abandoned:
                # The Engine may have run on the old data since, as after a boot: the copy is compared again.
                self.back()
            running = _api.ask("/containers/json", limit=30) if active else None
            if running is not None:
                # A swarm's tasks are its managers' to start.
                ids = [container["Id"] for container in running if _TASK not in (container.get("Labels") or {})]
                self.state.update(running=ids, active=True)
            self._note("copying" if self.state["stage"] == "new" else self.state["stage"])
        return active or self.state["active"]

    def forth(self) -> None:
        """The data in the new place. The Engine is stopped, and what it has mounted is gone."""
        if self.abandoned:
            self._abandon()
            return
        if self.state["stage"] == "copying":
            _unmount(self.source)
            left = data.mounts_below(self.source)
            if left:
                raise HostError(
                    f"The data can't be moved, since {', '.join(left[:3])} is still mounted. Unmount it, or end what uses it"
                )
            found = {os.path.relpath(path, self.source): data.inventory(path) for path in data.roots(self.source)}
            self.state.update(inventory=found, rename=data.by_rename(self.source, self.target))
            if self.state["rename"]:
                _files.write(HOLD, packages.HOLD, 0o644)
            else:
                self._copy()
            self._note("placing")
        if self.state["stage"] == "placing":
            self._place()
            self._note("placed")

    def _copy(self) -> None:
        os.makedirs(self.partial, mode=0o700, exist_ok=True)
        needed, free = data.size(self.source)[0] - data.size(self.partial)[0], data.room(self.target)[0]
        if needed > free:
            raise HostError(
                f"The data needs {needed >> 20} MiB more, and at {self.target} there are {free >> 20} MiB free"
            )
        tree.copy(self.source, self.partial)
        os.sync()

    def _place(self) -> None:
        if self.state["rename"]:
            if os.path.isdir(self.source):
                os.makedirs(os.path.dirname(self.target), exist_ok=True)
                os.rename(self.source, self.target)
            data.settle_paths(self.target, self.source, self.target)
        elif os.path.isdir(self.partial):
            data.settle_paths(self.partial, self.source, self.target)
            tree.transfer(self.partial, self.target)
            about = os.stat(self.partial)
            os.chown(self.target, about.st_uid, about.st_gid)
            os.chmod(self.target, stat.S_IMODE(about.st_mode))
            os.rmdir(self.partial)

    def release(self) -> None:
        """The configuration says where the data is, so the Engine may start."""
        if _files.remove(HOLD):
            _commands.run("systemctl", "daemon-reload", check=False)

    def check(self, limit: float) -> None:
        """Warns of containers that do not run again though they did; HostError if the Engine lacks anything that was there."""
        about = _api.ask("/info", 30)
        if not about:
            raise HostError("The Engine runs but does not answer on its own socket")
        driver, root = about.get("Driver"), os.path.realpath(about.get("DockerRootDir", self.target))
        # Where the Engine remaps users, it shows what is theirs alone.
        place = os.path.relpath(root, self.target)
        if place.startswith("..") and not self.abandoned:
            raise HostError(
                f"The Engine runs on the data in {root}, and not in {self.target} as its configuration says: restart it"
            )
        if self.switched and self.state["stage"] == "removing":
            return  # it had all of it when that began
        seen = {
            "images": {f"{driver}/{image['Id'].split(':')[-1]}" for image in _api.ask("/images/json?all=1", 60) or []},
            "containers": {container["Id"] for container in _api.ask("/containers/json?all=1", 60) or []},
            "volumes": {volume["Name"] for volume in (_api.ask("/volumes", 60) or {}).get("Volumes") or []},
        }
        lost = [
            f"{kind[:-1]} {name.split('/')[-1][:20]}"
            for kind, names in self.state["inventory"].get(place, {}).items()
            for name in names
            if name not in seen[kind] and (kind != "images" or name.startswith(f"{driver}/"))
        ]
        if lost and not self.switched:
            raise HostError(f"With the moved data the Engine does not have {', '.join(lost[:5])}")
        if lost and not self.state["rename"]:
            # Who has removed a container since has made no mistake, and no later run would find it either.
            self.warnings.append(
                f"The Engine may have run in {self.target} since its move from {self.source} was interrupted, and does not have "
                f"{', '.join(lost[:5])}. So the data in {self.source} is kept: remove it when you do not need it"
            )
        idle = self.start_again(min(limit, 30))
        if idle:
            self.warnings.append(
                f"Containers that ran before the Engine's data was moved do not run now: {', '.join(idle)}"
            )

    def start_again(self, limit: float) -> list[str]:
        """Those that ran: the ones with a restart policy began with the Engine, the others do now. Who does not run then."""
        there = {container["Id"] for container in _api.ask("/containers/json?all=1", 30) or []}
        wanted = [container for container in self.state["running"] if container in there]
        # An Engine that ran has been left to its owner since, who may have stopped some.
        for container in [] if self.runs_there else wanted:
            _api.ask(f"/containers/{container}/start", limit=60, method="POST")

        def idle() -> list[str]:
            running = {container["Id"] for container in _api.ask("/containers/json", 30) or []}
            return [container[:12] for container in wanted if container not in running]

        _waiting.until(lambda: not idle(), limit)
        return idle()

    def finish(self) -> str | None:
        """Take the old data away; where it is if it stays. Nothing goes back any more, whatever comes of it."""
        kept = None
        if not self.abandoned and not self.state["rename"] and os.path.isdir(self.source):
            if self.keep or self.warnings or data.mounts_below(self.source):
                kept = self.source
            else:
                self._note("removing")
                left = _empty(self.source)
                if left:
                    kept = self.source
                    self.warnings.append(
                        f"The Engine's data was moved to {self.target}, but not all of what is in {self.source} could be removed: "
                        f"{', '.join(left[:3])}. No Engine needs it: remove it yourself"
                    )
        # What could not be removed this time is no reason for each later run to try, and to fail.
        _files.remove(data.JOURNAL)
        return kept

    def back(self) -> None:
        """The data where it was; what was copied stays for the next attempt. The Engine is stopped."""
        if self.state["stage"] == "removing":
            raise HostError(f"some of it is removed there, and all of it is in {self.target}")
        if self.state["stage"] in ("placing", "placed"):
            if self.state["rename"]:
                _unmount(self.target)
                if not os.path.isdir(self.source):
                    os.rename(self.target, self.source)
                data.settle_paths(self.source, self.target, self.source)
            elif os.path.isdir(self.target):
                os.makedirs(self.partial, mode=0o700, exist_ok=True)
                tree.transfer(self.target, self.partial, data.NOT_OURS)
            self._note("copying")
        self.release()

    def _abandon(self) -> None:
        """Nothing of it is wanted any more."""
        self.back()
        if os.path.isdir(self.partial):
            tree.clear(self.partial)
            with contextlib.suppress(OSError):
                os.rmdir(self.target)
        self.state.update(stage="new", inventory={})


def _unmount(root: str) -> None:
    """What an Engine that ended badly has left of its own."""
    if data.self_mounted(root):
        _commands.run("umount", root)


def _empty(folder: str) -> list[str]:
    """Remove what is in a folder, and the folder; what could not be removed, and why."""
    left = []
    for name in data.names(folder):
        path = os.path.join(folder, name)
        try:
            tree.clear(path)
        except OSError as error:
            left.append(f"{path} ({error.strerror})")
    try:
        os.rmdir(folder)
    except OSError as error:
        if not left and error.errno != errno.EBUSY:  # a mount point stays
            left.append(f"{folder} ({error.strerror})")
    return left
