# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine listens, who is let in there, and what firewalls are told."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _firewall_rules as look
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _unit_files
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _access, _firewall
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import PlanError, Wanted
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan

CONTROLLER = "192.0.2.1"


def host(cgroup=2, controller=CONTROLLER, drop_in=None, addresses=(), **firewalls):
    return {
        "host": {"cgroup": cgroup, "controller": controller, "addresses": list(addresses)},
        "units": {"docker.socket": {"own_drop_in": drop_in}},
        "firewalls": {"systemd": {"active": cgroup == 2}, **firewalls},
    }


def plan(info, changes=(), **wanted):
    it = Plan(changes=list(changes))
    wanted = Wanted(**wanted)
    _access.check_access(wanted)
    _access.plan_access(it, wanted, info)
    return it


def allowed(it):
    return _unit_files.assigned([it.apply["socket"]], "Socket", "IPAddressAllow")


# -- who


def test_by_default_the_controller_alone_is_let_in():
    it = plan(host())
    assert allowed(it) == [f"localhost {CONTROLLER}"]
    assert it.access == {"allow": [CONTROLLER], "enforced_by": ["systemd"]} and it.warnings == []


def test_controllers_don_t_take_each_other_s_place():
    first = plan(host()).apply["socket"]
    second = plan(host(controller="192.0.2.2", drop_in=first))
    assert allowed(second) == ["localhost 192.0.2.1 192.0.2.2"]
    assert second.action is None and second.changes, "another controller needs neither a new socket nor a restart"
    drop_in = second.apply["socket"]
    for controller in ("192.0.2.1", "192.0.2.2"):
        assert plan(host(controller=controller, drop_in=drop_in)).changes == []
    for number in range(3, 20):
        drop_in = plan(host(controller=f"192.0.2.{number}", drop_in=drop_in)).apply["socket"]
    assert _unit_files.controllers_of(drop_in) == [f"192.0.2.{number}" for number in range(19, 11, -1)]
    assert allowed(plan(host(drop_in=drop_in), allow=["10.0.0.0/8"])) == ["localhost 10.0.0.0/8"]


@pytest.mark.parametrize(
    ("seen", "let_in"),
    [
        ("::ffff:192.0.2.9", "localhost 192.0.2.9"),
        ("fe80::1%eth0", "localhost fe80::1"),
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
    ],
)
def test_the_controller_s_address_as_the_host_sees_it(seen, let_in):
    assert allowed(plan(host(controller=seen))) == [let_in]


def test_sources_are_put_together():
    it = plan(host(), allow=["10.1.2.3/8", "10.0.0.7", "2001:db8::5/32", "controller"])
    assert allowed(it) == [f"localhost 10.0.0.0/8 {CONTROLLER} 2001:db8::/32"]
    assert allowed(plan(host(), allow=[])) == ["localhost"]


def test_all_is_everyone():
    it = plan(host(), allow=["all", "10.0.0.1"])
    assert allowed(it) == [] and "IPAddressDeny" not in it.apply["socket"]
    assert it.access == {"allow": ["all"], "enforced_by": []}


def test_a_controller_that_can_t_be_told():
    it = plan(host(controller=None))
    assert allowed(it) == [] and "isn't known" in it.warnings[0]
    with pytest.raises(PlanError, match="name the address itself"):
        plan(host(controller=None), allow=["controller", "10.0.0.1"])
    assert plan(host(controller=None), allow=["10.0.0.1"]).warnings == []


def test_where_nothing_can_enforce_it_the_default_goes_on_and_a_list_is_an_error():
    it = plan(host(cgroup=1))
    assert allowed(it) == [] and it.access["enforced_by"] == [] and "cgroup v1" in it.warnings[0]
    assert plan(host(cgroup=1, drop_in=it.apply["socket"])).warnings == [], "said once, not with each run"
    with pytest.raises(PlanError, match=r"docker_engine_allow is 10\.0\.0\.1, .*cgroup v1"):
        plan(host(cgroup=1), allow=["10.0.0.1"])
    idle = {"active": False, "ipv6": True, "rules": []}
    with pytest.raises(PlanError, match="empty"):
        plan(host(cgroup=1, ufw=idle), allow=[])
    assert plan(host(cgroup=1, ufw=idle | {"active": True}), allow=["10.0.0.1"]).access["enforced_by"] == ["ufw"]


