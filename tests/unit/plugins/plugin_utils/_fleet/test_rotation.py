# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation goes on only when all have taken over what it asks, whoever runs it, and from wherever it was cut off."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._record import BEING_CREATED, Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, Store, _ca
from ansible_collections.dockyard.machine.plugins.module_utils._store._objects import ObjectStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet._rotation import Run
from tests.doubles.objects import Memory

HOSTS = ("web1", "web2")
New = t.Callable[[], Store]


@pytest.fixture(params=["file", "objects"])
def new(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> New:
    """The store, as each run opens it; with two machines, and one that has no SSH."""
    memory = Memory()
    runs = iter(range(100))

    def controller() -> Store:
        if request.param == "file":
            return FileStore(str(tmp_path / "store"))
        scratch = tmp_path / f"run-{next(runs)}"
        scratch.mkdir()
        return ObjectStore(memory, str(scratch))

    store = controller()
    store.create()
    store.make_ca()
    for number, name in enumerate((*HOSTS, "theirs")):
        add(store, name, ssh={"user": "root", "host_keys": []} if name in HOSTS else {}, id=f"{number:012x}")
        store.save_observed(name, {"state": "running"})
    return controller


def add(store: Store, name: str, **more: t.Any) -> None:
    with store.lock(name) as lock:
        store.save(Record(name=name, driver="dockyard.machine.generic", **{"status": "made", **more}), lock)


def run(new: New, begin: bool = True, **more: t.Any) -> dict[str, t.Any]:
    return Run(new(), **{"kind": "ca", "begin": begin, **more}).go_on()


def set_up(new: New, *names: str, **more: t.Any) -> None:
    """What the role and the note after it do: the host works with what is in use now."""
    store = new()
    for name in names:
        engine = {"authority": _ca.trust_id(store.ca_files()), **more}
        store.save_observed(name, {**store.observed(name), "engine": engine})


def refused(act: t.Callable[[], t.Any]) -> MachineError:
    with pytest.raises(MachineError) as caught:
        act()
    assert caught.value.remedy
    return caught.value


def test_it_goes_as_far_as_nothing_is_asked_of_hosts(new: New) -> None:
    first = run(new)
    assert (first["step"], first["hosts"], first["steps"]) == ("hosts", list(HOSTS), ["begin", "trust"])
    assert not first["done"] and first["changed"]
    set_up(new, *HOSTS)
    second = run(new, begin=False)
    assert (second["step"], second["hosts"], second["steps"]) == ("drop", list(HOSTS), ["hosts", "clients"])
    assert second["id"] == first["id"]
    set_up(new, *HOSTS)
    last = run(new, begin=False)
    assert (last["step"], last["hosts"], last["done"]) == (None, [], True)
    assert not run(new, begin=False)["changed"], "nothing is begun anew"


def test_a_rerun_goes_on_where_it_was(new: New) -> None:
    first = run(new)
    set_up(new, "web1")
    again = run(new)
    assert (again["id"], again["step"], again["hosts"]) == (first["id"], "hosts", ["web2"]) and not again["changed"]


@pytest.mark.parametrize("step", ["hosts", "drop"])
def test_no_step_is_left_before_all_hosts_have_it(new: New, step: str) -> None:
    run(new)
    if step == "drop":
        set_up(new, *HOSTS)
        run(new, begin=False)
    set_up(new, "web1")
    error = refused(lambda: run(new, begin=False))
    assert error.code == "not_everywhere" and "web2" in error.message and "web1" not in error.message
    assert step in error.message and error.left_behind and "give_up" in error.remedy
    found = _ca.rotation(new().ca_files())
    assert found and found.step.name == step
    done = run(new, begin=False, give_up=["web2"])
    assert done["steps"][0] == step and (done["given_up"] == ["web2"]) == (step == "hosts")


def test_who_was_given_up_for_one_step_is_asked_at_the_next(new: New) -> None:
    run(new)
    set_up(new, "web1")
    assert run(new, begin=False, give_up=["web2"])["hosts"] == ["web1"]
    assert run(new)["hosts"] == ["web1", "web2"], "it may be there again"
    assert refused(lambda: run(new, give_up=["gone"])).code == "bad_option"


def test_what_a_host_works_with_is_noted_by_whatever_play_set_it_up(new: New) -> None:
    """Also by create_hosts, in the middle, and one that has read the CA before the last step is not done with it."""
    late = new().ca_files()
    run(new)
    set_up(new, "web1")
    store = new()
    store.save_observed("web2", {"engine": {"authority": _ca.trust_id(late)}})
    assert run(new)["hosts"] == ["web2"]
    store.save_observed("web2", {"engine": {"authority": "none"}})
    assert run(new)["step"] == "drop", "without TLS there is nothing to take over"
    assert run(new)["hosts"] == ["web1"]


def test_a_machine_that_is_being_made_is_not_waited_for(new: New) -> None:
    store = new()
    add(store, "web3", id="f" * 12, ssh={"user": "root", "host_keys": []}, status=BEING_CREATED)
    assert run(new)["hosts"] == list(HOSTS)


def test_some_of_the_hosts_first(new: New) -> None:
    first = run(new, limit=["*1"])
    assert (first["hosts"], first["waiting"]) == (["web1"], ["web2"])
    set_up(new, "web1")
    second = run(new, begin=False, limit=["*1"])
    assert (second["step"], second["hosts"], second["waiting"]) == ("hosts", [], ["web2"]), "no failure"


def test_a_limit_that_means_nobody_is_refused_before_anything_is_done(new: New) -> None:
    before = new().ca_files()
    for look in (Run.go_on, Run.look):
        with pytest.raises(
            MachineError, match=r"machine_limit: 'wbe\*' matches neither a wanted machine nor one in the store"
        ):
            look(Run(new(), "ca", limit=["web1", "wbe*"]))
    assert new().ca_files() == before


def test_nodes_of_a_swarm_are_drained_and_its_managers_asked(new: New) -> None:
    """Also managers that are not worked on now; and of another swarm nobody."""
    assert run(new)["swarm"] == {"nodes": {}, "managers": {}}
    store = new()
    for number, (name, cluster, role) in enumerate(
        (
            ("web1", "one", "worker"),
            ("web2", "two", "manager"),
            ("core1", "one", "manager"),
            ("core2", "one", "manager"),
        )
    ):
        if name not in HOSTS:
            add(store, name, ssh={"user": "root", "host_keys": []}, id=f"{number:012d}")
        store.save_observed(name, {"state": "running", "engine": {"swarm": {"cluster": cluster, "role": role}}})
    found = run(new, limit=["web1"])["swarm"]
    assert found["managers"] == {"core1": "machine_swarm_one", "core2": "machine_swarm_one"}
    assert list(found["nodes"]) == ["web1"]
    told = found["nodes"]["web1"]
    assert (told["docker_swarm_role"], told["docker_swarm_managers_group"]) == ("worker", "machine_swarm_one")
    assert told["docker_engine_one_at_a_time"]
    for when in ("before", "after"):
        assert os.path.isfile(told[f"docker_engine_{when}_restart"])
    assert list(run(new, limit=["web2"])["swarm"]["managers"]) == ["web2"]


def test_both_are_trusted_until_the_old_one_is_to_be_dropped(new: New) -> None:
    run(new, drop=False)
    set_up(new, *HOSTS)
    kept = run(new, begin=False, drop=False)
    assert (kept["step"], kept["hosts"]) == ("clients", [])
    assert run(new, drop=False)["step"] == "clients"
    assert run(new)["step"] == "drop"


def test_certificates_alone(new: New) -> None:
    before = new().ca_files()
    first = run(new, kind="certificates")
    assert (first["step"], first["hosts"]) == ("certificates", list(HOSTS))
    set_up(new, "web1")
    set_up(new, "web2", renewed=first["id"])
    assert run(new, kind="certificates")["hosts"] == ["web1"], "it has the CA, but no new certificate"
    set_up(new, "web1", renewed=first["id"])
    assert run(new, kind="certificates", begin=False)["done"]
    after = new().ca_files()
    assert {name for name in after if after[name] != before[name]} == {"client-cert.pem"}
    assert run(new, kind="certificates")["hosts"] == list(HOSTS), "the next one asks all anew"


def test_one_kind_at_a_time(new: New) -> None:
    run(new)
    error = refused(lambda: run(new, kind="certificates"))
    assert error.code == "rotating" and "machine_rotate=ca" in error.remedy


def test_clients_have_what_the_step_asks(new: New) -> None:
    """In the folders of a file store, and where a run on a shared one has brought files before."""
    store = new()
    store.give_client_pair("web1")
    for begin in (True, False):
        Run(store, kind="ca", begin=begin).go_on()
        files = store.ca_files()
        for own, theirs in (
            ("ca.pem", "server-ca.pem"),
            ("cert.pem", "client-cert.pem"),
            ("key.pem", "client-key.pem"),
        ):
            assert pathlib.Path(store.folder("web1"), own).read_text() == files[theirs]
        assert pathlib.Path(store.ca, "client-ca.pem").read_text() == files["client-ca.pem"]
        set_up(new, *HOSTS)
    assert not os.path.exists(store.folder("theirs") + "/cert.pem")


def test_a_look_changes_nothing(new: New) -> None:
    before = new().ca_files()
    seen = Run(new(), kind="ca").look()
    assert (seen["changed"], seen["hosts"], new().ca_files()) == (True, list(HOSTS), before)
    run(new)
    set_up(new, "web1")
    assert Run(new(), kind="ca").look()["hosts"] == ["web2"]


def test_a_look_tells_of_the_hosts_that_come_after_a_step_of_the_clients(new: New) -> None:
    run(new, drop=False)
    set_up(new, *HOSTS)
    assert run(new, begin=False, drop=False)["step"] == "clients"
    assert Run(new(), kind="ca", drop=False).look()["hosts"] == []
    seen = Run(new(), kind="ca").look()
    assert (seen["step"], seen["hosts"]) == ("clients", list(HOSTS)), "they would drop the old CA"


def test_without_a_ca_there_is_nothing_to_rotate(tmp_path: pathlib.Path) -> None:
    store = FileStore(str(tmp_path / "store"))
    for _made in range(2):
        assert refused(lambda: Run(store, kind="ca").go_on()).code == "no_ca"
        store.create()
