# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in who signs, what is signed, and for how long it lives."""

from __future__ import annotations

from tests.mutants import mutant

ISSUING = "plugins/module_utils/_tls/_issuing.py"
PEM_KEYS = "plugins/module_utils/_tls/_keys.py"
VALIDITY = "plugins/module_utils/_tls/_validity.py"
ANSWER = "plugins/plugin_utils/_ca/_signing_request.py"
AUTHORITY = "plugins/plugin_utils/_ca/_authority.py"
CHAIN = "plugins/plugin_utils/_ca/_chain.py"
COMMAND = "plugins/plugin_utils/_ca/_signing_command.py"
EXPIRY = "plugins/plugin_utils/_ca/_expiry.py"
FOLDER = "plugins/plugin_utils/_ca/_client_folder.py"
READING = "plugins/plugin_utils/_option_values.py"
GIVEN = "plugins/plugin_utils/_ca/_given_ca.py"
RUN = "plugins/plugin_utils/_fleet/_rotation.py"
STORE_CA = "plugins/action/store_ca.py"
ENGINE = "plugins/action/engine_certificate.py"
OF_AUTHORITY = "unit/plugins/plugin_utils/_ca/test_authority.py"
OF_CLIENT = "unit/plugins/action/test_client_certificate.py"
OF_ENGINE = "unit/plugins/action/test_engine_certificate.py"
OF_EXPIRY = "unit/plugins/plugin_utils/_ca/test_expiry.py"
OF_GIVEN = "unit/plugins/plugin_utils/_ca/test_given_ca.py"
OF_TLS = "unit/plugins/module_utils/_tls/test_tls.py"
OF_READING = "unit/plugins/plugin_utils/test_option_values.py"

