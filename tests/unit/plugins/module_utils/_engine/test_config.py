# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import subprocess

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _config as cfg

DEBIAN = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"


@pytest.mark.parametrize(
    ("current", "wanted", "remembered", "put", "out"),
    [
        ({}, {"debug": True}, {}, {"debug": True}, []),
        ({"debug": True}, {"debug": True}, {}, {}, []),
        ({"debug": True}, {}, {"debug": True}, {}, ["debug"]),
        ({"debug": True}, {}, {}, {}, []),  # someone else's
        ({"debug": False}, {}, {"debug": True}, {}, []),  # ours once, changed by someone since
        ({}, {}, {"debug": True}, {}, []),  # taken out by hand already
        ({"bip": "10.0.0.1/8"}, {"bip": "10.1.0.1/16"}, {"bip": "10.0.0.1/8"}, {"bip": "10.1.0.1/16"}, []),
    ],
)
def test_what_is_set_and_taken_out(current, wanted, remembered, put, out):
    assert cfg.config_changes(current, wanted, remembered) == (put, out)


def test_foreign_keys_keep_their_place():
    merged = cfg.apply_changes({"b": 1, "a": 2, "c": 3}, {"a": 5, "d": 6}, ["c"])
    assert list(merged.items()) == [("b", 1), ("a", 5), ("d", 6)]


def test_daemon_json_that_is_no_object():
    assert cfg.parse_config(" \n") == {}
    for text in ("[]", "{,}", "1"):
        with pytest.raises(ValueError):
            cfg.parse_config(text)


def test_passwords_in_urls_are_masked():
    value = {"proxies": {"https-proxy": "http://jo:pw@proxy:3128"}, "registry-mirrors": ["https://m/x@y"]}
    masked = cfg.masked(value)
    assert "pw" not in str(masked) and "proxy:3128" in str(masked)
    assert masked["registry-mirrors"] == ["https://m/x@y"]
    assert cfg.masked("http://jo:p@ss@proxy:3128 of http://proxy") == "http://********@proxy:3128 of http://proxy"


@pytest.mark.parametrize("scheme", ["", "http://", "socks5://"])
@pytest.mark.parametrize("user", ["jo:pw", "jo:p@pw", "pw"])
def test_a_proxy_s_password_is_masked_with_and_without_a_scheme(scheme, user):
    proxy = f"{scheme}{user}@proxy:3128"
    commands = [f"dockerd --https-proxy{form.format(proxy)} -D" for form in ("={}", " {}", "  {}", ' "{}"', "='{}'")]
    for value in ({"proxies": {"https-proxy": proxy}}, {"http-proxy": proxy}, *commands):
        assert "pw" not in str(cfg.masked(value)) and f"{scheme}********@proxy:3128" in str(cfg.masked(value))
    words = ["dockerd", "--https-proxy", proxy, "-D", "--label", "a@b"]
    assert cfg.masked_words(words) == [*words[:2], f"{scheme}********@proxy:3128", *words[3:]]
    without = {"proxies": {"no-proxy": ".example.org", "http-proxy": "proxy:1"}, "userland-proxy": False}
    assert cfg.masked(without) == without


def test_an_empty_assignment_starts_a_list_anew():
    unit = (
        "[Service]\nExecStart=/usr/bin/dockerd -H fd:// \\\n  --debug\n# ExecStart=/no\n[Install]\nExecStart=/other\n"
    )
    assert cfg.assigned([unit], "Service", "ExecStart") == ["/usr/bin/dockerd -H fd://    --debug"]
    assert cfg.assigned([unit, "[Service]\nExecStart=\nExecStart=/new\n"], "Service", "ExecStart") == ["/new"]


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
    assert cfg.assigned(["\n".join(["[Service]", "ExecStart=" + lines[0], *lines[1:]])], "Service", "ExecStart") == [
        command
    ]


def arguments_of(command, environment):
    return [word for word, dummy in cfg.filled(command, environment)]


def test_variables_are_filled_in_as_systemd_does():
    """In braces one is a part of a word, without them it stands for as many as it has."""
    environment = {"OPTS": "--mtu=1300 -D", "MTU": "1300", "NAME": "a b"}
    command = "dockerd $OPTS --mtu=${MTU} --label=${NAME}=${MTU} ${OPTS} $MTU/x ${NONE} $NONE"
    assert cfg.filled(command, environment) == [
        *(("dockerd", ""), ("--mtu=1300", "OPTS"), ("-D", "OPTS"), ("--mtu=1300", "MTU"), ("--label=a b=1300", "MTU")),
        *(("--mtu=1300 -D", "OPTS"), ("$MTU/x", ""), ("", "NONE")),
    ]


