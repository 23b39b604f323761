# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's command line: which keys of daemon.json its arguments set. Pure; runs on the controller and, on Python 3.8, on hosts."""

from __future__ import annotations

import typing as t

from . import _paths

TLS_ARGUMENTS = (
    "--tlsverify",
    "--tlscacert=" + _paths.CA_PATH,
    "--tlscert=" + _paths.CERTIFICATE_PATH,
    "--tlskey=" + _paths.KEY_PATH,
)
# Names of arguments where they differ from the key in daemon.json.
_KEYS = {
    "-H": "hosts",
    "-D": "debug",
    "-G": "group",
    "-b": "bridge",
    "-g": "data-root",
    "-l": "log-level",
    "-p": "pidfile",
    "-s": "storage-driver",
    "--host": "hosts",
    "--label": "labels",
    "--dns-opt": "dns-opts",
    "--dns-option": "dns-opts",
    "--exec-opt": "exec-opts",
    "--log-opt": "log-opts",
    "--storage-opt": "storage-opts",
    "--add-runtime": "runtimes",
    "--feature": "features",
    "--cdi-spec-dir": "cdi-spec-dirs",
    "--default-ulimit": "default-ulimits",
    "--insecure-registry": "insecure-registries",
    "--registry-mirror": "registry-mirrors",
    "--default-address-pool": "default-address-pools",
    "--authorization-plugin": "authorization-plugins",
    "--cluster-store-opt": "cluster-store-opts",
    "--default-network-opt": "default-network-opts",
    "--node-generic-resource": "node-generic-resources",
}
# Each of their arguments counts, and not the last one alone
LISTS = frozenset(key for name, key in _KEYS.items() if name.startswith("--"))


def _key(word: str) -> str | None:
    """The daemon.json key that an argument sets, if it is a flag."""
    name = word.split("=", 1)[0]
    return _KEYS.get(name, name[2:]) if name.startswith("--") else _KEYS.get(name[:2])


def keys_of(arguments: t.Sequence[str]) -> dict[str, str]:
    """The daemon.json keys that a command line sets already, and the argument that does."""
    keyed = ((_key(word), word) for word in arguments)
    found = {key: word for key, word in keyed if key}
    if "host-gateway-ip" in found:
        # Its key was renamed, and with the argument the Engine takes neither.
        found["host-gateway-ips"] = found["host-gateway-ip"]
    return found


def values_of(arguments: t.Sequence[str]) -> dict[str, list[str]]:
    """What a command line sets the keys of daemon.json to, in order; a flag without a value has an empty one."""
    found: dict[str, list[str]] = {}
    for number, word in enumerate(arguments, 1):
        key, after = _key(word), next(iter(arguments[number:]), "-")
        if not key:
            continue
        value = word.partition("=")[2] if word.startswith("--") else word[2:].lstrip("=")
        # The Engine takes no words but flags and their values, so one that is no flag belongs to the flag before it.
        if not value and "=" not in word and (not after.startswith("-") or after[1:].isdigit()):
            value = after
        found.setdefault(key, []).append(value)
    return found


def host_arguments(arguments: t.Sequence[str]) -> list[str]:
    """The addresses that a command line listens on."""
    return values_of(arguments).get("hosts", [])
