# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # What the drivers and the module machine share; third parties' drivers use it, too
    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Reports what would be done, and changes nothing.
  diff_mode:
    support: full
    description: Shows the machine and its resources before and after.
  idempotent:
    support: partial
    description: A second run changes nothing, except with O(state=restarted), which always restarts the machine.
options:
  name:
    description:
      - Name of the machine, which identifies it in the store. A second run never creates a second machine of that name.
      - It consists of V(a-z), V(0-9) and V(-), starts with a letter, does not end with V(-), and has at most 40
        characters.
    type: str
  state:
    description:
      - V(present) ensures that the machine exists as described, and completes what an interrupted run started.
      - V(absent) removes the machine and every resource that the record lists, regardless of the options.
      - V(started) ensures that it exists and runs. V(stopped) shuts it down, and forces that after O(stop_timeout).
      - V(restarted) always restarts it. V(killed) cuts its power. V(paused) halts its processors.
      - V(gathered) reads its current state and changes nothing.
      - V(pruned) and V(adopted) require O(scope=account). The modules M(dockyard.machine.prune) and
        M(dockyard.machine.adopt) use them.
      - A driver that does not support one of these reports the states that it supports.
    type: str
    default: present
    choices: [present, absent, started, stopped, restarted, killed, paused, gathered, pruned, adopted]
  store:
    description:
      - The store, which contains records and keys. A folder, or C(s3://bucket/prefix).
      - By default the value of the environment variable E(DOCKYARD_STORE), else C(~/.dockyard).
    type: path
  fleet:
    description:
      - Id of the fleet that the machine belongs to.
    type: str
  role:
    description:
      - Role of the machine in its fleet.
    type: str
  labels:
    description:
      - Labels of the machine. They replace all previous labels. Without this option the labels stay unchanged.
      - Keys and values are strings. YAML numbers, dates and booleans are converted to strings, and null to an empty
        string.
    type: dict
  tls_san:
    description:
      - Additional names and addresses for the certificate of the machine's Engine.
    type: list
    elements: str
  expires_in:
    description:
      - Time until the machine expires, such as V(90m), V(8h), V(7d) or a number of seconds, or V(never).
      - The expiry is recorded and, if the provider has tags, set as a tag on all resources of the machine. The playbook
        C(dockyard.machine.prune) removes expired machines. Nothing else removes them.
      - The time starts with the first run that has this value. A run with the same value does not extend it, a run with
        another value does.
    type: str
  ssh_user:
    description:
      - SSH login user. The driver has a default.
    type: str
  ssh_key:
    description:
      - Path of the user's own private key. Without it, the machine gets its own Ed25519 key, which is kept in the
        store.
      - On existing hosts, the user's agent and default keys are used without it.
      - A store on S3 identifies the key by its public half, so the path may differ between controllers. If the recorded
        path does not exist, the agent and default keys are used.
    type: path
  ssh_args:
    description:
      - Additional arguments for C(ssh), such as C(-J bastion.example.com). They do not change which host key is
        accepted.
      - The arguments of your inventory and configuration, such as C(ansible_ssh_common_args), are added after them.
    type: str
  ssh_password:
    description:
      - Password of the SSH login user, for a host that does not accept the machine's key yet. It requires C(paramiko).
      - It is used for one login, which adds the machine's key to C(authorized_keys). If the host accepts the key, the
        password is not used. It is never recorded.
      - It is sent only to a host that presents the pinned host key. Set O(host_key) if you know it. Otherwise the key of
        the first contact is pinned, and a warning shows its fingerprint.
      - Without O(ssh_key), the machine gets a key of its own.
      - Machines that are created with their key do not need it.
    type: raw
  host_key:
    description:
      - The host's public key, such as V(ssh-ed25519 AAAA...), if it is known before the first contact.
      - By default the driver gives the host a managed key. If it can't, the key of the first contact is pinned, and a
        warning shows its fingerprint.
    type: str
  keep_options:
    description:
      - Whether the driver's own options keep their recorded values if none of them is given. Otherwise those that are
        not given get their defaults.
      - By default they keep their recorded values with every O(state) except V(present).
    type: bool
  recreate:
    description:
      - Replace the machine if a change can't be made in place. Its data are lost.
    type: bool
    default: false
  allow_stop:
    description:
      - Stop and start the machine if a change requires it.
    type: bool
    default: false
  on_failure:
    description:
      - What to do with a machine that could not be completed. V(keep) keeps it, and a second run continues. V(remove)
        removes every resource that was created for it.
    type: str
    default: keep
    choices: [keep, remove]
  timeout:
    description:
      - Maximum seconds of each wait for the provider or the machine.
    type: float
    default: 600
  stop_timeout:
    description:
      - Seconds to wait for a machine to shut down before its power is cut.
    type: float
    default: 60
  lock_timeout:
    description:
      - Seconds to wait for another run that works on the same machine.
    type: float
    default: 60
  scope:
    description:
      - With O(state=gathered), whether to read one machine, or all recorded machines of the driver.
      - V(account) with O(state=pruned) and O(state=adopted), for all resources in the place that the options specify.
    type: str
    default: machine
    choices: [machine, account]
  ids:
    description:
      - With O(state=pruned), ids of unrecorded resources to remove, or of the machines that they were created for.
      - With O(state=adopted), ids or names of the machines to adopt. By default all machines are adopted.
    type: list
    elements: str
  from_store:
    description:
      - With O(state=pruned) and O(state=adopted), the id of another store that was permanently lost. This store takes
        over its machines.
    type: str
"""
