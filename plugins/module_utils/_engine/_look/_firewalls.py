# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a port of the host to some: firewalls, and systemd's own filter. Programs are asked only where it matters."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import typing as t

from .. import _commands, _files, _paths
from .. import _firewall_rules as firewall
from .._errors import HostError

REFUSED = 42
# systemd starts a unit also if it can't put up the unit's filter. So one is started that may not send anything, and tries.
PROBE = (
    "import socket, sys\n"
    "try:\n socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))\n"
    f"except PermissionError:\n sys.exit({REFUSED})"
)
TRIAL = (
    "systemd-run",
    "--quiet",
    "--wait",
    "--collect",
    "--property=IPAddressDeny=any",
    sys.executable,
    "-IS",
    "-c",
    PROBE,
)


def about_firewalls(units: dict[str, dict[str, str]], filters: bool) -> dict[str, t.Any]:
    """Of each firewall that is installed, whether it is active, and what in it is the role's.

    ``filters``: whether it matters if systemd can filter.
    """
    found = {name: look(units) for name, look in LOOKS.items()}
    own = _files.read(_paths.SOCKET_DROP_IN)
    at_work = [name for name in ("ufw", "firewalld") if (found[name] or {}).get("active")]
    if found["iptables"] is None and own is None and not at_work:
        # Rules that nothing here would bring back are of interest before the port is opened, and not in each run.
        found["iptables"] = _rules_by_hand()
    found["systemd"] = {"active": _systemd_filters(own or "", filters)}
    return {name: about for name, about in found.items() if about}


def _ufw(_units: dict[str, dict[str, str]]) -> dict[str, t.Any] | None:
    settings = _files.read("/etc/ufw/ufw.conf")
    if settings is None:
        return None
    defaults = _files.read("/etc/default/ufw") or ""
    return {
        "active": bool(re.search(r"^ENABLED=[\"']?yes", settings, re.M)),
        "ipv6": bool(re.search(r"^IPV6=[\"']?yes", defaults, re.M)),
        "rules": firewall.ufw_rules("\n".join(_files.read(f"/etc/ufw/{name}") or "" for name in firewall.UFW_FILES)),
    }


def _firewalld(units: dict[str, dict[str, str]]) -> dict[str, t.Any] | None:
    unit = units.get("firewalld.service", {})
    if unit.get("LoadState") != "loaded":
        return None
    return {
        "active": unit.get("ActiveState") == "active",
        "policies": os.path.isdir("/usr/lib/firewalld/policies"),
        "policy": _files.read(firewall.FIREWALLD_POLICY),
    }


def _nftables(units: dict[str, dict[str, str]]) -> dict[str, t.Any] | None:
    unit = units.get("nftables.service", {})
    program = _commands.which("nft")
    if unit.get("LoadState") != "loaded" or not program:
        return None
    active = unit.get("ActiveState") == "active"
    ruleset: list[dict[str, t.Any]] = []
    if active:
        try:
            ruleset = json.loads(_commands.run(program, "-j", "list", "ruleset")[1])["nftables"]
        except (ValueError, KeyError):
            raise HostError(f"{program} does not say which rules there are") from None
    return {
        "active": active,
        "program": program,
        "table": _files.read(firewall.NFT_FILE),
        "drop_in": _files.read(firewall.NFT_DROP_IN),
        "chains": firewall.nft_chains(ruleset, _native(ruleset)),
    }


def _native(ruleset: list[dict[str, t.Any]]) -> list[str]:
    """The families in which the chain that iptables would have is the ruleset's own, and no rules of iptables."""
    chains = [entry["chain"] for entry in ruleset if "chain" in entry]
    there = {chain["family"] for chain in chains if (chain["table"], chain["name"]) == ("filter", "INPUT")}
    return [family for family, name in firewall.IPT_FAMILIES.items() if family in there and not _readable(name)]


def _readable(name: str) -> bool:
    program = _commands.which(name)
    return program is None or "is incompatible" not in _commands.run(program, "-w", "-S", "INPUT", check=False)[2]


def _iptables(units: dict[str, dict[str, str]]) -> dict[str, t.Any] | None:
    """Rules of iptables, where a service brings them back after a boot: there ours can come back with them."""
    active = [name for name in firewall.IPT_UNITS if units.get(name, {}).get("ActiveState") == "active"]
    files = {name: _files.read(path) for name, path in firewall.IPT_FILES.items()}
    drop_ins = {unit: _files.read(firewall.ipt_drop_in(unit)) for unit in firewall.IPT_UNITS}
    if not active and not any([*files.values(), *drop_ins.values()]):
        return None
    families = {}
    for name, text in files.items():
        program = _commands.which(name)
        if program and (name == "iptables" or os.path.exists("/proc/net/if_inet6")):
            families[name] = {
                "program": program,
                "file": text,
                **firewall.ipt_rules(_commands.run(program, "-w", "-S")[1]),
            }
    return {
        "active": bool(active),
        "families": families,
        "drop_ins": {unit: text for unit, text in drop_ins.items() if text or unit in active},
    }


def _rules_by_hand() -> dict[str, t.Any] | None:
    program = _commands.which("iptables")
    if not program:
        return None
    status, listed, dummy = _commands.run(program, "-w", "-S", "INPUT", check=False)
    closed = firewall.ipt_closed(listed) if status == 0 else None
    return None if closed is None else {"active": False, "families": {}, "drop_ins": {}, "closed_but_for": closed}


def _systemd_filters(drop_in: str, ask: bool) -> bool:
    """Whether systemd can filter: that needs BPF of the kernel, and may be kept from a container."""
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return False
    if "IPAddressDeny=" in drop_in:
        return True  # it was asked before that was written
    if not ask or not _commands.which("systemd-run"):
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.sendto(b"", ("127.0.0.1", 9))  # without a filter it must be let through, else the answer means nothing
        return _commands.run(*TRIAL, check=False)[0] == REFUSED
    return False


LOOKS: dict[str, t.Callable[[dict[str, dict[str, str]]], dict[str, t.Any] | None]] = {
    "ufw": _ufw,
    "firewalld": _firewalld,
    "nftables": _nftables,
    "iptables": _iptables,
}
