# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users run most, with this checkout and with an earlier commit, in turn: has anything become slower?

python -m tests.bench.before REVISION [RUNS]
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
import sys
import tempfile
import typing as t

from tests.bench import inventory, second_run
from tests.bench._report import ansible, in_turn, report, say, seconds
from tests.system._harness import Ansible
from tests.tools import artifact

AFTER = artifact.install()
sys.path.insert(0, str(AFTER))

from tests.beds.engine import Authority, Player  # noqa: E402  # uses the collection
from tests.beds.hosts import Bed  # noqa: E402

GOAL = 1.05


def compare(what: str, runs: int, before: t.Callable[[], float], after: t.Callable[[], float]) -> None:
    former, now = in_turn(runs, before, after)
    report(f"{what}, now ÷ before", now / former, GOAL, f"medians of {runs}, {now:.2f} s ÷ {former:.2f} s")


def listing(runs: Ansible, store: pathlib.Path) -> float:
    source = runs.folder / "machines.yml"
    source.write_text(f"plugin: dockyard.machine.machines\nstore: {store}\ngroup_by: [driver, state]\n")
    return seconds([str(runs.bin / "ansible-inventory"), "-i", str(source), "--list"], runs.environment)


def role(runs: int, *collections: pathlib.Path) -> None:
    """The role's second run on one host, which the earlier commit has set up."""
    with tempfile.TemporaryDirectory(prefix="dy-", dir="/tmp") as scratch, contextlib.ExitStack() as stack:
        authority = Authority(pathlib.Path(scratch) / "ca").make().variables()
        bed = Bed().enter()
        stack.callback(bed.leave)
        host = bed.host()
        again = []
        for number, installed in enumerate(collections):
            folder = pathlib.Path(scratch) / str(number)
            folder.mkdir()
            play = Player(folder, installed, authority)
            play(host)
            again.append(functools.partial(seconds, play.command([host], {}), play.environment()))
        compare("Role's second run", runs, again[0], again[1])


def main(revision: str, runs: int) -> None:
    before = artifact.install_of(revision)
    say(f"Comparing with {revision}, {runs} runs each, in turn")
    role(runs, before, AFTER)
    with ansible(before) as former, ansible(AFTER) as now:
        for each in (former, now):
            second_run.create(each, second_run.MACHINES, "many")
        compare(
            f"Second create_hosts, {second_run.MACHINES} machines of driver none",
            runs,
            lambda: second_run.create(former, second_run.MACHINES, "many"),
            lambda: second_run.create(now, second_run.MACHINES, "many"),
        )
        store = now.folder / "listed"
        inventory.fill(store, inventory.MACHINES)
        compare(
            f"ansible-inventory --list, {inventory.MACHINES} machines",
            runs,
            lambda: listing(former, store),
            lambda: listing(now, store),
        )


if __name__ == "__main__":
    main(sys.argv[1], int((sys.argv[2:] or ["5"])[0]))
