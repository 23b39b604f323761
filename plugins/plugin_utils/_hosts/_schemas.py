# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each module that runs on a host can answer: its keys, with types, lengths and characters. All else is left out."""

from __future__ import annotations

import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._engine._disk_space import PLACES
from ansible_collections.dockyard.machine.plugins.plugin_utils._hosts._answer import (
    Check,
    address,
    anything,
    either,
    fields,
    flag,
    many,
    maybe,
    number,
    prose,
    table,
    text,
    whole,
)

LINE = text(4_000, r"[^\n]*")
WORD = text(255, r"\S*")
VERSION = text(200, r"[!-~]*")
IDENTITY = text(200, r"[\w.-]*")
PATH = text(4_096, r"[^\n]*")
ABSOLUTE = text(4_096, r"/[^\n]*")
FILE = text(1_000_000)
USER = text(255, r"[^\s:/]*")
PORT_OR_RANGE = text(40, r"[\w:-]*")
_KEYS = table(many(LINE, 100), LINE, 1_000)

_UNIT: dict[str, Check] = {
    "exists": flag,
    "load": maybe(WORD),
    "active": maybe(WORD),
    "enabled": maybe(WORD),
    "pid": whole,
    "fragment": PATH,
    "drop_ins": many(PATH, 500),
    "own_drop_in": maybe(FILE),
}
_SERVICE: dict[str, Check] = {
    **_UNIT,
    "exec_start": maybe(FILE),
    "outdated?": flag,
    "arguments": many(text(), 2_000),
    "places": table(PATH, text(), 2_000),
    "later_drop_ins": many(PATH, 500),
}
_PLACE = fields({"folder": ABSOLUTE, "device": whole, "free": whole, "files_left": maybe(whole), "read_only": flag})
_IDS = fields({"name": USER, "exists": flag, "ranges": flag})


def _rule(value: t.Any, at: str) -> list[t.Any]:
    """Handle and comment of a rule."""
    handle, comment = many(anything, 2)(value, at) if isinstance(value, list) and len(value) == 2 else (None, None)
    return [whole(handle, at), LINE(comment, at)]


_FIREWALLS: dict[str, Check] = {
    "ufw?": fields({"active": flag, "ipv6": flag, "rules": many(many(text(2_000), 2))}),
    "firewalld?": fields({"active": flag, "policies": flag, "policy": maybe(FILE)}),
    "nftables?": fields(
        {
            "active": flag,
            "program": ABSOLUTE,
            "table": maybe(FILE),
            "drop_in": maybe(FILE),
            "chains": table(many(_rule), text(300, r"\S+ \S+ [^\n]*"), 1_000),
        }
    ),
    "iptables?": fields(
        {
            "active": flag,
            "families": table(
                fields(
                    {
                        "program": ABSOLUTE,
                        "file": maybe(FILE),
                        "chains": table(whole, WORD, 1_000),
                        "jumps": many(many(text(1_000), 200), 1_000),
                    }
                ),
                either("iptables", "ip6tables"),
            ),
            "drop_ins": table(maybe(FILE), WORD, 100),
            "closed_but_for?": many(PORT_OR_RANGE, 10_000),
        }
    ),
    "systemd": fields({"active": flag}),
}


_SYSTEM: dict[str, Check] = {
    **dict.fromkeys(("id", "like", "version", "codename", "name"), text(1_000, r"[^\n]*")),
    **dict.fromkeys(("ubuntu_codename?", "debian_codename?"), WORD),
}


def units(value: t.Any, at: str) -> dict[str, t.Any]:
    """A host without systemd and OpenRC has none, which is as if each were not there."""
    none: dict[str, t.Any] = {
        "exists": False,
        "load": None,
        "active": None,
        "enabled": None,
        "pid": 0,
        "fragment": "",
        "drop_ins": [],
    }
    none.update(own_drop_in=None)
    service: dict[str, t.Any] = {"exec_start": None, "arguments": [], "places": {}, "later_drop_ins": []}
    known = {"docker.service?": fields(_SERVICE), "docker.socket?": fields(_UNIT), "containerd.service?": fields(_UNIT)}
    return {"docker.service": {**none, **service}, "docker.socket": none, **fields(known)(value, at)}


