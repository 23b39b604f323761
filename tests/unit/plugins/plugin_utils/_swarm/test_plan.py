# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a swarm, on paper: joins, roles, labels, quorum, and what is refused."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._swarm._make_plan import (
    Local,
    SwarmView,
    Wish,
    make_plan,
)


def node(host, role="worker", state="ready", reachable=True, availability="active", name="", **labels):
    """A node as the API tells it; its id is n-HOST."""
    said = {
        "ID": f"n-{name or host}",
        "Spec": {"Role": role, "Availability": availability, "Labels": {"dockyard.host": host, **labels}},
        "Description": {"Hostname": f"vm-{host}"},
        "Status": {"State": state, "Addr": "192.0.2.1"},
    }
    if role == "manager":
        said["ManagerStatus"] = {"Reachability": "reachable" if reachable else "unreachable"}
    return said


def answer(*nodes, of="m1", spec=None):
    facts = {"ID": "swarm", "Spec": spec or {}, "JoinTokens": {"Worker": "SWMTKN-w", "Manager": "SWMTKN-m"}}
    return {"item": of, "docker_swarm_manager": True, "can_talk_to_docker": True, "swarm_facts": facts, "nodes": nodes}


def local(state="inactive", manager=False, error="", id="", managers=(), running=True):
    node = {"id": id, "manager": manager, "managers": list(managers), "error": error}
    return Local.of({"running": running, "swarm": state, "swarm_node": node})


def wishes(**roles):
    """host="manager", host="worker", host="absent" or "kept"; or a whole Wish"""
    made = {}
    for host, said in roles.items():
        wish = said if isinstance(said, Wish) else Wish(said) if said in ("absent", "kept") else Wish(role=said)
        wish.identity = wish.identity or host
        made[host] = wish
    return made


def plan(hosts, *answers, looks=None, settings=None, rotate=(), may_end=False, **seen):
    return make_plan(wishes(**hosts), SwarmView(list(answers), looks or {}, **seen), settings, rotate, may_end)


def refusal(*args, **more):
    with pytest.raises(MachineError) as failure:
        plan(*args, **more)
    assert failure.value.details()["remedy"], "no way on is told"
    return failure.value


TWO = {"m1": "manager", "w1": "worker"}


def test_a_swarm_that_is_as_wanted_needs_one_answer_and_nothing_else():
    made = plan(TWO, answer(node("m1", "manager"), node("w1")))
    assert (made.changes, made.unsure, made.manager, made.warnings) == ([], [], "m1", [])
    assert made.before == made.after


def test_without_an_answer_all_hosts_are_looked_at_first():
    assert plan(TWO).unsure == ["m1", "w1"]
    made = plan(TWO, looks={"m1": local(), "w1": local()})
    assert (made.init, made.join) == ("m1", {"w1": "worker"})


def test_only_the_first_manager_begins_whichever_answers_first():
    looks = {host: local() for host in ("w1", "m1", "m2", "m3")}
    made = plan({"w1": "worker", "m1": "manager", "m2": "manager", "m3": "manager"}, looks=looks)
    assert made.init == "m1"
    assert made.join == {"w1": "worker", "m2": "manager", "m3": "manager"}


def test_no_second_swarm_as_long_as_a_manager_was_not_looked_at():
    error = refusal({"m2": "manager"}, looks={"m2": local()}, missing=["m1"])
    assert error.code == "missing_manager" and "m1" in error.text()


def test_managers_that_can_not_be_looked_at_are_named_where_workers_are_left():
    error = refusal({"w1": "worker"}, looks={"w1": local()}, missing=["m1"])
    assert error.code == "missing_manager" and "m1" in error.text()


def test_an_interrupted_start_is_taken_up():
    """The swarm has begun, and its first node has no label yet."""
    bare = node("m1", "manager")
    bare["Spec"]["Labels"] = {}
    assert plan(TWO, answer(bare)).unsure == ["m1", "w1"]
    made = plan(TWO, answer(bare), looks={"m1": local("active", True, id="n-m1"), "w1": local()})
    assert (made.init, made.join) == ("", {"w1": "worker"})
    assert made.nodes == [{"hostname": "n-m1", "labels": {"dockyard.host": "m1"}, "labels_to_remove": []}]


