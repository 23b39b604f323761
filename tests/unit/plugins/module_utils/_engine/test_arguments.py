# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments of the Engine's program, and the keys of daemon.json that they set."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _arguments,
    _unit_files,
)

DEBIAN = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"


def arguments_of(command, environment):
    return [word for word, dummy in _unit_files.filled(command, environment)]


def test_arguments_and_their_keys():
    words = arguments_of(DEBIAN, {"DOCKER_OPTS": "--log-driver=local -l warn --label 'a=b c' -H tcp://0.0.0.0:2376"})
    keys = _arguments.keys_of(words)
    assert set(keys) == {"hosts", "containerd", "log-driver", "log-level", "labels"}
    assert keys["log-driver"] == "--log-driver=local"
    assert _arguments.host_arguments(words) == ["fd://", "tcp://0.0.0.0:2376"]
    assert _arguments.host_arguments(["-Hfd://", "--host=unix:///x", "-H=fd://y"]) == ["fd://", "unix:///x", "fd://y"]
    assert "DOCKER_OPTS" not in " ".join(arguments_of(DEBIAN, {}))


def test_the_values_of_arguments():
    words = shlex.split(
        "dockerd -D --log-level info --icc=false --label a=b --label='c d' -l warn --oom-score-adjust -500 --tlsverify -H fd:// "
        "-Htcp://x --seccomp-profile= --debug"
    )
    assert _arguments.values_of(words) == {
        "debug": ["", ""],
        "log-level": ["info", "warn"],
        "icc": ["false"],
        "labels": ["a=b", "c d"],
        "tlsverify": [""],
        "oom-score-adjust": ["-500"],
        "hosts": ["fd://", "tcp://x"],
        "seccomp-profile": [""],
    }
    assert _arguments.values_of(["--log-level"]) == {"log-level": [""]}


@pytest.mark.parametrize(
    ("argument", "keys"),
    [
        ("--cdi-spec-dir=/etc/cdi", {"cdi-spec-dirs"}),
        ("--default-network-opt=bridge=mtu=1400", {"default-network-opts"}),
        ("--feature=cdi", {"features"}),
        ("--nri-opts=enable=true", {"nri-opts"}),
        ("--host-gateway-ip=192.0.2.1", {"host-gateway-ip", "host-gateway-ips"}),
    ],
)
def test_arguments_of_newer_engines_clash_with_the_keys_that_these_compare_them_with(argument, keys):
    assert _arguments.keys_of([argument]) == dict.fromkeys(keys, argument)


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        *(("-D", "debug"), ("-b=none", "bridge"), ("-Gdocker", "group"), ("-g/srv", "data-root"), ("-Hfd://", "hosts")),
        *(("-lwarn", "log-level"), ("-p/x.pid", "pidfile"), ("-soverlay2", "storage-driver")),
        *(("--dns-opt=ndots:2", "dns-opts"), ("--dns-option=ndots:2", "dns-opts")),
    ],
)
def test_short_and_older_names_of_arguments_are_known(argument, key):
    assert _arguments.keys_of([argument]) == {key: argument}