ENGINE_INFO: dict[str, Check] = {
    "host": fields(
        {
            "hostname": text(255, r"[^\n]*"),
            "os": fields(_SYSTEM),
            "architecture": WORD,
            "addresses": many(address, 500),
            "controller": maybe(text(100, r"[\w.:%-]*")),
            "clock": number,
            "systemd": flag,
            "openrc": flag,
            "cgroup": either(1, 2),
            "apparmor": flag,
            "iptables": maybe(ABSOLUTE),
        }
    ),
    "packages": fields(
        {
            "manager": maybe(either("apt", "dnf", "zypper", "apk", "pacman")),
            "installed": table(VERSION, WORD, 1_000),
            "unfinished": many(WORD, 1_000),
            "candidates": table(VERSION, WORD, 1_000),
            "versions": table(many(VERSION), WORD, 1_000),
            "held": many(WORD, 1_000),
            "held_error": prose,
            "lists_age": maybe(whole),
            "lists_error": prose,
            "repository": maybe(
                fields(
                    {
                        "source": maybe(FILE),
                        "key": maybe(text(64, r"[0-9a-f]*")),
                        "fingerprints": many(text(64, r"[0-9A-Fa-f]*"), 1_000),
                        "others": table(many(LINE, 1_000), PATH, 1_000),
                    }
                )
            ),
        }
    ),
    "engine": fields(
        {
            "program": maybe(ABSOLUTE),
            "running": flag,
            "static": maybe(WORD),
            "static_units": flag,
            "version?": maybe(VERSION),
            "api_version?": maybe(VERSION),
            "containers_running?": whole,
            "live_restore?": flag,
            "swarm?": either("inactive", "pending", "active", "locked", "error", "unknown", ""),
            "swarm_node?": fields(
                {"id": IDENTITY, "manager": flag, "managers": many(maybe(WORD), 1_000), "error": prose}
            ),
            "storage_driver?": maybe(WORD),
            "another": maybe(prose),
        }
    ),
    "config": fields({"exists": flag, "content": table(key=LINE), "error": maybe(prose)}),
    "units": units,
    "tls": fields(
        {
            "ca": maybe(FILE),
            "certificate": maybe(FILE),
            "public_key": maybe(text(20_000)),
            "key_mode": maybe(text(4, "[0-7]{4}")),
        }
    ),
    "environment": fields(
        {
            "names": many(LINE, 1_000),
            "matches": flag,
            "others": many(fields({"name": LINE, "path": PATH, "same": flag}), 1_000),
        }
    ),
    "remembered": fields(
        {
            "config": table(key=LINE),
            "former": table(key=LINE),
            "clients": _KEYS,
            "pending": maybe(either("start", "reload", "restart", "cycle")),
            "tls": flag,
            "after_restart": flag,
        }
    ),
    "clients": table(
        fields(
            {
                "path": PATH,
                "error": maybe(prose),
                "set": many(LINE, 100),
                "unset": many(LINE, 100),
                "ours": many(LINE, 100),
            }
        ),
        USER,
        10_000,
    ),
    "places": fields(dict.fromkeys(PLACES, _PLACE)),
    "data": fields(
        {
            "root": ABSOLUTE,
            "target": ABSOLUTE,
            "default": ABSOLUTE,
            "journal": maybe(fields({"from": ABSOLUTE, "to": ABSOLUTE, "stage": WORD})),
            "exists": flag,
            "holds": flag,
            "rename?": flag,
            "occupied?": anything,
            "mounts?": many(PATH),
            "drivers?": many(LINE, 100),
            **dict.fromkeys(("size?", "entries?", "done?", "done_entries?", "free?", "free_entries?"), maybe(whole)),
        }
    ),
    "remap": fields(
        {"possible": flag, "user?": _IDS, "group?": _IDS, "root": ABSOLUTE, "hides": table(whole, WORD, 100)}
    ),
    "firewalls": fields(_FIREWALLS),
    "listener": maybe(prose),
    "rootless": fields(
        {
            "unit_user": maybe(USER),
            "other": maybe(whole),
            "owned": flag,
            "lingers": flag,
            "data_root": ABSOLUTE,
            "user?": _IDS,
            "group?": _IDS,
            "home?": ABSOLUTE,
            "delegated?": flag,
            "script?": maybe(ABSOLUTE),
            "unit?": maybe(FILE),
            "own_unit?": flag,
            "context?": maybe(flag),
            "tun?": flag,
            "namespaces?": maybe(PATH),
            "kernel?": many(whole, 2),
            "system?": fields({"active": flag, "enabled": flag, "running": maybe(whole)}),
        }
    ),
    "gpu": fields({"nvidia": maybe(ABSOLUTE)}),
    "groups": fields({"missing": many(USER), "outside": many(USER)}),
    "waited": many(prose, 1_000),
    "left_over": many(ABSOLUTE, 10_000),
}

_ACTION = maybe(either("start", "reload", "restart", "cycle"))
ENGINE_APPLY: dict[str, Check] = {
    "action?": _ACTION,
    "public_key?": maybe(text(20_000)),
    "csr?": maybe(text(50_000)),
    "version?": maybe(VERSION),
    "api_version?": maybe(VERSION),
    "old_data?": PATH,
}

