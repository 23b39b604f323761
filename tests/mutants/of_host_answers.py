# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in what a hostile host can do by its answers and its facts."""

from __future__ import annotations

from tests.mutants import mutant

ANSWER = "plugins/plugin_utils/_hosts/_answer.py"
ACTION = "plugins/plugin_utils/_hosts/_action.py"
SCHEMAS = "plugins/plugin_utils/_hosts/_schemas.py"
FACTS = "plugins/plugin_utils/_hosts/_facts.py"
PLAN = "plugins/action/engine_plan.py"
HOSTILE = "unit/plugins/action/test_hostile_host.py::"
REFUSED = "unit/plugins/action/test_facts_refused.py::"
OF_FACTS = "unit/plugins/plugin_utils/_hosts/test_facts.py::"
OF_PLAN = "unit/plugins/action/test_engine_plan.py::"

MUTANTS = [
    mutant(
        "answers-not-filtered",
        "A host's answer carries whatever Ansible acts on: it adds hosts to the run, and facts that are our instructions.",
        HOSTILE + "test_no_answer_becomes_more_than_data",
        (ACTION, "return filtered(answer, schema)", "return answer"),
        (ACTION, "plain_answer(res, self._schema, self._renamed)", "res"),
    ),
    mutant(
        "keys-beside-the-schema-stay",
        "What no schema has is registered, and a host chooses its name.",
        HOSTILE + "test_no_answer_becomes_more_than_data",
        (ANSWER, "        found = {}\n", "        found = dict(value)\n"),
    ),
    mutant(
        "escapes-stay",
        "A host writes to the terminal of whoever runs the playbook.",
        HOSTILE + "test_each_part_of_an_answer_can_be_anything",
        (ANSWER, "        return printable(value)\n", "        return value\n"),
    ),
    mutant(
        "escapes-in-what-is-no-answer-stay",
        "The same by an answer that is no JSON, which Ansible shows whole.",
        HOSTILE + "test_a_malformed_answer_is_an_error_that_names_the_host",
        (ANSWER, "    said = printable(value if", "    said = (value if"),
    ),
    mutant(
        "answers-of-any-size",
        "A host's answer of any size is parsed, registered and shown.",
        HOSTILE + "test_an_answer_that_is_too_long_is_not_parsed",
        (ANSWER, "    if len(out) > MOST:\n", "    if not isinstance(out, str):\n"),
    ),
    mutant(
        "types-not-checked",
        "A malformed answer ends in Python's own error, which says nothing of the host.",
        HOSTILE + "test_no_look_makes_the_plan_anything_but_a_plan_or_an_error",
        (
            ANSWER,
            "        if not isinstance(value, str):\n            raise",
            "        if value is Ellipsis:\n            raise",
        ),
    ),
    mutant(
        "facts-are-instructions",
        "A compromised host has a program of its choice run on the controller.",
        REFUSED + "test_an_action_does_nothing_for_a_host_whose_facts_are_instructions",
        (FACTS, "        if names:\n", "        if not hosts:\n"),
    ),
    mutant(
        "facts-by-the-names-without-prefix",
        "Each Linux has a fact ansible_machine_id: no host whose facts were gathered could be set up any more.",
        OF_FACTS + "test_facts_of_any_host_and_what_its_user_sets_are_none",
        (FACTS, "    if manager is None:\n", "    if manager is None or variables:\n"),
    ),
    mutant(
        "docker-host-from-facts",
        "A host says by a fact that another one's address is its own, and has it certified.",
        OF_FACTS + "test_a_fact_that_would_be_an_instruction_is_refused_by_name",
        (FACTS, " or name in NAMES or name in also", " or name in also"),
    ),
    mutant(
        "connection-options-from-facts",
        "A host chooses where the controller puts its control sockets, and whether its key is checked.",
        OF_FACTS + "test_how_a_host_is_reached_is_no_fact_either",
        (FACTS, " or name in NAMES or name in also", " or name in NAMES"),
    ),
    mutant(
        "swarm-of-facts",
        "A worker whose facts say so becomes a manager, which is root on all nodes.",
        REFUSED + "test_a_plan_for_all_hosts_is_not_made_by_the_facts_of_any",
        (
            "plugins/action/swarm_plan.py",
            'dict.fromkeys([*super().told_by(args, task_vars), *map(str, args["hosts"]), *map(str, args["managers"])])',
            "super().told_by(args, task_vars)",
        ),
    ),
    mutant(
        "names-of-the-store-not-asked",
        "With machine_limit and without an inventory, a host has another machine's name and address certified.",
        OF_PLAN + "test_what_the_store_knows_as_another_machine_s_is_left_out_though_no_inventory_has_it",
        (PLAN, "{**self._in_store(task_vars, ca), **_owners(task_vars, me)}", "_owners(task_vars, me)"),
    ),
    mutant(
        "names-taken-by-facts",
        "A host takes another one's names out of its certificate, by facts that list them.",
        OF_PLAN + "test_what_a_host_says_of_itself_by_facts_takes_no_name_from_others",
        (PLAN, "            if variable in facts:\n                continue\n", ""),
    ),
    mutant(
        "localhost-in-each-certificate",
        "A certificate for localhost is good for any host that answers there.",
        OF_PLAN + "test_a_name_that_each_host_answers_to_is_for_those_alone_who_ask_for_it",
        (PLAN, "if of_any_host(name) and name not in kept)", "if False)"),
    ),
    mutant(
        "localhost-stays-in-certificates",
        "Certificates that were issued with it keep it for a year.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_a_certificate_for_localhost_is_replaced_unless_it_was_asked_for",
        (
            "plugins/plugin_utils/_engine/_plan/_certificate.py",
            '            or _unasked(seen["certificate"], wanted)\n',
            "",
        ),
    ),
]
