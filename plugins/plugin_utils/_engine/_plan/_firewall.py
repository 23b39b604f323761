# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's firewalls: the Engine's port for given sources and for no others, and nothing of others touched.

Each firewall is a function from what is wanted and what was seen to files and commands. Another is another function.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _firewall_rules as look
from ansible_collections.dockyard.machine.plugins.module_utils._engine._paths import HEADER
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _ufw_rules
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import Plan, PlanError


class Opening(t.NamedTuple):
    """A port for these sources only, or for all if there is no list."""

    port: int
    sources: list[str] | None
    listen: tuple[str, ...] = ()  # the addresses whose port it is; none are all

    def of_family(self, six: bool) -> list[str]:
        return [source for source in self.sources or [] if (":" in source) == six]


@dataclasses.dataclass
class Steps:
    """What is to be done, and how the rules were and will be."""

    before: str = ""
    after: str = ""
    files: dict[str, str | None] = dataclasses.field(default_factory=dict)
    commands: list[list[str]] = dataclasses.field(default_factory=list)
    done: dict[str, str] = dataclasses.field(default_factory=dict)  # files as they are once the commands have succeeded


def plan_firewalls(plan: Plan, opening: Opening | None, seen: dict[str, t.Any]) -> None:
    """No opening: what is ours goes. A firewall that is not active stays as it is, since it decides nothing."""
    together = Steps()
    for name, steps_of in FIREWALLS.items():
        about = seen.get(name)
        if not about or (opening and not about["active"]):
            continue
        steps = steps_of(opening, about)
        together.files.update(steps.files)
        together.commands += steps.commands
        together.done.update(steps.done)
        if steps.files or steps.commands:
            plan.differ(name, steps.before, steps.after)
            to = "close" if opening is None else f"keep to {', '.join(opening.sources or []) or 'the host itself'}"
            if opening and opening.sources is None:
                to = "open"
            plan.changes.append(f"{name}: {to} the Engine's port")
    if together.files or together.commands:
        plan.apply["firewall"] = {"files": together.files, "commands": together.commands, "done": together.done}


def _lines(rules: t.Iterable[str]) -> str:
    return "".join(f"{rule}\n" for rule in rules)


# -- ufw: rules with our comment, after those of others


def _ufw(opening: Opening | None, seen: dict[str, t.Any]) -> Steps:
    ours, others = _ours_and_others(seen)
    wanted: list[str] = []
    if opening:
        wanted = _ufw_wanted(opening, seen)
        _check_ufw(wanted, others, opening)
        _check_let_in(wanted, opening, seen)
    # One that someone else has put there just so does for us, and stays theirs.
    wanted = [rule for rule in wanted if rule not in others]
    if _in_place(wanted, ours):
        return Steps()
    commands = [_ufw_command(rule, delete=True) for rule in ours] + [_ufw_command(rule) for rule in wanted]
    return Steps(_lines(ours), _lines(wanted), commands=commands)


def _ours_and_others(seen: dict[str, t.Any]) -> tuple[list[str], list[str]]:
    ours = [rule for rule, comment in seen["rules"] if comment == look.MARK]
    return ours, [rule for rule, comment in seen["rules"] if comment != look.MARK]


def _ufw_wanted(opening: Opening, seen: dict[str, t.Any]) -> list[str]:
    given, anywhere = opening.sources or [], _ufw_rules.ANYWHERE
    action = "deny" if opening.sources is not None else "allow"
    pairs = [("allow", source) for source in given] + [(action, one) for one in anywhere if one not in given]
    return [
        f"{what} tcp {opening.port} {anywhere[':' in source]} any {source} in"
        for what, source in pairs
        if seen["ipv6"] or ":" not in source
    ]


def _check_ufw(wanted: list[str], others: list[str], opening: Opening) -> None:
    """ufw has one rule for a port and source: given another action, it takes the place of that which was there."""
    theirs = {rule.partition(" ")[2]: rule for rule in others}
    same = {rule: theirs.get(rule.partition(" ")[2]) for rule in wanted}
    against = [
        other
        for rule, other in same.items()
        if other and (other != rule or (opening.sources and rule.startswith("deny")))
    ]
    if against:
        raise ufw_contradicts(opening, [rule for rule in map(_ufw_rules.read, against) if rule])


