# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The port never answers without a certificate, wherever a change of access is cut off.

A model of systemd says after each step (a change of a name in a folder, a command) what the port would answer: as it is,
after a restart of the Engine alone, with the units read again and without, and after a boot from whatever the disk has.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _api,
    _arguments,
    _commands,
    _files,
    _paths,
    _systemd,
    _unit_files,
    _waiting,
)
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _openrc as openrc
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _packages as packages
from ansible_collections.dockyard.machine.plugins.module_utils._engine._errors import HostError
from ansible_collections.dockyard.machine.plugins.modules import engine_apply
from tests.faults.filesystem import Survives
from tests.unit.plugins.plugin_utils._engine.test_plan import COMMAND, done, plan

PARAMS = {"start_timeout": 10, "certificate": None, "port": None, "secrets": "{}"}
# What docker_engine_access and others are set to
WISHES: dict[str, dict[str, t.Any]] = {
    "local": {"access": "local"},
    "ssh": {"access": "ssh"},
    "tls": {"access": "tls"},
    "other port": {"access": "tls", "port": 2377},
    "one address": {"access": "tls", "listen": ["192.0.2.7"]},
    "environment": {"access": "tls", "environment": ["A"]},
    "local, environment": {"access": "local", "environment": ["A"]},
}
TROUBLE = ("", "start", "enable", "stop", "answer")  # the command that fails, if any; or the Engine does not answer


class Units(t.NamedTuple):
    """What systemd knows of the units."""

    tls: bool
    ports: frozenset[str]


