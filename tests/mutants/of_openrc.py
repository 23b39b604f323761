# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with OpenRC."""

from __future__ import annotations

from tests.mutants import mutant

OPENRC = "plugins/module_utils/_engine/_openrc.py"
ACCESS = "plugins/plugin_utils/_engine/_plan/_access.py"
HOST_TESTS = "unit/plugins/module_utils/_engine/test_openrc.py::"
PLAN_TESTS = "unit/plugins/plugin_utils/_engine/test_plan_openrc.py::"

MUTANTS = [
    mutant(
        "openrc-listens-without-tls",
        "Whoever reaches the port is root on the host.",
        HOST_TESTS + "test_the_engine_is_started_with_our_options_after_those_of_others",
        (OPENRC, "(*words, *_arguments.TLS_ARGUMENTS)", "words"),
    ),
    mutant(
        "openrc-started-is-up",
        "An Engine that ends at once counts as one that runs, and nothing is put back.",
        HOST_TESTS + "test_a_service_is_active_once_its_engine_answers",
        (OPENRC, 'if active == "active" and not _api.ask("/version"):', 'if active == "none":'),
    ),
    mutant(
        "openrc-promises-a-filter",
        "Everyone reaches the port, and the result says that systemd keeps them out.",
        PLAN_TESTS + "test_fresh_host",
        (ACCESS, "not wanted.rootless_user and not with_openrc(info)", "not wanted.rootless_user"),
    ),
    mutant(
        "openrc-options-unquoted",
        "A shell takes an address of IPv6 for a pattern, and the Engine gets another one.",
        HOST_TESTS + "test_addresses_are_told_so_that_the_shells_don_t_change_them",
        (OPENRC, '" ".join(shlex.quote(word) for word in', '" ".join(word for word in'),
    ),
]