def test_a_node_that_left_by_itself_joins_again_and_its_former_node_goes():
    before = answer(node("m1", "manager"), node("w1", state="down"))
    assert plan(TWO, before).unsure == ["w1"]
    assert plan(TWO, before, looks={"w1": local()}).join == {"w1": "worker"}
    new = node("w1", name="w1-new")
    after = answer(node("m1", "manager"), node("w1", state="down"), new)
    made = plan(TWO, after, looks={"w1": local("active", id="n-w1-new")})
    assert (made.leaving.remove, made.join, made.nodes) == (["n-w1"], {}, [])


@pytest.mark.parametrize("wish", ["worker", "absent"])
def test_a_copy_of_a_node_is_neither_changed_nor_removed_in_its_place(wish):
    """It would be demoted, or taken out of the swarm, with all that runs there."""
    seen = answer(node("m1", "manager"), node("m2", "manager"), node("m3", "manager"))
    hosts = {"m1": "manager", "m2": "manager", "w1": wish}
    error = refusal(hosts, seen, looks={"w1": local("active", id="n-m2")})
    assert error.code == "copy" and "w1 reports that it is the node n-m2, which is m2" in error.text()
    renamed = plan({"m1": "manager", "w1": wish}, seen, looks={"w1": local("active", id="n-m2")})
    assert renamed.changes, "nobody else is of that name any more"


def test_promotions_come_before_demotions():
    made = plan({"m1": "worker", "w1": "manager"}, answer(node("m1", "manager"), node("w1")))
    assert [(step["hostname"], step["role"]) for step in made.nodes] == [("n-w1", "manager"), ("n-m1", "worker")]


def test_a_manager_that_is_to_be_one_no_longer_hands_over_first():
    made = plan({"m1": "worker", "w1": "manager"}, answer(node("m1", "manager"), node("w1")))
    assert (made.manager, made.successor) == ("m1", {"host": "w1", "id": "n-w1"})
    # By the word of that one, it takes the orders
    both = [node("m1", "manager"), node("w1", "manager")]
    made = plan({"m1": "worker", "w1": "manager"}, answer(*both, of="w1"))
    assert (made.manager, made.successor, [step["hostname"] for step in made.nodes]) == ("w1", {}, ["n-m1"])
    # Where another manager stays, it takes them
    made = plan({"m1": "worker", "m2": "manager", "w1": "manager"}, answer(*both, node("m2", "manager")))
    assert (made.manager, made.successor) == ("m2", {})


def test_labels_that_are_ours_go_and_those_of_others_stay():
    there = node("w1", **{"dockyard.labels": "tier,zone", "tier": "front", "zone": "a", "theirs": "x"})
    made = plan(
        {"m1": "manager", "w1": Wish(role="worker", labels={"tier": "back"})}, answer(node("m1", "manager"), there)
    )
    assert made.nodes == [
        {"hostname": "n-w1", "labels": {"tier": "back", "dockyard.labels": "tier"}, "labels_to_remove": ["zone"]}
    ]
    assert made.after["w1"] == "worker active theirs=x tier=back"
    # docker_node's way to remove one takes none that has no value
    there = node("w1", **{"dockyard.labels": "ssd", "ssd": "", "theirs": ""})
    made = plan(TWO, answer(node("m1", "manager"), there))
    assert made.nodes == [
        {"hostname": "n-w1", "labels": {"dockyard.host": "w1", "theirs": ""}, "labels_state": "replace"}
    ]


def test_availability_is_left_alone_unless_said_or_drained_by_us():
    drained = node("w1", availability="drain")
    assert plan(TWO, answer(node("m1", "manager"), drained)).nodes == []
    ours = node("w1", availability="drain", **{"dockyard.drained": "pause"})
    step = plan(TWO, answer(node("m1", "manager"), ours)).nodes[0]
    assert (step["availability"], step["labels_to_remove"]) == ("pause", ["dockyard.drained"])
    made = plan(
        {"m1": "manager", "w1": Wish(role="worker", availability="active")}, answer(node("m1", "manager"), drained)
    )
    assert made.nodes[0]["availability"] == "active"


