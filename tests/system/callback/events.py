# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes what a run of Ansible does, a JSON line an event, into the file that DOCKYARD_EVENTS names."""

from __future__ import annotations

import json
import os

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: events
type: notification
short_description: notes events for the system tests
description:
  - Notes each result and the statistics of a run.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "events"
    CALLBACK_NEEDS_ENABLED = True

    def _note(self, event):
        with open(os.environ["DOCKYARD_EVENTS"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(event, cls=AnsibleJSONEncoder) + "\n")

    def _result(self, status, result):
        # What a callback may know of a result has moved in 2.19: private names before, public ones since
        host = getattr(result, "host", None) or result._host
        task = getattr(result, "task", None) or result._task
        value = getattr(result, "result", None) or result._result
        self._note(
            {
                "event": "task",
                "status": status,
                "host": host.get_name(),
                "task": task.get_name(),
                "action": task.action,
                "result": value,
            }
        )

    def v2_playbook_on_play_start(self, play):
        self._note({"event": "play", "name": play.get_name()})

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats):
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._note({"event": "stats", "hosts": hosts, "custom": stats.custom})
