# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Engine listens, who may reach it there, and what sees to that."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _paths, _unit_files
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _firewall
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import (
    Plan,
    PlanError,
    Wanted,
    with_openrc,
)

CONTROLLER, ALL = "controller", "all"
LATEST = 8  # controllers that are remembered, so that those of a team don't take each other's place


class Sources(t.NamedTuple):
    """Who may reach the port besides the host itself."""

    networks: list[str] | None  # None: everyone
    controllers: list[str]
    unknown: bool = False  # the controller's address can't be told


def check_access(wanted: Wanted) -> None:
    for address in wanted.listen:
        try:
            if ipaddress.ip_address(address).is_multicast or "%" in address:
                raise ValueError
        except ValueError:
            raise PlanError(
                f"docker_engine_listen has {address!r}, which is not an address that a host can have: IPv4 or IPv6, "
                "without port, zone or network"
            ) from None
    for source in wanted.allow:
        if source not in (CONTROLLER, ALL):
            _network(source)


def check_port(wanted: Wanted, info: dict[str, t.Any]) -> None:
    if info["listener"]:
        raise PlanError(
            f"Port {wanted.port} of this host is taken: {info['listener']} listens there. Stop that, or set docker_engine_port to "
            "another. The host was not touched"
        )


def docker_host(wanted: Wanted, address: str) -> str:
    """The Engine's URL for clients that know the host by this address."""
    named, on_all = _named(wanted)
    host = address if on_all or address in named else named[0]
    return f"tcp://{f'[{host}]' if ':' in host else host}:{wanted.port}"


def plan_access(plan: Plan, wanted: Wanted, info: dict[str, t.Any]) -> None:
    """The drop-in of docker.socket, and the firewalls."""
    seen = info["units"]["docker.socket"]["own_drop_in"]
    if wanted.access != "tls":
        plan.apply["socket"] = None
        if seen is not None:
            plan.differ(_paths.SOCKET_DROP_IN, seen, None)
            plan.act("cycle", f"remove {_paths.SOCKET_DROP_IN}")
        _firewall.plan_firewalls(plan, None, info["firewalls"])
        return
    sources = sources_of(wanted, info)
    named, on_all = _named(wanted)
    opening = _firewall.Opening(wanted.port, sources.networks, () if on_all else tuple(named))
    enforcing = enforced_by(wanted, opening, info)
    allowed = None
    if sources.networks is not None and _filters(wanted, info):
        # The host itself comes from the address that it asks.
        own = [*named, *(info["host"]["addresses"] if on_all else [])]
        allowed = _normal([*map(_network, own), *map(_network, sources.networks)])
    # Without root, or systemd, there is no unit for a socket.
    alone = wanted.rootless_user or with_openrc(info)
    after = None if alone else _unit_files.socket_drop_in(wanted.port, wanted.listen, allowed, sources.controllers)
    plan.apply.update(socket=after, listen=wanted.listen)
    if after != seen:
        plan.differ(_paths.SOCKET_DROP_IN, seen, after)
        # Who is let in needs no new socket: systemd takes that over when it reads its units again.
        only_filter = _unit_files.listening(after) == _unit_files.listening(seen)
        plan.act(None if only_filter else "cycle", f"write {_paths.SOCKET_DROP_IN}")
    _firewall.plan_firewalls(plan, opening, info["firewalls"])
    plan.access = {"allow": [ALL] if sources.networks is None else sources.networks, "enforced_by": enforcing}
    _warn(plan, wanted, info, sources, enforcing)


def _named(wanted: Wanted) -> tuple[list[str], bool]:
    """The addresses that it listens on by name, and whether by all: where the Engine listens by itself, one family's are both."""
    named = [address for address in wanted.listen if not ipaddress.ip_address(address).is_unspecified]
    return named, not wanted.listen or named != wanted.listen