def test_settings_are_compared_and_written_whole():
    spec = {
        "Name": "default",
        "Labels": {"a": "b"},
        "EncryptionConfig": {"AutoLockManagers": True},
        "Raft": {"ElectionTick": 10},
    }
    whole = answer(node("m1", "manager"), node("w1"), spec=spec)
    assert plan(TWO, whole, settings={"election_tick": "10", "autolock_managers": True}).settings == {}
    made = plan(TWO, whole, settings={"election_tick": 20})
    assert made.settings["election_tick"] == 20
    assert made.settings["autolock_managers"] is True and made.settings["labels"] == {"a": "b"}, "would be reset"
    rotated = plan(TWO, whole, rotate=["worker"]).settings
    assert rotated["rotate_worker_token"] and rotated["autolock_managers"] is True
    spec["CAConfig"] = {"ExternalCAs": [{"URL": "https://ca.example"}]}
    assert "external CAs" in refusal(TWO, whole, settings={"election_tick": 20}).text()


@pytest.mark.parametrize(
    ("given", "meant", "spec"),
    [
        ({"autolock_managers": "false"}, {"autolock_managers": False}, {}),
        ({"autolock_managers": "yes"}, {"autolock_managers": True}, {"EncryptionConfig": {"AutoLockManagers": True}}),
        ({"labels": {"rev": 3}}, {"labels": {"rev": "3"}}, {"Labels": {"rev": "3"}}),
        ({"labels": "rev=3"}, {"labels": {"rev": "3"}}, {"Labels": {"rev": "3"}}),
        ({"labels": '{"rev": 3}'}, {"labels": {"rev": "3"}}, {"Labels": {"rev": "3"}}),
        ({"election_tick": "10", "name": None}, {"election_tick": 10}, {"Raft": {"ElectionTick": 10}}),
    ],
)
def test_settings_mean_the_same_as_texts(given, meant, spec):
    """Else they would be changed in each run, and a key be handed on that there is not."""
    made = plan(TWO, answer(node("m1", "manager"), node("w1"), spec=spec), settings=given)
    assert (made.changes, made.settings) == ([], {})
    assert plan(TWO, looks={"m1": local(), "w1": local()}, settings=given).settings == meant, "with which it begins"
    rotated = plan(TWO, answer(node("m1", "manager"), node("w1")), settings=given, rotate=["worker"], keeper=True)
    assert meant.items() <= rotated.settings.items()
    assert bool(rotated.hand_on) is meant.get("autolock_managers", False)


def test_the_key_is_handed_on_until_that_is_noted():
    locks, noted = {"EncryptionConfig": {"AutoLockManagers": True}}, {"dockyard.key": "handed-on"}
    owed = answer(node("m1", "manager"), node("w1"), spec=locks)
    assert plan(TWO, owed).changes == [], "there is nobody to hand it on to"
    made = plan(TWO, owed, keeper=True)
    assert (made.hand_on, made.changes) == ("n-m1", ["hand on the key that unlocks managers"])
    done = answer(node("m1", "manager"), node("w1", **noted), spec=locks)
    assert plan(TWO, done, keeper=True).changes == []
    # With the lock the key goes, and so does the note: the next key is another one
    made = plan(TWO, done, settings={"autolock_managers": False}, keeper=True)
    assert made.hand_on == "" and made.nodes[0]["labels_to_remove"] == ["dockyard.key"]
    by_hand = answer(node("m1", "manager"), node("w1", **noted))
    made = plan(TWO, by_hand, settings={"autolock_managers": True}, keeper=True)
    assert made.hand_on == "n-m1" and made.nodes[0]["labels_to_remove"] == ["dockyard.key"]


# -- leaving


def test_a_worker_leaves_by_being_drained_first():
    made = plan({"m1": "kept", "w1": "absent"}, answer(node("m1", "manager"), node("w1")))
    assert made.leaving.drain == [{"host": "w1", "id": "n-w1", "was": "active"}]
    assert (made.leaving.demote, made.leaving.leave, made.leaving.remove) == ([], ["w1"], ["n-w1"])
    assert made.manager == "m1" and made.nodes == []
    # Its tasks did not end, say, and the next run drains it again: what it was before that is kept, should it stay.
    drained = node("w1", availability="drain", **{"dockyard.drained": "active"})
    made = plan({"m1": "kept", "w1": "absent"}, answer(node("m1", "manager"), drained))
    assert made.leaving.drain == [{"host": "w1", "id": "n-w1", "was": "active"}]


