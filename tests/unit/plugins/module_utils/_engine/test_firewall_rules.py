# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _commands
from ansible_collections.dockyard.machine.plugins.module_utils._engine import _firewall_rules as firewall
from ansible_collections.dockyard.machine.plugins.module_utils._engine._look import _firewalls

UFW = """\
### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
### tuple ### allow tcp 2376 0.0.0.0/0 any 192.0.2.1 in comment=646f636b796172642e6d616368696e65
### tuple ### deny udp 53 0.0.0.0/0 any 0.0.0.0/0 in comment=no-hex
"""


def test_rules_of_ufw_with_their_comments():
    assert firewall.ufw_rules(UFW) == [
        ["allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", ""],
        ["allow tcp 2376 0.0.0.0/0 any 192.0.2.1 in", "dockyard.machine"],
        ["deny udp 53 0.0.0.0/0 any 0.0.0.0/0 in", "no-hex"],
    ]
    assert firewall.ufw_rules("") == []


IPTABLES = """\
-P INPUT ACCEPT
-N DOCKER
-N DOCKYARD-0123456789ab
-N DOCKYARD-somebody
-A INPUT -p tcp -m tcp --dport 2376 -j DOCKYARD-0123456789ab
-A INPUT -s 192.0.2.9/32 -m comment --comment "it's \\"theirs\\", not DOCKYARD-0123456789ab" -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
-A DOCKYARD-0123456789ab -i lo -j ACCEPT
-A DOCKYARD-0123456789ab -j DROP
-A DOCKYARD-somebody -j DOCKER
"""


def test_our_chains_of_iptables_and_what_leads_to_them():
    jump = ["INPUT", "-p", "tcp", "-m", "tcp", "--dport", "2376", "-j", "DOCKYARD-0123456789ab"]
    assert firewall.ipt_rules(IPTABLES) == {"chains": {"DOCKYARD-0123456789ab": 2}, "jumps": [jump]}
    assert firewall.ipt_rules("-P INPUT DROP\n") == {"chains": {}, "jumps": []}


def test_whether_iptables_lets_in_only_what_it_names():
    assert firewall.ipt_closed(IPTABLES) == ["2376"]
    assert firewall.ipt_closed("-P INPUT DROP\n") == []
    assert firewall.ipt_closed("-P INPUT ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n") is None


def chain(family, table, name, hook="input", kind="filter"):
    return {"chain": {"family": family, "table": table, "name": name, "handle": 1, "type": kind, "hook": hook}}


def rule(family, table, name, handle, **more):
    return {"rule": {"family": family, "table": table, "chain": name, "handle": handle, "expr": [], **more}}


def test_chains_that_what_comes_in_has_to_pass():
    ruleset = [
        {"metainfo": {"version": "1.0.6"}},
        chain("inet", "filter", "input"),
        chain("inet", "filter", "output", hook="output"),
        chain("ip", "nat", "in", kind="nat"),
        chain("inet", "firewalld", "filter_INPUT"),
        chain("ip", "filter", "INPUT"),
        chain("inet", "filter", "INPUT"),
        {"chain": {"family": "inet", "table": "filter", "name": "mine", "handle": 2}},
        chain("inet", "dockyard_engine", "input"),
        rule("inet", "filter", "input", 3),
        rule("inet", "filter", "input", 4, comment="another's"),
        rule("inet", "filter", "input", 5, comment="dockyard.machine:abc"),
        rule("inet", "filter", "mine", 6, comment="dockyard.machine:abc"),
        rule("inet", "dockyard_engine", "input", 7, comment="dockyard.machine:def"),
    ]
    assert firewall.nft_chains(ruleset) == {
        "inet filter input": [[5, "dockyard.machine:abc"]],
        "inet filter INPUT": [],
        firewall.NFT_OWN_CHAIN: [[7, "dockyard.machine:def"]],
    }


@pytest.mark.parametrize(
    ("said", "native"),
    [
        ("iptables v1.8.9 (nf_tables): chain `INPUT' in table `filter' is incompatible, use 'nft' tool.", True),
        ("iptables v1.8.7 (nf_tables): table `filter' is incompatible, use 'nft' tool.", True),
        ("Another app is currently holding the xtables lock.", False),
        ("", False),
    ],
)
def test_a_chain_that_iptables_can_not_read_is_the_ruleset_s_own(monkeypatch, said, native):
    """By the name that iptables has for its own: one that was carried over from there, and goes on with sets, say."""
    ruleset = [chain("ip", "filter", "INPUT"), rule("ip", "filter", "INPUT", 4, comment="dockyard.machine:abc")]
    ruleset.append(chain("ip6", "filter", "INPUT"))
    answers = {
        "/sbin/nft": (0, json.dumps({"nftables": ruleset}), ""),
        "/sbin/iptables": (1 if said else 0, "", said),
        "/sbin/ip6tables": (0, "-P INPUT ACCEPT", ""),
    }
    monkeypatch.setattr(_commands, "which", lambda name: f"/sbin/{name}")
    monkeypatch.setattr(_commands, "run", lambda program, *words, **more: answers[program])
    seen = _firewalls._nftables({"nftables.service": {"LoadState": "loaded", "ActiveState": "active"}})
    assert seen["chains"] == ({"ip filter INPUT": [[4, "dockyard.machine:abc"]]} if native else {})
