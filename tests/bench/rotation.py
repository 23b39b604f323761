# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_certs over 8 hosts against one, the Engine's starts, and what a steady stream of calls meets meanwhile.

python -m tests.bench.rotation
"""

from __future__ import annotations

import json
import pathlib
import typing as t

from tests.beds.calls import Stream
from tests.beds.hosts import Bed, Host
from tests.bench._report import ansible, controller_seconds, report, say, seconds
from tests.bench.hosts import starts

HOSTS = 8
KINDS = {"certificates": 1, "ca": 2}  # and how many starts of each Engine it may cost


def main() -> None:
    bed = Bed().enter()
    try:
        hosts = {f"host{number}": bed.host() for number in range(HOSTS)}
        first = dict([next(iter(hosts.items()))])
        with ansible() as runs:
            many, one = runs.folder / "many", runs.folder / "one"

            def run(playbook: str, **variables: t.Any) -> tuple[float, float]:
                before = controller_seconds(runs.folder)
                command = [
                    str(runs.bin / "ansible-playbook"),
                    f"dockyard.machine.{playbook}",
                    "-e",
                    json.dumps(variables),
                ]
                return seconds(command, runs.environment), controller_seconds(runs.folder) - before

            say("One host")
            run("create_hosts", **fleet(one, first))
            alone = {kind: run("rotate_certs", machine_store=str(one), machine_rotate=kind)[0] for kind in KINDS}
            say(f"{HOSTS} hosts")
            run("create_hosts", **fleet(many, hosts))
            for kind, allowed in KINDS.items():
                before = {name: starts(host) for name, host in hosts.items()}
                places = [(host, many / "machines" / f"bench-{name}-0") for name, host in hosts.items()]
                with Stream(places) as stream:
                    taken, controller = run("rotate_certs", machine_store=str(many), machine_rotate=kind)
                what = f"Rotation of {kind} over {HOSTS} hosts"
                report(f"{what} ÷ over one", taken / alone[kind], HOSTS, f"{taken:.1f} s ÷ {alone[kind]:.1f} s")
                report(
                    f"{what}, the controller's processor, a host",
                    controller / HOSTS,
                    allowed,
                    f"{taken:.1f} s",
                    unit=" s",
                )
                most = max(starts(host) - before[name] for name, host in hosts.items())
                report(f"{what}, starts of each Engine", most, allowed, "systemd's journal", just=True)
                met = f"{stream.calls} new connections meanwhile, {stream.cut} cut off and answered when asked again"
                report(f"{what}, refused calls", len(stream.refused), 0, met)
    finally:
        bed.leave()


def fleet(store: pathlib.Path, hosts: dict[str, Host]) -> dict[str, t.Any]:
    roles = {name: host.fleet_role() for name, host in hosts.items()}
    return {
        "machine_store": str(store),
        "machine_fleet": {"id": "bench", "roles": roles},
        "docker_engine_source": "distro",
    }


if __name__ == "__main__":
    main()