def _check_let_in(wanted: list[str], opening: Opening, seen: dict[str, t.Any]) -> None:
    """Rules of others that keep everybody out before ours let somebody in. Those that keep out some are theirs to make."""
    given = [_ufw_rules.read(rule) for rule in wanted if rule.startswith("allow")]
    closed: list[_ufw_rules.Rule] = []
    against: list[_ufw_rules.Rule] = []
    for rule in _ufw_order(opening, seen):
        if rule in given:
            against += [other for other in closed if other.keeps_out(rule) and other not in against]
        elif rule.closes and rule.source in _ufw_rules.ANYWHERE:
            closed.append(rule)
    if against:
        raise ufw_contradicts(opening, against)


def ufw_lets_in(opening: Opening, seen: dict[str, t.Any]) -> list[_ufw_rules.Rule]:
    """Rules of others by which some get to the port who are not of the sources."""
    if opening.sources is None:
        return []
    closed: list[_ufw_rules.Rule] = []
    found = []
    for rule in _ufw_order(opening, seen):
        if rule.closes:
            closed.append(rule)
        elif rule.lets_in_others(opening.sources, opening.listen) and not any(
            other.keeps_out(rule) for other in closed
        ):
            found.append(rule)
    return found


def _ufw_order(opening: Opening, seen: dict[str, t.Any]) -> list[_ufw_rules.Rule]:
    """All that decide on the port, in the order in which they will be: what is added comes after those of others."""
    ours, others = _ours_and_others(seen)
    wanted = [rule for rule in _ufw_wanted(opening, seen) if rule not in others]
    lines = [rule for rule, dummy in seen["rules"]] if _in_place(wanted, ours) else [*others, *wanted]
    rules = [rule for rule in map(_ufw_rules.read, lines) if rule and rule.is_about(opening.port)]
    return [rule for rule in rules if seen["ipv6"] or not rule.six]


def ufw_contradicts(opening: Opening, rules: list[_ufw_rules.Rule]) -> PlanError:
    away = " && ".join(dict.fromkeys(shlex.join(_ufw_rules.removal(rule)) for rule in rules))
    return PlanError(
        f"ufw on this host has unmanaged rules for port {opening.port}, which come before those of the role and contradict "
        f"docker_engine_allow. Remove them there ({away}), or set docker_engine_allow to the same. Rules for other "
        f"ports can stay, after a rule that decides on port {opening.port} (ufw insert 1 …)"
    )


def _in_place(wanted: list[str], ours: list[str]) -> bool:
    return sorted(wanted) == sorted(ours) and _denies_last(ours)


def _denies_last(rules: list[str]) -> bool:
    """Of each family, which has rules of its own: the first that fits decides."""
    by_family = sorted(rules, key=lambda rule: ":" in rule)
    return by_family == sorted(by_family, key=lambda rule: (":" in rule, rule.startswith("deny")))


def _ufw_command(rule: str, delete: bool = False) -> list[str]:
    action, protocol, port, _to, _from_port, source = rule.split()[:6]
    words = [action, "proto", protocol, "from", source, "to", "any", "port", port]
    return ["ufw", "delete", *words] if delete else ["ufw", *words, "comment", look.MARK]


# -- firewalld: a policy of our own, before all zones


def _firewalld(opening: Opening | None, seen: dict[str, t.Any]) -> Steps:
    before, after = seen["policy"], None
    if opening:
        if not seen["policies"]:
            raise PlanError(
                "firewalld is active on this host and has no policies, which came with version 0.9: open the port there "
                "yourself and stop it, or upgrade firewalld"
            )
        rules = [f'  <rule family="{_family(s)}" priority="-2">\n    <source address="{s}"/>' for s in _given(opening)]
        rules = [f"{rule}\n    {_port(opening)}\n    <accept/>\n  </rule>" for rule in rules]
        last = "accept" if opening.sources is None else "drop"
        rules.append(f'  <rule priority="-1">\n    {_port(opening)}\n    <{last}/>\n  </rule>')
        after = _POLICY.format("\n".join(rules))
    if before == after:
        return Steps()
    steps = Steps(before or "", after or "", {look.FIREWALLD_POLICY: after})
    if seen["active"]:
        if after:
            # The file alone does not show whether firewalld has taken it over.
            steps.files, steps.done = {look.FIREWALLD_POLICY: after + _UNLOADED}, {look.FIREWALLD_POLICY: after}
        old, new = _rich_rules(before or ""), _rich_rules(after or "")
        policy = ["firewall-cmd", "--quiet", f"--policy={_POLICY_NAME}"]
        if before is None or before.endswith(_UNLOADED):
            # A new policy is only seen by a reload. Later on there is none, since it takes away what others have set
            # for the time being.
            steps.commands = [["firewall-cmd", "--quiet", "--reload"]]
        else:
            steps.commands = [[*policy, f"--add-rich-rule={rule}"] for rule in new if rule not in old]
            steps.commands += [[*policy, f"--remove-rich-rule={rule}"] for rule in old if rule not in new]
    return steps


