# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of daemon.json: which Engine knows them, and what a reload (SIGHUP) does with them.

Read from the Engine's sources, 18.09 to 29.7. A running Engine that is reloaded takes over a key that is there; of one
that has gone it mostly keeps the old value. So a key is taken out by a reload that gives the value which an Engine
without the key has, and only then does it leave the file.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._plan import PlanError

Version = tuple[int, int]
RESTART: t.Any = object()  # a reload can't bring back what holds without the key
ABSENT: t.Any = object()  # a reload does so by itself
NEWEST: Version = (29, 7)  # of later ones we don't know which keys they have


class Key(t.NamedTuple):
    since: Version = (0, 0)  # the first Engine that has it
    until: Version = (999, 0)  # the first one that has it no more
    reload: bool = False
    without: t.Any = RESTART


KEYS: dict[str, Key] = {
    **dict.fromkeys(
        (
            *("bip", "bridge", "builder", "cgroup-parent", "containerd", "cpu-rt-period", "cpu-rt-runtime"),
            *("cri-containerd", "data-root", "default-address-pools", "default-gateway", "default-gateway-v6"),
            *("default-ulimits", "dns", "dns-opts", "dns-search", "exec-opts", "exec-root", "experimental"),
            *("fixed-cidr", "fixed-cidr-v6", "group", "hosts", "icc", "init", "init-path", "ip", "ip-forward"),
            *("ip-masq", "iptables", "ipv6", "log-driver", "log-level", "log-opts", "metrics-addr", "mtu"),
            *("network-control-plane-mtu", "no-new-privileges", "node-generic-resources", "pidfile", "raw-logs"),
            *("seccomp-profile", "selinux-enabled", "storage-driver", "storage-opts", "swarm-default-advertise-addr"),
            *("tls", "tlscacert", "tlscert", "tlskey", "tlsverify", "userland-proxy", "userland-proxy-path"),
            "userns-remap",
        ),
        Key(),
    ),
    "authorization-plugins": Key(reload=True, without=ABSENT),
    "debug": Key(reload=True, without=False),
    "default-ipc-mode": Key(reload=True),
    "default-runtime": Key(reload=True, without="runc"),
    "default-shm-size": Key(reload=True, without="64M"),
    "features": Key(reload=True, without=ABSENT),
    "insecure-registries": Key(reload=True, without=[]),
    "labels": Key(reload=True, without=[]),
    "live-restore": Key(reload=True, without=False),
    "max-concurrent-downloads": Key(reload=True, without=ABSENT),
    "max-concurrent-uploads": Key(reload=True, without=ABSENT),
    "network-diagnostic-port": Key(reload=True, without=ABSENT),
    "registry-mirrors": Key(reload=True, without=[]),
    "runtimes": Key(reload=True, without={}),
    "shutdown-timeout": Key(reload=True, without=15),
    # Those that not every Engine has
    "allow-nondistributable-artifacts": Key(reload=True, without=[]),
    "api-cors-header": Key(until=(29, 0)),
    "cluster-advertise": Key(until=(23, 0)),
    "cluster-store": Key(until=(23, 0)),
    "cluster-store-opts": Key(until=(23, 0)),
    "graph": Key(until=(23, 0)),
    "oom-score-adjust": Key(until=(25, 0)),
    "containerd-namespace": Key(since=(19, 3)),
    "containerd-plugins-namespace": Key(since=(19, 3)),
    "rootless": Key(since=(19, 3)),
    "default-cgroupns-mode": Key(since=(20, 10), reload=True),
    "host-gateway-ip": Key(since=(20, 10)),
    "ip6tables": Key(since=(20, 10)),
    "max-download-attempts": Key(since=(20, 10), reload=True, without=ABSENT),
    "proxies": Key(since=(23, 0)),
    "http-proxy": Key(since=(23, 0)),
    "https-proxy": Key(since=(23, 0)),
    "no-proxy": Key(since=(23, 0)),
    "default-network-opts": Key(since=(24, 0)),
    "cdi-spec-dirs": Key(since=(25, 0)),
    "log-format": Key(since=(25, 0)),
    "bip6": Key(since=(28, 0)),
    "host-gateway-ips": Key(since=(28, 0)),
    "ip-forward-no-drop": Key(since=(28, 0)),
    "allow-direct-routing": Key(since=(28, 2)),
    "bridge-accept-fwmark": Key(since=(29, 0)),
    "firewall-backend": Key(since=(29, 0)),
    "min-api-version": Key(since=(29, 0)),
    "nri-opts": Key(since=(29, 2)),
    "default-stop-timeout": Key(since=(29, 7), reload=True),
}