def test_a_kernel_on_which_systemd_can_t_filter_is_no_promise():
    info = host(systemd={"active": False})
    it = plan(info)
    assert allowed(it) == [] and it.access["enforced_by"] == [] and "needs BPF" in it.warnings[0]
    with pytest.raises(PlanError, match="systemd's filter needs BPF, and was tried.*netfilter-persistent"):
        plan(info, allow=["10.0.0.1"])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"allow": ["10.0.0.0/33"]}, "10.0.0.0/33"),
        ({"allow": ["everyone"]}, "'controller' or 'all'"),
        ({"listen": ["eth0"]}, "'eth0'"),
        ({"listen": ["10.0.0.0/8"]}, "10.0.0.0/8"),
        ({"listen": ["fe80::1%eth0"]}, "without port, zone"),
        ({"listen": ["224.0.0.1"]}, "224.0.0.1"),
    ],
)
def test_bad_input_is_named(wanted, said):
    with pytest.raises(PlanError, match=said):
        plan(host(), **wanted)


# -- where


def test_given_addresses_are_listened_on_and_may_ask_themselves():
    it = plan(host(), listen=["10.0.0.5", "2001:db8::5"])
    assert _unit_files.assigned([it.apply["socket"]], "Socket", "ListenStream") == [
        "10.0.0.5:2376",
        "[2001:db8::5]:2376",
    ]
    assert allowed(it) == [f"localhost 10.0.0.5 {CONTROLLER} 2001:db8::5"]
    assert it.action == "cycle" and it.apply["listen"] == ["10.0.0.5", "2001:db8::5"]
    assert allowed(plan(host(), listen=["0.0.0.0", "::"])) == [f"localhost {CONTROLLER}"]


def test_the_host_itself_may_ask_by_each_of_its_addresses():
    """It comes from the address that it asks, which firewalls let in by the loopback. Another one needs no new socket."""
    own = ["203.0.113.7", "2001:db8::7"]
    first = plan(host(addresses=own))
    assert allowed(first) == [f"localhost {CONTROLLER} 203.0.113.7 2001:db8::7"]
    assert first.access["allow"] == [CONTROLLER]
    other = plan(host(addresses=["203.0.113.8"], drop_in=first.apply["socket"]))
    assert allowed(other) == [f"localhost {CONTROLLER} 203.0.113.8"] and other.action is None and other.changes
    assert allowed(plan(host(addresses=own), listen=["10.0.0.5"])) == [f"localhost 10.0.0.5 {CONTROLLER}"]
    for listen in (["10.0.0.5", "::"], ["10.0.0.5", "0.0.0.0"]):
        assert {*own, "10.0.0.5"} < set(allowed(plan(host(addresses=own), listen=listen))[0].split())


# -- firewalls

UFW = {"active": True, "ipv6": True, "rules": []}
FIREWALLD = {"active": True, "policies": True, "policy": None}
NFTABLES = {"active": True, "program": "/usr/sbin/nft", "table": None, "drop_in": None, "chains": {}}
OPEN = _firewall.Opening(2376, ["192.0.2.1", "192.0.2.2", "2001:db8::/64"])


def steps(name, opening, seen):
    return _firewall.FIREWALLS[name](opening, seen)


def said(it):
    return [" ".join(command) for command in it.commands]


