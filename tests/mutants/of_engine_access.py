# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in who reaches an Engine, and in the names of its certificate."""

from __future__ import annotations

from tests.mutants import mutant

PLAN = "plugins/plugin_utils/_engine/_plan/"
ACCESS = PLAN + "_access.py"
FIREWALL = PLAN + "_firewall.py"
CERTIFICATE = PLAN + "_certificate.py"
ACTION = "plugins/action/engine_plan.py"
AUTHORITY = "plugins/plugin_utils/_ca/_authority.py"
DURABLE = "plugins/module_utils/_durable.py"
FIREWALLS = "plugins/module_utils/_engine/_look/_firewalls.py"
NETWORK = "plugins/module_utils/_engine/_look/_network.py"
MANAGER = "plugins/module_utils/_engine/_service_manager.py"
PORT = "unit/plugins/modules/test_engine_port.py::"
CUT_OFF = PORT + "test_wherever_a_change_of_access_is_cut_off_the_port_asks_for_a_certificate"
TESTS = "unit/plugins/plugin_utils/_engine/test_plan_access.py::"

MUTANTS = [
    mutant(
        "tls-goes-before-the-port",
        "A run to access by SSH that is cut off leaves a host that answers everybody after its next boot.",
        CUT_OFF,
        (
            MANAGER,
            'closed = put(_paths.SOCKET_DROP_IN, plan["socket"])',
            'closed = put(_paths.SERVICE_DROP_IN, drop_in) | put(_paths.SOCKET_DROP_IN, plan["socket"])',
        ),
    ),
    mutant(
        "port-comes-before-tls",
        "The same on the way to TLS.",
        CUT_OFF,
        (
            MANAGER,
            'if unit["tls"]:\n            changed = put(_paths.SERVICE_DROP_IN, drop_in)',
            'if unit["tls"]:\n            changed = put(_paths.SOCKET_DROP_IN, plan["socket"]) | put(_paths.SERVICE_DROP_IN, drop_in)',
        ),
    ),
    mutant(
        "open-socket-outlives-tls",
        "An Engine that someone restarts in between answers everybody by the socket that systemd holds.",
        CUT_OFF,
        (MANAGER, "if closed:\n            close()", "if closed and not close:\n            close()"),
    ),
    mutant(
        "files-put-back-under-an-open-socket",
        "The same on the way back from TLS that did not work.",
        CUT_OFF,
        ("plugins/module_utils/_engine/_service.py", 'if acted in ("start", "cycle"):', 'if acted in ("nothing",):'),
    ),
    mutant(
        "names-not-on-the-disk",
        "After a power cut the port's file can be there without the one of TLS, which was written before.",
        CUT_OFF,
        (DURABLE, "        raise\n    if durable:\n        sync(os.path.dirname(path), lenient)\n", "        raise\n"),
    ),
    mutant(
        "containers-end-with-their-port",
        "The Engine is stopped to close its port before it knows that its containers are to outlive that.",
        PORT + "test_containers_outlive_the_engine_that_is_stopped_to_close_its_port",
        (
            "plugins/modules/engine_apply.py",
            '            self.keep_containers()\n        self.acted = "cycle"',
            '            pass\n        self.acted = "cycle"',
        ),
    ),
    mutant(
        "everyone-is-let-in",
        "The default keeps nobody out.",
        TESTS + "test_by_default_the_controller_alone_is_let_in",
        (ACCESS, "(unknown and wanted.allow == [CONTROLLER])", "wanted.allow == [CONTROLLER]"),
    ),
    mutant(
        "controllers-push-each-other-out",
        "Of two AWX nodes, only the one of the last run reaches the Engine, and each run changes it.",
        TESTS + "test_controllers_don_t_take_each_other_s_place",
        (ACCESS, "[str(seen), *controllers][:LATEST]", "[str(seen)]"),
    ),
    mutant(
        "controllers-of-a-users-engine-forgotten",
        "The same where the Engine is a user's, whose unit has no socket.",
        "unit/plugins/plugin_utils/_engine/test_plan_isolation.py::"
        "test_two_controllers_of_a_users_engine_do_not_take_each_others_place",
        (ACCESS, 'info["rootless"]["unit"] if wanted.rootless_user else info', "info"),
    ),
    mutant(
        "port-without-a-scheme-not-seen",
        "The benchmark passes a host whose Engine lets everybody in without TLS, by -H :2375.",
        "unit/plugins/module_utils/_engine/test_benchmark.py::test_an_address_without_a_scheme_is_one_of_tcp",
        (
            "plugins/modules/engine_benchmark.py",
            'any(not one.startswith(("unix:", "fd:", "npipe:")) for one in hosts if one)',
            'any(one.startswith("tcp:") for one in hosts)',
        ),
    ),
    mutant(
        "files-of-others-go-with-ours",
        "An Engine that listens with TLS by the configuration of others loses its key, and does not start again.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_tls_files_of_others_stay",
        (CERTIFICATE, " and not _used_by_others(info)", ""),
    ),
    mutant(
        "files-of-the-same-names-go",
        "A run with access by SSH removes the key of a client for another Engine, for which there is no way back.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_tls_files_that_the_role_has_not_put_there_stay",
        (CERTIFICATE, ' and info["remembered"]["tls"]', ""),
    ),
    mutant(
        "list-without-effect",
        "A list that nothing enforces looks as if it kept others out.",
        TESTS + "test_where_nothing_can_enforce_it_the_default_goes_on_and_a_list_is_an_error",
        (ACCESS, "if not found and wanted.allow != [CONTROLLER]:", "if not found and not wanted.allow:"),
    ),
    mutant(
        "ufw-lets-the-rest-in",
        "Where ufw's policy is to allow, the list has no effect.",
        TESTS + "test_ufw_gets_its_rules_after_those_of_others",
        (FIREWALL, 'action = "deny" if opening.sources is not None else "allow"', 'action = "allow"'),
    ),
    mutant(
        "another-s-rule-of-ufw-taken",
        "An administrator's own rule goes with ours.",
        TESTS + "test_ufw_gets_its_rules_after_those_of_others",
        (
            FIREWALL,
            'ours = [rule for rule, comment in seen["rules"] if comment == look.MARK]',
            'ours = [rule for rule, comment in seen["rules"] if "2376" in rule]',
        ),
    ),
    mutant(
        "port-open-to-all-once-saved",
        "iptables-save takes our rule in its chain for one without sources.",
        "unit/plugins/module_utils/_engine/test_firewall_rules.py::test_a_chain_that_iptables_can_not_read_is_the_ruleset_s_own",
        (
            "plugins/module_utils/_engine/_look/_firewalls.py",
            'program is None or "is incompatible" not in ',
            'program is None or "" == ',
        ),
    ),
    mutant(
        "iptables-lets-the-rest-in",
        "Where the policy of INPUT is to accept, the list has no effect.",
        TESTS + "test_iptables_gets_a_chain_of_ours_which_a_rule_before_all_others_leads_to",
        (FIREWALL, '["-i lo -j ACCEPT", *rules, "-j DROP"]', '["-i lo -j ACCEPT", *rules]'),
    ),
    mutant(
        "filter-promised-that-the-kernel-lacks",
        "enforced_by says systemd, and the port is open to all.",
        TESTS + "test_a_kernel_on_which_systemd_can_t_filter_is_no_promise",
        (
            ACCESS,
            'with_openrc(info) and info["firewalls"]["systemd"]["active"]',
            'with_openrc(info) and info["host"]["cgroup"] == 2',
        ),
    ),
    mutant(
        "the-host-itself-kept-out",
        "A client on the host that calls its own address is dropped by systemd's filter.",
        TESTS + "test_the_host_itself_may_ask_by_each_of_its_addresses",
        (ACCESS, '*(info["host"]["addresses"] if on_all else [])', ""),
    ),
    mutant(
        "a-failed-trial-counts-as-a-filter",
        "systemd-run did not work, and so nobody knows whether there is a filter.",
        "unit/plugins/modules/test_engine_info.py::test_systemd_s_filter_is_tried_once_where_it_matters",
        (FIREWALLS, "check=False)[0] == REFUSED", "check=False)[0] != 0"),
    ),
    mutant(
        "address-of-the-day-in-the-certificate",
        "Each day has another address, and each day a restart.",
        "unit/plugins/modules/test_engine_info.py::test_only_lasting_addresses_are_names_of_the_host",
        (NETWORK, "_PASSING = 0x01 | 0x08", "_PASSING = 0x08"),
    ),
    mutant(
        "forged-certificate-vouches-for-names",
        "A host shows a certificate that it made itself, and gets another host's name certified.",
        "unit/plugins/action/test_engine_plan.py::test_other_hosts_are_looked_at_only_for_names_that_the_ca_has_not_certified",
        (AUTHORITY, "[] if _chain.why_not_followed(sent, given) else list(", "list("),
    ),
    mutant(
        "another-s-certificate-vouches-for-names",
        "A host shows the certificate that another one shows to everybody, and gets that one's names certified.",
        "unit/plugins/action/test_engine_plan.py::test_who_shows_another_host_s_certificate_does_not_get_its_names",
        (ACTION, "sure = {*own, *(certified if its_own else ())}", "sure = {*own, *certified}"),
    ),
    mutant(
        "another-s-variables-not-looked-at",
        "A host reports a name that another one has by a variable, and gets it certified.",
        "unit/plugins/action/test_engine_plan.py::test_what_another_host_is_called_by_its_variables_is_that_one_s",
        (ACTION, "for variable in _CALLED_BY:", "for variable in _CALLED_BY[:1]:"),
    ),
    mutant(
        "shared-name-taken-away",
        "Hosts behind one name lose it in a rotation, since it is that of the others, too.",
        "unit/plugins/action/test_engine_plan.py::test_what_another_host_is_called_by_its_variables_is_that_one_s",
        (ACTION, "for name in names - mine}", "for name in names}"),
    ),
    mutant(
        "client-s-certificate-serves",
        "With one CA for both, an Engine shows a client's certificate, and no client takes it.",
        "unit/plugins/plugin_utils/_engine/test_plan.py::test_a_client_s_certificate_of_the_same_ca_is_no_server_s",
        (
            CERTIFICATE,
            'None if "server" in _tls.inspect(seen["certificate"])["usage"] else',
            "None if wanted.names else",
        ),
    ),
    mutant(
        "rule-of-others-turned-into-ours",
        "ufw makes our deny of somebody's allow, in its place before ours: the controller is shut out, and theirs is gone.",
        TESTS + "test_a_rule_of_others_is_never_turned_into_one_of_ours",
        (FIREWALL, "        _check_ufw(wanted, others, opening)\n", ""),
    ),
    mutant(
        "ufw-opened-by-others",
        "enforced_by says ufw, and somebody's allow of a range, before our deny, lets everyone in.",
        TESTS + "test_a_rule_of_others_in_ufw_that_lets_others_in_is_an_error",
        (
            ACCESS,
            'info["firewalls"]["ufw"]) if "ufw" in found else []',
            'info["firewalls"]["ufw"]) if not found else []',
        ),
    ),
    mutant(
        "ufw-opened-once-ours-are-made-anew",
        "A rule that did nothing after ours comes before them with the next list, and opens the port.",
        TESTS + "test_a_rule_of_others_in_ufw_counts_where_it_stands",
        (FIREWALL, "if _in_place(wanted, ours) else [*others, *wanted]", "if ours else [*others, *wanted]"),
    ),
    mutant(
        "closed-for-one-interface-is-closed",
        "A deny of ufw for one interface counts as if what comes by another were kept out.",
        TESTS + "test_a_rule_of_ufw_that_closes_less_is_no_help",
        (PLAN + "_ufw_rules.py", '            and self.interface in ("", other.interface)\n', ""),
    ),
    mutant(
        "policy-in-force-because-it-is-written",
        "A run is cut off before firewalld has read the policy, and no later one lets it do so.",
        TESTS + "test_a_policy_that_firewalld_did_not_take_over_is_loaded_by_the_next_run",
        (FIREWALL, "{look.FIREWALLD_POLICY: after + _UNLOADED}", "{look.FIREWALLD_POLICY: after}"),
    ),
    mutant(
        "live-restore-twice",
        "A package has it as an argument, and the Engine does not start with the key besides: all is put back, in each run.",
        "unit/plugins/modules/test_engine_apply.py::test_live_restore_that_a_package_brings_as_an_argument_is_left_there",
        ("plugins/modules/engine_apply.py", "        self.leave_to_arguments()\n", ""),
    ),
]
