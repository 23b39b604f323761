# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real host whose Python adds what it wants to each answer: to those of our modules, of community.docker, and to facts.

What each module makes of any answer is tested without hosts, in tests/unit/plugins/action/test_hostile_host.py.
"""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import shlex
import typing as t

import pytest

from tests.beds.hosts import Host
from tests.system._harness import Ansible, Run
from tests.system._swarm import nodes

LIAR = "/usr/local/bin/liar"
PROGRAM = """#!/usr/bin/python3 -IS
import json, subprocess, sys
given = b"" if sys.argv[1:] else sys.stdin.buffer.read()
done = subprocess.run(["/usr/bin/python3", *sys.argv[1:]], input=given, stdout=subprocess.PIPE)
out = done.stdout.decode()
try:
    answer = json.loads(out)
    poison = json.load(open("/etc/liar.json"))
    answer.setdefault("ansible_facts", {}).update(poison.pop("ansible_facts", {}))
    out = json.dumps({**answer, **poison})
except ValueError:
    pass
print(out)
sys.exit(done.returncode)
"""
ESCAPES = "\x1b[2J\x1b]0;pwned\x07"


def corrupt(host: Host, mark: pathlib.Path) -> dict[str, t.Any]:
    """Let a host's Python lie; the facts that it returns from now on."""
    facts = {
        # C1: a program of the controller
        "docker_engine_server_ca_command": ["/usr/bin/touch", str(mark)],
        "docker_engine_server_ca_key": "",
        # C2: a worker that makes itself a manager
        "docker_swarm_role": "manager",
        # C3: names of others
        "docker_engine_tls_san": ["victim", "192.0.2.66", "registry.corp.example"],
        "machine_tls_san": ["victim"],
        "machine_id": "victim",
    }
    poison = {
        "ansible_facts": facts,
        "add_host": {"host_name": "pwned"},
        "deprecations": [{"msg": ESCAPES}],
        "pwned": ESCAPES,
    }
    host.ssh(f"printf %s {shlex.quote(PROGRAM)} > {LIAR} && chmod 755 {LIAR}")
    host.ssh(f"printf %s {shlex.quote(json.dumps(poison))} > /etc/liar.json")
    return facts


def names_of(host: Host) -> set[str]:
    text = host.out("openssl x509 -in /etc/docker/tls/cert.pem -noout -ext subjectAltName")
    return set(text.replace(",", " ").replace("DNS:", "").replace("Address:", "").split())


def nothing_came_of_it(run: Run, mark: pathlib.Path) -> None:
    assert not mark.exists(), "it ran on the controller"
    assert "\x1b" not in run.stdout + run.stderr and "pwned" not in run.stdout + run.stderr
    results = [event["result"] for event in run.events if "result" in event]
    assert "registry.corp.example" not in json.dumps(results)


@pytest.fixture(scope="module")
def hosts(bed: t.Any) -> t.Iterator[list[Host]]:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        made = [future.result() for future in [pool.submit(bed.host) for _number in range(2)]]
    yield made
    for host in made:
        bed.remove(host)


@pytest.mark.long
def test_a_host_that_lies_in_each_answer_gets_nothing_by_it(
    ansible: Ansible, store: pathlib.Path, hosts: list[Host], tmp_path: pathlib.Path
) -> None:
    first, second = hosts
    mark = tmp_path / "pwned"
    facts = corrupt(second, mark)
    roles = {
        name: host.fleet_role(count=1, ssh_key=str(first.key)) for name, host in (("core", first), ("web", second))
    }
    fleet = {"id": "shop", "swarm": {"managers": 1}, "roles": roles}
    extra = {"machine_store": str(store), "machine_fleet": fleet}
    estate = tmp_path / "hosts.json"
    interpreter = {"ansible_python_interpreter": LIAR, "ansible_host": second.address}
    estate.write_text(json.dumps({"all": {"hosts": {"shop-web-0": interpreter}}}))

    # Without facts gathered: all that it says comes in our own modules' answers
    made = ansible.playbook("create_hosts", extra, "-v", inventory=estate).ok()
    nothing_came_of_it(made, mark)
    assert second.out(f"cat {LIAR}") and nodes(first) == {
        first.name: "Ready Active Leader",
        second.name: "Ready Active",
    }
    machine = json.loads((store / "machines" / "shop-web-0" / "machine.json").read_text())
    assert names_of(second) - {"X509v3", "Subject", "Alternative", "Name:", "IP"} <= {
        *("shop-web-0", second.name, second.address, machine["id"]),
        *second.out("hostname -I").split(),
    }

    # It says that it is the other one, of which this run's inventory knows nothing: the store does
    second.ssh("hostname shop-core-0 && rm /etc/docker/tls/cert.pem")
    limited = ansible.playbook("create_hosts", {**extra, "machine_limit": "shop-web-0"}, inventory=estate).ok()
    nothing_came_of_it(limited, mark)
    assert "shop-core-0" not in names_of(second)
    assert "says that it is shop-core-0, which is shop-core-0" in limited.stdout + limited.stderr

    # A rotation asks it as well
    rotated = ansible.playbook("rotate_certs", {"machine_store": str(store)}, inventory=estate).ok()
    nothing_came_of_it(rotated, mark)
    assert not {"victim", "localhost", "shop-core-0"} & names_of(second)

    # With a fact cache, which a play of the estate has filled
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts")}
    gathered = [{"ansible.builtin.setup": {"gather_subset": ["!all"]}}]
    reach = {**second.variables(), **interpreter}
    estate.write_text(json.dumps({"all": {"hosts": {"shop-web-0": reach}}}))
    ansible.play(gathered, hosts="shop-web-0", inventory=estate, env=cache).ok()
    refused = ansible.playbook("create_hosts", extra, inventory=estate, env=cache).failed()
    assert not mark.exists() and refused.changed == 0
    for name in facts:
        assert name in refused.messages
    assert "shop-web-0: its facts set " in refused.messages


@pytest.mark.always
def test_facts_that_a_play_gathers_are_no_instructions_to_the_role(
    ansible: Ansible, authority: t.Any, hosts: list[Host], tmp_path: pathlib.Path
) -> None:
    """README's play, with Ansible's own fact gathering, and the CA in group_vars."""
    host = hosts[1]
    mark = tmp_path / "pwned"
    facts = corrupt(host, mark)
    look = "cat /etc/docker/tls/cert.pem || ls /usr/sbin/dockerd"
    before = host.ssh(look, check=False).stdout
    estate = tmp_path / "hosts.json"
    reach = {**host.variables(), "ansible_python_interpreter": LIAR}
    estate.write_text(json.dumps({"all": {"vars": authority.variables(), "hosts": {host.name: reach}}}))
    playbook = tmp_path / "site.yml"
    tasks = [{"ansible.builtin.include_role": {"name": "dockyard.machine.docker_engine"}}]
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": True, "tasks": tasks}]))
    refused = ansible.playbook(str(playbook), inventory=estate).failed()
    assert all(name in refused.messages for name in facts) and f"{host.name}: its facts set " in refused.messages
    assert host.ssh(look, check=False).stdout == before and not mark.exists()