def test_ufw_gets_its_rules_after_those_of_others():
    others = [
        ["allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", ""],
        ["allow tcp 2376 0.0.0.0/0 any 192.0.2.2 in", "a team's"],
    ]
    first = steps("ufw", OPEN, UFW | {"rules": others})
    assert said(first) == [
        "ufw allow proto tcp from 192.0.2.1 to any port 2376 comment dockyard.machine",
        "ufw allow proto tcp from 2001:db8::/64 to any port 2376 comment dockyard.machine",
        "ufw deny proto tcp from 0.0.0.0/0 to any port 2376 comment dockyard.machine",
        "ufw deny proto tcp from ::/0 to any port 2376 comment dockyard.machine",
    ], "what another has put there just so is theirs"
    ours = [[rule, look.MARK] for rule in first.after.splitlines()]
    assert said(steps("ufw", OPEN, UFW | {"rules": others + ours})) == []
    fewer = steps("ufw", OPEN._replace(sources=["192.0.2.1"]), UFW | {"rules": others + ours})
    assert said(fewer)[:4] == [
        "ufw delete allow proto tcp from 192.0.2.1 to any port 2376",
        "ufw delete allow proto tcp from 2001:db8::/64 to any port 2376",
        "ufw delete deny proto tcp from 0.0.0.0/0 to any port 2376",
        "ufw delete deny proto tcp from ::/0 to any port 2376",
    ]
    assert said(steps("ufw", None, UFW | {"rules": others + ours})) == said(fewer)[:4], "closed: ours go, no others"
    everyone = said(steps("ufw", _firewall.Opening(2376, None), UFW))
    assert everyone == [
        "ufw allow proto tcp from 0.0.0.0/0 to any port 2376 comment dockyard.machine",
        "ufw allow proto tcp from ::/0 to any port 2376 comment dockyard.machine",
    ]
    assert not any("2001" in line for line in said(steps("ufw", OPEN, UFW | {"ipv6": False})))


@pytest.mark.parametrize(
    ("theirs", "sources", "contradicts"),
    [
        ("allow", ["192.0.2.1"], True),
        ("limit", None, True),
        ("allow", None, False),
        ("deny", ["192.0.2.1"], True),
        ("deny", [], False),
        ("allow", ["0.0.0.0/0"], False),
    ],
)
def test_a_rule_of_others_is_never_turned_into_one_of_ours(theirs, sources, contradicts):
    """ufw would, where only the action is another; and what comes first decides."""
    seen = UFW | {"rules": [[f"{theirs} tcp 2376 0.0.0.0/0 any 0.0.0.0/0 in", ""]]}
    opening = _firewall.Opening(2376, sources)
    if contradicts:
        with pytest.raises(PlanError, match=f"ufw delete {theirs} proto tcp from 0.0.0.0/0 to any port 2376"):
            steps("ufw", opening, seen)
    else:
        assert not any(" 0.0.0.0/0 " in line for line in said(steps("ufw", opening, seen)))


def ufw_alone(*rules, **wanted):
    """A plan for a host on which ufw alone can keep the port, with these rules of others."""
    seen = UFW | {"rules": [[rule, comment] for rule, _bar, comment in (rule.partition(" | ") for rule in rules)]}
    return plan(host(cgroup=1, ufw=seen), **wanted)


