# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A create on EC2 beside amazon.aws' modules, and what a second run over many machines asks, all on the same moto.

python -m tests.bench.create [RUNS]
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import yaml

from tests.bench._report import ansible, in_turn, report, say, seconds
from tests.system._harness import ROOT, Ansible
from tests.tools import artifact

sys.path.insert(0, str(artifact.install()))

from ansible_collections.dockyard.machine.plugins.module_utils import _module
from ansible_collections.dockyard.machine.plugins.module_utils._lifecycle import Lifecycle, Wish
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from ansible_collections.dockyard.machine.plugins.modules.amazonec2 import AmazonEC2
from tests.doubles.ec2 import Ec2Double  # uses the collection

MACHINES = 200
CALLS, MILLISECONDS = 5, 20  # the goals
POLLS = ("DescribeInstances", "DescribeSecurityGroups")
REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": REGION}


def main(runs: int) -> None:
    with Ec2Double().serve() as ec2, ansible() as it:
        it.environment.update(KEYS, AWS_ENDPOINT_URL=ec2.url)
        say(f"Creating a machine with amazonec2 and with amazon.aws, {runs} times each")
        calls: dict[str, list[list[str]]] = {"ours": [], "theirs": []}
        number = iter(range(1000))

        def create(whose: str, tasks: t.Callable[[Ec2Double, Ansible, str], list[dict[str, t.Any]]]) -> float:
            before = len(ec2.log)
            play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks(ec2, it, f"bench{next(number)}")}
            taken = run(it, [play])
            calls[whose].append(ec2.calls(before))
            return taken

        create("ours", ours)  # makes the store
        ours_taken, theirs_taken = in_turn(runs, lambda: create("ours", ours), lambda: create("theirs", theirs))
        mine, other = calls["ours"][-1], calls["theirs"][-1]
        made = [call for call in mine if call not in POLLS]
        taken = f"{', '.join(made)}; with polls {len(mine)}, amazon.aws {len(other)} with its reads"
        report("Create on EC2, API calls but polls", len(made), CALLS, taken)
        report("Create on EC2 ÷ amazon.aws, API calls", len(mine) / len(other), 1, f"{len(mine)} ÷ {len(other)}")
        taken = f"{ours_taken:.2f} s ÷ {theirs_taken:.2f} s, medians of {runs}"
        report("Create on EC2 ÷ amazon.aws, seconds", ours_taken / theirs_taken, 1, taken)
        second_run(ec2, it, runs)


def run(it: Ansible, plays: list[dict[str, t.Any]], **variables: t.Any) -> float:
    path = it.folder / "play.yml"
    path.write_text(json.dumps(plays))
    command = [str(it.bin / "ansible-playbook"), str(path), "-e", json.dumps(variables)]
    return seconds(command, it.environment)


def ours(ec2: Ec2Double, it: Ansible, name: str) -> list[dict[str, t.Any]]:
    where = {"region": REGION, "endpoint_url": ec2.url, "address_service": ec2.url}
    return [{"dockyard.machine.amazonec2": {"name": name, "store": str(it.folder / "store"), **where}}]


def theirs(ec2: Ec2Double, it: Ansible, name: str) -> list[dict[str, t.Any]]:
    """Key, group and instance, as their documentation shows it; the image is found beforehand."""
    key = it.folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    newest = max(ec2.backend().amis.values(), key=lambda image: image.creation_date)
    rules = [{"proto": "tcp", "ports": [22, 2376], "cidr_ip": "192.0.2.9/32"}]
    machine = {"name": name, "key_name": name, "security_groups": [name], "image_id": newest.id}
    machine.update(instance_type="t3.small", state="running", metadata_options={"http_tokens": "required"})
    machine["volumes"] = [
        {"device_name": "/dev/xvda", "ebs": {"volume_size": 16, "volume_type": "gp3", "encrypted": True}}
    ]
    return [
        {"amazon.aws.ec2_key": {"name": name, "key_material": key.with_suffix(".pub").read_text()}},
        {"amazon.aws.ec2_security_group": {"name": name, "description": name, "rules": rules}},
        {"amazon.aws.ec2_instance": machine},
    ]


def second_run(ec2: Ec2Double, it: Ansible, runs: int) -> None:
    say(f"Making {MACHINES} machines of driver amazonec2, and one in another store")
    options = {"region": REGION, "endpoint_url": ec2.url, "address_service": ec2.url}
    for store, count in (("many", MACHINES), ("one", 1)):
        for number in range(count):
            make(it.folder / store, f"bench-{store}-{number}", store, options)
    # The playbook's own plays, up to the one that would log in to the machines.
    plays = yaml.safe_load((ROOT / "playbooks" / "create_hosts.yml").read_text())
    kept = plays[1 : [play.get("name") for play in plays].index("Set up the Engine")]
    asked: dict[str, list[str]] = {}

    def again(store: str, count: int) -> float:
        role = {"driver": "amazonec2", "count": count, "options": options}
        before = len(ec2.log)
        fleet = {"id": "bench", "roles": {store: role}}
        taken = run(it, kept, machine_store=str(it.folder / store), machine_fleet=fleet)
        asked[store] = ec2.calls(before)
        return taken

    say(f"Running create_hosts' plays again over both, {runs} times each")
    many, one = in_turn(runs, lambda: again("many", MACHINES), lambda: again("one", 1))
    pages = -(-MACHINES // ec2.page_size)  # of one list; and whose account it is
    counted = ", ".join(f"{count} {call}" for call, count in collections.Counter(asked["many"]).items())
    report(f"second create_hosts, {MACHINES} EC2 machines, API calls", len(asked["many"]), pages + 1, counted)
    taken = f"{many:.2f} s for {MACHINES}, {one:.2f} s for one"
    per_machine = (many - one) / (MACHINES - 1) * 1000
    report(f"second create_hosts, {MACHINES} EC2 machines, a machine", per_machine, MILLISECONDS, taken, unit=" ms")


def make(folder: pathlib.Path, name: str, role: str, options: dict[str, t.Any]) -> None:
    """A machine, made in this process: over HTTP, as the module does it."""
    os.environ.update(KEYS)
    spec = AmazonEC2.argument_spec
    asked = {one: spec[one].get("default") for one in spec} | options
    wish = Wish(
        name=name,
        driver="dockyard.machine.amazonec2",
        options=asked,
        given=set(options),
        secret=_module.secret_options(AmazonEC2),
        fleet="bench",
        role=role,
    )
    store = FileStore(str(folder))
    store.create()
    Lifecycle(AmazonEC2, store, wish).present()
    with store.lock(name, 10) as lock:  # as the play would note that has set up its Engine
        record = store.read(name)
        record.ssh["reached"] = True
        store.save(record, lock)


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["3"])[0]))
