# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of the Engine on one container host: what reaches it, by reload or restart, and what is refused.

In this order on one host, which starts as BASE has it.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import json
import pathlib
import threading
import time

import pytest

from tests.beds import image
from tests.beds._base import run, until
from tests.beds.engine import Player, engine_pid
from tests.beds.hosts import ENGINE

DAEMON_JSON = "/etc/docker/daemon.json"
BASE = {
    "docker_engine_access": "local",
    "docker_engine_registry_mirrors": ["http://127.0.0.1:5000"],
    "docker_engine_insecure_registries": ["10.9.0.0/16", "registry.example.org:5000"],
    # Other ones than an Engine takes by itself on these hosts, as far as they can be had there
    "docker_engine_storage_driver": "vfs",
    "docker_engine_log_driver": "local",
    "docker_engine_log_opts": {"max-size": "1m", "max-file": 3, "compress": True},
    "docker_engine_labels": {"tier": "front"},
    "docker_engine_dns": ["192.0.2.53"],
    "docker_engine_dns_opts": ["ndots:2"],
    "docker_engine_dns_search": ["example.org"],
    "docker_engine_default_address_pools": [{"base": "10.200.0.0/16", "size": 24}],
    "docker_engine_default_ulimits": {"nofile": "1024:2048"},
    "docker_engine_cgroup_driver": "systemd",
    "docker_engine_ipv6": True,
    "docker_engine_fixed_cidr_v6": "2001:db8:1::/64",
    "docker_engine_bip": "172.26.0.1/16",
    "docker_engine_mtu": 1400,
    "docker_engine_metrics_addr": "127.0.0.1:9323",
}


@pytest.fixture(scope="module")
def play(tmp_path_factory, collections):
    return Player(tmp_path_factory.mktemp("play"), collections, BASE)


def made(bed):
    it = bed.host(packages=ENGINE)
    it.ssh("mount -o remount,rw,bind /proc/sys")  # for IPv6, where the Engine has to switch it on
    return it


@pytest.fixture(scope="module")
def host(bed, play):
    it = made(bed)
    play(it, docker_engine_config={"log-level": "warn"})
    yield it
    bed.remove(it)


@pytest.fixture(scope="module")
def container(host, tmp_path_factory):
    """A container that outlives all of this; how to see that it does."""
    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    image.build(archive)
    run(*host.ssh_command(), "sudo docker load", input=archive.read_bytes(), text=False)
    return host.out(f"docker run -d {image.NAME} sleep 100000")


def config_of(host):
    return json.loads(host.out(f"cat {DAEMON_JSON}"))


def info_of(host):
    return json.loads(host.out("docker info -f '{{json .}}'"))


def alive(host, container):
    return host.out(f"docker inspect -f '{{{{.State.StartedAt}}}}' {container}")


def started(host):
    """When the Engine's last start began, and when it was up, by the clock that all container hosts share."""
    names = ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    return tuple(int(host.out(f"systemctl show -P {name} docker.service")) for name in names)


def files_of(host):
    return host.out(
        "find /etc/docker /etc/systemd /etc/default /var/lib/dockyard -type f -printf '%p %i %T@\\n' | sort"
    )


def test_configuration_options_reach_the_engine(host, container):
    info = info_of(host)
    assert info["RegistryConfig"]["Mirrors"] == ["http://127.0.0.1:5000/"]
    assert "10.9.0.0/16" in info["RegistryConfig"]["InsecureRegistryCIDRs"]
    assert "registry.example.org:5000" in info["RegistryConfig"]["IndexConfigs"]
    assert (info["Driver"], info["LoggingDriver"], info["CgroupDriver"]) == ("vfs", "local", "systemd")
    assert info["Labels"] == ["tier=front"] and info["LiveRestoreEnabled"]
    seen = json.loads(host.out(f"docker inspect {container}"))[0]
    assert seen["HostConfig"]["LogConfig"]["Config"] == {"max-size": "1m", "max-file": "3", "compress": "true"}
    assert seen["NetworkSettings"]["Gateway"] == "172.26.0.1"
    assert host.out("docker network inspect -f '{{.EnableIPv6}}' bridge") == "true"
    assert seen["NetworkSettings"]["GlobalIPv6Address"].startswith("2001:db8:1:")
    inside = host.out(f"docker exec {container} sh -c 'cat /etc/resolv.conf; ulimit -Hn; ip link show eth0'")
    assert all(said in inside for said in ("nameserver 192.0.2.53", "ndots:2", "search example.org", "mtu 1400"))
    # Not by ulimit -Sn: a runc that Go has built may raise the soft limit of what docker exec starts.
    assert seen["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Hard": 2048, "Soft": 1024}]
    assert "\n2048\n" in inside
    host.ssh("docker network create pooled")
    assert host.out("docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' pooled").startswith("10.200.")
    host.ssh("docker network rm pooled")
    assert "engine_daemon_engine_info" in host.out("curl -s http://127.0.0.1:9323/metrics")