@pytest.mark.parametrize(
    ("rule", "away"),
    [
        ("allow any 2376 0.0.0.0/0 any 0.0.0.0/0 in", "allow from 0.0.0.0/0 to any port 2376"),
        ("allow any 2376 ::/0 any ::/0 in", "allow from ::/0 to any port 2376"),
        ("limit any 2376 0.0.0.0/0 any 0.0.0.0/0 in", "limit from 0.0.0.0/0 to any port 2376"),
        ("allow tcp 2375:2377 0.0.0.0/0 any 0.0.0.0/0 in", "allow proto tcp from 0.0.0.0/0 to any port 2375:2377"),
        (
            "allow tcp 22,2000:3000 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow proto tcp from 0.0.0.0/0 to any port 22,2000:3000",
        ),
        ("allow tcp 2376 0.0.0.0/0 any 198.51.100.0/24 in", "allow proto tcp from 198.51.100.0/24 to any port 2376"),
        ("allow tcp 2376 ::/0 any 2001:db8::/31 in", "allow proto tcp from 2001:db8::/31 to any port 2376"),
        ("allow any any 0.0.0.0/0 any 192.0.2.0/24 in", "allow from 192.0.2.0/24 to any"),
        ("allow any any 0.0.0.0/0 any 0.0.0.0/0 in", "allow from 0.0.0.0/0 to any"),
        ("allow tcp any 0.0.0.0/0 53 0.0.0.0/0 in", "allow proto tcp from 0.0.0.0/0 port 53 to any"),
        ("allow tcp any 0.0.0.0/0 any 10.0.0.0/255.0.255.0 in", "allow proto tcp from 10.0.0.0/255.0.255.0 to any"),
        ("allow any any 0.0.0.0/0 any 0.0.0.0/0 in_wg0", "allow in on wg0 from 0.0.0.0/0 to any"),
        ("allow_log-all any any ::/0 any ::/0 in_wg0", "allow in on wg0 log-all from ::/0 to any"),
        ("allow any any 10.0.0.5 any 0.0.0.0/0 in", "allow from 0.0.0.0/0 to 10.0.0.5"),
        ("allow tcp 2375,2376 0.0.0.0/0 any 0.0.0.0/0 My%20Engine - in", "allow from 0.0.0.0/0 to any app 'My Engine'"),
        (
            "allow tcp 2376 0.0.0.0/0 any 0.0.0.0/0 Docker - in_eth0",
            "allow in on eth0 from 0.0.0.0/0 to any app Docker",
        ),
        ("allow tcp 2376 0.0.0.0/0 any 0.0.0.0/0", "allow proto tcp from 0.0.0.0/0 to any port 2376"),
    ],
)
def test_a_rule_of_others_in_ufw_that_lets_others_in_is_an_error(rule, away):
    """It comes before the role's, and what fits first decides: ufw would not keep the port to the list."""
    with pytest.raises(PlanError, match="or set docker_engine_allow to the same") as caught:
        ufw_alone("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", rule, allow=["192.0.2.1", "2001:db8::/32"])
    assert f"(ufw delete {away})" in str(caught.value)
    with pytest.raises(PlanError):
        ufw_alone(rule)  # the default looks as if it were kept, too
    assert ufw_alone(rule, allow=["all"]).access["enforced_by"] == []
    # Where something else keeps the port, no promise of ufw's is needed, and none is made.
    seen = UFW | {"rules": [[rule.replace(" 2376 ", " 1:9999 "), "a team's"]]}
    assert plan(host(ufw=seen), allow=["192.0.2.1"]).access["enforced_by"] == ["systemd"]


@pytest.mark.parametrize(
    "rules",
    [
        ["allow any 2376 0.0.0.0/0 any 192.0.2.77 in"],
        ["limit any any ::/0 any 2001:db8:5::/48 in"],
        ["allow udp 2376 0.0.0.0/0 any 0.0.0.0/0 in"],
        ["allow tcp 2375,2377:2400 0.0.0.0/0 any 0.0.0.0/0 in"],
        ["allow tcp any 0.0.0.0/0 any 0.0.0.0/0 out"],
        ["allow any any 0.0.0.0/0 any 0.0.0.0/0 out_eth0"],
        ["route:allow tcp 2376 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_docker0"],
        ["allow any any 0.0.0.0/0 any 0.0.0.0/0 in_lo"],
        ["allow any any 0.0.0.0/0 any 127.0.0.0/8 in"],
        ["allow any any 224.0.0.18 any 0.0.0.0/0 in"],
        ["deny any any 0.0.0.0/0 any 198.51.100.0/24 in"],
        ["reject tcp 2376 0.0.0.0/0 any 192.0.2.66 in"],
        ["allow what ufw passes over"],
        # Kept out before it
        ["deny tcp 2376 0.0.0.0/0 any 0.0.0.0/0 in_wg0", "allow any any 0.0.0.0/0 any 0.0.0.0/0 in_wg0"],
        ["reject_log tcp 2376 0.0.0.0/0 any 10.0.0.0/8 in", "allow any any 0.0.0.0/0 any 10.1.0.0/16 in"],
    ],
)
def test_rules_of_others_in_ufw_that_do_no_harm_are_left_alone(rules):
    it = ufw_alone(*rules, allow=["192.0.2.0/24", "2001:db8::/32"])
    assert it.access["enforced_by"] == ["ufw"] and not any("delete" in one for one in it.apply["firewall"]["commands"])