MUTANTS = [
    # A CA that is given
    mutant(
        "engines-trust-the-root-of-clients",
        "Whoever has a certificate for clients from anybody below that root is root on the fleet.",
        f"{OF_GIVEN}::test_a_store_of_given_authorities_has_no_key_of_theirs",
        (GIVEN, 'if side == "client" and by_key else authority.bundle', "if False else authority.bundle"),
    ),
    mutant(
        "given-key-kept",
        "The key of the company's CA lies in the store, though nobody asked for that.",
        f"{OF_GIVEN}::test_a_store_of_given_authorities_has_no_key_of_theirs",
        (GIVEN, "return {**found, **(self._keys() if self.keep_keys else {})}", "return {**found, **self._keys()}"),
    ),
    mutant(
        "ca-of-working-machines-replaced",
        "create_hosts with a given CA locks everybody out of the machines that there are.",
        f"{OF_GIVEN}::test_another_ca_comes_by_a_rotation_and_not_otherwise",
        (STORE_CA, "if files and machines:", "if not files and machines:"),
    ),
    mutant(
        "any-ca-rotates-certificates",
        "Hosts get certificates that no client trusts yet.",
        f"{OF_GIVEN}::test_another_ca_comes_by_a_rotation_and_not_otherwise",
        (RUN, 'if self.given and self.given.is_in(files) != (self.kind == "certificates"):', "if False:"),
    ),
    mutant(
        "key-beside-the-certificate-goes-along",
        "Of a file with both, the CA's key lies on each host for all to read.",
        "unit/plugins/action/test_engine_plan.py::test_no_key_of_a_ca_goes_to_the_host",
        (READING, 'return "".join(f"{one}\\n" for one in found)', "return text"),
    ),
    mutant(
        "host-vouches-for-names",
        "A host that is taken over makes itself a certificate for the names of others, and the next rotation signs them.",
        f"{OF_AUTHORITY}::test_names_that_a_host_has_made_up_count_for_nothing",
        (CHAIN, "found, pool = [first], [one for one in pool if may_issue(one)]", "found, pool = [first], list(pool)"),
    ),
    mutant(
        "intermediate-not-sent",
        "Clients that trust the root alone can't reach any host.",
        f"{OF_AUTHORITY}::test_an_intermediate_is_sent_along_and_the_root_is_not",
        (
            AUTHORITY,
            'return own + "".join(_tls.pem_of(one) for one in _chain.sent_along(self._certificates()))',
            "return own",
        ),
    ),
    mutant(
        "ca-of-clients-signs-servers",
        "A CA that may vouch for clients alone signs servers, and each handshake with them fails.",
        f"{OF_AUTHORITY}::test_a_ca_that_cant_sign_it_is_refused_with_the_reason",
        (CHAIN, "if purposes is None or USAGES[use.usage] in purposes or", "if purposes is None or list(purposes) or"),
    ),
    mutant(
        "name-constraints-as-text",
        "A CA for example.org signs for notexample.org, and no client follows it.",
        f"{OF_AUTHORITY}::test_name_constraints",
        (CHAIN, 'name.endswith("." + suffix.removeprefix("."))', "name.endswith(suffix)"),
    ),
    mutant(
        "cn-of-an-address-forgotten",
        "OpenSSL refuses the certificate of a host that is named by its address alone.",
        f"{OF_AUTHORITY}::test_what_name_constraints_allow_is_what_openssl_verifies",
        (CHAIN, "all(map(_tls.address_of, use.names)) and", "False and"),
    ),
    mutant(
        "check-mode-signs",
        "A check has a certificate signed elsewhere that nobody uses.",
        f"{OF_ENGINE}::test_a_check_asks_nobody",
        (ENGINE, "if self._task.check_mode:", "if False:"),
    ),
    mutant(
        "certificate-read-in-part",
        "A damaged certificate is a traceback, much later.",
        f"{OF_TLS}::test_a_certificate_is_read_as_a_whole_or_not_at_all",
        (PEM_KEYS, "one.extensions, one.public_key(),", "one.public_key(),"),
    ),
    # A command
    mutant(
        "answer-for-any-key",
        "The host gets a certificate of somebody else's key, and its Engine doesn't start.",
        f"{OF_AUTHORITY}::test_what_a_command_prints_is_judged",
        (ANSWER, "ANSWER = (_is_for_the_key, ", "ANSWER = ("),
    ),
    mutant(
        "answer-for-both-usages",
        "The host's certificate is accepted as a client's: whoever has one host has all.",
        f"{OF_AUTHORITY}::test_what_a_command_prints_is_judged",
        (ANSWER, "list(purposes) != [_chain.USAGES[request.usage]]", "_chain.USAGES[request.usage] not in purposes"),
    ),
    mutant(
        "answer-lives-longer",
        "A certificate that nothing can take back lives for years, where an hour was asked for.",
        f"{OF_AUTHORITY}::test_what_a_command_prints_is_judged",
        (ANSWER, "if end > now + request.life + _tls.SLACK:", "if end < start:"),
    ),
    mutant(
        "request-passed-on-unread",
        "A host that is taken over has a CA's certificate, or another's name, signed for itself.",
        f"{OF_AUTHORITY}::test_a_hostile_signing_request_is_not_passed_on",
        (AUTHORITY, "_signing_request.checked_csr(request.public_key, request)", "request.public_key"),
    ),
    mutant(
        "rehearsal-with-the-real-key",
        "A certificate for the host's key is out in the world that nobody keeps.",
        f"{OF_AUTHORITY}::test_a_rehearsal_uses_a_key_that_is_thrown_away",
        (AUTHORITY, "answer = self._call(trial, rehearsal=True)", "answer = self._call(request, rehearsal=True)"),
    ),
    mutant(
        "key-decrypted-to-the-disk",
        "A run that is killed leaves the CA's key in clear in a temporary folder.",
        f"{OF_READING}::test_a_key_that_is_encrypted_is_decrypted_in_memory_alone",
        (READING, "loader._get_file_contents(path)[0].decode()", "open(loader.get_real_file(path)).read()"),
    ),
    mutant(
        "signers-children-live-on",
        "What a command has started goes on after its time, and may sign what nobody takes.",
        f"{OF_AUTHORITY}::test_a_command_that_hangs_is_ended_with_all_that_it_started",
        (COMMAND, "os.killpg(process.pid, signal.SIGKILL)", "process.kill()"),
    ),
    mutant(
        "agent-of-a-signer-waited-for",
        "A signer that starts an agent never answers, and the run hangs.",
        f"{OF_AUTHORITY}::test_who_goes_on_in_the_background_is_not_waited_for",
        (COMMAND, "if ended and (left < 0 or not ready):", "if ended and left < 0:"),
    ),
    mutant(
        "check-asks-the-signer",
        "A dry run signs certificates.",
        f"{OF_CLIENT}::test_given_authorities_need_no_store",
        (
            "plugins/action/client_certificate.py",
            "            authority.check(request)\n",
            "            authority.rehearse(request)\n",
        ),
    ),
    mutant(
        "request-of-another-key",
        "The host gets a certificate that doesn't belong to its key.",
        f"{OF_ENGINE}::test_a_request_of_another_key_is_refused",
        (
            ENGINE,
            'if _tls.public_key_sha256(arguments["csr"]) != _tls.public_key_sha256(arguments["public_key"]):',
            "if False:",
        ),
    ),
    # Lives and ends
    mutant(
        "outlives-its-ca",
        "The CA ends before anything renews what it has signed: the whole fleet is out of reach at once.",
        f"{OF_TLS}::test_a_certificate_ends_no_later_than_its_ca",
        (ISSUING, "min(now + life, limit) if limit else now + life", "now + life"),
    ),
    mutant(
        "short-life-begins-two-days-ago",
        "A certificate of an hour has passed two thirds of its life when it is made, and is renewed by each run.",
        f"{OF_CLIENT}::test_it_is_renewed_when_it_has_to_be_and_the_key_stays",
        (ISSUING, "min(BACKDATE, (end - now) * BACKDATE_MOST) if end > now else BACKDATE", "BACKDATE"),
    ),
    mutant(
        "backdated-beyond-what-its-ca-leaves",
        "What a CA signs on its last day is due at once: each run renews it and restarts the Engines.",
        f"{OF_TLS}::test_what_a_ca_signs_near_its_end_is_not_due_at_once",
        (ISSUING, "(end - now) * BACKDATE_MOST", "life * BACKDATE_MOST"),
    ),
    mutant(
        "longer-life-stays",
        "Who asks for eight hours keeps the certificate of a year.",
        f"{OF_CLIENT}::test_it_is_renewed_when_it_has_to_be_and_the_key_stays",
        (VALIDITY, "if life is not None and end > moment + life + SLACK:", "if life is not None and end < start:"),
    ),
    mutant(
        "shorter-life-stays",
        "Who asks for a year keeps the certificate of a month, and is told that it will do.",
        f"{OF_CLIENT}::test_another_life_is_had_at_once",
        (FOLDER, "or self._why_not_so_long(text, request, authority)", "or None"),
    ),
    mutant(
        "own-ca-told-late",
        "A CA is told of when what it signs already lives for a month alone.",
        f"{OF_EXPIRY}::test_what_is_due",
        (EXPIRY, "SERVER_CA: YEAR, CLIENT_CA: YEAR}", "SERVER_CA: 30 * DAY, CLIENT_CA: 30 * DAY}"),
    ),
    mutant(
        "issuers-end-not-told",
        "The root ends before the intermediate, and nobody was warned.",
        f"{OF_EXPIRY}::test_of_a_chain_the_first_to_end_counts_and_of_another_ca_nothing",
        (EXPIRY, "first = min(chain, key=lambda one: one.end)", "first = chain[0]"),
    ),
    # A client's folder
    mutant(
        "certificate-of-another-ca-stays",
        "After a rotation of the CAs a person's certificate is told to be fine, and every Engine refuses it.",
        f"{OF_CLIENT}::test_another_ca_another_key_and_damage",
        (FOLDER, "authority.why_not_ours(text)\n                or _tls.needs_renewal", "_tls.needs_renewal"),
    ),
    mutant(
        "key-replaced-by-renewal",
        "Who has copied the key elsewhere can't work any more after each renewal.",
        f"{OF_CLIENT}::test_it_is_renewed_when_it_has_to_be_and_the_key_stays",
        (FOLDER, 'key = "" if new_key else self.key()', 'key = ""'),
    ),
    mutant(
        "key-with-a-passphrase-lost",
        "A private key that somebody has nowhere else is written over.",
        f"{OF_CLIENT}::test_a_key_that_cant_be_used_is_not_written_over",
        (FOLDER, 'if "PRIVATE KEY-----" not in text:', 'if "-----BEGIN PRIVATE KEY-----" not in text:'),
    ),
    mutant(
        "key-open-to-the-group",
        "Others on that computer read the key, which is root on the fleet.",
        f"{OF_CLIENT}::test_what_others_can_read_is_made_private",
        (FOLDER, "st_mode) & 0o077}", "st_mode) & 0o007}"),
    ),
    mutant(
        "link-followed",
        "Who has the folder makes any file of root's unreadable to all others.",
        f"{OF_CLIENT}::test_what_a_link_leads_to_is_left_alone",
        (FOLDER, "os.path.exists(path) and not os.path.islink(path)", "os.path.exists(path)"),
    ),
    mutant(
        "own-clients-live-a-year",
        "The life that is asked for is the given CA's alone: the client's certificate lives on for a year.",
        f"{OF_GIVEN}::test_one_side_alone",
        (GIVEN, "_tls.issue_client(*own, self.life)", "_tls.issue_client(*own)"),
    ),
    mutant(
        "engines-live-a-year",
        "Hosts keep for a year what was to last for a week, and nothing takes it back.",
        f"{OF_ENGINE}::test_a_hosts_certificate",
        (ENGINE, 'arguments["names"], life)', 'arguments["names"], _tls.CERTIFICATE_LIFE)'),
    ),
    mutant(
        "signer-writes-to-the-terminal",
        "What a command says in its failure moves the cursor of whoever reads it, and hides lines.",
        f"{OF_AUTHORITY}::test_what_a_command_prints_is_judged",
        (COMMAND, 'one if one.isprintable() else " " for one in text', "one for one in text"),
    ),
    mutant(
        "chain-of-an-answer-unread",
        "A command's certificate has an issuer that may not have it signed, and each handshake fails.",
        f"{OF_AUTHORITY}::test_the_chain_is_held_to_the_same_rules",
        (ANSWER, "    _chain.check_ca(_chain.path(own, pool)[1]", "    (lambda *_: 0)(_chain.path(own, pool)[1]"),
    ),
    mutant(
        "answer-by-the-ca-that-is-left",
        "A command that still signs by the old CA is taken at its word, and the end of the rotation locks everybody out.",
        f"{OF_AUTHORITY}::test_while_it_is_rotated_a_command_has_to_sign_by_the_new_ca",
        (ANSWER, "trusted = _chain.path(bundle[0], bundle)", "trusted = bundle"),
    ),
    mutant(
        "rotation-held-up-by-the-old-ca",
        "Where a command signs, a rotation away from a CA that has expired can never go on.",
        f"{OF_AUTHORITY}::test_of_a_ca_that_is_left_nothing_is_asked_any_more",
        (AUTHORITY, "for one in _chain.path(certificates[0], certificates):", "for one in certificates:"),
    ),
    mutant(
        "key-of-rsa-pss-signs",
        "A CA's key that is for RSA-PSS alone signs otherwise, and no host nor client can verify it.",
        f"{OF_AUTHORITY}::test_a_key_for_rsa_pss_alone_is_refused",
        (CHAIN, "if one.tbs_certificate_bytes.count(PSS) >", "if 9 <"),
    ),
    mutant(
        "critical-extension-taken-for-known",
        "Go refuses each certificate below a CA with critical policy constraints: nobody reaches any host.",
        f"{OF_AUTHORITY}::test_a_ca_that_cant_sign_it_is_refused_with_the_reason",
        (
            CHAIN,
            "not isinstance(extension.value, UNDERSTOOD)",
            "isinstance(extension.value, x509.UnrecognizedExtension)",
        ),
    ),
    mutant(
        "corrected-bundle-ignored",
        "Who takes the root out of the CA of clients is told that all is well, and each client of that root is root on the hosts.",
        f"{OF_GIVEN}::test_a_corrected_bundle_of_clients_takes_the_place_of_the_one_before",
        (GIVEN, "if not _tls.same_certificates(trusted, files[name]):", "if False:"),
    ),
    mutant(
        "ca-that-is-left-dropped-early",
        "In a rotation, create_hosts takes the old CA away from those that still need it.",
        f"{OF_GIVEN}::test_in_a_rotation_the_ca_that_is_left_stays_trusted",
        (GIVEN, "in () if MARK in files else self.sides.items():", "in self.sides.items():"),
    ),
    mutant(
        "root-of-clients-trusted-for-want-of-a-key",
        "A run without the CA's key, since there is nothing to sign, lets each client of the root in.",
        f"{OF_GIVEN}::test_engines_trust_no_root_of_clients_because_a_run_had_no_key",
        (GIVEN, "by_key = authority.key or (not authority.command and before == alone)", "by_key = authority.key"),
    ),
    mutant(
        "expired-ca-signs",
        "A CA that has ended signs for the whole fleet, and nobody reaches it any more.",
        f"{OF_AUTHORITY}::test_a_ca_that_cant_sign_it_is_refused_with_the_reason",
        (CHAIN, "_has_purpose, _is_valid, ", "_has_purpose, "),
    ),
    mutant(
        "look-at-another-ca",
        "A dry run says that a rotation would work which then refuses the CA that is given.",
        f"{OF_GIVEN}::test_another_ca_comes_by_a_rotation_and_not_otherwise",
        (RUN, "            self._refuse_other_ca(files)\n        lacking", "            pass\n        lacking"),
    ),
]
