# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of ufw mean for a port, whatever they are about. The first that fits a packet decides."""

from __future__ import annotations

import ipaddress
import re
import typing as t

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ANYWHERE = ("0.0.0.0/0", "::/0")


class Rule(t.NamedTuple):
    """As in the line that ufw keeps of each."""

    action: str  # with what is logged: allow_log
    protocol: str
    ports: str
    destination: str
    source_ports: str
    source: str
    profile: str = "-"
    source_profile: str = "-"
    way: str = "in"  # with the interface: in_eth0

    @property
    def six(self) -> bool:
        return ":" in self.destination

    @property
    def verb(self) -> str:
        return self.action.partition("_")[0]

    @property
    def closes(self) -> bool:
        return self.verb in ("deny", "reject")

    @property
    def interface(self) -> str:
        return self.way.partition("_")[2]

    def is_about(self, port: int) -> bool:
        """Whether it decides on what comes in to the port by TCP. Those that begin with ``route:`` are for what is passed on."""
        return (
            ":" not in self.action and self.way.startswith("in") and self.protocol in ("any", "tcp") and self._has(port)
        )

    def _has(self, port: int) -> bool:
        ranges = re.findall(r"(\d+):?(\d*)", self.ports)
        return self.ports == "any" or any(int(first) <= port <= int(last or first) for first, last in ranges)

    def keeps_out(self, other: Rule) -> bool:
        """Whether nothing gets to another rule that comes after this one, and is about the same port."""
        return (
            self.closes
            and self.six == other.six
            and self.source_ports == "any"
            and self.interface in ("", other.interface)
            and _within(other.source, [self.source])
            and _within(other.destination, [self.destination])
        )

    def lets_in_others(self, sources: t.Sequence[str], listen: t.Sequence[str]) -> bool:
        """Whether somebody from elsewhere who is not of the sources gets to these addresses by it (none: all of the host).

        The port that a packet comes from is its sender's choice, and so no limit.
        """
        reached = not listen or any(_meet(self.destination, address) for address in listen)
        return (
            not (self.closes or self.interface == "lo" or _no_peer(self))
            and reached
            and not _within(self.source, sources)
        )


def read(text: str) -> Rule | None:
    """None for a line that ufw itself passes over."""
    words = text.split()
    if not 6 <= len(words) <= 9:
        return None
    way = words.pop() if len(words) in (7, 9) else "in"  # older ones lack it
    return Rule(*words)._replace(way=way)


def removal(rule: Rule) -> list[str]:
    """The command that takes a rule away."""
    verb, dummy, log = rule.action.partition("_")
    direction, dummy, interface = rule.way.partition("_")
    words = ["ufw", "delete", verb]
    words += [direction, "on", interface] if interface else []
    words += [log] if log else []
    # With a profile, that says which protocols.
    with_profile = (rule.profile, rule.source_profile) != ("-", "-")
    words += ["proto", rule.protocol] if rule.protocol != "any" and not with_profile else []
    words += ["from", rule.source, *_ports(rule.source_ports, rule.source_profile)]
    destination = "any" if rule.destination in ANYWHERE else rule.destination
    return [*words, "to", destination, *_ports(rule.ports, rule.profile)]


def _ports(ports: str, profile: str) -> list[str]:
    if profile != "-":
        return ["app", profile.replace("%20", " ")]
    return [] if ports == "any" else ["port", ports]


# -- addresses


def _network(text: str) -> Network | None:
    """None for a mask that is no network's, such as 255.0.255.0."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _within(text: str, others: t.Sequence[str]) -> bool:
    if text in others:
        return True
    inner = _network(text)
    outer = [_network(other) for other in others]
    return inner is not None and any(
        one is not None and inner.network_address in one and inner.prefixlen >= one.prefixlen for one in outer
    )


def _meet(text: str, address: str) -> bool:
    network = _network(text)
    return network is None or ipaddress.ip_address(address) in network


def _no_peer(rule: Rule) -> bool:
    """Groups, which TCP does not go to (VRRP's, say), and the host itself."""
    source, destination = _network(rule.source), _network(rule.destination)
    itself = any(network is not None and network.is_loopback for network in (source, destination))
    return itself or (destination is not None and destination.is_multicast)
