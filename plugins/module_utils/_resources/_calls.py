# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call to the provider: what it is handed, what it shows, and what its error means."""

from __future__ import annotations

import fnmatch
import typing as t

from .. import _contract as contract
from .._clock import Clock
from .._contract import Driver, Kind, ResourceContext, Seen
from .._errors import MachineError
from .._plan import fill
from .._proof import token_of
from .._record import Record, Resource, expires_at, resource_name
from .._times import NEVER

UNSURE_TRIES = 5
REMEDY = "Fix the cause of the provider's error (options, credentials, quota) and run again"
LONGEST_PAUSE = 60.0  # seconds, whatever a provider that is busy asks for
PENDING = (contract.CREATING, contract.STARTING, contract.STOPPING)


class ProviderError(Exception):
    """A provider's error, with what it means."""

    def __init__(self, verdict: str, error: Exception, what: str, pause: float = 0, status: int = 0) -> None:
        super().__init__(f"{what}: {error}")
        self.failed_inside = status >= 500  # whoever failed while it worked may have done it
        if self.failed_inside and verdict in (contract.REFUSED, contract.MISSING):
            verdict = contract.UNSURE
        self.verdict = verdict
        self.what = what
        self.pause = pause  # seconds that the provider wants to be left alone

    def explained(self, remedy: str = "", left_behind: t.Sequence[str] = ()) -> MachineError:
        return MachineError(str(self), code=self.verdict, remedy=remedy or REMEDY, left_behind=left_behind)


