# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dockyard.machine.plugins.module_utils import _engine_firewall as firewall

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
        firewall.NFT_OWN_CHAIN: [[7, "dockyard.machine:def"]],
    }