def test_a_node_that_is_down_is_removed_without_a_word_from_it():
    made = plan({"m1": "kept", "w1": "absent"}, answer(node("m1", "manager"), node("w1", state="down")))
    assert (made.leaving.drain, made.leaving.leave, made.leaving.remove) == ([], [], ["n-w1"])


THREE = [node(host, "manager") for host in ("m1", "m2", "m3")]


def test_managers_leave_as_long_as_a_majority_stays_at_each_step():
    made = plan({"m1": "kept", "m2": "absent", "m3": "absent"}, answer(*THREE))
    assert made.leaving.demote == ["n-m2", "n-m3"]
    lost = [node("m1", "manager"), node("m2", "manager"), node("m3", "manager", state="down", reachable=False)]
    # First the one that is lost: then two of two are there, and one may go
    made = plan({"m1": "kept", "m2": "absent", "m3": "absent"}, answer(*lost))
    assert made.leaving.demote == ["n-m3", "n-m2"]
    error = refusal({"m1": "kept", "m2": "absent"}, answer(*lost))
    assert error.code == "quorum" and "1 of 2 managers" in error.text()
    error = refusal({"m1": "manager", "m2": "worker"}, answer(*lost))
    assert error.code == "quorum"


def test_managers_are_demoted_in_the_order_that_was_found_safe():
    """With one that is lost and leaves, and another one that stays: as long as it counts, there is no quorum without that."""
    lost = node("m3", "manager", state="down", reachable=False)
    made = plan({"m1": "manager", "m2": "worker", "m3": "absent"}, answer(*THREE[:2], lost))
    assert [(step["hostname"], step["role"]) for step in made.nodes] == [("n-m3", "worker"), ("n-m2", "worker")]
    assert (made.leaving.demote, made.leaving.remove) == ([], ["n-m3"])
    # Those that run are drained before they are demoted
    made = plan({"m1": "manager", "m2": "worker", "m3": "absent"}, answer(*THREE))
    assert ([step["hostname"] for step in made.nodes], made.leaving.demote) == (["n-m2"], ["n-m3"])


def test_the_last_manager_stays_as_long_as_others_are_there():
    both = answer(node("m1", "manager"), node("w1"))
    assert refusal({"m1": "worker", "w1": "worker"}, both).code == "last_manager"
    assert refusal({"m1": "absent", "w1": "kept"}, both).code in ("last_manager", "no_manager")
    # Its successor joins in the same run
    made = plan({"m1": "worker", "m2": "manager"}, both, looks={"m2": local()})
    assert made.join == {"m2": "manager"} and made.nodes[0]["role"] == "worker"


def test_the_only_manager_leaves_once_another_host_is_one():
    """As when a fleet's role with the manager goes, and another one is to have it."""
    hosts = {"old": "absent", "w1": "manager"}
    made = plan(hosts, answer(node("old", "manager"), node("w1"), of="old"))
    assert (made.manager, made.successor) == ("old", {"host": "w1", "id": "n-w1"})
    both = [node("old", "manager"), node("w1", "manager")]
    made = plan(hosts, answer(*both, of="w1"))
    assert (made.manager, made.successor) == ("w1", {})
    assert (made.leaving.demote, made.leaving.leave) == (["n-old"], ["old"])
    # One that joins is told of by the one that goes, and takes the orders
    made = plan(hosts, answer(node("old", "manager"), of="old"), looks={"w1": local()})
    assert made.join == {"w1": "manager"} and not made.leaving.dissolve
    made = plan(hosts, answer(*both, of="old"), looks={"w1": local("active", True, id="n-w1")})
    assert (made.manager, made.leaving.demote, made.leaving.leave) == ("w1", ["n-old"], ["old"])


def test_nobody_is_let_into_a_swarm_that_is_left_without_a_manager():
    """It would be a node of one that can't be told anything."""
    old = answer(node("old", "manager"), of="old")
    for may_end in (True, False):
        error = refusal({"old": "absent", "w1": "worker"}, old, looks={"w1": local()}, may_end=may_end)
        assert error.code == "no_manager" and "only old" in error.text()
    # A manager that stays, and could not be asked, takes no orders
    both = answer(node("old", "manager"), node("m1", "manager"), of="old")
    assert refusal({"old": "absent", "m1": "kept"}, both).code == "no_manager"