def sources_of(wanted: Wanted, info: dict[str, t.Any]) -> Sources:
    networks = [_network(source) for source in wanted.allow if source not in (CONTROLLER, ALL)]
    controllers: list[str] = []
    unknown = False
    if CONTROLLER in wanted.allow:
        place = "docker.service" if with_openrc(info) else "docker.socket"
        ours = info["rootless"]["unit"] if wanted.rootless_user else info["units"][place]["own_drop_in"]
        controllers = _unit_files.controllers_of(ours)
        seen = _controller(info["host"]["controller"])
        unknown = seen is None and not controllers
        if seen is not None and not seen.is_loopback and str(seen) not in controllers:
            controllers = [str(seen), *controllers][:LATEST]
    if ALL in wanted.allow or (unknown and wanted.allow == [CONTROLLER]):
        return Sources(None, controllers, unknown)
    if unknown:
        raise PlanError(
            f"docker_engine_allow has '{CONTROLLER}', but Ansible does not reach this host by SSH, so the controller's "
            "address isn't known there: name the address itself"
        )
    return Sources(_normal([*networks, *map(_network, controllers)]), controllers)


def enforced_by(wanted: Wanted, opening: _firewall.Opening, info: dict[str, t.Any]) -> list[str]:
    """What keeps all others out. An error if nothing does, and that was asked for, or looks so."""
    if opening.sources is None:
        return []
    found = ["systemd"] if _filters(wanted, info) else []
    found += [name for name in _firewall.FIREWALLS if info["firewalls"].get(name, {}).get("active")]
    let_in = _firewall.ufw_lets_in(opening, info["firewalls"]["ufw"]) if "ufw" in found else []
    if let_in:
        found.remove("ufw")
        if not found:
            raise _firewall.ufw_contradicts(opening, let_in)
    if not found and wanted.allow != [CONTROLLER]:
        raise PlanError(
            f"docker_engine_allow is {', '.join(wanted.allow) or 'empty'}, but nothing on this host can enforce that: "
            f"systemd's filter {_why_not(wanted, info)}; and none of {', '.join(_firewall.FIREWALLS)} is active (iptables: "
            "netfilter-persistent or iptables.service). Activate one of them, or set docker_engine_allow to 'all' and filter "
            "elsewhere"
        )
    return found


def _filters(wanted: Wanted, info: dict[str, t.Any]) -> bool:
    """Whether systemd can filter what comes to the socket: only for root's units."""
    return not wanted.rootless_user and not with_openrc(info) and info["firewalls"]["systemd"]["active"]


def _why_not(wanted: Wanted, info: dict[str, t.Any]) -> str:
    if wanted.rootless_user:
        return "is for root's units only, and the Engine is a user's"
    if with_openrc(info):
        return "is not there with OpenRC"
    if info["host"]["cgroup"] == 1:
        return "needs cgroup v2, and this host has cgroup v1"
    return "needs BPF, and was tried: this host's kernel does not have it, or keeps it from this host (a container)"


def _warn(plan: Plan, wanted: Wanted, info: dict[str, t.Any], sources: Sources, enforcing: list[str]) -> None:
    """Said when something changes, not with each run."""
    if not plan.changes:
        return
    if sources.unknown:
        plan.warnings.append(
            "Everyone who has a client's certificate can reach the Engine: Ansible does not reach this host by SSH, so "
            "the controller's address isn't known there. docker_engine_allow can name it"
        )
    elif sources.networks is not None and not enforcing:
        plan.warnings.append(
            "Everyone who has a client's certificate can reach the Engine, since nothing keeps the port to the controller alone: "
            f"no firewall is active on this host, and systemd's filter {_why_not(wanted, info)}"
        )
    named = info["firewalls"].get("iptables", {}).get("closed_but_for")
    if named is not None and str(wanted.port) not in named:
        plan.warnings.append(
            f"The iptables rules of this host accept only what they name, and not port {wanted.port}; no service is active that "
            "restores them after a boot (netfilter-persistent, iptables.service), so they are not changed. Accept the port "
            "there yourself, or activate such a service and run this again"
        )


# -- addresses

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(source: str) -> Network:
    try:
        return ipaddress.ip_network(source, strict=False)
    except ValueError:
        raise PlanError(
            f"docker_engine_allow has {source!r}, which is not an address or network, nor '{CONTROLLER}' or '{ALL}'"
        ) from None


def _normal(networks: list[Network]) -> list[str]:
    """Without overlaps, which nftables refuses; an address as an address."""
    families: tuple[list[t.Any], list[t.Any]] = ([], [])
    for network in networks:
        families[network.version == 6].append(network)
    return [
        str(network[0]) if network.num_addresses == 1 else str(network)
        for family in families
        for network in ipaddress.collapse_addresses(family)
    ]


def _controller(seen: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address((seen or "").split("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