def test_configuration_is_reloaded_where_the_key_allows_it(host, play, container):
    """With a log that is silent about reloads, and keys that come, change and go; foreign ones stay or come back."""
    pid, since = engine_pid(host), alive(host, container)
    text = json.dumps(config_of(host) | {"shutdown-timeout": 20, "max-concurrent-uploads": 4}, indent=4)
    host.ssh(f"cat > {DAEMON_JSON} <<'END'\n{text}\nEND")
    keys = {"log-level": "warn", "debug": True, "max-concurrent-downloads": 2, "shutdown-timeout": 25}
    more = {"docker_engine_config": keys}
    played = play(host, docker_engine_labels={"tier": "back", "rack": 7}, docker_engine_registry_mirrors=[], **more)
    assert played.facts["action"] == "reload"
    info = info_of(host)
    assert (sorted(info["Labels"]), info["Debug"]) == (["rack=7", "tier=back"], True)
    assert not info["RegistryConfig"]["Mirrors"]
    assert "registry-mirrors" not in config_of(host) and config_of(host)["shutdown-timeout"] == 25
    assert play(host, docker_engine_config={"log-level": "warn"}).facts["action"] == "reload"
    info = info_of(host)
    assert (info["Labels"], info["Debug"]) == (["tier=front"], False)
    assert (config_of(host)["shutdown-timeout"], config_of(host)["max-concurrent-uploads"]) == (20, 4)
    assert not {"debug", "max-concurrent-downloads"} & set(config_of(host))
    assert engine_pid(host) == pid and alive(host, container) == since
    assert json.loads(host.out("cat /var/lib/dockyard/engine.json"))["pending"] is None


def test_configuration_that_ends_the_engine_is_put_back(host, play, container):
    """Keys that only the Engine itself can refuse: at its start, and by a reload, of which this one ends."""
    before, since = config_of(host), alive(host, container)
    for more, said in (
        ({"docker_engine_log_driver": "no-such-driver"}, "no-such-driver"),
        (
            {"docker_engine_config": {"log-level": "warn", "authorization-plugins": ["no-such-plugin"]}},
            "no-such-plugin",
        ),
    ):
        failed = play(host, ok=False, **{"docker_engine_config": {"log-level": "warn"}, **more})
        assert (
            said in failed.message and "The former configuration is back, and the Engine runs with it" in failed.message
        )
        assert config_of(host) == before and alive(host, container) == since
    pid = engine_pid(host)
    assert play(host, docker_engine_config={"log-level": "warn"}).changed == 0
    assert engine_pid(host) == pid
    assert host.out("systemctl show -P NRestarts,SubState --value docker.service").split()[-1] == "running"


