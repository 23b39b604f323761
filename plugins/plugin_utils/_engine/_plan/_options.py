# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's named options that are a key of daemon.json each.

A row is an option (without ``docker_engine_``), its key, and what makes the key's value from the option's, which raises
ValueError with what is allowed. An empty value sets nothing. Another option is another row, an entry in the role's
argument_specs and defaults.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
import urllib.parse

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _masking
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import PlanError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.")
_ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)


class Option(t.NamedTuple):
    key: str
    value: t.Callable[[t.Any], t.Any]


def as_it_is(value: t.Any) -> t.Any:
    return value


def each(check: t.Callable[[str], str]) -> t.Callable[[list[t.Any]], list[str]]:
    return lambda values: [check(str(value)) for value in values]


def mirror(value: str) -> str:
    try:
        url = urllib.parse.urlsplit(value)
        good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good or "@" in url.netloc or url.query or url.fragment:
        raise ValueError("a mirror is http:// or https://, a host and perhaps a port, without user, password or query")
    return value


def registry(value: str) -> str:
    with_network = "/" in value
    if with_network:
        _network(value, "a registry is HOST, HOST:PORT or a network such as 10.0.0.0/8, without http://")
    elif not _is_host_port(value, port_needed=False):
        raise ValueError("a registry is HOST, HOST:PORT or a network such as 10.0.0.0/8, without http://")
    return value


def address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("a name server is an IPv4 or IPv6 address") from None


def listening(value: str) -> str:
    if not _is_host_port(value, port_needed=True):
        raise ValueError("it is ADDRESS:PORT, such as 127.0.0.1:9323")
    return value


def labels(value: dict[str, t.Any]) -> list[str]:
    for name in value:
        if not name or "=" in name or name.lower().startswith(_RESERVED):
            raise ValueError(
                f"{name!r} is not a valid name of a label: it has no '=' and does not start with {', '.join(_RESERVED)}"
            )
    return [f"{name}={_text(value[name])}" for name in sorted(value)]


def texts(value: dict[str, t.Any]) -> dict[str, str]:
    return {name: _text(value[name]) for name in value}


def pools(value: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    for pool in value:
        network = _network(pool["base"], "a pool's base is a network, such as 10.200.0.0/16")
        if not network.prefixlen <= pool["size"] <= network.max_prefixlen:
            raise ValueError(
                f"a pool's size is the length of the prefix that each network gets of it: of {pool['base']} "
                f"{network.prefixlen} to {network.max_prefixlen}"
            )
    return [{"base": pool["base"], "size": pool["size"]} for pool in value]


def ulimits(value: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    made = {}
    for name, limit in value.items():
        if name not in _ULIMITS:
            raise ValueError(f"{name!r} is not a known limit; there are {', '.join(_ULIMITS)}")
        if isinstance(limit, dict):
            limit = f"{limit.get('soft')}:{limit.get('hard', limit.get('soft'))}"
        found = re.fullmatch(r"(-1|\d+)(?::(-1|\d+))?", str(limit))
        soft, hard = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if hard != -1 and (soft == -1 or soft > hard):
            raise ValueError(
                f"{name} is a number, SOFT:HARD or {{soft, hard}}, with soft at most hard, and -1 for no limit"
            )
        made[name] = {"Name": name, "Soft": soft, "Hard": hard}
    return made


def bridge(value: str) -> str:
    try:
        found = ipaddress.ip_interface(value)
    except ValueError:
        found = None
    if found is None or found.version != 4 or "/" not in value or found.ip == found.network.network_address:
        raise ValueError("it is the bridge's own IPv4 address with its prefix, such as 172.26.0.1/16")
    return value


def network_v6(value: str) -> str:
    allowed = "it is an IPv6 network, such as 2001:db8:1::/64"
    if _network(value, allowed).version != 6:
        raise ValueError(allowed)
    return value


def mtu(value: int) -> int:
    if not 68 <= value <= 65535:
        raise ValueError("it is 68 to 65535")
    return value


def path(value: str) -> str:
    parts = {part for part in value.split("/") if part not in ("", ".")}
    if not value.startswith("/") or not parts or ".." in parts:
        raise ValueError("it is an absolute path below /, without '..'")
    return value


def remap(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?", value):
        raise ValueError("it is 'default', the name of a user, or USER:GROUP")
    return value


def cgroup_driver(value: str) -> list[str]:
    return [f"native.cgroupdriver={value}"]


OPTIONS: dict[str, Option] = {
    "registry_mirrors": Option("registry-mirrors", each(mirror)),
    "insecure_registries": Option("insecure-registries", each(registry)),
    "storage_driver": Option("storage-driver", as_it_is),
    "log_driver": Option("log-driver", as_it_is),
    "log_opts": Option("log-opts", texts),
    "labels": Option("labels", labels),
    "dns": Option("dns", each(address)),
    "dns_opts": Option("dns-opts", as_it_is),
    "dns_search": Option("dns-search", as_it_is),
    "default_address_pools": Option("default-address-pools", pools),
    "default_ulimits": Option("default-ulimits", ulimits),
    "cgroup_driver": Option("exec-opts", cgroup_driver),
    "bip": Option("bip", bridge),
    "mtu": Option("mtu", mtu),
    "ipv6": Option("ipv6", as_it_is),
    "fixed_cidr_v6": Option("fixed-cidr-v6", network_v6),
    "metrics_addr": Option("metrics-addr", listening),
    "data_root": Option("data-root", path),
    "userns_remap": Option("userns-remap", remap),
}


def config_of(options: t.Mapping[str, t.Any], config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The keys of daemon.json that are asked for, by named options and by docker_engine_config together."""
    merged = dict(config)
    for name, option in OPTIONS.items():
        value = options.get(name)
        if not value:
            continue
        if option.key in config:
            raise PlanError(
                f"'{option.key}' is asked for twice, by docker_engine_{name} and in docker_engine_config: take it out of one"
            )
        try:
            merged[option.key] = option.value(value)
        except ValueError as error:
            raise PlanError(f"docker_engine_{name} is {_masking.masked(value)!r}: {error}") from None
    return merged


def _text(value: t.Any) -> str:
    """The Engine takes texts only, and spells truth as JSON does."""
    if isinstance(value, (dict, list)):
        raise ValueError("each value is a text or a number")
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _network(value: str, allowed: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        if "/" in value:
            return ipaddress.ip_network(value, strict=False)
    except ValueError:
        pass
    raise ValueError(allowed)


def _is_host_port(value: str, port_needed: bool) -> bool:
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        host, port = value, ""
        if port_needed:
            return False
    elif not (port.isdigit() and 1 <= int(port) <= 65535):
        return False
    return bool(_HOST.fullmatch(host))