@pytest.mark.parametrize(
    "closing",
    [
        "deny udp 2376 0.0.0.0/0 any 0.0.0.0/0 in",
        "deny tcp 2375 0.0.0.0/0 any 0.0.0.0/0 in",
        "deny tcp 2376 0.0.0.0/0 any 0.0.0.0/0 in_eth0",
        "deny tcp 2376 0.0.0.0/0 53 0.0.0.0/0 in",
        "deny tcp 2376 10.0.0.5 any 0.0.0.0/0 in",
        "deny tcp 2376 0.0.0.0/0 any 10.0.0.0/9 in",
        "deny tcp 2376 ::/0 any ::/0 in",
    ],
)
def test_a_rule_of_ufw_that_closes_less_is_no_help(closing):
    with pytest.raises(PlanError, match=r"\(ufw delete allow in on wg0 from 10.0.0.0/8 to any\)"):
        ufw_alone(closing, "allow any any 0.0.0.0/0 any 10.0.0.0/8 in_wg0", allow=["192.0.2.1"])


def test_a_rule_of_others_in_ufw_counts_where_it_stands():
    """Once ours are there, what is added later comes after them, until ours are made anew."""
    ours = [f"{line} | {look.MARK}" for line in steps("ufw", OPEN, UFW).after.splitlines()]
    late = "allow any 2376 0.0.0.0/0 any 0.0.0.0/0 in"
    assert ufw_alone(*ours, late, allow=OPEN.sources).access["enforced_by"] == ["ufw"]
    for rules, allow in (((late, *ours), OPEN.sources), ((*ours, late), ["192.0.2.1"])):
        with pytest.raises(PlanError, match="ufw delete allow from 0.0.0.0/0 to any port 2376"):
            ufw_alone(*rules, allow=allow)


def test_a_rule_of_ufw_for_an_address_that_is_not_listened_on_opens_nothing():
    rule = "allow any any 10.0.0.5 any 0.0.0.0/0 in"
    assert ufw_alone(rule, listen=["192.0.2.7", "2001:db8::7"]).access["enforced_by"] == ["ufw"]
    for listen in (["192.0.2.7", "10.0.0.5"], ["0.0.0.0"], ["::"]):
        with pytest.raises(PlanError, match="to 10.0.0.5"):
            ufw_alone(rule, listen=listen)


def test_rules_of_ufw_for_ipv6_count_where_it_reads_them():
    seen = UFW | {"ipv6": False, "rules": [["allow any 2376 ::/0 any ::/0 in", ""]]}
    assert plan(host(cgroup=1, ufw=seen), allow=["192.0.2.1"]).access["enforced_by"] == ["ufw"]


@pytest.mark.parametrize(
    "rule", ["deny any 2376 0.0.0.0/0 any 0.0.0.0/0 in", "reject_log any any 0.0.0.0/0 any 0.0.0.0/0 in"]
)
def test_a_rule_of_ufw_that_shuts_everybody_out_before_ours_is_an_error(rule):
    with pytest.raises(PlanError, match=r"\(ufw delete (deny|reject log) from 0.0.0.0/0 to any"):
        ufw_alone(rule, allow=["192.0.2.1"])
    with pytest.raises(PlanError):
        ufw_alone(rule, allow=["all"])
    assert ufw_alone(rule, allow=["2001:db8::/32"]).access["enforced_by"] == ["ufw"], "another family"
    theirs = "allow tcp 2376 0.0.0.0/0 any 192.0.2.1 in"
    assert ufw_alone(theirs, rule, allow=["192.0.2.1"]).access["enforced_by"] == ["ufw"], "theirs lets in before"