def test_configuration_conflicts_are_named_and_nothing_is_touched(host, play):
    pid, drop_ins = engine_pid(host), "/etc/systemd/system/docker.service.d"
    host.ssh(
        f"mkdir -p {drop_ins} && printf '[Service]\\nEnvironment=https_proxy=http://jo:canary@other:1\\n'"
        f" > {drop_ins}/http-proxy.conf && cp /etc/default/docker /root/kept"
        " && echo 'DOCKER_OPTS=\"--mtu=1300\"' >> /etc/default/docker && systemctl daemon-reload"
    )
    before = files_of(host)
    try:
        for more, said in (
            ({}, ["'mtu'", "--mtu=1300", "from /etc/default/docker"]),
            ({"docker_engine_mtu": 0, "docker_engine_proxies": {"https_proxy": "http://p:1"}},
             [f"{drop_ins}/http-proxy.conf on the host sets https_proxy"]),
            ({"docker_engine_config": {"log-format": "json"}}, ["'log-format'", "from 25.0 on", "20.10"]),
        ):  # fmt: skip
            failed = play(host, ok=False, **more)
            assert all(part in failed.message for part in said), failed.message
            assert "canary" not in failed.text
        assert files_of(host) == before and engine_pid(host) == pid
    finally:
        host.ssh(f"mv /root/kept /etc/default/docker && rm {drop_ins}/http-proxy.conf && systemctl daemon-reload")


def test_configuration_keys_are_those_of_the_engine(host):
    """The table of keys against the Engine here, which names all that it does not know at once."""
    from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan import _keys

    version = _keys.version_of(info_of(host)["ServerVersion"])
    # Of "proxies", which holds keys, only these are looked at
    content = dict.fromkeys(set(_keys.KEYS) - {"proxies"}, "x") | {"certainly-unknown": 1}
    host.ssh(f"cat > /root/all.json <<'END'\n{json.dumps(content)}\nEND")
    said = host.ssh("dockerd --config-file /root/all.json", check=False).stderr
    unknown = set(said.split("configuration option: ")[1].splitlines()[0].split(", "))
    ours = {name for name, key in _keys.KEYS.items() if name in content and not key.since <= version < key.until}
    assert unknown == ours | {"certainly-unknown"}


def test_configuration_hooks_are_run_around_a_restart_only(host, play, container, tmp_path):
    def hook(name, *tasks):
        path = tmp_path / f"{name}.yml"
        note = f"echo {name} $(systemctl show -P MainPID docker.service) {{{{ docker_engine_failed | default('') }}}} >> /run/hooks"
        path.write_text(json.dumps([{"name": name, "ansible.builtin.shell": note, "changed_when": True}, *tasks]))
        return str(path)

    hooks = {"docker_engine_before_restart": hook("before"), "docker_engine_after_restart": hook("after")}
    quiet = {"docker_engine_config": {"log-level": "warn"}}
    old = engine_pid(host)
    assert play(host, **hooks, **quiet, docker_engine_labels={"tier": "back"}).facts["action"] == "reload"
    assert host.ssh("test -e /run/hooks", check=False).returncode, "a hook was run without a restart"

    broken = hook("broken", {"name": "Stop", "ansible.builtin.fail": {"msg": "no quorum"}})
    failed = play(
        host, ok=False, **hooks | {"docker_engine_before_restart": broken}, docker_engine_config={"log-level": "info"}
    )
    assert "no quorum" in failed.message and engine_pid(host) == old and config_of(host)["log-level"] == "warn"
    refused = play(host, ok=False, **hooks, **quiet, docker_engine_log_driver="no-such-driver")
    assert "no-such-driver" in refused.message
    back = engine_pid(host)
    assert play(host, **hooks, docker_engine_config={"log-level": "error"}).facts["action"] == "restart"
    assert host.out("cat /run/hooks").splitlines() == [
        f"broken {old}", f"after {old} True",
        f"before {old}", f"after {back} True",
        f"before {back}", f"after {engine_pid(host)} False",
    ]  # fmt: skip
    assert len({old, back, engine_pid(host)}) == 3

    # What comes after it is owed until it was done, also where a run was cut off before
    failed = play(host, ok=False, **hooks | {"docker_engine_after_restart": broken}, **quiet)
    assert "no quorum" in failed.message and config_of(host)["log-level"] == "warn"
    pid = engine_pid(host)
    owed = play(host, **hooks, **quiet)
    assert owed.changed and owed.facts["action"] is None and engine_pid(host) == pid
    assert host.out("tail -n 1 /run/hooks") == f"after {pid} False"
    assert not play(host, **hooks, **quiet).changed