# Keys that an Engine below that version takes only together with another
NEEDS: tuple[tuple[str, str, Version], ...] = (
    ("ipv6", "fixed-cidr-v6", (28, 0)),
    ("ip6tables", "experimental", (27, 0)),
    ("metrics-addr", "experimental", (20, 10)),
)
CDI: Version = (25, 0)  # the first Engine with the feature "cdi": older ones take no notice of it
# Of "features", what an Engine looks at later than at its start
_FEATURES = frozenset(("buildkit",))


def version_of(text: str | None) -> Version | None:
    """From an Engine's or a package's version; None if there is none in it."""
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else None


def check_names(wanted: t.Mapping[str, t.Any], asked: str) -> None:
    """PlanError for a key that no Engine knows, where one is to be installed of which the version is not known yet."""
    major = re.match(r"(?:\d+:)?(\d+)", asked)
    if major and int(major[1]) > NEWEST[0]:
        return
    for name in wanted:
        if name not in KEYS:
            raise PlanError(
                f"docker_engine_config has the key '{name}', which no Engine up to {_said(NEWEST)} knows. If a newer one is to be "
                f"installed, say so in docker_engine_version{_meant(name)}"
            )


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, KEYS, 1)
    return f". Is '{close[0]}' meant?" if close else ""


def check_keys(wanted: t.Mapping[str, t.Any], merged: t.Mapping[str, t.Any], version: Version | None) -> None:
    """PlanError for a key that this Engine refuses. Of an Engine that is not known, its own check has to find out."""
    if version is None or version > NEWEST:
        return
    engine = f"the Engine of this host is {version[0]}.{version[1]:02d}"
    for name in wanted:
        key = KEYS.get(name)
        if not key:
            raise PlanError(f"docker_engine_config has the key '{name}', which no Engine knows{_meant(name)}")
        if version < key.since:
            raise PlanError(f"'{name}' is a key that the Engine has from {_said(key.since)} on, and {engine}")
        if version >= key.until:
            raise PlanError(f"'{name}' is a key that the Engine has no more since {_said(key.until)}, and {engine}")
    for name, other, before in NEEDS:
        if wanted.get(name) and not merged.get(other) and version < before:
            raise PlanError(f"'{name}' needs '{other}' too before Engine {_said(before)}, and {engine}")
    features = wanted.get("features")
    if isinstance(features, dict) and features.get("cdi") and version < CDI:
        raise PlanError(
            f"CDI (docker_engine_gpu 'cdi', or 'cdi' in 'features') came with Engine {_said(CDI)}, and {engine}"
        )


def _said(version: Version) -> str:
    return f"{version[0]}.{version[1]:02d}" if version < (23, 0) else f"{version[0]}.{version[1]}"


# Objects of which the Engine takes the entries for keys of their own, and an object's name that may be an argument too
_NESTED = ("proxies",)
_ALSO_ARGUMENT = ("runtimes",)


def names_in(config: t.Mapping[str, t.Any]) -> list[str]:
    """The names by which the Engine compares a configuration with its arguments."""
    names = [name for name in config if name not in _ALSO_ARGUMENT]
    for name in _NESTED:
        names += config[name] if isinstance(config.get(name), dict) else []
    return names


def effect_of(
    current: t.Mapping[str, t.Any], put: t.Mapping[str, t.Any], out: t.Collection[str]
) -> tuple[str | None, dict[str, t.Any]]:
    """What the Engine has to do (``restart``, ``reload`` or nothing), and what a reload says for the keys that go."""
    if not put and not out:
        return None, {}
    unknown = Key()
    if not all(_reloads(key, current.get(key), put.get(key)) for key in (*put, *out)):
        return "restart", {}
    without = {key: KEYS.get(key, unknown).without for key in out}
    if RESTART in without.values():
        return "restart", {}
    return "reload", {key: value for key, value in without.items() if value is not ABSENT}


def _reloads(key: str, before: t.Any, after: t.Any) -> bool:
    if key == "features":
        sides = [side if isinstance(side, dict) else {} for side in (before, after)]
        return all(name in _FEATURES for name in {*sides[0], *sides[1]} if sides[0].get(name) != sides[1].get(name))
    return KEYS.get(key, Key()).reload