def test_a_family_that_is_let_in_as_a_whole_is_not_closed_again():
    everyone = steps("ufw", _firewall.Opening(2376, ["0.0.0.0/0"]), UFW)
    assert everyone.after.splitlines() == [
        "allow tcp 2376 0.0.0.0/0 any 0.0.0.0/0 in",
        "deny tcp 2376 ::/0 any ::/0 in",
    ]


def test_what_ufw_has_in_another_order_comes_into_the_right_one():
    lines = steps("ufw", OPEN, UFW).after.splitlines()
    ours = [[rule, look.MARK] for rule in lines]
    by_family = sorted(ours, key=lambda rule: ":" in rule[0])
    assert steps("ufw", OPEN, UFW | {"rules": by_family}).commands == []
    closed_first = [rule for rule in ours if rule[0].startswith("deny")] + ours[:3]
    assert len(steps("ufw", OPEN, UFW | {"rules": closed_first}).commands) == 10


def test_a_policy_that_firewalld_did_not_take_over_is_loaded_by_the_next_run():
    first = steps("firewalld", OPEN, FIREWALLD)
    cut_off = FIREWALLD | {"policy": first.files[look.FIREWALLD_POLICY]}
    again = steps("firewalld", OPEN, cut_off)
    assert said(again) == ["firewall-cmd --quiet --reload"] and again.done == first.done
    assert steps("firewalld", OPEN, FIREWALLD | {"policy": first.done[look.FIREWALLD_POLICY]}).commands == []


def test_firewalld_gets_a_policy_and_is_reloaded_only_for_a_new_one():
    first = steps("firewalld", OPEN, FIREWALLD)
    text = first.done[look.FIREWALLD_POLICY]
    assert first.files[look.FIREWALLD_POLICY].startswith(text)
    assert said(first) == ["firewall-cmd --quiet --reload"]
    assert text.index("192.0.2.1") < text.index("<drop/>") and 'family="ipv6"' in text
    seen = FIREWALLD | {"policy": text}
    assert (steps("firewalld", OPEN, seen).files, steps("firewalld", OPEN, seen).commands) == ({}, [])
    other = steps("firewalld", OPEN._replace(sources=["192.0.2.1", "192.0.2.9"]), seen)
    policy, rest = "firewall-cmd --quiet --policy=dockyard-engine", 'port port="2376" protocol="tcp"'
    assert said(other) == [
        f'{policy} --add-rich-rule=rule family="ipv4" priority="-2" source address="192.0.2.9" {rest} accept',
        f'{policy} --remove-rich-rule=rule family="ipv4" priority="-2" source address="192.0.2.2" {rest} accept',
        f'{policy} --remove-rich-rule=rule family="ipv6" priority="-2" source address="2001:db8::/64" {rest} accept',
    ]
    closed = steps("firewalld", None, seen)
    assert closed.files == {look.FIREWALLD_POLICY: None} and f'rule priority="-1" {rest} drop' in said(closed)[-1]
    assert steps("firewalld", None, seen | {"active": False}).commands == []
    assert "<drop/>" not in steps("firewalld", _firewall.Opening(1, None), FIREWALLD).files[look.FIREWALLD_POLICY]
    with pytest.raises(PlanError, match="0.9"):
        steps("firewalld", OPEN, FIREWALLD | {"policies": False})


def marked(rule):
    return rule.rsplit('comment "', 1)[1].rstrip('"')


