# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._engine import _isolation as isolation


@pytest.mark.parametrize(
    ("content", "arguments", "root"),
    [
        ({}, ["dockerd", "-H", "fd://"], "/var/lib/docker"),
        ({"data-root": "/srv/docker/"}, [], "/srv/docker"),
        ({}, ["dockerd", "--data-root=/srv/a"], "/srv/a"),
        ({}, ["dockerd", "--data-root", "/srv/b", "-D"], "/srv/b"),
        ({}, ["dockerd", "-g", "/srv/c"], "/srv/c"),
        ({}, ["dockerd", "--data-root=/srv/a", "--data-root=/srv/d"], "/srv/d"),
    ],
)
def test_where_the_data_is(content, arguments, root):
    assert isolation.data_root(content, arguments) == root


def test_a_range_is_free_only_if_it_is_nobodys_in_any_file():
    assert isolation.free_range(["", "# none\n"]) == 100000
    assert isolation.free_range(["jo:100000:65536\n", "jo:165536:65536\n"]) == 231072
    assert isolation.free_range(["jo:200000:65536\n"]) == 100000
    assert isolation.free_range(["a:90000:20000\nb:120000:1\n"]) == 120001


def test_ranges_of_a_name():
    text = "jo:100000:65536\nann:165536:10\njo:300000:5\nbroken\njo:x:1\n"
    assert isolation.ranges(text, "jo") == [(100000, 65536), (300000, 5)]
    assert len(isolation.ranges(text)) == 3


@pytest.mark.parametrize(
    ("value", "names"), [("default", ("dockremap", "dockremap")), ("jo", ("jo", "jo")), ("jo:staff", ("jo", "staff"))]
)
def test_whom_a_remap_stands_for(value, names):
    assert isolation.remapped(value) == names


def test_the_unit_of_a_users_engine():
    text = isolation.rootless_unit(
        "jo", "/opt/bin/dockerd-rootless.sh", ["--tlsverify"], 2376, [], "/etc/docker/dockyard.env"
    )
    assert "\nConditionUser=jo\n" in text, "all users' managers read it"
    assert 'Environment="PATH=/opt/bin:/usr/local/sbin:' in text
    assert "--publish=0.0.0.0:2376:2376/tcp" in text and "EnvironmentFile=/etc/docker/dockyard.env\n" in text
    command = "ExecStart=/opt/bin/dockerd-rootless.sh -H unix://%t/docker.sock -H tcp://0.0.0.0:2376 --tlsverify\n"
    assert command in text
    local = isolation.rootless_unit("jo", "/opt/bin/dockerd-rootless.sh", [], None, [], None)
    some = isolation.rootless_unit("jo", "/x/dockerd-rootless.sh", [], 2376, ["192.0.2.7", "2001:db8::7"], None)
    assert "FLAGS=--publish=192.0.2.7:2376:2376/tcp --publish=[2001:db8::7]:2376:2376/tcp" in some
    # RootlessKit has both families by either, and does not start where it is to have them twice.
    for listen, place in ((["0.0.0.0", "::"], "0.0.0.0"), (["10.0.0.5", "::"], "[::]"), (["0.0.0.0"], "0.0.0.0")):
        every = isolation.rootless_unit("jo", "/x/dockerd-rootless.sh", [], 2376, listen, None)
        assert f'FLAGS=--publish={place}:2376:2376/tcp"' in every
    assert "tcp://" not in local and "publish" not in local and "EnvironmentFile" not in local


def test_limits_are_let_to_one_user_only():
    path, text = isolation.delegation(1001)
    assert "/user@1001.service.d/" in path and "Delegate=cpu cpuset io memory pids" in text
