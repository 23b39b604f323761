# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How firewalls write down what the role has put into them: where, and how to tell it from what others have put there.

Pure functions, used on the host for the look and on the controller for the plan. Runs on Python 3.8.
"""

from __future__ import annotations

import re
import shlex
import typing as t

MARK = "dockyard.machine"  # the comment of each rule that is the role's

UFW_FILES = ("user.rules", "user6.rules")
FIREWALLD_POLICY = "/etc/firewalld/policies/dockyard-engine.xml"
NFT_FILE = "/etc/docker/dockyard.nft"
NFT_DROP_IN = "/etc/systemd/system/nftables.service.d/zz-dockyard.conf"
NFT_TABLE = "inet dockyard_engine"
NFT_OWN_CHAIN = NFT_TABLE + " input"
IPT_FILES = {"iptables": "/etc/docker/dockyard.iptables", "ip6tables": "/etc/docker/dockyard.ip6tables"}
# What brings rules of iptables back after a boot: Debian's service, and those of Fedora and its relatives
IPT_UNITS = ("netfilter-persistent.service", "iptables.service", "ip6tables.service")
IPT_FAMILIES = {"ip": "iptables", "ip6": "ip6tables"}
IPT_CHAIN = "DOCKYARD-"  # and what the chain was made from, as a hash: so a look tells whether it is still the one


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


def nft_chains(ruleset: list[dict[str, t.Any]], native: t.Collection[str] = ()) -> dict[str, list[list[t.Any]]]:
    """The chains that what comes in has to pass, each with handle and comment of the rules in it that are the role's.

    Those of firewalld, and of iptables and what uses it, are left to them. ``native``: the families of which iptables can't
    read the chain INPUT, so that it is not its own. One that it can read, it would save without our sources.
    """
    found: dict[str, list[list[t.Any]]] = {}
    for entry in ruleset:
        chain = entry.get("chain") or {}
        # An INPUT of the family inet is nobody's but the ruleset's own.
        theirs = chain.get("table") == "firewalld" or (
            (chain.get("table"), chain.get("name")) == ("filter", "INPUT")
            and chain.get("family") in IPT_FAMILIES
            and chain.get("family") not in native
        )
        if (chain.get("hook"), chain.get("type")) == ("input", "filter") and not theirs:
            found["{family} {table} {name}".format(**chain)] = []
    for entry in ruleset:
        rule = entry.get("rule")
        if rule and str(rule.get("comment", "")).startswith(MARK):
            at = "{family} {table} {chain}".format(**rule)
            if at in found:
                found[at].append([rule["handle"], rule["comment"]])
    return found


def ipt_drop_in(unit: str) -> str:
    return f"/etc/systemd/system/{unit}.d/zz-dockyard.conf"


def ipt_rules(listed: str) -> dict[str, t.Any]:
    """Of what ``iptables -S`` says, what is the role's: its chains, what leads to them, and how many rules they have."""
    rules = [shlex.split(line) for line in listed.splitlines() if IPT_CHAIN in line]
    return {
        "chains": {rule[1]: _inside(rules, rule[1]) for rule in rules if rule[0] == "-N" and _is_ours(rule[1])},
        "jumps": [rule[1:] for rule in rules if rule[0] == "-A" and not _is_ours(rule[1]) and _is_ours(rule[-1])],
    }


def _is_ours(word: str) -> bool:
    return bool(re.match(IPT_CHAIN + "[0-9a-f]{12}$", word))


def _inside(rules: list[list[str]], chain: str) -> int:
    return sum(rule[:2] == ["-A", chain] for rule in rules)


def ipt_closed(listed: str) -> list[str] | None:
    """If the chain INPUT lets in only what rules of it name, the ports that they do; ``iptables -S INPUT`` has said this."""
    if not re.search(r"^-(P INPUT DROP|A INPUT -j (DROP|REJECT))\b", listed, re.M):
        return None
    return [port for ports in re.findall(r" --dports? (\S+)", listed) for port in ports.split(",")]