def test_nftables_lets_in_by_others_chains_and_keeps_out_by_a_table_of_its_own():
    chains = {"inet filter input": [], "ip old in": []}
    first = steps("nftables", OPEN, NFTABLES | {"chains": chains})
    insert = [line.removeprefix("nft ") for line in said(first)[:-1]]
    assert [line.rsplit(" comment", 1)[0] for line in insert] == [
        "insert rule inet filter input tcp dport 2376 ip saddr { 192.0.2.1, 192.0.2.2 } accept",
        "insert rule inet filter input tcp dport 2376 ip6 saddr { 2001:db8::/64 } accept",
        "insert rule ip old in tcp dport 2376 ip saddr { 192.0.2.1, 192.0.2.2 } accept",
    ]
    assert said(first)[-1] == f"nft -f {look.NFT_FILE}"
    table, drop_in = first.files[look.NFT_FILE], first.files[look.NFT_DROP_IN]
    assert 'drop comment "dockyard.machine:' in table and "MARK" not in table
    # What a start or a reload of nftables takes away, it gets again.
    for line in insert:
        assert f"ExecStartPost=-/usr/sbin/nft '{line}'" in drop_in and f"ExecReload=-/usr/sbin/nft '{line}'" in drop_in

    drop = [line for line in table.splitlines() if " drop " in line][0]
    there = {
        "inet filter input": [[7, marked(insert[0])], [8, marked(insert[1])]],
        "ip old in": [[3, marked(insert[2])]],
        look.NFT_OWN_CHAIN: [[9, marked(drop)]],
    }
    seen = NFTABLES | {"chains": there, "table": table, "drop_in": drop_in}
    assert (steps("nftables", OPEN, seen).files, steps("nftables", OPEN, seen).commands) == ({}, [])
    lost = steps("nftables", OPEN, seen | {"chains": there | {"inet filter input": [[8, marked(insert[1])]]}})
    assert (lost.files, said(lost)) == ({}, [f"nft {insert[0]}"]), "what someone has flushed comes again"

    fewer = steps("nftables", OPEN._replace(sources=["2001:db8::/64"]), seen)
    assert said(fewer) == [
        "nft delete rule inet filter input handle 7",
        "nft delete rule ip old in handle 3",
        f"nft -f {look.NFT_FILE}",
    ]
    closed = steps("nftables", None, seen)
    assert said(closed)[-1] == "nft delete table inet dockyard_engine" and len(said(closed)) == 4
    assert closed.files == {look.NFT_FILE: None, look.NFT_DROP_IN: None}
    everyone = steps("nftables", _firewall.Opening(2376, None), NFTABLES | {"chains": chains})
    assert "tcp dport 2376 accept" in said(everyone)[0] and look.NFT_FILE not in everyone.files


SERVICE = "netfilter-persistent.service"
FILES = look.IPT_FILES


def family(name, text=None, *rules):
    """What a look says of a family in which our chain is as the file has it, if there is one."""
    chain = text.split("\n:")[1].split()[0] if text else ""
    inside = text.count(f"-A {chain}") if text else 0
    jumps = [["INPUT", *f"-p tcp -m tcp --dport 2376 -j {chain}".split()]] if text else []
    return {"program": f"/sbin/{name}", "file": text, "chains": {chain: inside} if text else {}, "jumps": jumps}


def iptables(texts=None, drop_in=None, unit=SERVICE):
    families = {name: family(name, (texts or {}).get(FILES[name])) for name in FILES}
    return {"active": True, "families": families, "drop_ins": {unit: drop_in}}