def test_a_swarm_ends_with_its_last_nodes():
    looks = {"m1": local("active", True, id="n-m1"), "w1": local("active", id="n-w1")}
    made = plan({"m1": "absent", "w1": "absent"}, answer(node("m1", "manager"), node("w1")))
    assert made.leaving.dissolve and made.leaving.leave == ["m1", "w1"] and not made.leaving.drain
    made = plan({"m1": "absent", "w1": "absent"}, looks=looks, may_end=True)
    assert made.leaving.dissolve and made.leaving.leave == ["m1", "w1"] and not made.leaving.drain
    # Its managers may be elsewhere, and it was not drained
    assert refusal({"w1": "absent"}, looks={"w1": looks["w1"]}).code == "no_manager"


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (local("active", True, "rpc error: The swarm does not have a leader", "n-m1"), "quorum"),
        (local("locked"), "locked"),
        (local("pending"), "pending"),
        (local("error", error="certificate has expired"), "node_error"),
    ],
)
def test_a_swarm_that_does_not_work_ends_only_if_it_may(look, code):
    hosts, looks = {"m1": "absent", "w1": "absent"}, {"m1": look, "w1": local("active", id="n-w1")}
    assert refusal(hosts, looks=looks).code == code
    made = plan(hosts, looks=looks, may_end=True)
    assert (made.leaving.leave, made.leaving.dissolve, made.unlock) == (["m1", "w1"], True, [])
    # Others, and those of a swarm that works, are looked at as ever
    assert refusal({"m1": "manager", "w1": "absent"}, looks=looks, may_end=True).code == code
    if look.state != "active":
        assert refusal({"m2": "kept", "m1": "absent"}, answer(*THREE), looks={"m1": look}, may_end=True).code == code


@pytest.mark.parametrize("may_end", [True, False])
def test_a_swarm_does_not_end_because_those_that_stay_are_down(may_end):
    """It would leave undrained, and what stays would be without it for good."""
    rebooting = node("m3", "manager", state="down", reachable=False)
    hosts = {"m1": "absent", "m2": "absent"}
    seen = [node("m1", "manager"), node("m2", "manager"), rebooting]
    assert refusal({**hosts, "m3": "kept"}, answer(*seen), may_end=may_end).code == "no_manager"
    looks = {"m3": local("active", True, id="n-m3")}
    assert refusal({**hosts, "m3": "manager"}, answer(*seen), looks=looks, may_end=may_end).code == "no_manager"
    seen = answer(node("m1", "manager"), node("w1", state="down"))
    assert refusal({"m1": "absent", "w1": "kept"}, seen, may_end=may_end).code == "no_manager"


def test_nodes_that_are_down_and_nobodys_end_with_the_swarm_only_if_that_may_end():
    seen = answer(node("m1", "manager"), node("old", state="down"))
    error = refusal({"m1": "absent"}, seen)
    assert error.code == "no_manager" and "docker_swarm_may_end" in error.text()
    assert plan({"m1": "absent"}, seen, may_end=True).leaving.dissolve
    # Those that run are not left behind without a manager
    seen = answer(node("m1", "manager"), node("other"))
    assert refusal({"m1": "absent"}, seen, may_end=True).code == "no_manager"
    gone = answer(node("m1", "manager"), node("w1", state="down"))
    assert plan({"m1": "absent", "w1": "absent"}, gone).leaving.dissolve


# -- what is refused


@pytest.mark.parametrize(
    ("hosts", "more", "part"),
    [
        ({"m1": Wish()}, {}, "docker_swarm_role"),
        ({"m1": Wish("gone", "manager")}, {}, "docker_swarm_state"),
        ({"m1": Wish(role="manager", availability="on")}, {}, "docker_swarm_availability"),
        ({"m1": Wish(role="manager", labels={"dockyard.host": "x"})}, {}, "dockyard.host"),
        ({"m1": "manager"}, {"settings": {"autolock": True}}, "docker_swarm_settings.autolock"),
        (
            {"m1": "manager"},
            {"settings": {"autolock_managers": "maybe"}},
            "autolock_managers: 'maybe' is not true or false",
        ),
        ({"m1": "manager"}, {"settings": {"election_tick": "often"}}, "election_tick: 'often' is not a whole number"),
        ({"m1": "manager"}, {"settings": {"labels": ["rev"]}}, "labels: ['rev'] is not a dictionary"),
        ({"m1": "manager"}, {"rotate": ["leader"]}, "docker_swarm_rotate_tokens"),
        ({"w1": "worker"}, {"looks": {"w1": local()}}, "which a swarm requires"),
    ],
)
def test_bad_input_is_named(hosts, more, part):
    assert part in refusal(hosts, **more).text()


