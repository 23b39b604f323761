# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs in drivers, and in which process holds the lock."""

from __future__ import annotations

from tests.mutants import mutant

EC2 = "plugins/modules/amazonec2.py"
FILE = "plugins/module_utils/_store/_file.py"
EC2_TESTS = "unit/plugins/modules/test_amazonec2.py"

MUTANTS = [
    mutant(
        "folder-not-on-the-disk",
        "After a power cut the record names a machine of QEMU whose folder is gone, and no run gets further.",
        "unit/plugins/modules/test_qemu.py::test_the_folder_of_a_machine_is_on_the_disk",
        (
            "plugins/modules/qemu.py",
            "        _durable.make_folder(it.folder)\n",
            "        os.makedirs(it.folder, mode=0o700, exist_ok=True)\n",
        ),
    ),
    mutant(
        "tag-in-a-second-call",
        "A crash between the two leaves something that nobody can tell to be ours.",
        f"{EC2_TESTS}::test_all_that_is_made_bears_our_tags_from_the_call_that_makes_it",
        (
            EC2,
            'self.api.allocate_address(Domain="vpc", TagSpecifications=self.specifications(it))["AllocationId"]',
            'self.tag(self.api.allocate_address(Domain="vpc")["AllocationId"], it)\n\n'
            "    def tag(self, id, it):\n"
            '        self.api.create_tags(Resources=[id], Tags=self.specifications(it)[0]["Tags"])\n'
            "        return id",
        ),
    ),
    mutant(
        "two-calls-in-one-create",
        "The same, for whoever writes a driver: the contract suite has to say so.",
        "contract/test_contract.py::TestWorlds::test_each_method_makes_one_call",
        (
            "tests/model/driver.py",
            "        return self.api.create_firewall(it.name, _tags(it))\n",
            "        id = self.api.create_firewall(it.name, _tags(it))\n"
            '        self.api.set_rules(id, it.request["rules"])\n'
            "        return id\n",
        ),
    ),
    mutant(
        "volumes-of-the-image-stay",
        "What an image has besides its root stays when the machine goes, costs money, and nobody finds it.",
        f"{EC2_TESTS}::test_all_volumes_of_an_image_go_with_the_machine",
        (EC2, "for one in devices if one != root]", "for one in devices if one == 0]"),
    ),
    mutant(
        "shut-off-over-ipv6",
        "Only the IPv4 address of the controller is let in to a machine that it reaches by IPv6.",
        f"{EC2_TESTS}::test_bad_input_is_named_and_makes_nothing",
        (EC2, 'v6 = by == "ipv6"', "v6 = False"),
    ),
    mutant(
        "page-for-an-answer",
        "A portal's page says 200, so that a restart which never was is reported as done.",
        f"{EC2_TESTS}::test_a_page_that_says_that_all_is_well_is_no_answer",
        (EC2, "http_response.status_code < 300 and", "http_response.status_code < 200 and"),
    ),
    mutant(
        "restart-asked-once",
        "EC2 was busy, nothing was restarted, and the task says that it was.",
        f"{EC2_TESTS}::test_a_restart_is_one",
        ("plugins/module_utils/_lifecycle/_power.py", 'insist(resource, "restart")', 'attempt(resource, "restart")'),
    ),
    mutant(
        "foreign-made-ours",
        "Whoever may tag what is there can tag a foreign machine, and then end it.",
        "unit/plugins/modules/test_amazonec2_policy.py::test_what_is_not_ours_can_not_be_touched",
        (
            "docs/drivers/amazonec2-policy.json",
            '"Condition": {"Null": {"aws:ResourceTag/dockyard:store": "false"}}',
            '"Condition": {}',
        ),
    ),
    mutant(
        "token-of-the-sdk",
        "botocore fills in a token by itself, another one each time.",
        f"{EC2_TESTS}::test_the_token_is_ours_in_each_repetition",
        (EC2, "            MaxCount=1,\n            ClientToken=it.token,\n", "            MaxCount=1,\n"),
    ),
    mutant(
        "dead-taken-for-living",
        "A terminated instance answers its id for an hour, and would be taken for the machine.",
        f"{EC2_TESTS}::test_another_attempt_has_another_token",
        (EC2, '"terminated": driver.ABSENT', '"terminated": driver.STOPPED'),
    ),
    mutant(
        "address-taken-from-another-machine",
        "An elastic address that serves somebody else moves without a word.",
        f"{EC2_TESTS}::test_an_address_of_another_machine_is_not_taken",
        (EC2, "AllowReassociation=False", "AllowReassociation=True"),
    ),
    mutant(
        "lock-goes-with-the-playbook",
        "The module lives on when ansible-playbook is killed; a lock of the action's would be free for a second run.",
        "faults/test_processes.py::test_the_playbook_is_killed_and_its_module_lives_on",
        (
            FILE,
            '        me = json.dumps({"pid"',
            "        import threading\n        import time\n\n"
            "        def with_playbook() -> None:\n"
            "            above, pid = [], os.getppid()\n"
            "            while pid > 1:\n"
            "                above.append(f'/proc/{pid}')\n"
            "                with open(f'/proc/{pid}/stat', encoding='ascii') as file:\n"
            "                    pid = int(file.read().rpartition(')')[2].split()[1])\n"
            "            while all(map(os.path.exists, above)):\n"
            "                time.sleep(0.01)\n"
            "            if self.held:\n"
            "                fcntl.flock(self._file, fcntl.LOCK_UN)\n\n"
            "        threading.Thread(target=with_playbook, daemon=True).start()\n"
            '        me = json.dumps({"pid"',
        ),
    ),
]
