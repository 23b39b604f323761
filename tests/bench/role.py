# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role docker_engine against a plain package installation over SSH, each on fresh container hosts.

    python -m tests.bench.role [RUNS]

The first run sets up TLS; the second finds nothing to do and must not restart the Engine. Beside it, what Ansible itself
takes for one module that does nothing.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import tempfile
import time

from tests.bench._report import in_turn, report, say, seconds
from tests.tools import artifact

COLLECTIONS = artifact.install()
sys.path.insert(0, str(COLLECTIONS))

from tests.beds.engine import PLAYBOOK, Authority, Player, engine_pid  # noqa: E402  # uses the collection
from tests.beds.hosts import Bed  # noqa: E402

PLAIN = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y docker.io"


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dy-", dir="/tmp") as scratch:
        folder = pathlib.Path(scratch)
        play = Player(folder, COLLECTIONS, Authority(folder / "ca").make().variables())
        bed = Bed().enter()
        second: list[float] = []
        ping: list[float] = []
        nothing = folder / "ping.yml"
        nothing.write_text("[{hosts: all, gather_facts: false, tasks: [{ansible.builtin.ping: {}}]}]")

        def plain() -> float:
            host = bed.host()
            started = time.monotonic()
            host.ssh(PLAIN, limit=600)
            taken = time.monotonic() - started
            bed.remove(host)
            say(f"plain installation: {taken:.1f} s")
            return taken

        def role() -> float:
            host = bed.host()
            started = time.monotonic()
            play(host)
            taken = time.monotonic() - started
            pid = engine_pid(host)
            for _run in range(3):
                started = time.monotonic()
                again = play(host)
                second.append(time.monotonic() - started)
                if again.changed or engine_pid(host) != pid:
                    raise SystemExit("The second run changed something or restarted the Engine")
                command = [str(nothing) if word == str(PLAYBOOK) else word for word in play.command([host], {})]
                ping.append(seconds([*command, "-e", "ansible_pipelining=true"], play.environment()))
            bed.remove(host)
            say(f"role: {taken:.1f} s, second run: {second[-1]:.2f} s, a ping: {ping[-1]:.2f} s")
            return taken

        try:
            floor, first = in_turn(runs, plain, role)
        finally:
            bed.leave()
    again, least = statistics.median(second), statistics.median(ping)
    taken = f"median of {runs}, plain installation {floor:.1f} s"
    report("Role on a fresh host ÷ plain installation", first / floor, 0.8, f"{taken}, role with TLS {first:.1f} s")
    taken = f"{taken}, second run {again:.2f} s, no restart; a ping takes {least:.2f} s, {least / floor:.3f}"
    report("Role's second run ÷ plain installation", again / floor, 0.1, taken)
    report("Role's second run ÷ a ping by the same way", again / least, 1.4, f"{again:.2f} s ÷ {least:.2f} s")


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["3"])[0]))
