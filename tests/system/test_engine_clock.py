# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose clock is a day off when it boots, and is set right later: the whole path, on QEMU."""

from __future__ import annotations

import os
import shutil
import time

import pytest

pytestmark = pytest.mark.long

DAY = 86400
# QEMU's clock of the machine counts from another time than the controller's
EMULATOR = """#!/bin/sh
exec {real} -rtc base="$(date -u -d "@$(($(date +%s) + {offset}))" +%Y-%m-%dT%H:%M:%S)" "$@"
"""


@pytest.fixture
def clock(ansible, inventory):
    """Tells what the machine's clock is off by, in seconds, and sets it so, as a service for that would."""

    def command(*argv):
        arguments = {"argv": [*argv]}
        run = ansible.module("ansible.builtin.command", arguments, host="web", inventory=inventory, become=True)
        return run.ok().value["stdout"]

    def set_or_read(offset=None):
        if offset is not None:
            command("date", "--set", f"@{time.time() + offset:.0f}")
        return int(command("date", "+%s")) - time.time()

    return set_or_read


@pytest.fixture
def create(ansible, store, baked_image):
    def run(**more):
        extra = {"machine_store": str(store), "machine_driver": "qemu", "machine_names": "web"}
        # KVM tells a guest the host's own time
        extra["machine_options"] = {"accelerator": "tcg"}
        return ansible.playbook("create_hosts", extra, **more)

    return run


def about_clocks(run):
    said = run.result(task="Read the state of the host and plan the changes").get("warnings", [])
    return [warning for warning in said if "clock" in warning]


@pytest.mark.parametrize("days, said", [(-1, "24 hours behind"), (1, "24 hours ahead of")], ids=["behind", "ahead"])
def test_a_clock_that_is_a_day_off(ansible, create, clock, use, tmp_path, days, said):
    for name in ("qemu-system-x86_64", "qemu-system-aarch64"):
        if shutil.which(name):
            (tmp_path / name).write_text(EMULATOR.format(real=shutil.which(name), offset=days * DAY))
            (tmp_path / name).chmod(0o755)
    made = create(env={"PATH": f"{tmp_path}{os.pathsep}{ansible.environment['PATH']}"}).ok()
    assert said in about_clocks(made)[0]
    assert abs(clock() - days * DAY) < 300, "the machine did not boot with that clock"
    # Both certificates are valid, by its clock and by ours
    container = use("web")
    assert container["State"]["Running"]
    again = create().ok()
    assert (again.changed, len(about_clocks(again))) == (0, 1)

    # Set right: nothing has to be done anew, and nothing is said any more
    clock(0)
    again = create().ok()
    assert (again.changed, about_clocks(again)) == (0, [])
    assert use("web")["State"]["StartedAt"] == container["State"]["StartedAt"]


def test_a_clock_that_is_further_off_than_certificates_allow_for(create, clock, use):
    create().ok()
    container = use("web")
    clock(-3 * DAY)
    failed = create().failed()
    assert "72 hours behind" in failed.messages and "Set it" in failed.messages
    # It is as it was once that is done
    clock(0)
    assert create().ok().changed == 0
    assert use("web")["State"]["StartedAt"] == container["State"]["StartedAt"]