def test_iptables_gets_a_chain_of_ours_which_a_rule_before_all_others_leads_to():
    first = steps("iptables", OPEN, iptables())
    assert said(first) == [f"{name}-restore -w --noflush {path}" for name, path in FILES.items()]
    four, six = (first.files[path].splitlines()[3:] for path in FILES.values())
    name = four[-2].split()[-1]
    accept = [f"-A {name} -s {source} -j ACCEPT" for source in ("192.0.2.1", "192.0.2.2")]
    assert four[:-2] == [f"-A {name} -i lo -j ACCEPT", *accept, f"-A {name} -j DROP"]
    assert four[-2] == f"-I INPUT -p tcp --dport 2376 -j {name}" and "2001:db8::/64" in six[1]
    drop_in = first.files[look.ipt_drop_in(SERVICE)]
    assert f"ExecStartPost=-/sbin/iptables-restore -w --noflush {FILES['iptables']}" in drop_in
    assert f"ExecStartPost=-/sbin/iptables -w -D INPUT -p tcp --dport 2376 -j {name}\n" in drop_in, (
        "it would be there twice"
    )
    assert "ExecReload" not in drop_in
    assert (
        "ExecReload"
        in steps("iptables", OPEN, iptables(unit="iptables.service")).files[look.ipt_drop_in("iptables.service")]
    )

    seen = iptables(first.files, drop_in)
    assert (steps("iptables", OPEN, seen).files, said(steps("iptables", OPEN, seen))) == ({}, [])
    for lost in ({"jumps": []}, {"chains": {name: 1}}, {"chains": {}, "jumps": []}):
        again = steps(
            "iptables", OPEN, seen | {"families": seen["families"] | {"iptables": seen["families"]["iptables"] | lost}}
        )
        assert said(again)[0] == said(first)[0] and not again.files, "what someone has flushed comes again"

    fewer = steps("iptables", OPEN._replace(sources=["192.0.2.1", "2001:db8::/64"]), seen)
    assert said(fewer) == [
        said(first)[0],
        f"iptables -w -D INPUT -p tcp -m tcp --dport 2376 -j {name}",
        f"iptables -w -F {name}",
        f"iptables -w -X {name}",
    ], "the new one is there before the old one goes"
    closed = steps("iptables", None, seen)
    assert said(closed)[:3] == said(fewer)[1:] and len(said(closed)) == 6
    assert closed.files == {**dict.fromkeys(FILES.values()), look.ipt_drop_in(SERVICE): None}
    everyone = steps("iptables", _firewall.Opening(2376, None), iptables()).files[FILES["iptables"]]
    assert "DROP" not in everyone and "-j ACCEPT" in everyone
    assert plan(host(cgroup=1, iptables=iptables()), allow=["10.0.0.1"]).access["enforced_by"] == ["iptables"]


def test_rules_of_iptables_that_nothing_brings_back_are_left_alone_and_named():
    by_hand = {"active": False, "families": {}, "drop_ins": {}, "closed_but_for": ["22"]}
    it = plan(host(iptables=by_hand))
    assert (
        "firewall" not in it.apply and "not port 2376" in it.warnings[-1] and "netfilter-persistent" in it.warnings[-1]
    )
    assert it.access["enforced_by"] == ["systemd"]
    assert plan(host(iptables=by_hand | {"closed_but_for": ["22", "2376"]})).warnings == []


def test_a_firewall_that_is_not_active_is_left_alone_until_ours_goes():
    idle = UFW | {"active": False, "rules": [["allow tcp 2376 0.0.0.0/0 any 192.0.2.7 in", look.MARK]]}
    assert "firewall" not in plan(host(ufw=idle)).apply
    gone = plan(host(ufw=idle), access="local")
    assert gone.apply["firewall"]["commands"] == [
        ["ufw", "delete", "allow", "proto", "tcp", "from", "192.0.2.7", "to", "any", "port", "2376"]
    ]


def test_firewalls_are_in_the_plan_s_words_and_difference():
    it = plan(host(ufw=UFW, firewalld=FIREWALLD))
    assert f"ufw: keep to {CONTROLLER} the Engine's port" in it.changes
    assert [part["after_header"] for part in it.diff][1:] == ["ufw", "firewalld"]
    assert it.access["enforced_by"] == ["systemd", "ufw", "firewalld"]
