# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CAs of a store for hosts that are given no others; tests/system/test_role_alone.py has a real host."""

from __future__ import annotations

import collections.abc
import multiprocessing
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store, _ca
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._store_ca import StoreCA, server_ca_of
from tests.beds import pki
from tests.doubles.objects import Memory
from tests.model.clock import Clock

New = collections.abc.Callable[[], Store]
PAIR = ["ca.pem", "cert.pem", "key.pem"]


@pytest.fixture(params=["file", "memory"])
def new(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> New:
    """Opens the store, as each host's process of a run does."""
    if request.param == "file":
        return lambda: FileStore(str(tmp_path / "store"))
    clock = Clock()
    memory = Memory(clock)
    return lambda: ObjectStore(memory, str(tmp_path / "run"), clock, background=False)


def texts(folder: str | None) -> dict[str, str]:
    return {path.name: path.read_text() for path in pathlib.Path(folder or "/nowhere").glob("*.pem")}


def test_a_check_plans_with_a_ca_and_makes_nothing(new: New) -> None:
    ca = StoreCA(new())
    planned = ca.options()
    assert ca.is_missing and ca.would_change() and ca.client_folder is None
    assert planned == ca.options() and _tls.belongs(planned["server_ca_key"], planned["server_ca_cert"])
    assert not new().exists


def test_what_is_missing_is_made_once(new: New) -> None:
    first = StoreCA(new())
    first.create()
    assert first.changed and not first.warnings and texts(first.client_folder).keys() == {*PAIR}
    second = StoreCA(new())
    assert not second.would_change()
    second.create()
    assert not second.changed and second.options() == first.options()
    pair = texts(second.client_folder)
    assert pki.issued_by(pair["cert.pem"], second.options()["client_ca_cert"]) and _tls.belongs(
        pair["key.pem"], pair["cert.pem"]
    )
    assert pair["ca.pem"] == second.options()["server_ca_cert"]
    for path in pathlib.Path(second.client_folder or "").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _create(path: str) -> None:
    StoreCA(FileStore(path)).create()


def test_hosts_of_one_run_make_one_ca(tmp_path: pathlib.Path) -> None:
    store = str(tmp_path / "store")
    processes = [multiprocessing.Process(target=_create, args=(store,)) for _host in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    assert [path.name for path in (tmp_path / "store").glob("ca*")] == ["ca"]
    assert not StoreCA(FileStore(store)).would_change()


def test_a_shared_store_is_asked_once_a_run(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    memory = Memory(clock)
    StoreCA(ObjectStore(memory, str(tmp_path / "run"), clock, background=False)).create()

    class Unreachable(Memory):
        def get(self, key: str) -> t.NoReturn:
            raise AssertionError(f"{key} is fetched again")

    memory.__class__ = Unreachable
    again = StoreCA(ObjectStore(memory, str(tmp_path / "run"), clock, background=False))
    again.create()
    assert not again.changed and again.client_folder


def test_a_check_in_another_run_is_as_quiet_as_the_run(tmp_path: pathlib.Path) -> None:
    """The folders of a shared store's run are empty at its start."""
    clock = Clock()
    memory = Memory(clock)
    StoreCA(ObjectStore(memory, str(tmp_path / "run"), clock, background=False)).create()
    another = StoreCA(ObjectStore(memory, str(tmp_path / "another"), clock, background=False))
    assert not another.would_change()
    another.create()
    assert not another.changed


def test_a_ca_that_is_not_complete_is_named(tmp_path: pathlib.Path) -> None:
    store = FileStore(str(tmp_path / "store"))
    StoreCA(store).create()
    (tmp_path / "store" / "ca" / "server-ca.pem").unlink()
    with pytest.raises(MachineError, match=r"server-ca\.pem is missing") as caught:
        StoreCA(FileStore(store.path))
    assert caught.value.code == "damaged_store" and store.path in caught.value.message


def test_the_message_can_be_pasted_into_a_shell(tmp_path: pathlib.Path) -> None:
    store = FileStore(str(tmp_path / "a store"))
    ca = StoreCA(store)
    where, line = ca.message("tcp://192.0.2.7:2376", check_mode=True)
    assert where == f"The client's certificate would be in {store.path}/client: ca.pem, cert.pem and key.pem."
    ca.create()
    said, same = ca.message("tcp://192.0.2.7:2376", check_mode=False)
    assert said.startswith(f"The client's certificate is in {store.path}/client: ") and same == line
    assert line == f"export DOCKER_HOST=tcp://192.0.2.7:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH='{store.path}/client'"


def test_what_goes_with_the_run_is_not_where_a_user_is_sent(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    ca = StoreCA(ObjectStore(Memory(clock), str(tmp_path / "run"), clock, background=False))
    ca.create()
    where, line = ca.message("tcp://192.0.2.7:2376", check_mode=False)
    assert "dockyard.machine.client_certificate" in where and f"machine_store={ca.store.where}" in where
    assert "DOCKER_CERT_PATH=FOLDER" in line and str(tmp_path) not in where + line
    assert texts(ca.client_folder).keys() == {*PAIR}, "for the other tasks of the run"


def given_to(store: Store) -> None:
    """A store that works with CAs whose keys it does not have."""
    files = _ca.made({})
    assert files
    store.create()
    store.put_ca({name: text for name, text in files.items() if not name.endswith("ca-key.pem")})


def test_a_store_without_the_key_signs_nothing_and_serves_the_rest(new: New) -> None:
    given_to(new())
    ca = StoreCA(new())
    ca.create()
    assert not ca.is_missing and not ca.options()["server_ca_key"] and texts(ca.client_folder).keys() == {*PAIR}


def test_whoever_can_only_read_the_store_is_warned(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Store) -> t.NoReturn:
        raise MachineError("Permission denied", code="store")

    store = FileStore(str(tmp_path / "store"))
    store.create()
    store.make_ca()
    monkeypatch.setattr(FileStore, "give_client", refuse)
    ca = StoreCA(store)
    ca.create()
    assert not ca.changed and ca.warnings == [
        "The client's certificate could not be renewed or copied: Permission denied."
    ]
    assert ca.client_folder is None and "client_certificate" in ca.message("tcp://a:2376", False)[0]
    monkeypatch.setattr(FileStore, "create", refuse)
    missing = StoreCA(FileStore(str(tmp_path / "none")))
    with pytest.raises(MachineError, match="Permission denied"):
        missing.create()


def test_a_client_s_certificate_is_renewed_in_time(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    first = StoreCA(new())
    first.create()
    old = texts(first.client_folder)
    monkeypatch.setattr(_tls, "needs_renewal", lambda text, *_more: "soon" if text == old["cert.pem"] else None)
    second = StoreCA(new())
    assert second.would_change()
    second.create()
    renewed = texts(second.client_folder)
    assert second.changed and renewed["cert.pem"] != old["cert.pem"] and renewed["key.pem"] == old["key.pem"]
    assert not StoreCA(new()).would_change()


def test_a_rotation_brings_the_client_s_folder_along(new: New) -> None:
    store = new()
    ca = StoreCA(store)
    ca.create()
    before = texts(store.client)
    store.change_ca(lambda files: _ca._new())
    store.give_client_pairs([])
    after = texts(store.client)
    assert before.keys() == after.keys() and before["cert.pem"] != after["cert.pem"]


def test_a_ca_of_another_store_is_known_by_its_certificates(new: New) -> None:
    ca = StoreCA(new())
    other = _tls.new_ca("clients")[1]
    assert not ca.is_of(other)
    ca.create()
    mine = ca.options()["client_ca_cert"]
    assert ca.is_of(mine) and ca.is_of(other + mine) and not ca.is_of(other) and not ca.is_of("garbage")


def test_the_server_ca_of_a_store_as_options(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "store")
    with pytest.raises(MachineError, match="has no CA"):
        server_ca_of(path, None)
    store = FileStore(path)
    StoreCA(store).create()
    files = store.ca_files()
    own = {"server_ca_cert": files["server-ca.pem"], "server_ca_key": files["server-ca-key.pem"]}
    assert server_ca_of(path, None) == own
    given_to(store)
    assert server_ca_of(path, "a key")["server_ca_key"] == "a key"
