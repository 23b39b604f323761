# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role docker_engine without a variable: the play of its README, with the CAs of the store."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._record import MADE, Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from tests.beds._base import run
from tests.beds.hosts import Host
from tests.system._harness import ROOT, Ansible, Run

README = ROOT / "roles" / "docker_engine" / "README.md"


def messages(ran: Run) -> dict[str, list[str]]:
    return {one["host"]: one["msg"] for one in ran.results(action="debug", status="ok")}


def version(line: str) -> str:
    """What a Docker client says in a shell that has run the message's line."""
    assert line.startswith("export DOCKER_HOST=")
    return run("sh", "-c", f"{line}; docker version -f '{{{{.Server.Version}}}}'").stdout.strip()


@pytest.mark.always
def test_the_role_line_alone_ends_with_a_client_that_reaches_the_engine(
    ansible: Ansible, new_host: t.Callable[..., Host], tmp_path: pathlib.Path
) -> None:
    playbook = tmp_path / "site.yml"
    playbook.write_text(README.read_text().partition("```yaml\n")[2].partition("```")[0])
    assert playbook.read_text().count("docker_engine") == 1, "its name alone"
    hosts = [new_host(), new_host()]
    estate = tmp_path / "hosts.json"
    estate.write_text(json.dumps({"all": {"hosts": {host.name: host.variables() for host in hosts}}}))
    store = ansible.home / ".dockyard"
    line = "export DOCKER_HOST=tcp://{}:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={}/client"

    def play(*arguments: str, **more: t.Any) -> Run:
        return ansible.playbook(str(playbook), None, *arguments, inventory=estate, **more)

    planned = play("--check", "--diff").ok()
    assert not store.exists() and planned.changed == 2
    for plan in planned.results(action="engine_plan"):
        assert plan["changes"][0] == f"create the CAs of the store {store}"
        assert "BEGIN CERTIFICATE" not in json.dumps(plan["diff"])
    assert all(
        said[0].startswith(f"The client's certificate would be in {store}/client")
        for said in messages(planned).values()
    )

    first = play("-v").ok()
    assert "PRIVATE KEY" not in first.stdout
    files = {path: path.read_text() for path in sorted(store.glob("c*/*"))}
    assert sorted({path.parent.name for path in files}) == ["ca", "client"], "two hosts at once create one CA"
    assert {oct(path.stat().st_mode & 0o777) for path in (store / "client").iterdir()} == {"0o600"}
    for host in hosts:
        said = messages(first)[host.name]
        assert said[-1] == line.format(host.address, store)
        assert (
            version(said[-1])
            == first.results(action="set_fact", host=host.name)[-1]["ansible_facts"]["docker_engine_result"]["version"]
        )

    # Nothing is left to sign, so that whoever has no CA's key can run it as well.
    (store / "ca" / "server-ca-key.pem").rename(tmp_path / "key")
    second = play().ok()
    assert second.changed == 0 and messages(second) == messages(first)
    (tmp_path / "key").rename(store / "ca" / "server-ca-key.pem")
    assert {path: path.read_text() for path in sorted(store.glob("c*/*"))} == files

    # Clients of another machine in this store trust the same CA: no host that says it is that one gets its name.
    record = Record("0" * 12, "db1", "dockyard.machine.none", status=MADE)
    machines = FileStore(str(store))
    with machines.lock("db1") as lock:
        machines.save(record, lock)
    hosts[1].ssh("hostname db1")
    third = play().ok()
    assert third.changed == 0 and "says that it is db1, which is" in third.stdout + third.stderr, third
    assert "db1" not in hosts[1].out("openssl x509 -noout -ext subjectAltName -in /etc/docker/tls/cert.pem")

    # Somebody else's store is another CA, by which the first one's clients would be locked out.
    other = {"HOME": str(tmp_path)}
    refused = play(env=other).failed()
    assert "accepts clients of a CA that is not" in refused.messages and not (tmp_path / ".dockyard").exists()
    assert version(messages(second)[hosts[0].name][-1])
