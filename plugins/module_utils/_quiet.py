# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module whose arguments stay out of the log of the host that it runs on. Runs on Python 3.8."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


class QuietModule(AnsibleModule):
    """Ansible logs each argument that is not marked as secret: a plan has secrets at any depth, as in options of a log driver.

    To mark all of a plan as secret would take its words out of results and errors as well.
    """

    def _log_invocation(self) -> None:
        self.log("Invoked; arguments are not logged")