ENGINE_BENCHMARK: dict[str, Check] = {
    "checks": many(
        fields(
            {
                "id": VERSION,
                "title": LINE,
                "status": either("pass", "fail", "not_applicable", "manual"),
                "found": prose,
                "remedy?": prose,
                "reason?": prose,
                "accepted?": flag,
            }
        ),
        500,
    ),
    "failing": many(VERSION, 500),
    "summary": table(whole, WORD, 10),
}

_IMAGES = table(maybe(WORD), WORD, 10)
MACHINE_IMAGE: dict[str, Check] = {
    "image": fields(
        {
            "path?": ABSOLUTE,
            "name": WORD,
            "recipe?": maybe(VERSION),
            "packages?": maybe(table(VERSION, WORD, 100_000)),
            "architecture?": maybe(WORD),
        }
    ),
    "diff?": fields({"before": _IMAGES, "after": _IMAGES}),
}

# -- modules of others, by host_module

_ADDRESS = text(300, r"[\w.:\[\]%-]*")
_NODE = fields(
    {
        "ID": IDENTITY,
        "Spec": fields(
            {
                "Role": either("manager", "worker"),
                "Availability": either("active", "pause", "drain"),
                "Labels?": maybe(table(LINE, LINE, 1_000)),
            }
        ),
        "Description?": maybe(fields({"Hostname?": LINE})),
        "Status?": maybe(fields({"State?": WORD, "Message?": prose, "Addr?": _ADDRESS})),
        "ManagerStatus?": fields({"Reachability?": WORD, "Addr?": _ADDRESS, "Leader?": flag}),
    }
)
_WHOLE = maybe(whole)
# What a plan compares of a swarm's settings (_swarm/_settings.py)
_SWARM = fields(
    {
        "Name?": LINE,
        "Labels?": maybe(table(LINE, LINE, 1_000)),
        "Orchestration?": maybe(fields({"TaskHistoryRetentionLimit?": _WHOLE})),
        "Raft?": maybe(
            fields(
                dict.fromkeys(
                    (
                        *("SnapshotInterval?", "KeepOldSnapshots?", "LogEntriesForSlowFollowers?"),
                        *("HeartbeatTick?", "ElectionTick?"),
                    ),
                    _WHOLE,
                )
            )
        ),
        "Dispatcher?": maybe(fields({"HeartbeatPeriod?": _WHOLE})),
        "CAConfig?": maybe(
            fields({"NodeCertExpiry?": _WHOLE, "ForceRotate?": _WHOLE, "ExternalCAs?": maybe(many(anything, 100))})
        ),
        "EncryptionConfig?": maybe(fields({"AutoLockManagers?": maybe(flag)})),
        "TaskDefaults?": maybe(fields({"LogDriver?": maybe(table(key=LINE))})),
    }
)
SWARM_INFO: dict[str, Check] = {
    "can_talk_to_docker?": flag,
    "docker_swarm_active": flag,
    "docker_swarm_manager?": flag,
    "swarm_facts?": fields(
        {
            "ID": IDENTITY,
            "Spec?": maybe(_SWARM),
            "JoinTokens?": maybe(fields({"Worker?": IDENTITY, "Manager?": IDENTITY})),
        }
    ),
    "swarm_unlock_key?": maybe(WORD),
    "nodes?": many(_NODE),
    "tasks?": many(fields({"ID?": IDENTITY, "Status?": fields({"State": WORD})}), 100_000),
}
SETUP: dict[str, Check] = {
    "facts": fields({"ansible_distribution": LINE, "ansible_distribution_release": LINE, "ansible_architecture": WORD}),
}
UNLOCK: dict[str, Check] = {"status": whole, "json?": fields({"message?": prose})}

# Those that say whether they have changed anything
_CHANGED: dict[str, Check] = {"changed": flag}
OTHERS: dict[str, dict[str, Check]] = {
    "community.docker.docker_swarm_info": SWARM_INFO,
    "community.docker.docker_swarm": _CHANGED,
    "community.docker.docker_node": _CHANGED,
    "ansible.builtin.setup": SETUP,
    "ansible.builtin.uri": UNLOCK,
    "ansible.builtin.package": _CHANGED,
    "ansible.builtin.copy": _CHANGED,
}
SCHEMAS: dict[str, dict[str, Check]] = {
    "dockyard.machine.engine_info": {**_CHANGED, **ENGINE_INFO},
    "dockyard.machine.engine_apply": {**_CHANGED, **ENGINE_APPLY},
    "dockyard.machine.engine_benchmark": {**_CHANGED, **ENGINE_BENCHMARK},
    "dockyard.machine.machine_image": {**_CHANGED, **MACHINE_IMAGE},
    **OTHERS,
}
