# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine's configuration as text and data: daemon.json, unit files, environment file.

Pure functions, used on the controller for the plan and on the host for applying it, so that both agree.
Runs on Python 3.8.
"""

from __future__ import annotations

import json
import re
import shlex
import typing as t

CONFIG_PATH = "/etc/docker/daemon.json"
ENVIRONMENT_PATH = "/etc/docker/dockyard.env"
TLS_FOLDER = "/etc/docker/tls"
CA_PATH = TLS_FOLDER + "/ca.pem"
CERTIFICATE_PATH = TLS_FOLDER + "/cert.pem"
KEY_PATH = TLS_FOLDER + "/key.pem"
KEY_MODE, CERTIFICATE_MODE = 0o400, 0o444  # what the CIS Docker Benchmark asks for
STATE_PATH = "/var/lib/dockyard/engine.json"
# Last by name: a later drop-in with an ExecStart of its own would take --tlsverify away.
SERVICE_DROP_IN = "/etc/systemd/system/docker.service.d/zz-dockyard.conf"
SOCKET_DROP_IN = "/etc/systemd/system/docker.socket.d/zz-dockyard.conf"

TLS_ARGUMENTS = (
    "--tlsverify",
    "--tlscacert=" + CA_PATH,
    "--tlscert=" + CERTIFICATE_PATH,
    "--tlskey=" + KEY_PATH,
)
HEADER = "# Written by the Ansible role dockyard.machine.docker_engine. Changes here are overwritten.\n"

# Keys that say where the Engine listens and how: they belong to docker_engine_access and the unit.
OWN_KEYS = ("hosts", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey")

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


# -- daemon.json


def parse_config(text: str) -> dict[str, t.Any]:
    """daemon.json as data; an empty file is an empty configuration, as for the Engine."""
    if not text.strip():
        return {}
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content


def render_config(content: dict[str, t.Any]) -> str:
    return json.dumps(content, indent=4) + "\n"


def config_changes(
    current: dict[str, t.Any], wanted: dict[str, t.Any], remembered: dict[str, t.Any]
) -> tuple[dict[str, t.Any], list[str]]:
    """What to set and what to take out.

    Taken out is only what an earlier run set and nobody has changed since: everything else is someone else's.
    """
    put = {key: value for key, value in wanted.items() if key not in current or current[key] != value}
    out = [key for key in remembered if key not in wanted and key in current and current[key] == remembered[key]]
    return put, out


# Objects in which entries of others stay beside ours
SHARED = ("features", "runtimes")


def entries(config: t.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    """An object of a configuration; null is an empty one, as for the Engine."""
    value = config.get(key)
    return dict(value) if isinstance(value, dict) else {}


def ours(
    current: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], remembered: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """What of a wanted configuration is the role's: what it puts there, or has put there. What was there is someone else's."""
    found: dict[str, t.Any] = {}
    for key, value in wanted.items():
        if key in SHARED and isinstance(value, dict) and entries(current, key):
            there, before = entries(current, key), entries(remembered, key)
            # What someone has changed since is theirs, though it was ours.
            part = {
                name: about
                for name, about in value.items()
                if before.get(name, ...) == about or there.get(name, ...) != about
            }
            found.update({key: part} if part else {})
        elif key in remembered or current.get(key, ...) != value:
            found[key] = value
    return found


# Of these a former value is not put back: the role decides on the first by itself, and the others move or hide data.
_NOT_BACK = (*SHARED, "live-restore", "data-root", "userns-remap")


def overwritten(
    current: t.Mapping[str, t.Any],
    own: t.Mapping[str, t.Any],
    remembered: t.Mapping[str, t.Any],
    former: t.Mapping[str, t.Any],
) -> dict[str, t.Any]:
    """What others had in the place of what is the role's, to be put back; but no secret, which is not seen."""
    found = {}
    for key in [key for key in own if key not in _NOT_BACK and key in current]:
        there = current[key]
        if key in remembered and there == remembered[key]:
            found.update({key: former[key]} if key in former else {})
        elif there != own[key] and _MASK not in str(there):
            found[key] = there
    return found


def apply_changes(current: dict[str, t.Any], put: dict[str, t.Any], out: t.Iterable[str]) -> dict[str, t.Any]:
    gone = set(out)
    merged = {key: value for key, value in current.items() if key not in gone}
    merged.update(put)
    return merged


# Up to the last @, as Go has it: a password can have one. A proxy needs no scheme.
_USERINFO = re.compile(r"(://|-proxy[= \t]+[\"']?)[^/\s\"]+@")
_OF_PROXY = re.compile(r"\A(\w+://)?.*@")
_MASK = "********@"