class Calls:
    """The kinds of one record's driver, how each of their methods is called, and what was seen by it."""

    def __init__(
        self,
        driver: Driver,
        record: Record,
        *,
        save: t.Callable[[], None],
        fills: t.Callable[[str, dict[str, t.Any]], t.Any],
        store_id: str,
        folder: str,
        timeout: float,
        clock: Clock,
        guard: t.Callable[[float], None] = lambda seconds: None,
        dead: t.Callable[[Resource], None] = lambda resource: None,
        lacks: t.Callable[[Resource], MachineError | None] = lambda resource: None,
        skew: float = 0.0,
        account: str | None = None,
    ) -> None:
        self.driver = driver
        self.record = record
        self.save = save
        self.fills = fills
        self.store_id = store_id
        self.folder = folder
        self.timeout = timeout
        self.clock = clock
        self.guard = guard  # makes sure that the machine's lock lasts for so many seconds
        self.skew = skew  # seconds by which the clock of who worked on it before may differ
        self.began = clock.time()
        self.dead = dead  # told of a resource that was there and is gone, before that is saved
        self.lacks = lacks  # tells why it can't be made in this run as it was planned
        self.changed = False
        self.told = False  # whether the provider says itself that what was asked for is not there
        self.seen: dict[str, Seen] = {}  # since the last call that may have changed anything
        self.met: set[str] = set()  # ids that were there in this run
        self.late: set[str] = set()  # ids that lists show, and reads by them do not yet
        self.ends: dict[str, str | None] = {}  # key -> why it is gone, where the provider still tells
        self._account = account  # of these credentials, as far as it is known already
        self._account_checked = False
        self._complaint = ""  # the last error that did not end a wait
        self.kinds = {kind.__name__: kind(driver.client, record.place) for kind in driver.kinds}

    def kind(self, resource: Resource) -> Kind:
        try:
            return self.kinds[resource.kind]
        except KeyError:
            raise MachineError(
                f"{self.record.driver} knows no {resource.kind}, which the record of {self.record.name} has",
                code="driver",
                remedy="Use the release of the driver that made the machine",
            ) from None

    def it(self, resource: Resource) -> ResourceContext:
        tags = {
            "store": self.store_id,
            "id": self.record.id,
            "machine": self.record.name,
            "kind": resource.key,
            "generation": str(resource.generation),
            "attempt": str(resource.attempt),
        }
        if self.record.expires:
            tags["expires"] = str(int(expires_at(self.record)))
        elif self.record.kept.get("expires_in") == NEVER:
            tags["expires"] = NEVER  # a tag that is there may not be removable
        return ResourceContext(
            name=self.name(resource),
            machine=self.record.name,
            id=resource.id,
            request=fill(resource.request, self._resolve),
            token=self.token(resource),
            tags=tags,
            seen=self.seen.get(resource.key),
            folder=f"{self.folder}/vm",
            first_boot=f"{self.folder}/first-boot",
        )

    def name(self, resource: Resource) -> str:
        return resource_name(self.record.name, self.record.id, resource)

    def token(self, resource: Resource) -> str:
        return token_of(self.store_id, self.record.id, resource.key, resource.generation, resource.attempt)

    def _resolve(self, name: str, placeholder: dict[str, t.Any]) -> t.Any:
        if name != "of":
            return self.fills(name, placeholder)
        target = self.record.resource(placeholder["$of"])
        if target is None:
            return None
        return target.id if placeholder["fact"] == "id" else self._fact(target, placeholder["fact"])

    def _fact(self, resource: Resource, fact: str) -> t.Any:
        seen = self.last(resource) if resource.id else None
        return seen.facts.get(fact) if seen else None

    # What is there, by its id

    def get(self, resource: Resource) -> Seen | None:
        """By id. None: not there, at this one look."""
        if not resource.id:
            return None
        kind = self.kind(resource)
        self.told = False
        if resource.id in self.late:
            listed = map(kind.seen, self.read(kind.list, self.it(resource)) or [])
            return self.note(resource, next((seen for seen in listed if seen.id == resource.id), None))
        raw = self.read(kind.get, self.it(resource))
        return self.note(resource, kind.seen(raw) if raw is not None else None)

    def last(self, resource: Resource) -> Seen | None:
        """As it was seen since the last change, else as it is."""
        return self.seen.get(resource.key) or self.get(resource)

    def forget(self) -> None:
        """Read again next time: what is there, or what is wanted of it, may have changed."""
        self.seen.clear()

    def note(self, resource: Resource, seen: Seen | None) -> Seen | None:
        """Take what was read just now for how it is."""
        if seen is None or seen.state == contract.ABSENT:
            self.seen.pop(resource.key, None)
            if seen is not None:
                self.told = True
                self.ends[resource.key] = seen.verdict
            return None
        self.seen[resource.key] = seen
        self.met.add(seen.id)
        return seen

    # Whose it is

    def check_account(self) -> None:
        """Refuse to conclude or change anything in another account than the recorded one."""
        if self._account_checked:
            return
        account = self.account() if self._account is None else self._account
        if account != self.record.account:
            raise MachineError(
                f"{self.record.name} belongs to account {self.record.account!r}, and these credentials are "
                f"for {account!r}",
                code="wrong_account",
                remedy="Use the credentials of that account",
                left_behind=self.left_behind(),
            )
        self._account_checked = True

    def note_account(self) -> None:
        """Take the account of these credentials for a new record's."""
        self.record.account = self.account()
        self._account_checked = True

    def account(self) -> str:
        try:
            return str(self.ask(self.driver.account))
        except ProviderError as error:
            raise MachineError(
                f"{self.record.driver} does not say whose account it is ({error})",
                code="account",
                remedy="Check the credentials and the network",
            ) from error

    def left_behind(self) -> list[str]:
        """What may still exist, for messages."""
        return [
            f"{one.kind} {one.id or self.name(one)}"
            for one in self.record.resources
            if not one.existing and (one.id or one.status == "creating")
        ]

    def timed_out(self, what: str, limit: float) -> MachineError:
        """The error of a wait that is over: what was pending, and the last complaint of the provider."""
        said = f" ({self._complaint})" if self._complaint else ""
        return MachineError(
            f"{what} after {limit:g} s{said}",
            code="timeout",
            left_behind=self.left_behind(),
            remedy="Run again, or raise timeout",
        )

    # Calling

    def change(self, resource: Resource, action: str, it: ResourceContext | None = None) -> t.Any:
        """A call that changes something: in the recorded account and under the lock only."""
        self.check_account()
        it = it or self.it(resource)
        self.guard(self.driver.call_limit)
        self.changed = True
        try:
            return self._judged(getattr(self.kind(resource), action), it)
        finally:
            self.seen.clear()  # what was seen of any of them may be so no more

    def attempt(self, resource: Resource, action: str, it: ResourceContext | None = None) -> None:
        """A change whose effect is seen by reading: only a definite refusal ends it."""
        try:
            self.change(resource, action, it)
        except ProviderError as error:
            if error.verdict not in (contract.BUSY, contract.UNSURE, contract.MISSING):
                raise error.explained("", self.left_behind()) from error
            self._complaint = str(error)
            self.clock.sleep(error.pause)

    def insist(self, resource: Resource, action: str) -> None:
        """A change that no read tells of: called until the provider says that it is done. Twice does no harm."""
        tries = 0
        for _left in self.clock.poll(self.timeout):
            try:
                self.change(resource, action)
                return
            except ProviderError as error:
                tries += error.verdict != contract.BUSY
                if error.verdict not in (contract.BUSY, contract.UNSURE, contract.MISSING) or tries >= UNSURE_TRIES:
                    raise error.explained("", self.left_behind()) from error
                self._complaint = str(error)
                self.clock.sleep(error.pause)
        raise self.timed_out(f"{resource.kind} {resource.id} took no {action}", self.timeout)

    def read(self, method: t.Callable[[ResourceContext], t.Any], it: ResourceContext) -> t.Any:
        try:
            return self.ask(method, it)
        except ProviderError as error:
            if error.verdict == contract.MISSING:
                self.told = True
                return None
            again = "" if error.verdict == contract.REFUSED else "Nothing was changed by this read; run again"
            raise error.explained(again, self.left_behind()) from error

    def ask(self, method: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """What changes nothing may be asked again: while the provider is busy, and a few times if it fails."""
        failure = ProviderError(contract.UNSURE, MachineError("no answer"), method.__name__)
        tries = 0
        for _left in self.clock.poll(self.timeout):
            try:
                return self._judged(method, *arguments)
            except ProviderError as error:
                failure = error
                tries += error.verdict != contract.BUSY
                if error.verdict not in (contract.BUSY, contract.UNSURE) or tries >= UNSURE_TRIES:
                    break
                self.clock.sleep(error.pause)
        raise failure

    def _judged(self, method: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        try:
            return method(*arguments)
        except MachineError:
            raise
        except Exception as error:
            code = self.driver.code(error)
            verdicts = (
                verdict for pattern, verdict in self.driver.verdicts.items() if fnmatch.fnmatchcase(code, pattern)
            )
            what = f"{getattr(method, '__self__', self).__class__.__name__}.{method.__name__}"
            pause = min(max(self.driver.retry_after(error), 0.0), LONGEST_PAUSE)
            status = self.driver.status(error)
            raise ProviderError(next(verdicts, contract.UNSURE), error, what, pause, status) from error
