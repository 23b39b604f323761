# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How firewalls write down what the role has put into them: where, and how to tell it from what others have put there.

Pure functions, used on the host for the look and on the controller for the plan. Runs on Python 3.8.
"""

from __future__ import annotations

import re
import typing as t

MARK = "dockyard.machine"  # the comment of each rule that is the role's

UFW_FILES = ("user.rules", "user6.rules")
FIREWALLD_POLICY = "/etc/firewalld/policies/dockyard-engine.xml"
NFT_FILE = "/etc/docker/dockyard.nft"
NFT_DROP_IN = "/etc/systemd/system/nftables.service.d/zz-dockyard.conf"
NFT_TABLE = "inet dockyard_engine"
NFT_OWN_CHAIN = NFT_TABLE + " input"


def ufw_rules(text: str) -> list[list[str]]:
    """The rules of user.rules and user6.rules, each as its words and its comment."""
    found = []
    for line in re.findall(r"^### tuple ### (.+)$", text, re.M):
        rule, dummy, comment = line.partition(" comment=")
        try:
            found.append([rule, bytes.fromhex(comment.strip()).decode(errors="replace")])
        except ValueError:
            found.append([rule, comment])
    return found


def nft_chains(ruleset: list[dict[str, t.Any]]) -> dict[str, list[list[t.Any]]]:
    """The chains that what comes in has to pass, each with handle and comment of the rules in it that are the role's.

    Those of firewalld, and of iptables and what uses it, are left to them.
    """
    found: dict[str, list[list[t.Any]]] = {}
    for entry in ruleset:
        chain = entry.get("chain") or {}
        theirs = chain.get("table") == "firewalld" or (chain.get("table"), chain.get("name")) == ("filter", "INPUT")
        if (chain.get("hook"), chain.get("type")) == ("input", "filter") and not theirs:
            found["{family} {table} {name}".format(**chain)] = []
    for entry in ruleset:
        rule = entry.get("rule")
        if rule and str(rule.get("comment", "")).startswith(MARK):
            at = "{family} {table} {chain}".format(**rule)
            if at in found:
                found[at].append([rule["handle"], rule["comment"]])
    return found