class Machine:
    """A host's disk and its systemd, which are asked after each step what the port would answer."""

    def __init__(self, folder: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.fails = ""
        self.steps = 0
        self.active = True
        self.environment: list[str] = []
        unit = folder / "lib" / "docker.service"
        unit.parent.mkdir()
        unit.write_text(f"[Service]\nExecStart={COMMAND}\n")
        (folder / "etc").mkdir()
        self.paths = {name: f"{folder}/etc/{name}.d/zz-dockyard.conf" for name in _systemd.UNITS}
        patch.setattr(_paths, "SERVICE_DROP_IN", self.paths["docker.service"])
        patch.setattr(_paths, "SOCKET_DROP_IN", self.paths["docker.socket"])
        for name in ("STATE_PATH", "CONFIG_PATH", "ENVIRONMENT_PATH", "CA_PATH", "KEY_PATH", "CERTIFICATE_PATH"):
            patch.setattr(_paths, name, f"{folder}/etc/{name}")
        patch.setattr(packages, "HOLDS", ())
        patch.setattr(_commands, "run", self.run)
        patch.setattr(_api, "ask", self.ask)
        patch.setattr(_waiting, "until", lambda question, *more: question())
        patch.setattr(_systemd, "show", lambda *units: {"docker.service": {
            "Id": "docker.service", "FragmentPath": str(unit), "ActiveState": "active" if self.active else "inactive",
            "SubState": "running", _systemd.STARTED: "5",
        }})  # fmt: skip
        self.disk: Survives | None = None
        self.watch(patch)
        self.loaded = self.socket = self.engine = Units(False, frozenset())

    def begin(self, service: str | None, socket: str | None) -> None:
        for name, text in (("docker.service", service), ("docker.socket", socket)):
            if text is not None:
                _files.write(self.paths[name], text, 0o644)
        self.loaded = self.socket = self.engine = self.files()
        self.disk = Survives(self.folder)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Each change of a name is a step, and the model of the disk hears of it."""
        rename, unlink, mkdir, fsync, opened = os.rename, os.unlink, os.mkdir, os.fsync, os.open

        def after(done: t.Callable[..., t.Any], told: str) -> t.Callable[..., t.Any]:
            def step(*paths: t.Any, **more: t.Any) -> t.Any:
                result = done(*paths, **more)
                if self.disk and str(paths[-1]).startswith(str(self.folder)):
                    getattr(self.disk, told)(*map(str, paths[: 2 if told == "moved" else 1]))
                    self.check(f"{told} {' '.join(map(str, paths))}")
                return result

            return step

        def synced(descriptor: int) -> None:
            fsync(descriptor)
            if self.disk:
                self.disk.synced(os.readlink(f"/proc/self/fd/{descriptor}"))

        def made(path: t.Any, flags: int, *more: t.Any, **names: t.Any) -> int:
            descriptor = opened(path, flags, *more, **names)
            if self.disk and flags & os.O_CREAT:
                self.disk.made(path)
            return descriptor

        patch.setattr(os, "rename", after(rename, "moved"))
        patch.setattr(os, "unlink", after(unlink, "removed"))
        patch.setattr(os, "mkdir", after(mkdir, "made"))
        patch.setattr(os, "fsync", synced)
        patch.setattr(os, "open", made)

    def files(self, state: t.Mapping[str, bytes | None] | None = None) -> Units:
        """What systemd would read now, or at a boot from that disk."""
        texts = []
        for name in _systemd.UNITS:
            if state is None:
                texts.append(_files.read(self.paths[name]) or "")
            else:
                texts.append((state.get(os.path.relpath(self.paths[name], self.folder)) or b"").decode())
        socket, service = texts
        return Units("--tlsverify" in service, frozenset(re.findall(r"ListenStream=\S*?(\d+)$", socket, re.M)))

    def run(self, *command: str, **more: t.Any) -> tuple[int, str, str]:
        verb = command[1] if command[0] == "systemctl" else ""
        if verb == self.fails:
            raise HostError(f"{verb} failed")
        if verb == "daemon-reload":
            self.loaded = self.files()
        elif verb == "stop":
            self.active, self.socket = False, Units(False, frozenset())
        elif verb in ("start", "restart"):
            # A restart of the service alone leaves the socket as it is, if there is one.
            if not self.active:
                self.socket = self.loaded
            self.active, self.engine = True, self.loaded
        self.check(" ".join(command))
        return 0, "", ""

    def ask(self, question: str, *more: t.Any) -> t.Any:
        return (
            {"Version": "27", "ApiVersion": "1.41", "LiveRestoreEnabled": True}
            if self.active and self.fails != "answer"
            else None
        )

    def check(self, step: str) -> None:
        """Nobody is served without a certificate, whatever happens next."""
        self.steps += 1
        held = self.socket.ports
        for tls, why in (
            (self.engine.tls or not self.active, "as it is"),
            (self.loaded.tls, "once the Engine is restarted"),
            (self.files().tls, "once the units are read again and the Engine is restarted"),
        ):
            assert tls or not held, f"{why}, after: {step}"
        assert self.disk
        for state in self.disk.states():
            boot = self.files(state)
            assert boot.tls or not boot.ports, f"once the host boots, after: {step}"

    def look(self) -> dict[str, t.Any]:
        """As engine_info sees it."""
        info = done(containers=1)
        info["units"]["docker.service"]["own_drop_in"] = _files.read(self.paths["docker.service"])
        info["units"]["docker.socket"]["own_drop_in"] = _files.read(self.paths["docker.socket"])
        for one in info["units"].values():
            one["active"] = "active" if self.active else "inactive"
        return info

    def bring_to(self, wish: str) -> None:
        it = plan(self.look(), **WISHES[wish])
        it.apply.update(enable=["docker.service"], remove_tls=False, ca=None)
        it.apply.pop("users", None)
        it.apply.pop("own_files", None)
        it.apply.pop("firewall", None)
        engine_apply.PlanRunner(it.apply, PARAMS).run()


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(engine_apply._config_file, "validate", lambda text: None)
    monkeypatch.setattr(engine_apply.service, "check_refusal", lambda *given: None)
    return Machine(tmp_path, monkeypatch)


def drop_ins(wish: str) -> tuple[str | None, str | None]:
    given = WISHES[wish]
    tls = given["access"] == "tls"
    port = given.get("port", 2376) if tls else None
    return (
        _unit_files.service_drop_in(COMMAND, tls, bool(given.get("environment"))),
        _unit_files.socket_drop_in(port, given.get("listen", [])),
    )


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(WISHES, 2)))
def test_wherever_a_change_of_access_is_cut_off_the_port_asks_for_a_certificate(machine, before, after, trouble):
    """What fails is put back, and that is cut off as well."""
    machine.begin(*drop_ins(before))
    machine.fails = trouble
    try:
        machine.bring_to(after)
    except HostError:
        assert trouble
        machine.fails = ""
        machine.bring_to(after)
    assert machine.steps
    service, socket = drop_ins(after)
    assert _files.read(_paths.SERVICE_DROP_IN) == service
    assert _unit_files.listening(_files.read(_paths.SOCKET_DROP_IN)) == _unit_files.listening(socket)
    assert machine.active and machine.socket == machine.engine == machine.files()


@pytest.mark.parametrize("after", WISHES)
def test_a_port_that_an_earlier_release_has_left_open_is_closed(machine, after):
    """Its TLS is gone, since that release removed it first and was cut off."""
    machine.begin(None, _unit_files.socket_drop_in(2376))
    machine.check = lambda step: None
    machine.bring_to(after)
    assert machine.engine.tls or not machine.engine.ports
    assert machine.engine == machine.files() and machine.socket.ports == machine.engine.ports


def test_containers_outlive_the_engine_that_is_stopped_to_close_its_port(machine, monkeypatch):
    """It has to know live-restore before that."""
    machine.begin(*drop_ins("tls"))
    told = []
    monkeypatch.setattr(engine_apply.service, "reload_engine", lambda *given: told.append(machine.active))
    it = plan(machine.look(), access="local")
    it.apply.update(live_restore_first=True, remove_tls=False, own_files=False, firewall=None)
    engine_apply.PlanRunner(it.apply, PARAMS).run()
    assert told == [True]


@pytest.mark.parametrize("port", [2376, None])
def test_where_the_engine_listens_by_itself_one_file_has_both(port):
    """With OpenRC, and without root: it is replaced by one rename."""
    unit = isolation.rootless_unit("user", "/usr/bin/x", _arguments.TLS_ARGUMENTS if port else (), port, [], None)
    for text in (openrc.block(port, environment=True) or "", unit):
        assert ("tcp://" in text) == ("--tlsverify" in text) == bool(port)
