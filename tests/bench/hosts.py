# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role docker_engine on 8 hosts at once against one host, and how often a change starts the Engine.

python -m tests.bench.hosts
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
import time
import typing as t

from tests.bench._report import controller_seconds, report, say
from tests.tools import artifact

COLLECTIONS = artifact.install()
sys.path.insert(0, str(COLLECTIONS))

from tests.beds.engine import Authority, Player  # noqa: E402  # uses the collection
from tests.beds.hosts import Bed, Host  # noqa: E402

HOSTS = 8
STARTED = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"  # systemd's "a unit was started"
CHANGES: tuple[tuple[str, dict[str, t.Any], int], ...] = (
    ("a second run", {}, 0),
    ("a label, which the Engine can reload", {"docker_engine_config": {"labels": ["tier=front"]}}, 0),
    ("a user of Docker", {"docker_engine_users": ["debian"]}, 0),
    ("a log driver, which needs a restart", {"docker_engine_config": {"log-driver": "local"}}, 1),
    ("a name in the certificate", {"docker_engine_tls_san": ["front.example.org"]}, 1),
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dy-", dir="/tmp") as scratch:
        folder = pathlib.Path(scratch)
        play = Player(folder, COLLECTIONS, Authority(folder / "ca").make().variables())
        bed = Bed().enter()

        def run(hosts: list[Host], **variables: t.Any) -> tuple[float, float]:
            """Seconds, and seconds of the controller's processors (the hosts' aren't its children)."""
            before, started = controller_seconds(folder), time.monotonic()
            play(*hosts, arguments=["--forks", str(HOSTS)], **variables)
            return time.monotonic() - started, controller_seconds(folder) - before

        try:
            hosts = [bed.host() for _number in range(HOSTS + 1)]
            one, _its = run(hosts[:1])
            say(f"one host: {one:.1f} s")
            many, controller = run(hosts[1:])
            say(f"{HOSTS} hosts: {many:.1f} s")
            again, controller_again = run(hosts[1:])
            taken = f"{many:.1f} s ÷ {one:.1f} s, first runs with TLS"
            report(f"Role on {HOSTS} hosts at once ÷ on one", many / one, HOSTS, taken)
            report("the same, the controller's processor, a host", controller / HOSTS, 1, "first run", unit=" s")
            taken = f"second run, {again:.1f} s in all"
            report("the same, the controller's processor, a host", controller_again / HOSTS, 1, taken, unit=" s")
            variables: dict[str, t.Any] = {}
            for what, change, allowed in CHANGES:
                variables |= change
                before = starts(hosts[0])
                run(hosts[:1], **variables)
                report(
                    f"Starts of the Engine by {what}",
                    starts(hosts[0]) - before,
                    allowed,
                    "systemd's journal",
                    just=True,
                )
        finally:
            bed.leave()


def starts(host: Host) -> int:
    return len(host.out(f"journalctl -q -o cat -u docker.service {STARTED}").splitlines())


if __name__ == "__main__":
    main()
