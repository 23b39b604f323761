# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second create_hosts over many machines of driver none: what one machine costs when nothing is to be done."""

from __future__ import annotations

import json

from tests.bench._report import ansible, in_turn, report, say, seconds
from tests.system._harness import Ansible

MACHINES = 200
RUNS = 3


def create(runs: Ansible, count: int, store: str) -> float:
    """create_hosts over so many machines; its seconds."""
    role = {"driver": "none", "count": count, "options": {"url": "tcp://192.0.2.1:2376"}}
    variables = {
        "machine_store": str(runs.folder / store),
        "machine_fleet": {"id": "bench", "roles": {"idle": role}},
    }
    command = [str(runs.bin / "ansible-playbook"), "dockyard.machine.create_hosts", "-e", json.dumps(variables)]
    return seconds(command, runs.environment)


def main() -> None:
    with ansible() as runs:
        say(f"Creating {MACHINES} machines of driver none, and one in another store")
        create(runs, MACHINES, "many")
        create(runs, 1, "one")
        say(f"Running create_hosts again over both, {RUNS} times each")
        many, one = in_turn(RUNS, lambda: create(runs, MACHINES, "many"), lambda: create(runs, 1, "one"))
        report(
            f"second create_hosts, {MACHINES} machines of driver none, a machine",
            (many - one) / (MACHINES - 1) * 1000,
            20,
            f"{many:.2f} s for {MACHINES}, {one:.2f} s for one",
            unit=" ms",
        )


if __name__ == "__main__":
    main()
