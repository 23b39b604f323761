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
    description: Says what would be done, and touches nothing.
  diff_mode:
    support: full
    description: Shows the machine and its resources before and after.
  idempotent:
    support: partial
    description: Runs twice change nothing, but for O(state=restarted), which always restarts.
options:
  name:
    description:
      - Name of the machine, its identity in the store. A second run never makes a second machine of that name.
      - It consists of V(a-z), V(0-9) and V(-), begins with a letter, ends in no V(-), and has at most 40 characters.
    type: str
  state:
    description:
      - V(present) lets the machine exist as described, and finishes what an interrupted run has begun.
      - V(absent) removes it and all that was made for it, as the record says, whatever the options say.
      - V(started) lets it exist and run. V(stopped) asks it to shut down and after O(stop_timeout) forces it.
      - V(restarted) always restarts it. V(killed) cuts its power. V(paused) halts its processors.
      - V(gathered) reads how it is now and changes nothing.
      - V(pruned) and V(adopted) go with O(scope=account), and are what the modules M(dockyard.machine.prune) and
        M(dockyard.machine.adopt) run.
      - A driver that can't do one of these says which it can.
    type: str
    default: present
    choices: [present, absent, started, stopped, restarted, killed, paused, gathered, pruned, adopted]
  store:
    description:
      - The store, where records and keys are kept; a folder, or C(s3://bucket/prefix).
      - Without it, the environment variable E(DOCKYARD_STORE) says it, else it is C(~/.dockyard).
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
      - Labels of the machine. Those given replace all former ones; without the option they stay as they are.
      - Keys and values are texts. What YAML takes for a number, a date or a truth value becomes one, nothing an empty one.
    type: dict
  tls_san:
    description:
      - Further names and addresses for the certificate of the machine's Engine.
    type: list
    elements: str
  expires_in:
    description:
      - How long the machine is to live, as in V(90m), V(8h), V(7d), in seconds, or V(never).
      - The end is noted in the record and, where the provider has tags, on all that belongs to the machine.
        Nothing ends by itself, the playbook C(dockyard.machine.prune) removes what has expired.
      - It counts from the run that says it first. The same value again does not prolong it, another one does.
    type: str
  ssh_user:
    description:
      - Who logs in. The driver has a default.
    type: str
  ssh_key:
    description:
      - Path of the user's own private key. Without it, the machine gets an Ed25519 key of its own, kept in the store.
      - On hosts that exist already, the user's agent and default keys are used without it.
      - A store on S3 knows the key by its public half. The path may differ from controller to controller, and where the recorded one
        does not exist, the agent and default keys are used.
    type: path
  ssh_args:
    description:
      - Further arguments for C(ssh), such as C(-J bastion.example.com). They change nothing in which host key is accepted.
      - What the estate's settings say (C(ansible_ssh_common_args) and the like) comes after them.
    type: str
  host_key:
    description:
      - The host's public key, as in V(ssh-ed25519 AAAA...), where it is known before the first contact.
      - Without it, and where the driver can't hand the host a key of ours, the key shown at the first contact is pinned.
        A warning shows its fingerprint.
    type: str
  keep_options:
    description:
      - Whether the driver's own options stay as they are recorded if none of them is given.
        Else those that are not given have their defaults.
      - Without it, they stay with every O(state) but V(present).
    type: bool
  recreate:
    description:
      - Replace the machine if what is asked for can't be reached by changing it in place. Its data are lost.
    type: bool
    default: false
  allow_stop:
    description:
      - Stop and start the machine if a change needs it.
    type: bool
    default: false
  on_failure:
    description:
      - What becomes of a machine that could not be made whole. V(keep) leaves it, and a second run goes on from there.
        V(remove) takes down again all that was made for it.
    type: str
    default: keep
    choices: [keep, remove]
  timeout:
    description:
      - Seconds that each wait for the provider or the machine may last.
    type: float
    default: 600
  stop_timeout:
    description:
      - Seconds that a machine may take to shut down before its power is cut.
    type: float
    default: 60
  lock_timeout:
    description:
      - Seconds to wait for another run that works on the same machine.
    type: float
    default: 60
  scope:
    description:
      - With O(state=gathered), whether to read one machine or all of the driver that the store knows.
      - V(account) with O(state=pruned) and O(state=adopted), over all that is there in the place that the options say.
    type: str
    default: machine
    choices: [machine, account]
  ids:
    description:
      - With O(state=pruned), ids of unrecorded things, or of the machines that they were made for, to be removed, too.
      - With O(state=adopted), ids or names of the machines that are meant. Without it, all are.
    type: list
    elements: str
  from_store:
    description:
      - With O(state=pruned) and O(state=adopted), the id of another store that is gone for good, and whose machines
        are now this one's.
    type: str
"""
