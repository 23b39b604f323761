# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else could change a store: owners, modes and links, judged as sshd does; users and groups are pretended."""

from __future__ import annotations

import os
import pathlib
import stat
import types
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, _modes

ROOT, JO, EVE = 0, 1001, 1002
USERS = {ROOT: "root", JO: "jo", EVE: "eve"}


class System:
    """Owners of paths as a test wants them; all others belong to root."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.owners: dict[str, int] = {}
        self.groups: dict[str, int] = {}
        self.members: dict[int, list[str]] = {}
        self.me = JO
        monkeypatch.delenv("SUDO_UID", raising=False)
        monkeypatch.setattr(_modes, "_unmapped", set)
        monkeypatch.setattr(_modes, "_stat", lambda path: self.found(path, os.stat(path)))
        monkeypatch.setattr(_modes, "_lstat", lambda path: self.found(path, os.lstat(path)))
        monkeypatch.setattr(_modes.os, "geteuid", lambda: self.me)
        monkeypatch.setattr(_modes, "grp", types.SimpleNamespace(getgrgid=self.group))
        named = {name: types.SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=uid) for uid, name in USERS.items()}
        monkeypatch.setattr(
            _modes,
            "pwd",
            types.SimpleNamespace(
                getpwnam=named.__getitem__, getpwuid=lambda uid: named[USERS[uid]], getpwall=lambda: [*named.values()]
            ),
        )

    def found(self, path: str, real: os.stat_result) -> os.stat_result:
        owner, group = self.owners.get(str(path), ROOT), self.groups.get(str(path), 0)
        return os.stat_result((*real[:4], owner, group, *real[6:10]))

    def group(self, gid: int) -> t.Any:
        return types.SimpleNamespace(gr_name=USERS[gid], gr_mem=self.members.get(gid, []))


@pytest.fixture()
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


@pytest.fixture()
def home(tmp_path: pathlib.Path, system: System) -> pathlib.Path:
    """A home of jo's with a store, as a umask of 022 makes it."""
    home = tmp_path / "jo"
    store = FileStore(str(home / "store"))
    system.owners.update({str(home): JO, str(home / "store"): JO})
    store.create()
    record = Record("0123456789ab", "web1", "acme.cloud.thing")
    with store.lock("web1") as lock:
        store.save(record, lock)
    home.chmod(0o755)
    for path in (home / "store", *(home / "store").rglob("*")):
        system.owners[str(path)] = JO
    return home


def judged(home: pathlib.Path, store: str = "store") -> MachineError | None:
    try:
        str(FileStore(str(home / store)).id)
    except MachineError as error:
        return error
    return None


def test_the_usual_is_good(home: pathlib.Path, system: System) -> None:
    assert judged(home) is None
    system.me = ROOT  # by sudo: as sshd judges jo's keys
    assert judged(home) is None
    for path in list(system.owners):
        system.owners[path] = ROOT  # in a container everything is root's
    assert judged(home) is None


@pytest.mark.parametrize("me", [JO, ROOT])
@pytest.mark.parametrize(
    ("where", "mode", "said"),
    [
        ("", 0o777, "can be written to by everybody"),
        ("", 0o757, "can be written to by everybody"),
        ("store", 0o777, "can be written to by everybody"),
        ("store", 0o1777, "can be written to by everybody"),
        ("store/machines", 0o757, "can be written to by everybody"),
        ("store/store.json", 0o666, "can be written to by everybody"),
        ("store/private", 0o702, "can be written to by everybody"),
    ],
)
def test_where_others_may_write_it_is_refused(
    home: pathlib.Path, system: System, me: int, where: str, mode: int, said: str
) -> None:
    system.me = me
    path = home / where if where else home
    path.chmod(mode)
    error = judged(home)
    assert error and error.code == "loose_store" and f"{path} {said}" in error.message
    assert f"chmod go-w {path}" in error.remedy
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o1022)
    assert judged(home) is None, "the command helps"


@pytest.mark.parametrize("where", ["", "store", "store/machines", "store/store.json"])
def test_what_another_user_owns_is_refused(home: pathlib.Path, system: System, where: str) -> None:
    path = str(home / where if where else home)
    system.owners[path] = EVE
    error = judged(home)
    assert error and f"{path} belongs to eve" in error.message and f"chown jo {path}" in error.remedy
    system.owners[path] = ROOT
    assert judged(home) is None, "root may change everything anyway"


def test_a_store_that_another_user_has_planted_where_everybody_may_write(
    home: pathlib.Path, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.chmod(0o1777)
    system.owners[str(home)] = ROOT
    assert judged(home) is None, "as in /tmp: nobody can replace it"
    for path in list(system.owners):
        if "store" in path:
            system.owners[path] = EVE
    assert judged(home)
    system.me = ROOT
    error = judged(home)
    assert error and "belongs to eve, and is in a folder that everybody may write to" in error.message
    monkeypatch.setenv("SUDO_UID", str(EVE))
    assert judged(home) is None, "eve, who uses sudo"


def test_a_group_is_refused_unless_only_the_user_is_in_it(home: pathlib.Path, system: System) -> None:
    home.chmod(0o775)
    system.groups[str(home)] = JO
    assert judged(home) is None, "of a name and a number of the user's own, as many systems make them"
    system.members[JO] = ["eve"]
    error = judged(home)
    assert error and "can be written to by the group jo" in error.message
    system.members.clear()
    system.groups[str(home)] = EVE
    assert judged(home)


def test_links_are_followed(home: pathlib.Path, system: System, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "link").symlink_to(home / "store")
    (home / "relative").symlink_to("store/../store")
    assert judged(other, "link") is None and judged(home, "relative") is None
    other.chmod(0o777)
    error = judged(other, "link")
    assert error and f"{other} can be written to by everybody" in error.message
    other.chmod(0o755)
    home.chmod(0o777)
    assert judged(other, "link"), "where it leads to counts as well"
    home.chmod(0o755)
    (home / "loop").symlink_to("loop")
    assert judged(home, "loop")


def test_one_machine_s_loose_folder_costs_that_machine_only(home: pathlib.Path, system: System) -> None:
    store = FileStore(str(home / "store"))
    (home / "store" / "machines" / "web1").chmod(0o777)
    damage: dict[str, MachineError] = {}
    assert store.names() == ["web1"] and store.records(damage) == {}
    assert damage["web1"].code == "unreadable_record" and "chmod go-w" in damage["web1"].remedy


def test_nothing_is_put_into_a_folder_of_another_user(tmp_path: pathlib.Path, system: System) -> None:
    planted = tmp_path / "planted"
    (planted / "ca").mkdir(parents=True)
    planted.chmod(0o777)
    for act in (FileStore(str(planted)).create, FileStore(str(planted)).ca_files):
        with pytest.raises(MachineError, match="can't be trusted"):
            act()
    assert os.listdir(planted) == ["ca"]


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_what_we_make_is_good_whatever_the_umask(tmp_path: pathlib.Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        store = FileStore(str(tmp_path / "a" / "b" / "store"))
        store.create()
        with store.lock("web1") as lock:
            store.save(Record("0123456789ab", "web1", "acme.cloud.thing"), lock)
        assert FileStore(store.path).names() == ["web1"] and FileStore(store.path).id
    finally:
        os.umask(former)
    for path in (tmp_path / "a").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_it_can_be_switched_off(home: pathlib.Path, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    home.chmod(0o777)
    monkeypatch.setenv("DOCKYARD_STORE_STRICT_MODES", "no")
    assert judged(home) is None
