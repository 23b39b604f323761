# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs, changes, removes and holds the Engine's packages. Runs on the host, on Python 3.8.

On a host whose Engine does not run, nothing that is installed may start it: that comes when all is in place.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from . import _archive as archive
from . import _archive_layout as static
from . import _commands, _files
from . import _known_problems as trouble
from . import _repository as repository
from . import _service_manager as manager
from . import _versions as versions
from ._errors import HostError
from ._file_changes import Files
from ._package_managers import (
    FAMILIES,
    command,
    variables,
)
from ._service_manager import HOLDS

HOLD = "[Unit]\nConditionPathExists=/run/dockyard-engine-may-start\n"


class Installation:
    """One step of a plan: what is done about packages, and the way back."""

    def __init__(
        self, step: dict[str, t.Any], limit: float, running: bool, stop: t.Callable[[], None] | None = None
    ) -> None:
        self.step = step
        self.family = FAMILIES[step["family"]]
        self.limit = limit
        self.running = running
        self.stop = stop  # the Engine and its containers, before anything is taken away
        self.before: dict[str, str] = {}
        self.lists = bool(step["update"])  # to be read
        self.said = ""  # what went wrong by that
        self.again = False  # whether an installation has failed, and is tried again
        self.names: list[str] = []
        self.held = set(step["held"])
        self.enabled: list[str] = []  # units of packages that had to go
        self.files = Files()  # the repository's
        self.units: Files | None = None  # those of an archive, which had to go

    def run(self) -> None:
        step = self.step
        # What is held may come with the Engine, too.
        self.before = self.installed([*step["follow"], *step["names"], *step["remove"], *step["held"]])
        self._let_go()
        trouble.persistently(self._prepare, self.limit)
        if not self.running or step["remove"] or step["archive"]:
            hold()
        if self.names and (step["remove"] or step["archive"]):
            # From here on the host has no Engine, so what can fail has to have been done before.
            trouble.persistently(self._fetch, self.limit)
        if self.stop:
            self.stop()
        if step["archive"]:
            self.units = archive.take_away(self.limit)
        if step["remove"]:
            self.enabled = static.enabled() if manager.here().holds else []
            self._tell(self.family.remove, *step["remove"])
            self.held.difference_update(step["remove"])
        if self.names:
            trouble.persistently(self._install, self.limit)
        self._release([name for name in step["release"] if name in self.held])
        self._hold(step["hold"])

    def installed(self, names: t.Sequence[str]) -> dict[str, str]:
        if not names:
            return {}
        text = _commands.run(*self.family.query, *names, check=False)[1]
        return {name: version for name, version in self.family.installed(text).versions.items() if name in names}

    def go_back(self) -> str:
        """The former versions again; what came of it as a sentence, or nothing if there were none."""
        with contextlib.suppress(HostError):
            self._let_go()
        try:
            return self._go_back()
        finally:
            with contextlib.suppress(HostError):
                self._hold([name for name in self.step["held"] if name in self.before and name not in self.held])

    def _go_back(self) -> str:
        now = self.installed(list(self.before))
        former = [self._pinned(name, version) for name, version in self.before.items() if now.get(name) != version]
        if not former and self.units is None:
            return ""
        self.files.undo()
        if self.files.changed:
            self._refresh()
        try:
            if self.step["remove"] or self.units is not None:
                gone = list(self.installed([*self.step["follow"], *self.step["names"], *self.step["brought"]]))
                if gone:
                    self._tell(self.family.remove, *gone)
            if self.units is not None:
                archive.give_back(self.units, self.step["archive"], self.limit)
                return "The former programs are back. "
            back = self._bring_back(former, [name for name in self.before if name not in now])
            if self.enabled:
                # Packages of RPM disable their units when they go.
                _commands.run("systemctl", "enable", "--quiet", *self.enabled, limit=self.limit, check=False)
            # To install a package ends its hold, and then the next upgrade would bring what has just failed.
            self._hold([name for name in self.step["hold"] if name in self.before])
        except HostError as error:
            return f"The former packages ({', '.join(former)}) could not be installed again: {error}. "
        return f"The former packages are back ({', '.join(back)}). "

    def _bring_back(self, former: list[str], gone: list[str]) -> list[str]:
        """Install the former versions, or, of packages that had to go, any: mirrors mostly have no old ones."""
        try:
            self._tell(self._changing(self.family.downgrade), *former)
        except HostError:
            if not gone:
                raise
            self._refresh()
            self._tell(self._changing(self.family.downgrade), *gone)
            return gone
        return former

    def finish(self) -> None:
        """Once the Engine runs."""
        if self.step["archive"]:
            archive.clean(None)

    # -- steps

    def _prepare(self) -> None:
        """Package lists as far as they are needed, the repository, and what is to be installed; all of it or nothing."""
        files, source = Files(), self.step.get("repository")
        self.files = files
        first = source and repository.needs_authorities(source)
        if self.lists or first:
            self.said = self._refresh()
        try:
            if first:
                self._tell(self.family.install, "ca-certificates")
            if source:
                repository.set_up(source, self.family, files, self.limit)
            self.names = self._names()
        except (HostError, OSError) as error:
            files.undo()
            raise HostError(f"{self.said}\n{error}".strip()) from None

    def _names(self) -> list[str]:
        """What the package manager is told to install: names, and those that have the Engine's version with it."""
        step, chain = self.step, self.step["follow"]
        chosen = bool(chain and step["version"])
        known = self._available([*(chain if chosen else ()), *step["optional"]])
        optional = [name for name in step["optional"] if known.get(name)]
        if not chosen:
            return [*chain, *step["names"], *optional]
        engine = known.get(chain[0], [])
        version = next((version for version in engine if versions.asked_for(version, step["version"])), None)
        if version is None:
            raise HostError(
                f"docker_engine_version is {step['version']!r}, but the available versions of {chain[0]} are "
                f"{', '.join(engine[:8]) or 'no version'}. Nothing was installed"
            )
        have = self.before.get(chain[0])
        if have and versions.asked_for(have, step["version"]) and versions.order(have) >= versions.order(version):
            # A mirror may be behind what is there.
            return [*step["names"], *optional]
        follow = {name: versions.alike(known.get(name, []), version) for name in [*chain, *optional]}
        return [*(self._pinned(name, alike) for name, alike in follow.items()), *step["names"]]

    def _pinned(self, name: str, version: str) -> str:
        return self.family.pin.format(name=name, version=version) if self.family.pin else name

    def _available(self, names: t.Sequence[str]) -> dict[str, list[str]]:
        if not names:
            return {}
        words, said = command(self.family.listing, self.limit), variables(self.family, self.limit)
        return self.family.available(
            _commands.run(*words, *names, limit=self.limit + 600, environment=said, check=False)[1]
        )

    def _changing(self, older: t.Sequence[str]) -> tuple[str, ...]:
        """How packages are installed that may be there, and held."""
        held_too = self.family.held_too if self.step.get("held_too") else ()
        return (*self.family.install, *self.family.upgrade, *older, *held_too)

    def _let_go(self) -> None:
        """Release all of ours for a change, where the package manager has no option to change what is held.

        A newer Engine may need a newer containerd.
        """
        step = self.step
        if not self.family.held_too and (step["follow"] or step["names"] or step["remove"]):
            self._release(sorted(self.held))

    def _hold(self, names: t.Sequence[str]) -> None:
        if names:
            self._tell(self.family.hold, *names)
            self.held.update(names)

    def _release(self, names: t.Sequence[str]) -> None:
        if names:
            self._tell(self.family.release, *names)
            self.held.difference_update(names)

    def _fetch(self) -> None:
        """Download what is to be installed, as if what is to go had gone."""
        gone = [self.family.gone.format(name=name) for name in self.step["remove"]] if self.family.gone else []
        self._tell(self.family.install, *self.family.fetch, *self.names, *gone)

    def _install(self) -> None:
        """Packages without what they only recommend. Nothing is removed for them."""
        # Without a version, zypper would take a mirror that is behind for what is wanted.
        older = self.family.downgrade if self.step["version"] else ()
        words = self._changing(older) if self.step["version"] or self.before else self.family.install
        mends = dict(self.family.mends)
        if self.again:
            # By now the mirror may have what it lacked, and other lists.
            self.said = self._refresh()
        self.again = True
        while True:
            try:
                self._tell(words, *self.names)
                return
            except HostError as error:
                sign = next((sign for sign in mends if sign in str(error)), None)
                if sign:
                    self._tell(mends.pop(sign))
                elif self.lists:
                    raise HostError(f"{self.said}\n{error}".strip()) from None
                else:
                    # The lists that were there may name versions that the mirror no longer has.
                    self.lists = True
                    self.said = self._refresh()

    def _refresh(self) -> str:
        """Read the package lists. What failed is returned, for some of the lists may do."""
        try:
            self._tell(self.family.refresh)
        except HostError as error:
            return str(error)
        return ""

    def _tell(self, words: t.Sequence[str], *more: str) -> None:
        told, said = (*command(words, self.limit), *more), variables(self.family, self.limit)
        status, out, err = _commands.run(*told, limit=self.limit + 1800, environment=said, check=False)
        if status:
            verb = next((word for word in words[::-1] if word.isalpha()), words[1])
            raise HostError(f"{words[0]} {verb} ended with {status}: {_commands.tail(err or out)}")


def hold() -> None:
    """Let the units not start, once systemd has read it."""
    for path in HOLDS if manager.here().holds else ():
        _files.write(path, HOLD, 0o644)


def lift_hold() -> bool:
    """Let the units start again; True if they were held."""
    lifted = False
    for path in HOLDS:
        lifted = _files.remove(path) or lifted
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))
    return lifted