FOREIGN = local("active", id="n-x", managers=["198.51.100.7:2377"])


@pytest.mark.parametrize(
    ("looks", "code", "part"),
    [
        ({"w1": FOREIGN}, "foreign", "198.51.100.7:2377"),
        ({"w1": local("error", error="certificate has expired")}, "node_error", "certificate has expired"),
        ({"w1": local("pending", managers=["198.51.100.7:2377"])}, "pending", "2377"),
        ({"w1": local("locked")}, "locked", "docker_swarm_unlock_key"),
        ({"w1": local(running=False)}, "no_engine", "w1"),
    ],
)
def test_a_host_that_nothing_may_be_decided_for(looks, code, part):
    error = refusal(TWO, answer(node("m1", "manager")), looks=looks)
    assert error.code == code and part in error.text() and "w1" in error.text()


def test_an_engine_that_does_not_answer_says_nothing_of_a_swarm():
    assert local("unknown", running=False) == local(running=False)


def test_another_swarm_is_never_left_nor_taken_for_ours():
    looks = {"m1": local(), "w1": FOREIGN}
    assert refusal(TWO, looks=looks).code == "foreign"
    other = local("active", True, id="n-else", managers=["198.51.100.7:2377"])
    error = refusal({"m1": "manager", "m2": "manager"}, answer(node("m1", "manager")), looks={"m2": other})
    assert error.code == "foreign" and "m2" in error.text()


def test_the_swarm_of_a_host_that_is_to_be_a_worker_is_joined_only_if_the_role_has_made_it():
    """None of the managers is in one. Else all of them would go over to it, and take it over."""
    looks = {"m1": local(), "w1": local("active", True, id="n-w1")}
    bare = node("w1", "manager")
    bare["Spec"]["Labels"] = {}
    error = refusal(TWO, answer(bare, of="w1"), looks=looks)
    assert error.code == "foreign" and "w1 is the manager of a swarm" in error.text()
    made = plan(TWO, answer(node("w1", "manager"), of="w1"), looks=looks)
    assert made.join == {"m1": "manager"} and made.nodes[0]["role"] == "worker", "its successor"
    assert plan({"m1": "manager", "w1": "manager"}, answer(bare, of="w1"), looks=looks).join == {"m1": "manager"}


def test_a_lost_quorum_is_named_with_the_way_on():
    lost = local(
        "active", True, "rpc error: The swarm does not have a leader", "n-m1", ["192.0.2.1:2377", "192.0.2.2:2377"]
    )
    error = refusal(TWO, looks={"m1": lost, "w1": local("active", id="n-w1")})
    assert error.code == "quorum" and "192.0.2.2:2377" in error.text() and "--force-new-cluster" in error.text()


def test_a_locked_manager_is_unlocked_with_the_key():
    made = plan(TWO, looks={"m1": local("locked"), "w1": local("active", id="n-w1")}, key=True)
    assert (made.unlock, made.init, made.join) == (["m1"], "", {})


def test_a_host_that_was_looked_at_and_is_nothing_to_this_swarm_is_left_alone():
    made = plan(TWO, answer(node("m1", "manager"), node("w1")), looks={"other": local("locked")})
    assert made == plan(TWO, answer(node("m1", "manager"), node("w1")))


def test_a_host_that_is_to_be_out_and_can_not_be_reached_keeps_nobody_waiting():
    hosts = {"m1": "manager", "w1": "worker", "old": "absent"}
    made = plan(hosts, answer(node("m1", "manager")), looks={"w1": local()}, silent=["old"])
    assert (made.unsure, made.join, made.warnings) == ([], {"w1": "worker"}, [])
    unlabelled = node("x")
    del unlabelled["Spec"]["Labels"]["dockyard.host"]
    made = plan(hosts, answer(node("m1", "manager"), unlabelled), looks={"w1": local()}, silent=["old"])
    assert made.join and "old can't be reached" in made.warnings[0]
    # The others end their swarm without it
    looks = {"w1": local("active", id="n-w1")}
    made = plan({"m1": "absent", "w1": "absent"}, looks=looks, silent=["m1"], may_end=True)
    assert made.leaving.leave == ["w1"]