@pytest.mark.long
def test_configuration_that_one_host_refuses_goes_on_to_no_other_in_turn(bed, play, tmp_path):
    """Whose turn is first is Ansible's to say, so what one refuses all would."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hosts = list(pool.map(lambda number: made(bed), range(3)))
    hooks = {}
    for when in ("before", "after"):
        path = tmp_path / f"{when}.yml"
        tasks = [{"name": when, "ansible.builtin.command": "false", "when": f"{when}_fails | default(false)"}]
        path.write_text(json.dumps(tasks))
        hooks[f"docker_engine_{when}_restart"] = str(path)

    def turns(said, restarted, **variables):
        """One host fails by that, and the others are left alone and name it."""
        pids = [engine_pid(host) for host in hosts]
        played = play(*hosts, ok=False, docker_engine_one_at_a_time=True, **hooks, **variables)
        messages = {host.name: played.of(host).message for host in hosts}
        (failed,) = [name for name, message in messages.items() if said in message]
        others = [message for name, message in messages.items() if name != failed]
        assert all(f"{failed} failed in its turn" in message for message in others), messages
        changed = [host.name for host, pid in zip(hosts, pids, strict=True) if engine_pid(host) != pid]
        assert changed == ([failed] if restarted else [])

    try:
        play(*hosts)
        turns("no-such-driver", True, docker_engine_log_driver="no-such-driver")
        warn = {"docker_engine_config": {"log-level": "warn"}}
        turns("non-zero return code", False, before_fails=True, **warn)
        # One that is back but can't be taken into use again is as good a reason
        turns("non-zero return code", True, after_fails=True, **warn)
        mended = play(*hosts, docker_engine_one_at_a_time=True, **hooks, **warn)
        assert sorted(str(mended.of(host).facts["action"]) for host in hosts) == ["None", "restart", "restart"]
        # By serial, too, an Engine restarts when the one before is up again
        play(*hosts, batch=1, docker_engine_config={"log-level": "error"})
        spans = sorted(started(host) for host in hosts)
        assert all(up < start for (_start, up), (start, _up) in itertools.pairwise(spans)), spans
    finally:
        for host in hosts:
            bed.remove(host)


def test_configuration_secrets_are_seen_nowhere(host, play, container):
    """Canaries in proxies: not in output, process lists, logs and files, but the two that only their owner can read."""
    secret = {
        "https_proxy": "http://jo:canary-of-engine@proxy.example.org:3128",
        "no_proxy": ["localhost", ".example.org"],
    }
    client = {"https_proxy": "http://jo:canary-of-client@proxy.example.org:3128"}
    host.ssh("mkdir -p /home/debian/.docker && echo '{\"auths\": {}}' > /home/debian/.docker/config.json"
             " && chown -R debian: /home/debian/.docker")  # fmt: skip
    variables = {
        "docker_engine_config": {"log-level": "info"},
        "docker_engine_users": ["debian"],
        "docker_engine_proxies": secret,
        "docker_engine_client_proxies": client,
        # In the place of an option of a log driver: the output shows it, the host's log must not
        "docker_engine_labels": {"secret-of-the-log": "1"},
    }
    over, listed = threading.Event(), []

    def watch():
        """What any user can see while it runs, here and on the host, which shares this machine's kernel."""
        while not over.is_set():
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    listed.append(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        played = play(host, arguments=["-vvvv", "--diff"], **variables)
    finally:
        over.set()
        thread.join()
    assert played.facts["action"] == "restart"
    assert "canary-of" not in played.text and len(listed) > 100
    assert not [line for line in set(listed) if b"canary-of" in line]
    pid = engine_pid(host)
    environment = host.out(f"tr '\\0' '\\n' < /proc/{pid}/environ").splitlines()
    assert f"HTTPS_PROXY={secret['https_proxy']}" in environment and "NO_PROXY=localhost,.example.org" in environment
    for user, path in (("root", "/root"), ("debian", "/home/debian")):
        assert host.out(f"stat -c '%a %U' {path}/.docker/config.json") == f"600 {user}"
    content = json.loads(host.out("cat /home/debian/.docker/config.json"))
    assert content == {"auths": {}, "proxies": {"default": {"httpsProxy": client["https_proxy"]}}}
    inside = host.out(f"docker run --rm {image.NAME} env")
    assert f"HTTPS_PROXY={client['https_proxy']}" in inside
    digest = hashlib.sha256(client["https_proxy"].encode()).hexdigest()
    recipe = f"FROM {image.NAME}\\nRUN printf %%s $HTTPS_PROXY | sha256sum\\n"
    assert digest in host.out(f"printf '{recipe}' | docker build --no-cache -"), "a build has the proxies, too"

    changed = secret | {"https_proxy": "http://jo:canary-of-change@proxy.example.org:3128"}
    failed = play(host, ok=False, arguments=["-vvvv", "--diff"], **variables | {
        "docker_engine_proxies": changed, "docker_engine_log_driver": "no-such-driver",
    })  # fmt: skip
    assert "canary-of" not in failed.text and engine_pid(host) != pid
    # With a pattern that does not match itself, as sudo notes each command in the journal
    left = host.out("grep -rlsE 'c[a]nary-of' /etc /root /home /tmp /var/tmp /var/log /run /var/lib/dockyard || true")
    assert set(left.split()) == {
        "/etc/docker/dockyard.env", "/root/.docker/config.json", "/home/debian/.docker/config.json"
    }  # fmt: skip
    said = host.out("journalctl -o cat --no-pager; docker info; systemctl show docker.service")
    assert not [line for line in said.splitlines() if "canary-of" in line]
    journal = host.out("journalctl -o cat --no-pager")
    assert "arguments are not logged" in journal
    assert not [line for line in journal.splitlines() if "secret-of" in line]
    assert not host.out("grep -rlsE 's[e]cret-of' /tmp /var/tmp /var/log /run || true")

    assert play(host, **variables).changed == 0
    play(host, docker_engine_config={"log-level": "warn"})
    assert json.loads(host.out("cat /home/debian/.docker/config.json")) == {"auths": {}}
    assert host.out("grep -rlsE 'c[a]nary-of' /etc /root /home /var/lib/dockyard || true") == ""
    until(lambda: host.out("docker info -f '{{.HTTPSProxy}}'") == "", "the Engine has no proxy any more", limit=10)


def test_configuration_is_rolled_out_in_batches_by_create_hosts(host, new_host, ansible, store):
    """With more failures in a batch than are allowed, the next batch is not begun."""
    other = new_host()
    roles = {
        name: {
            "driver": "generic",
            "count": 1,
            "options": {"address": it.address},
            "ssh_user": it.user,
            "ssh_key": str(it.key),
        }
        for name, it in (("a", other), ("b", host), ("c", other))
    }
    labels = "{{ {'tier': 'front'} if inventory_hostname == 'shop-b-0' else {'com.docker.x': 1} }}"
    wanted = {"machine_store": str(store), "machine_fleet": {"id": "shop", "roles": roles}, "machine_serial": 2}
    wanted |= BASE | {"docker_engine_labels": labels}
    for allowed, tried in ((40, ["shop-a-0", "shop-b-0"]), (60, ["shop-a-0", "shop-b-0", "shop-c-0"])):
        done = ansible.playbook("create_hosts", wanted | {"machine_max_fail_percentage": allowed}).failed()
        planned = {result["host"]: result for result in done.results(action="engine_plan")}
        assert sorted(planned) == tried, done
        assert "com.docker.x" in planned["shop-a-0"]["msg"] and planned["shop-b-0"]["status"] == "ok"
        assert done.plays.count("Set up the Engine") == (len(tried) + 1) // 2

    # The package manager's way out, to a proxy that isn't there
    wanted |= {"docker_engine_labels": {}, "docker_engine_source": "distro", "docker_engine_wait_timeout": 1}
    proxy = {"machine_environment": {"http_proxy": "http://127.0.0.1:9"}, "machine_limit": "shop-a-0"}
    refused = ansible.playbook("create_hosts", wanted | proxy).failed()
    assert "127.0.0.1:9" in refused.messages, refused