def test_arguments_and_their_keys():
    words = arguments_of(DEBIAN, {"DOCKER_OPTS": "--log-driver=local -l warn --label 'a=b c' -H tcp://0.0.0.0:2376"})
    keys = cfg.keys_of(words)
    assert set(keys) == {"hosts", "containerd", "log-driver", "log-level", "labels"}
    assert keys["log-driver"] == "--log-driver=local"
    assert cfg.host_arguments(words) == ["fd://", "tcp://0.0.0.0:2376"]
    assert cfg.host_arguments(["-Hfd://", "--host=unix:///x", "-H=fd://y"]) == ["fd://", "unix:///x", "fd://y"]
    assert "DOCKER_OPTS" not in " ".join(arguments_of(DEBIAN, {}))


def test_the_values_of_arguments():
    words = shlex.split(
        "dockerd -D --log-level info --icc=false --label a=b --label='c d' -l warn --oom-score-adjust -500 --tlsverify -H fd:// "
        "-Htcp://x --seccomp-profile= --debug"
    )
    assert cfg.values_of(words) == {
        "debug": ["", ""],
        "log-level": ["info", "warn"],
        "icc": ["false"],
        "labels": ["a=b", "c d"],
        "tlsverify": [""],
        "oom-score-adjust": ["-500"],
        "hosts": ["fd://", "tcp://x"],
        "seccomp-profile": [""],
    }
    assert cfg.values_of(["--log-level"]) == {"log-level": [""]}


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
    assert cfg.keys_of([argument]) == dict.fromkeys(keys, argument)


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        *(("-D", "debug"), ("-b=none", "bridge"), ("-Gdocker", "group"), ("-g/srv", "data-root"), ("-Hfd://", "hosts")),
        *(("-lwarn", "log-level"), ("-p/x.pid", "pidfile"), ("-soverlay2", "storage-driver")),
        *(("--dns-opt=ndots:2", "dns-opts"), ("--dns-option=ndots:2", "dns-opts")),
    ],
)
def test_short_and_older_names_of_arguments_are_known(argument, key):
    assert cfg.keys_of([argument]) == {key: argument}


def test_drop_in_keeps_the_units_command():
    text = cfg.service_drop_in(DEBIAN, tls=True, environment=True)
    assert text is not None
    commands = cfg.assigned([f"[Service]\nExecStart={DEBIAN}\n", text], "Service", "ExecStart")
    assert commands == [" ".join([DEBIAN, *cfg.TLS_ARGUMENTS])]
    assert cfg.service_drop_in(DEBIAN, tls=False, environment=False) is None
    assert "ExecStart" not in (cfg.service_drop_in(DEBIAN, tls=False, environment=True) or "")


def test_socket_drop_in():
    assert cfg.socket_drop_in(None) is None
    text = cfg.socket_drop_in(2376, ["192.0.2.7", "2001:db8::7"], ["10.0.0.0/8"], ["10.0.0.9", "10.0.0.8"]) or ""
    assert cfg.assigned([text], "Socket", "ListenStream") == ["192.0.2.7:2376", "[2001:db8::7]:2376"]
    assert cfg.assigned([text], "Socket", "IPAddressAllow") == ["localhost 10.0.0.0/8"]
    assert cfg.assigned([text], "Socket", "FreeBind") == ["true"]
    assert cfg.controllers_of(text) == ["10.0.0.9", "10.0.0.8"]
    everyone = cfg.socket_drop_in(2376) or ""
    assert cfg.assigned([everyone], "Socket", "ListenStream") == ["2376"]
    assert "IPAddress" not in everyone and "FreeBind" not in everyone and cfg.controllers_of(everyone) == []
    assert cfg.controllers_of(None) == []


def test_who_is_let_in_is_no_part_of_how_the_socket_listens():
    one, other = cfg.socket_drop_in(2376, [], ["10.0.0.9"], ["10.0.0.9"]), cfg.socket_drop_in(2376)
    assert cfg.listening(one) == cfg.listening(other) != cfg.listening(cfg.socket_drop_in(2377))
    assert cfg.listening(one) != cfg.listening(None)


@pytest.mark.parametrize("value", ["plain", "a b", 'q"u', "back\\slash", "$HOME `x`", "#no comment", "it's"])
def test_environment_file_is_read_back(value):
    text = cfg.render_environment({"X": value})
    assert cfg.parse_environment(text) == {"X": value}
    # A shell reads double quotes by the same rules as systemd does.
    shell = subprocess.run(["sh", "-c", f'{text}\nprintf %s "$X"'], capture_output=True, text=True, check=True)
    assert shell.stdout == value


@pytest.mark.parametrize("variables", [{"A B": "x"}, {"1A": "x"}, {"A": "x\ny"}])
def test_bad_environment_is_refused(variables):
    with pytest.raises(ValueError):
        cfg.render_environment(variables)


def test_no_environment_is_no_file():
    assert cfg.render_environment({}) == ""