_POLICY_NAME = "dockyard-engine"
_UNLOADED = "<!-- firewalld has not been told of this yet -->\n"
_POLICY = """<?xml version="1.0" encoding="utf-8"?>
<policy priority="-100" target="CONTINUE">
  <short>dockyard.machine: the Docker Engine's port</short>
  <ingress-zone name="ANY"/>
  <egress-zone name="HOST"/>
{}
</policy>
"""


def _given(opening: Opening) -> list[str]:
    return opening.sources or []


def _family(source: str) -> str:
    return "ipv6" if ":" in source else "ipv4"


def _port(opening: Opening) -> str:
    return f'<port port="{opening.port}" protocol="tcp"/>'


def _rich_rules(policy: str) -> list[str]:
    """The rules of a policy that we wrote, as firewall-cmd takes them."""
    return [
        " ".join(
            [
                "rule",
                *re.findall(r'(?:family|priority)="[^"]*"', head),
                *(f'source address="{address}"' for address in re.findall(r'address="([^"]*)"', body)),
                *(f'port port="{port}" protocol="tcp"' for port in re.findall(r'port port="(\d+)"', body)),
                "accept" if "<accept/>" in body else "drop",
            ]
        )
        for head, body in re.findall(r"<rule([^>]*)>(.*?)</rule>", policy, re.S)
    ]


# -- nftables: a table of our own keeps others out; a rule in each chain of others lets the given ones in


def _nftables(opening: Opening | None, seen: dict[str, t.Any]) -> Steps:
    chains = {name: rules for name, rules in seen["chains"].items() if name != look.NFT_OWN_CHAIN}
    wanted = {chain: _nft_accepts(opening, chain.split()[0]) for chain in chains} if opening else {}
    bare = _nft_table(opening) if opening and opening.sources is not None else None
    table = bare.replace("MARK", _nft_mark(bare)) if bare else None
    steps = Steps(
        _lines(f"{chain}: {comment}" for chain, rules in chains.items() for dummy, comment in rules)
        + (seen["table"] or ""),
        _lines(f"{chain}: {rule}" for chain, rules in wanted.items() for rule in rules) + (table or ""),
    )
    for chain, rules in chains.items():
        there = {comment: handle for handle, comment in rules}
        named = {_nft_mark(rule): rule for rule in wanted.get(chain, [])}
        steps.commands += [["nft", f"delete rule {chain} handle {there[name]}"] for name in there if name not in named]
        steps.commands += [["nft", _nft_insert(chain, rule)] for name, rule in named.items() if name not in there]
    own = [comment for dummy, comment in seen["chains"].get(look.NFT_OWN_CHAIN, [])]
    if table is None:
        if look.NFT_OWN_CHAIN in seen["chains"]:
            steps.commands.append(["nft", f"delete table {look.NFT_TABLE}"])
    elif own != [_nft_mark(bare or "")]:
        steps.commands.append(["nft", "-f", look.NFT_FILE])
    for path, before, after in (
        (look.NFT_FILE, seen["table"], table),
        (look.NFT_DROP_IN, seen["drop_in"], _nft_drop_in(seen["program"], table is not None, wanted)),
    ):
        if before != after:
            steps.files[path] = after
    return steps


def _nft_accepts(opening: Opening, family: str) -> list[str]:
    if opening.sources is None:
        return [f"tcp dport {opening.port} accept"]
    return [
        f"tcp dport {opening.port} {protocol} saddr {{ {', '.join(opening.of_family(protocol == 'ip6'))} }} accept"
        for protocol in ("ip", "ip6")
        if family in ("inet", protocol) and opening.of_family(protocol == "ip6")
    ]


