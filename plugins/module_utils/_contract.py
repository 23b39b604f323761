# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the contract between a driver and the lifecycle. driver.py tells in which order they are used."""

from __future__ import annotations

import dataclasses
import typing as t

from ._errors import MachineError

# What an error of the provider means.
MISSING = "missing"  # it does not exist
TAKEN = "taken"  # something with this identity exists already
FULL = "full"  # no capacity here: the next choice may have some
BUSY = "busy"  # not now: ask again
REFUSED = "refused"  # surely not done, and never will be
MISMATCH = "mismatch"  # this token was accepted before, with another request
UNSURE = "unsure"  # may have been done, or not

ABSENT, CREATING, RUNNING, STOPPED, PAUSED = "absent", "creating", "running", "stopped", "paused"
STARTING, STOPPING, ERROR, UNKNOWN = "starting", "stopping", "error", "unknown"

# As ``restart`` of a machine whose provider can't: the host reboots itself, and its new boot is waited for.
OVER_SSH = "over ssh"


@dataclasses.dataclass
class Seen:
    """What a provider's answer says of one thing."""

    id: str
    state: str | None = RUNNING  # one of those above; None: the provider can't tell, so SSH is asked
    name: str = ""
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    has: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # what corresponds to the request, and no more
    # address, addresses, ssh_port, docker_port, host_keys, python_interpreter
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    created: str = ""
    verdict: str | None = None  # with state ERROR or ABSENT: why
    token: str = ""  # that its create was called with, if the provider shows it
    attached_to: t.Sequence[str] = ()  # ids of the things that it is attached to


@dataclasses.dataclass
class ResourceContext:
    """One resource of one machine, as it is handed to the methods of its kind."""

    name: str  # ours alone: holds the machine's name, a short id and the generation
    machine: str = ""
    id: str | None = None
    request: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # references and placeholders filled in
    token: str = ""  # the same for each repetition of one create
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    seen: Seen | None = None
    folder: str = ""  # on the controller, this machine's alone; made by a driver that needs it
    first_boot: str = ""  # a folder for what only the first boot needs; goes once the machine was reached


class Kind:
    """How a provider handles one kind of thing. Knows the client and the place, no options, no other kind."""

    identity: str | None = None  # "name" or "token": what makes a repeated create harmless; None: nothing does
    # Tags can be copied, so they find and prove nothing. What proves that a thing is ours, beside its recorded id:
    # "token" (Seen.token), "name" (Seen.name is it.name, which no copy has; identity "name" means it, too), or None:
    # nothing does, so a person is asked what it is.
    proof: str | None = None
    token_life = 0.0  # seconds for which a repeated create surely answers with the same id; matters without a proof
    tagged = True  # False: no tags here, so the name is what tells that it is ours
    lag = 10.0  # seconds until a new one surely shows in reads
    adjustable: dict[str, str] = {}  # key of the request -> "any" or "stopped": when adjust() may change it
    grows: tuple[str, ...] = ()  # those of which less is drift
    keeps_data = False  # never removed only because the recipe has no more use for it
    lists_account = False  # True: list() finds what bears it.tags in the whole place, of whatever machine

    def __init__(self, api: t.Any, place: dict[str, t.Any]) -> None:
        self.api = api
        self.place = place

    def get(self, it: ResourceContext) -> t.Any:
        """The raw thing with ``it.id``, or None."""
        return next((raw for raw in self.list(it) if self.seen(raw).id == it.id), None)

    def list(self, it: ResourceContext) -> list[t.Any]:
        """Raw things that bear it.tags (untagged: our name), be they the store's alone or none; more is harmless."""
        return []

    def seen(self, raw: t.Any) -> Seen:
        raise MachineError(f"{type(self).__name__} does not say what it sees")

    # May be defined: create(it) -> id, in one call, harmless to repeat as ``identity`` says;
    # adjust(it), the next step from it.seen.has towards it.request; delete(it), the next step to its end;
    # tag(it), which lets what is there bear it.tags, since its end was put off.


class Machine(Kind):
    """The kind with power. May define start, stop, restart, kill, pause and unpause, each (it) -> None.

    Without a way to let a key in, it may define password(it) -> str | None: the login user's, which the provider has
    made; None as long as there is none. Asked until it is there, used once, and never kept.
    """


class Driver:
    """One provider. The module's main() calls ``driver.run(ThisClass)``, behind the usual guard."""

    kinds: tuple[type[Kind], ...] = ()
    argument_spec: dict[str, dict[str, t.Any]] = {}  # its own options
    place: tuple[str, ...] = ()  # options that say where: recorded, and used from the record ever after
    required: tuple[str, ...] = ()  # options without which no machine can be made
    verdicts: dict[str, str] = {}  # pattern of code(error) -> verdict; what matches none is UNSURE
    local = False  # whether its machines live in files of this controller (It.folder): none in a shared store then
    call_limit = 60.0  # seconds that one call may take at most
    ssh_user: t.Optional[str] = "root"  # SSH login user, unless the option ssh_user is given; None: no logins

    def __init__(self, options: dict[str, t.Any]) -> None:
        self.options = options
        self.client: t.Any = None

    def connect(self) -> t.Any:
        """The provider's client, for ``Kind.api``."""
        return None

    def account(self) -> str:
        """The credentials for the provider, read at each call."""
        return ""

    def code(self, error: Exception) -> str:
        """The provider's code of an error, to be looked up in ``verdicts``."""
        return str(getattr(error, "code", type(error).__name__))

    def status(self, error: Exception) -> int:
        """HTTP status of an error's answer; 0: there was none. From 500 on, the call may have been done all the same."""
        status = getattr(error, "status", None)
        return status if isinstance(status, int) else 0

    def retry_after(self, error: Exception) -> float:
        """Seconds that a provider which is busy wants to be left alone."""
        return float(getattr(error, "retry_after", None) or 0)

    def recipe(self, m: t.Any) -> None:
        """Say what a machine needs, in creation order, by m.want() and m.existing(): see _plan.Recipe."""
        raise MachineError(f"{type(self).__name__} has no recipe")
