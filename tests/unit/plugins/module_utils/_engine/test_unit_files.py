# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit files, as systemd reads them, and the drop-ins of the role."""

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import (
    _arguments,
    _unit_files,
)

DEBIAN = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"


def test_an_empty_assignment_starts_a_list_anew():
    unit = (
        "[Service]\nExecStart=/usr/bin/dockerd -H fd:// \\\n  --debug\n# ExecStart=/no\n[Install]\nExecStart=/other\n"
    )
    assert _unit_files.assigned([unit], "Service", "ExecStart") == ["/usr/bin/dockerd -H fd://    --debug"]
    assert _unit_files.assigned([unit, "[Service]\nExecStart=\nExecStart=/new\n"], "Service", "ExecStart") == ["/new"]


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (
            ["dockerd -H fd:// \\", "# added by ops", "  ; and by others \\", " --mtu=1300"],
            "dockerd -H fd://   --mtu=1300",
        ),
        (["dockerd \\", "# at the end"], "dockerd"),
        (["dockerd \\", "", "# ExecStart=/no \\", "Environment=A=1"], "dockerd"),
        (["dockerd --label=a\\\\", "--mtu=1300"], "dockerd --label=a\\\\"),
    ],
)
def test_a_comment_in_a_line_that_goes_on_is_no_part_of_it(lines, command):
    """As systemd-analyze verify shows; a comment of its own does not go on, nor does a line by a backslash that is quoted."""
    assert _unit_files.assigned(
        ["\n".join(["[Service]", "ExecStart=" + lines[0], *lines[1:]])], "Service", "ExecStart"
    ) == [command]


def test_variables_are_filled_in_as_systemd_does():
    """In braces one is a part of a word, without them it stands for as many as it has."""
    environment = {"OPTS": "--mtu=1300 -D", "MTU": "1300", "NAME": "a b"}
    command = "dockerd $OPTS --mtu=${MTU} --label=${NAME}=${MTU} ${OPTS} $MTU/x ${NONE} $NONE"
    assert _unit_files.filled(command, environment) == [
        *(("dockerd", ""), ("--mtu=1300", "OPTS"), ("-D", "OPTS"), ("--mtu=1300", "MTU"), ("--label=a b=1300", "MTU")),
        *(("--mtu=1300 -D", "OPTS"), ("$MTU/x", ""), ("", "NONE")),
    ]


def test_drop_in_keeps_the_units_command():
    text = _unit_files.service_drop_in(DEBIAN, tls=True, environment=True)
    assert text is not None
    commands = _unit_files.assigned([f"[Service]\nExecStart={DEBIAN}\n", text], "Service", "ExecStart")
    assert commands == [" ".join([DEBIAN, *_arguments.TLS_ARGUMENTS])]
    assert _unit_files.service_drop_in(DEBIAN, tls=False, environment=False) is None
    assert "ExecStart" not in (_unit_files.service_drop_in(DEBIAN, tls=False, environment=True) or "")


def test_socket_drop_in():
    assert _unit_files.socket_drop_in(None) is None
    text = (
        _unit_files.socket_drop_in(2376, ["192.0.2.7", "2001:db8::7"], ["10.0.0.0/8"], ["10.0.0.9", "10.0.0.8"]) or ""
    )
    assert _unit_files.assigned([text], "Socket", "ListenStream") == ["192.0.2.7:2376", "[2001:db8::7]:2376"]
    assert _unit_files.assigned([text], "Socket", "IPAddressAllow") == ["localhost 10.0.0.0/8"]
    assert _unit_files.assigned([text], "Socket", "FreeBind") == ["true"]
    assert _unit_files.controllers_of(text) == ["10.0.0.9", "10.0.0.8"]
    everyone = _unit_files.socket_drop_in(2376) or ""
    assert _unit_files.assigned([everyone], "Socket", "ListenStream") == ["2376"]
    assert "IPAddress" not in everyone and "FreeBind" not in everyone and _unit_files.controllers_of(everyone) == []
    assert _unit_files.controllers_of(None) == []


def test_who_is_let_in_is_no_part_of_how_the_socket_listens():
    one, other = _unit_files.socket_drop_in(2376, [], ["10.0.0.9"], ["10.0.0.9"]), _unit_files.socket_drop_in(2376)
    assert (
        _unit_files.listening(one)
        == _unit_files.listening(other)
        != _unit_files.listening(_unit_files.socket_drop_in(2377))
    )
    assert _unit_files.listening(one) != _unit_files.listening(None)