def _nft_mark(text: str) -> str:
    """The comment of a rule says what the rule was made from, so that a look tells whether it is still the one."""
    return f"{look.MARK}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _nft_insert(chain: str, rule: str) -> str:
    return f'insert rule {chain} {rule} comment "{_nft_mark(rule)}"'


def _nft_table(opening: Opening) -> str:
    lines = [*_nft_accepts(opening, "inet"), f'tcp dport {opening.port} drop comment "MARK"']
    return (
        f"table {look.NFT_TABLE}\ndelete table {look.NFT_TABLE}\ntable {look.NFT_TABLE} {{\n\tchain input {{\n"
        '\t\ttype filter hook input priority -10; policy accept;\n\t\tiifname "lo" accept\n'
        + "".join(f"\t\t{line}\n" for line in lines)
        + "\t}\n}\n"
    )


def _nft_drop_in(program: str, table: bool, wanted: dict[str, list[str]]) -> str | None:
    """nftables.service takes all away when it is started or reloaded; then ours has to come again."""
    commands = [f"-f {look.NFT_FILE}"] if table else []
    commands += [f"'{_nft_insert(chain, rule)}'" for chain, rules in wanted.items() for rule in rules]
    lines = [f"{when}=-{program} {command}" for when in ("ExecStartPost", "ExecReload") for command in commands]
    return f"{HEADER}[Service]\n{_lines(lines)}" if lines else None


# -- iptables: a chain of our own, which a rule before all others leads to; it comes again with the rules of others


def _iptables(opening: Opening | None, seen: dict[str, t.Any]) -> Steps:
    steps = Steps()
    again: list[str] = []  # commands by which ours comes again, once also where it was saved
    for name, family in seen["families"].items():
        chain, rules, text = "", t.cast("list[str]", []), None
        if opening:
            chain, rules = _ipt_chain(opening, six=name == "ip6tables")
            jump = f"-p tcp --dport {opening.port} -j {chain}"
            lines = ["*filter", f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules), f"-I INPUT {jump}"]
            text = HEADER + _lines([*lines, "COMMIT"])
            again += [f"{family['program']} -w -D INPUT {jump}"]
            again += [f"{family['program']}-restore -w --noflush {look.IPT_FILES[name]}"]
        if family["file"] != text:
            steps.files[look.IPT_FILES[name]] = text
        steps.before, steps.after = steps.before + (family["file"] or ""), steps.after + (text or "")
        if family["chains"] == ({chain: len(rules)} if text else {}) and len(family["jumps"]) == len(family["chains"]):
            continue
        if text:
            steps.commands.append([f"{name}-restore", "-w", "--noflush", look.IPT_FILES[name]])
        # Only then what was there before, so that there is no moment without.
        steps.commands += [[name, "-w", "-D", *jump] for jump in family["jumps"]]
        steps.commands += [[name, "-w", what, old] for old in family["chains"] if old != chain for what in ("-F", "-X")]
    for unit, before in seen["drop_ins"].items():
        after = _ipt_drop_in(unit, again)
        if before != after:
            steps.files[look.ipt_drop_in(unit)] = after
    return steps


def _ipt_chain(opening: Opening, six: bool) -> tuple[str, list[str]]:
    """The chain's name, which says what it was made from, and its rules."""
    rules = [f"-s {source} -j ACCEPT" for source in opening.of_family(six)]
    rules = ["-j ACCEPT"] if opening.sources is None else ["-i lo -j ACCEPT", *rules, "-j DROP"]
    made_from = _lines([str(opening.port), *rules])
    return look.IPT_CHAIN + hashlib.sha256(made_from.encode()).hexdigest()[:12], rules


def _ipt_drop_in(unit: str, commands: list[str]) -> str | None:
    """The service takes all away when it is started; then ours has to come again."""
    # Debian's can't be reloaded, and must not look as if it could.
    times = ("ExecStartPost",) if unit.startswith("netfilter") else ("ExecStartPost", "ExecReload")
    lines = [f"{when}=-{command}" for when in times for command in commands]
    return f"{HEADER}[Service]\n{_lines(lines)}" if lines else None


FIREWALLS: dict[str, t.Callable[[Opening | None, dict[str, t.Any]], Steps]] = {
    "ufw": _ufw,
    "firewalld": _firewalld,
    "nftables": _nftables,
    "iptables": _iptables,
}
