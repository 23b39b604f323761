# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in forming a swarm."""

from __future__ import annotations

from tests.mutants import mutant

PLAN = "plugins/plugin_utils/_swarm/_make_plan.py"
CHECKS = "plugins/plugin_utils/_swarm/_checks.py"
LEAVING = "plugins/plugin_utils/_swarm/_leaving.py"
NODES = "plugins/plugin_utils/_swarm/_nodes.py"
SETTINGS = "plugins/plugin_utils/_swarm/_settings.py"
FLEET = "plugins/plugin_utils/_fleet/_swarm.py"
TESTS = "unit/plugins/plugin_utils/_swarm/test_plan.py"
ACTION = "unit/plugins/action/test_swarm_plan.py"
ROLE = "roles/docker_swarm"
FLEETS = "unit/plugins/plugin_utils/_fleet/test_swarm.py"

MUTANTS = [
    mutant(
        "live-restore-on-a-node-that-is-down",
        "It does not start any more.",
        "unit/plugins/modules/test_engine_info.py::"
        "test_a_node_of_a_swarm_is_known_as_such_while_its_engine_does_not_answer",
        ("plugins/module_utils/_engine/_look/_engine.py", 'found["swarm"] = "unknown"', "pass"),
    ),
    mutant(
        "swarm-begins-though-a-manager-was-not-looked-at",
        "The manager that is unreachable today may have the swarm: then there are two.",
        f"{TESTS}::test_no_second_swarm_as_long_as_a_manager_was_not_looked_at",
        (PLAN, "if seen.missing:", "if seen.missing and not managers:"),
    ),
    mutant(
        "swarm-begins-beside-a-kept-manager",
        "The manager that is left as it is has its Engine stopped today: then there are two swarms.",
        f"{TESTS}::test_no_second_swarm_beside_a_kept_manager_that_does_not_tell_of_its_own",
        (CHECKS, "if kept and new and not plan.unlock:", "if kept and new and plan.unlock:"),
    ),
    mutant(
        "swarm-takes-a-foreign-node-for-ours",
        "A host of another team's swarm would be planned as if it were ours.",
        f"{TESTS}::test_another_swarm_is_never_left_nor_taken_for_ours",
        (CHECKS, 'elif look.state == "active" and nodes[host] is None:', 'elif look.state == "gone":'),
    ),
    mutant(
        "swarm-takes-over-a-foreign-one",
        "One host in another team's swarm among the workers, and all others join that swarm and become its managers.",
        f"{TESTS}::test_the_swarm_of_a_host_that_is_to_be_a_worker_is_joined_only_if_the_role_has_made_it",
        (
            CHECKS,
            "and node and HOST not in node.labels:",
            "and node and HOST in node.labels and not node.labels[HOST]:",
        ),
    ),
    mutant(
        "swarm-stays-locked-without-quorum",
        "After a power cut in which one manager was spared, no run unlocks the others, since without them there is no quorum.",
        f"{TESTS}::test_managers_that_are_locked_may_be_those_that_the_quorum_lacks",
        (CHECKS, "            if locked:\n", "            if locked and cluster:\n"),
    ),
    mutant(
        "swarm-has-no-successor",
        "The only manager demotes itself, and is told all else that is to be done, which it then may not do.",
        f"{TESTS}::test_a_manager_that_is_to_be_one_no_longer_hands_over_first",
        (PLAN, 'wanted[plan.manager].role == "worker":', 'wanted[plan.manager].role == "none":'),
    ),
    mutant(
        "swarm-keeps-its-only-manager",
        "A fleet's role with the manager can't go in the run in which another one gets it.",
        f"{TESTS}::test_the_only_manager_leaves_once_another_host_is_one",
        (PLAN, "if plan.manager in going or plan.manager in wanted", "if plan.manager in wanted"),
    ),
    mutant(
        "swarm-lets-in-what-it-leaves-alone",
        "A worker joins a swarm whose last manager leaves in the same run.",
        f"{TESTS}::test_nobody_is_let_into_a_swarm_that_is_left_without_a_manager",
        (LEAVING, "if members and not joining and (", "if members and ("),
    ),
    mutant(
        "swarm-demotes-down-to-less-than-a-majority",
        "The swarm loses its quorum by our own hand.",
        f"{TESTS}::test_managers_leave_as_long_as_a_majority_stays_at_each_step",
        (LEAVING, "if reachable < majority(total):", "if reachable < total // 2:"),
    ),
    mutant(
        "swarm-demotes-those-that-are-there-first",
        "With a dead manager among those that go, what is possible is refused.",
        f"{TESTS}::test_managers_leave_as_long_as_a_majority_stays_at_each_step",
        (LEAVING, "key=lambda node: node.reachable)", "key=lambda node: not node.reachable)"),
    ),
    mutant(
        "swarm-demotes-before-it-promotes",
        "Between the two there is no manager.",
        f"{TESTS}::test_promotions_come_before_demotions",
        (NODES, 'last.index(step["hostname"]) + 1 if', '-last.index(step["hostname"]) - 1 if'),
    ),
    mutant(
        "swarm-demotes-the-lost-last",
        "Two of three managers are there, one of them is demoted, and the swarm has no quorum for what is to follow.",
        f"{TESTS}::test_managers_are_demoted_in_the_order_that_was_found_safe",
        (PLAN, "locks, last, lost)", "locks, last, [])"),
    ),
    mutant(
        "swarm-leaves-undrained",
        "What runs on the node is cut off.",
        f"{TESTS}::test_a_worker_leaves_by_being_drained_first",
        (LEAVING, "for host in ready],", "for host in ready if not members[host].ready],"),
    ),
    mutant(
        "swarm-waits-for-no-task",
        "What runs on a drained node is cut off, and its machine removed with it.",
        f"{ACTION}::test_a_drained_node_is_waited_for_until_nothing_runs_there",
        (
            f"{ROLE}/tasks/wait.yml",
            """    docker_swarm_tasks.tasks is defined and docker_swarm_tasks.tasks | selectattr('Status.State', 'in', docker_swarm_alive) | length == 0
""",
            "    docker_swarm_tasks.tasks is defined\n",
        ),
    ),
    mutant(
        "swarm-takes-the-last-look-for-an-empty-node",
        "A node whose tasks do not end leaves with them.",
        f"{ACTION}::test_a_drained_node_is_waited_for_until_nothing_runs_there",
        (
            f"{ROLE}/tasks/wait.yml",
            "when: docker_swarm_told_tasks.tasks is not defined or docker_swarm_left_tasks | length > 0",
            "when: docker_swarm_told_tasks.tasks is not defined",
        ),
    ),
    mutant(
        "swarm-begins-though-a-host-had-failed-before",
        "It was a manager by the play's own variables, and has the swarm: then there are two.",
        f"{ACTION}::test_managers_that_are_not_in_the_play_may_have_the_swarm",
        (
            f"{ROLE}/vars/main.yml",
            "docker_swarm_managers_dropped_out + docker_swarm_unknown_dropped_out",
            "docker_swarm_managers_dropped_out",
        ),
    ),
    mutant(
        "swarm-is-joined-as-planned-while-it-was-locked",
        "Nobody told of the swarm then, so that a host that is to join knows no manager.",
        f"{ACTION}::test_locked_managers_are_let_back_before_anybody_joins",
        (f"{ROLE}/tasks/let_back.yml", "include_tasks: plan.yml", "include_tasks: ask.yml"),
    ),
    mutant(
        "swarm-is-noted-only-where-all-went-well",
        "A node that no record knows is removed without being drained and demoted.",
        "unit/test_playbooks.py::test_a_node_is_noted_also_where_something_failed_once_it_was_in",
        (
            "playbooks/create_hosts.yml",
            """      # Also where something failed once it was in: else it would be removed without being drained and demoted.
      always:
""",
            "",
        ),
    ),
    mutant(
        "swarm-ends-while-its-managers-reboot",
        "All that leave do so by force and undrained, since the manager that stays is down at that moment.",
        f"{TESTS}::test_a_swarm_does_not_end_because_those_that_stay_are_down",
        (LEAVING, "not any(node.ready or node.id in staying for", "not any(node.ready for"),
    ),
    mutant(
        "swarm-settings-are-written-in-part",
        "Rotating a token would switch off the lock of the managers.",
        f"{TESTS}::test_settings_are_compared_and_written_whole",
        (SETTINGS, "return {**there, **settings}", "return {**settings}"),
    ),
    mutant(
        "swarm-key-is-handed-on-once",
        "After a run that was cut short the key that unlocks managers is kept nowhere, and lost with the swarm's next power cut.",
        f"{TESTS}::test_the_key_is_handed_on_until_that_is_noted",
        (PLAN, "if seen.keeper and locks and not noted:", "if seen.keeper and locks and not cluster.locks:"),
    ),
    mutant(
        "swarm-labels-of-others-go",
        "Placement that somebody else has set up is lost.",
        f"{TESTS}::test_labels_that_are_ours_go_and_those_of_others_stay",
        (NODES, "out = [name for name in node.own_labels", "out = [name for name in node.labels"),
    ),
    mutant(
        "swarm-never-ends-by-its-records",
        "A fleet could not be removed whole once its managers are dead.",
        f"{FLEETS}::test_a_swarm_may_end_when_all_that_is_recorded_of_it_goes",
        (FLEET, 'if one["cluster"] in clusters and name not in leaving]', 'if one["cluster"] in clusters]'),
    ),
]
