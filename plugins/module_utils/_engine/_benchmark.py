# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The items of the CIS Docker Benchmark (1.6 and 1.7) about the host and the daemon, in our words, each with its check.

An item is a row of the table; a check is a pure function of what was seen. Runs on the host, on Python 3.8.
"""

from __future__ import annotations

import dataclasses
import typing as t

PASS, FAIL, MANUAL, NOT_APPLICABLE = "pass", "fail", "manual", "not_applicable"

if t.TYPE_CHECKING:
    Outcome = tuple[str, str]  # status, and what was found
    Check = t.Callable[["HostReport"], Outcome]


@dataclasses.dataclass
class File:
    owner: str  # user:group
    mode: int


@dataclasses.dataclass
class HostReport:
    """What engine_benchmark has read on the host."""

    settings: dict[str, t.Any]  # daemon.json and the arguments, by the keys of daemon.json
    info: dict[str, t.Any]  # the Engine's answer to /info
    listens: bool  # on a TCP port
    places: dict[str, str]  # where things are that have no fixed place
    files: dict[str, File]
    audit: list[str] | None  # the rules of auditd; None without auditd
    members: list[str]  # of the group docker
    own_file_system: bool  # of the data

    def path(self, name: str) -> str:
        return self.places.get(name, name)


class Item(t.NamedTuple):
    id: str
    title: str
    check: Check
    remedy: str
    reason: str = ""  # why the role leaves it so, where its defaults don't pass
    place: str = ""  # what the remedy needs the path of


# -- kinds of checks


def audited(name: str) -> Check:
    def check(seen: HostReport) -> Outcome:
        path = seen.path(name)
        if path not in seen.files:
            return NOT_APPLICABLE, f"{path} is not there"
        if seen.audit is None:
            return FAIL, "auditd is not installed"
        for rule in seen.audit:
            words = rule.split()
            if path in words or f"path={path}" in words or f"dir={path}" in words:
                return PASS, rule
        return FAIL, f"no rule for {path}"

    return check


def owned(name: str, owner: str = "root:root") -> Check:
    def check(seen: HostReport) -> Outcome:
        found = _files(seen, name)
        wrong = [f"{path} is {file.owner}'s" for path, file in found if file.owner != owner]
        return _judged(found, wrong, name)

    return check


def limited(name: str, mode: int) -> Check:
    def check(seen: HostReport) -> Outcome:
        found = _files(seen, name)
        return _judged(found, [f"{path} is {file.mode:04o}" for path, file in found if file.mode & ~mode], name)

    return check


def _files(seen: HostReport, name: str) -> list[tuple[str, File]]:
    """The file, or with a star those below the folder."""
    path = seen.path(name)
    if path.endswith("*"):
        return [(place, file) for place, file in seen.files.items() if place.startswith(path[:-1])]
    return [(path, seen.files[path])] if path in seen.files else []


def _judged(found: list[tuple[str, File]], wrong: list[str], name: str) -> Outcome:
    if not found:
        return NOT_APPLICABLE, f"{name} is not there"
    return (FAIL, "; ".join(wrong)) if wrong else (PASS, ", ".join(path for path, dummy in found))


def setting(key: str, good: t.Callable[[t.Any], bool]) -> Check:
    def check(seen: HostReport) -> Outcome:
        value = seen.settings.get(key)
        return PASS if good(value) else FAIL, f"{key} is {'not set' if value is None else value}"

    return check


def option(name: str) -> Check:
    """A security option that the running Engine reports."""

    def check(seen: HostReport) -> Outcome:
        options = seen.info.get("SecurityOptions") or []
        found = any(f"name={name}" in str(one).split(",") for one in options)
        return PASS if found else FAIL, f"{name} is {'on' if found else 'off'}"

    return check


# -- checks of their own


def _own_file_system(seen: HostReport) -> Outcome:
    root = seen.path("data-root")
    return (PASS if seen.own_file_system else FAIL), f"{root} is {'' if seen.own_file_system else 'not '}a mount point"


def _members(seen: HostReport) -> Outcome:
    return (MANUAL, "the group docker has " + ", ".join(seen.members)) if seen.members else (PASS, "nobody but root")


def _by_hand(what: str) -> Check:
    return lambda seen: (MANUAL, str(seen.info.get(what) or "to be judged by a person"))


def _tls(seen: HostReport) -> Outcome:
    if not seen.listens:
        return NOT_APPLICABLE, "the Engine does not listen on a port"
    return (
        (PASS, "client certificates are verified") if seen.settings.get("tlsverify") is True else (FAIL, "no tlsverify")
    )


def _live_restore(seen: HostReport) -> Outcome:
    if (seen.info.get("Swarm") or {}).get("LocalNodeState", "inactive") != "inactive":
        return NOT_APPLICABLE, "nodes of a swarm can't have it"
    on = bool(seen.info.get("LiveRestoreEnabled"))
    return PASS if on else FAIL, f"live-restore is {'on' if on else 'off'}"


def _log_level(seen: HostReport) -> Outcome:
    if seen.settings.get("debug") is True:
        return FAIL, "debug is on, whatever log-level says"
    return setting("log-level", lambda v: v in (None, "info"))(seen)


_SILENT = (MANUAL, "the Engine does not answer: start it, and look again")


def _storage(seen: HostReport) -> Outcome:
    driver = seen.info.get("Driver")
    return (FAIL if driver == "aufs" else PASS, f"the storage driver is {driver}") if seen.info else _SILENT


def _seccomp(seen: HostReport) -> Outcome:
    options = [str(one) for one in seen.info.get("SecurityOptions") or [] if "name=seccomp" in str(one)]
    return (PASS, options[0]) if options and "unconfined" not in options[0] else (FAIL, "no seccomp profile")


def _experimental(seen: HostReport) -> Outcome:
    on = bool(seen.info.get("ExperimentalBuild"))
    return (FAIL if on else PASS, f"experimental features are {'on' if on else 'off'}") if seen.info else _SILENT


# -- the items

_AUDIT = "add '-w {} -p rwxa -k docker' to /etc/audit/rules.d/docker.rules and load it with augenrules --load"
_AUDIT_REASON = "what is audited, and whether by auditd, is a matter of the whole host; the role installs no auditd"
_AUDITED = (
    *("dockerd", "/run/containerd", "data-root", "/etc/docker", "docker.service", "containerd.sock", "docker.socket"),
    *("/etc/default/docker", "/etc/docker/daemon.json", "/etc/containerd/config.toml", "/etc/sysconfig/docker"),
    *("containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2", "runc"),
)
# Number of the item about the owner, that about the mode (they come in this order but once), what, owner, mode
_FILES = (
    (1, 2, "docker.service", "root:root", 0o644),
    (3, 4, "docker.socket", "root:root", 0o644),
    (5, 6, "/etc/docker", "root:root", 0o755),
    (7, 8, "/etc/docker/certs.d/*", "root:root", 0o444),
    (9, 10, "tlscacert", "root:root", 0o444),
    (11, 12, "tlscert", "root:root", 0o444),
    (13, 14, "tlskey", "root:root", 0o400),
    (15, 16, "/run/docker.sock", "root:docker", 0o660),
    (17, 18, "/etc/docker/daemon.json", "root:root", 0o644),
    (19, 20, "/etc/default/docker", "root:root", 0o644),
    (22, 21, "/etc/sysconfig/docker", "root:root", 0o644),
    (23, 24, "containerd.sock", "root:root", 0o660),
)
_HOST = "docker_engine_config: {{{}}}"

ITEMS = (
    Item(
        *("1.1.1", "The Engine's data have a file system of their own", _own_file_system),
        "mount one at the data root, or docker_engine_data_root: where one is",
        "partitions are made with the host",
    ),
    Item(
        "1.1.2",
        "Only trusted users control the Engine",
        _members,
        "remove users from the group docker who may not be root",
    ),
    *(
        Item(f"1.1.{number}", f"auditd watches {name}", audited(name), _AUDIT, _AUDIT_REASON, name)
        for number, name in enumerate(_AUDITED, 3)
    ),
    Item("1.2.1", "The host is hardened", _by_hand("OperatingSystem"), "follow a guide for its operating system"),
    Item("1.2.2", "The Engine is up to date", _by_hand("ServerVersion"), "compare with the release notes, and upgrade"),
    Item(
        *("2.1", "The Engine does not run as root", option("rootless")),
        "docker_engine_rootless_user",
        "rootless mode has limits (ports, networks, storage, cgroups) that you must accept",
    ),
    Item(
        *("2.2", "Containers on the default bridge do not reach each other", setting("icc", lambda v: v is False)),
        _HOST.format("icc: false"),
        "containers that talk over the default bridge would stop to; networks of one's own are apart anyway",
    ),
    Item(
        *("2.3", "The log level is info", _log_level),
        "take debug out, and log-level, or set that to info",
    ),
    Item(
        "2.4", "The Engine may write firewall rules", setting("iptables", lambda v: v is not False), "take iptables out"
    ),
    Item(
        *("2.5", "No registry is trusted without TLS", setting("insecure-registries", lambda v: not v)),
        "give the registry a certificate, and its CA to the hosts",
    ),
    Item("2.6", "The storage driver is not aufs", _storage, "use overlay2"),
    Item("2.7", "On a port, the Engine verifies clients by TLS", _tls, "docker_engine_access: tls"),
    Item(
        *("2.8", "Containers have default ulimits", setting("default-ulimits", bool)),
        "docker_engine_default_ulimits: {nofile: 4096}",
        "which limits are appropriate depends on what runs there",
    ),
    Item(
        *("2.9", "Root in a container is not root on the host", option("userns")),
        "docker_engine_userns_remap: default",
        "files of containers and images that are there would be hidden, and some images need root",
    ),
    Item(
        *(
            "2.10",
            "Containers have the default cgroup parent",
            setting("cgroup-parent", lambda v: v in (None, "/docker")),
        ),
        "take cgroup-parent out",
    ),
    Item(
        *(
            "2.11",
            "The base device has its default size",
            setting("storage-opts", lambda v: "dm.basesize" not in str(v)),
        ),
        "take dm.basesize out of storage-opts",
    ),
    Item(
        *("2.12", "What clients may do is decided by a plugin", setting("authorization-plugins", bool)),
        "install a plugin and name it in authorization-plugins",
        "the Engine brings none; who has a client's certificate is root, and is given one with that in mind",
    ),
    Item(
        "2.13",
        "Logs are kept elsewhere",
        setting("log-driver", lambda v: v not in (None, "json-file", "local", "none")),
        "docker_engine_log_driver: journald, syslog, fluentd or another one",
        "the destination of logs is your decision",
    ),
    Item(
        *("2.14", "Containers gain no privileges", setting("no-new-privileges", lambda v: v is True)),
        _HOST.format("no-new-privileges: true"),
        "images with sudo or other setuid programs would stop to work",
    ),
    Item("2.15", "Containers outlive a restart of the Engine", _live_restore, "docker_engine_live_restore: true"),
    Item(
        *("2.16", "Published ports need no process each", setting("userland-proxy", lambda v: v is False)),
        _HOST.format("userland-proxy: false"),
        "published ports would not be reached over the host's loopback by IPv6, and it is the Engine's own default",
    ),
    Item("2.17", "Containers have a seccomp profile", _seccomp, "take seccomp-profile: unconfined out"),
    Item("2.18", "No experimental features", _experimental, "take experimental out"),
    *sorted(
        (
            item
            for owner_number, mode_number, name, owner, mode in _FILES
            for item in (
                Item(f"3.{owner_number}", f"{name} is {owner}'s", owned(name, owner), f"chown {owner}"),
                Item(f"3.{mode_number}", f"{name} is {mode:04o} or stricter", limited(name, mode), f"chmod {mode:04o}"),
            )
        ),
        key=lambda item: int(item.id[2:]),
    ),
)


def report(seen: HostReport, accepted: t.Iterable[str] = ()) -> list[dict[str, t.Any]]:
    """Each item with its status, what was found, and, where it fails, what helps."""
    agreed, lines = set(accepted), []
    for item in ITEMS:
        status, found = item.check(seen)
        line: dict[str, t.Any] = {"id": item.id, "title": item.title, "status": status, "found": found}
        if status == FAIL:
            remedy = item.remedy.format(seen.path(item.place)) if item.place else item.remedy
            line.update(remedy=remedy, accepted=item.id in agreed)
            if item.reason:
                line["reason"] = item.reason
        lines.append(line)
    return lines