def test_managers_that_are_locked_may_be_those_that_the_quorum_lacks():
    alone = local("active", True, "rpc error: The swarm does not have a leader", "n-m1", ["192.0.2.1:2377"])
    hosts = {"m1": "manager", "m2": "manager", "m3": "manager"}
    looks = {"m1": alone, "m2": local("locked"), "m3": local("locked")}
    assert refusal(hosts, looks=looks).code == "locked"
    assert plan(hosts, looks=looks, key=True).unlock == ["m2", "m3"]
    # Once they are back, what m1 said before is of no interest.
    looks = {"m1": alone, **{host: local("active", True, id=f"n-{host}") for host in ("m2", "m3")}}
    assert plan(hosts, answer(*THREE), looks=looks).changes == []
    assert refusal(hosts, looks=looks).code == "quorum"


def test_a_manager_that_can_not_be_asked_is_no_reason_to_begin_anew():
    asked = {"item": "m1", "msg": "Failed to import the required Python library (docker)"}
    looks = {"m1": local("active", True, id="n-m1"), "w1": local()}
    error = refusal(TWO, asked, looks=looks)
    assert error.code == "no_answer" and "required Python library" in error.text()
    assert plan(TWO, asked, looks=looks, check_mode=True).init == ""


@pytest.mark.parametrize(
    ("look", "part"),
    [
        (local(running=False), "m1: its Engine does not answer"),
        (local("locked"), "m1: its Engine says locked"),
        (local("pending", error="it still tries"), "m1: its Engine says pending, it still tries"),
        (local("active", True, "The swarm does not have a leader"), "m1: The swarm does not have a leader"),
        (local("active", True), "m1: Failed to import docker"),
        (local(), "m1: its Engine says inactive"),
        (None, "m1: it can't be reached"),
    ],
)
def test_no_second_swarm_beside_a_kept_manager_that_does_not_tell_of_its_own(look, part):
    looks, seen = ({"m1": look}, {}) if look else ({}, {"silent": ["m1"]})
    asked = {"item": "m1", "msg": "Failed to import docker"}
    for role in ("manager", "worker"):
        error = refusal({"m1": "kept", "new": role}, asked, looks={**looks, "new": local()}, **seen)
        assert error.code == "no_answer" and part in error.text()
    # Where nobody is to come in, nothing is begun
    assert plan({"m1": "kept", "m2": "absent"}, looks={**looks, "m2": local()}, **seen).changes == []


def test_nobody_joins_where_only_a_worker_knows_of_the_swarm():
    looks = {"m1": local("active", True), "w1": local("active", id="n-w1"), "w2": local()}
    assert refusal({"m1": "kept", "w1": "worker", "w2": "worker"}, looks=looks).code == "no_answer"


def test_a_manager_that_is_unlocked_may_tell_what_a_kept_one_does_not():
    looks = {"m1": local(running=False), "m2": local("locked"), "w1": local()}
    made = plan({"m1": "kept", "m2": "manager", "w1": "worker"}, looks=looks, key=True)
    assert (made.unlock, made.init) == (["m2"], "")


def test_what_is_worth_a_warning():
    made = plan({"m1": "manager", "m2": "manager"}, answer(node("m1", "manager"), node("m2", "manager")))
    assert "2 managers survive" in made.warnings[0]
    made = plan(TWO, answer(node("m1", "manager"), node("w1"), node("old", state="down")))
    assert "old" in made.warnings[0] and "docker node rm" in made.warnings[0]
    lost = node("m2", "manager", state="down", reachable=False)
    made = plan(TWO, answer(node("m1", "manager"), node("m3", "manager"), node("w1"), lost))
    assert any("2 of 3 are there" in warning for warning in made.warnings)


def test_no_token_is_in_a_plan():
    made = plan(TWO, answer(node("m1", "manager")), looks={"w1": local()})
    assert made.join and "SWMTKN" not in repr(made)