def masked(value: t.Any) -> t.Any:
    """The same with user name and password taken out of URLs and proxies."""
    if isinstance(value, str):
        return _USERINFO.sub(r"\1" + _MASK, value)
    if isinstance(value, dict):
        return {key: _masked_at(str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def masked_words(words: t.Sequence[str]) -> list[str]:
    """Those of a command, where a proxy may be the word after its option."""
    return [_masked_at(words[number - 1] if number else "", word) for number, word in enumerate(words)]


def _masked_at(key: str, value: t.Any) -> t.Any:
    if key.endswith("-proxy") and isinstance(value, str):
        return _OF_PROXY.sub(r"\1" + _MASK, value)
    return masked(value)


# -- units


def _joined(text: str) -> t.Iterator[str]:
    """A unit file's lines. One with a backslash at its end goes on in the next that is no comment, as systemd has it."""
    begun = ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        begun += line
        if (len(begun) - len(begun.rstrip("\\"))) % 2:
            begun = begun[:-1] + " "
        else:
            yield begun
            begun = ""
    yield begun


def directives(text: str) -> t.Iterator[tuple[str, str, str]]:
    """Section, name and value of each assignment in a unit file."""
    section = ""
    for line in _joined(text):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif "=" in stripped:
            name, value = stripped.split("=", 1)
            yield section, name.strip(), value.strip()


def placed(files: t.Iterable[tuple[str, str]], section: str, name: str) -> list[tuple[str, str]]:
    """A list setting's values over a unit and its drop-ins (path, text), each with its path: an empty one starts anew."""
    values: list[tuple[str, str]] = []
    for path, text in files:
        for where, what, value in directives(text):
            if (where, what) == (section, name):
                values = [*values, (value, path)] if value else []
    return values


def assigned(texts: t.Iterable[str], section: str, name: str) -> list[str]:
    return [value for value, dummy in placed((("", text) for text in texts), section, name)]


_ALONE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_INSIDE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(command: str, environment: t.Mapping[str, str]) -> list[tuple[str, str]]:
    """A unit's command line as words, each with the last variable in it, filled in as systemd does.

    ``$NAME`` stands for as many words as it has, and ``${NAME}`` for one, or a part of one.
    """
    words: list[tuple[str, str]] = []
    for word in shlex.split(command):
        alone, inside = _ALONE.fullmatch(word), _INSIDE.findall(word)
        if alone:
            words += [(part, alone[1]) for part in shlex.split(environment.get(alone[1], ""))]
        else:
            text = _INSIDE.sub(lambda name: environment.get(name[1], ""), word)
            words.append((text, inside[-1] if inside else ""))
    return words


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


def service_drop_in(exec_start: str | None, tls: bool, environment: bool) -> str | None:
    """Our drop-in of docker.service: its own command with our arguments added. None where nothing is to be added."""
    lines = []
    if environment:
        lines.append("EnvironmentFile=" + ENVIRONMENT_PATH)
    if tls:
        lines += ["ExecStart=", "ExecStart=" + " ".join([exec_start or "", *TLS_ARGUMENTS])]
    return HEADER + "[Service]\n" + "\n".join(lines) + "\n" if lines else None


def socket_drop_in(
    port: int | None,
    addresses: t.Sequence[str] = (),
    allowed: t.Sequence[str] | None = None,
    controllers: t.Sequence[str] = (),
) -> str | None:
    """Our drop-in of docker.socket. With sources given, systemd drops packets from all others (BPF, cgroup v2)."""
    if port is None:
        return None
    lines = [f"ListenStream={f'[{address}]' if ':' in address else address}:{port}" for address in addresses]
    if addresses:
        # An address may come later than the socket; and each stands for itself, so that 0.0.0.0 and :: can be together.
        lines += ["FreeBind=true", "BindIPv6Only=ipv6-only"]
    else:
        lines = [f"ListenStream={port}"]
    if allowed is not None:
        lines += ["IPAddressDeny=any", "IPAddressAllow=" + " ".join(["localhost", *allowed])]
    return HEADER + "\n".join([*controllers_line(controllers), "[Socket]", *lines]) + "\n"


_CONTROLLERS = "# Controllers: "


def controllers_line(controllers: t.Sequence[str]) -> list[str]:
    """What remembers them in a file of ours, as a comment."""
    return [_CONTROLLERS + " ".join(controllers)] if controllers else []


def controllers_of(text: str | None) -> list[str]:
    """The controllers that our drop-in of docker.socket, block of settings or unit remembers, the latest first."""
    for line in (text or "").splitlines():
        if line.startswith(_CONTROLLERS):
            return line[len(_CONTROLLERS) :].split()
    return []


def listening(drop_in: str | None) -> list[str]:
    """The part of our drop-in of docker.socket that only a new socket takes over; its filter counts from a reload on."""
    return [line for line in (drop_in or "").splitlines() if line and not line.startswith(("#", "IPAddress"))]


# -- environment file

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


# Both spellings of a proxy's variable are looked at, so two of them are one setting
_PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"))


def variable_key(name: str) -> str:
    return name.upper() if name.upper() in _PROXIES else name


def render_environment(variables: t.Mapping[str, t.Any]) -> str:
    """An environment file that systemd reads back as these values."""
    lines = []
    for name, value in variables.items():
        text = str(value)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for an environment variable")
        if "\n" in text or "\x00" in text:
            raise ValueError(f"The value of the environment variable {name} has a line break")
        lines.append('{}="{}"'.format(name, re.sub(r'([\\"`$])', r"\\\1", text)))
    return HEADER + "\n".join(lines) + "\n" if lines else ""


def parse_environment(text: str) -> dict[str, str]:
    """What systemd reads from an environment file, for the simple forms that occur."""
    found: dict[str, str] = {}
    for line in re.sub(r"\\\n", "", text).splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;" or "=" not in stripped:
            continue
        name, value = stripped.split("=", 1)
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value)
        if quoted:
            found[name.strip()] = re.sub(r"\\([\\\"`$])", r"\1", quoted.group(1))
            continue
        try:
            found[name.strip()] = " ".join(shlex.split(value)) if value[:1] in "\"'" else value
        except ValueError:
            found[name.strip()] = value
    return found
