# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a signature comes from: a CA's key that is given, or a command that asks somebody else.

Both kinds know ``check``, which touches nothing and says why it can't be done, and ``issue``. A given CA is a bundle: the
certificate that signs first, then its issuers. What is issued has the intermediates after it, the root left out.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import typing as t

from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._times import seconds_of
from ansible_collections.dockyard.machine.plugins.module_utils._tls import TlsError
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _chain, _signing_command, _signing_request
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._signing_request import Request
from ansible_collections.dockyard.machine.plugins.plugin_utils._option_values import (
    find_file,
    read_certificates,
    read_pem,
)

__all__ = [
    "Authority",
    "Request",
    "life_of",
    "life_vouched_for",
    "may_name",
    "names_vouched_for",
    "open_authority",
    "server_request",
    "why_not_ours",
]

SHORTEST = 60


@dataclasses.dataclass
class Authority:
    """A CA of servers or of clients. ``option`` is what its options begin with, for messages."""

    option: str
    bundle: str
    key: str = dataclasses.field(default="", repr=False)
    command: list[str] = dataclasses.field(default_factory=list)
    limit: float = 60
    path_of: t.Callable[[str], str] = os.path.abspath  # of a relative path

    def check(self, request: Request) -> None:
        """TlsError if it can't issue this; found without a word to anybody."""
        certificates = self._certificates()
        now = _now()
        use = _chain.Use(request.usage, request.names, now)
        what = f"{self.option}_cert"
        if self.command:
            _signing_command.find(self.command, self.path_of, f"{self.option}_command")
            # Which of the chain signs, and how many CAs are between, the command knows
            for one in _chain.path(certificates[0], certificates):
                _chain.check_ca(one, [], use, what)
            return
        if not self.key:
            raise TlsError(
                f"A certificate must be signed, so {self.option}_key is needed: the path or the content of the CA's key on "
                f"the controller; or {self.option}_command, an external signing command"
            )
        if request.usage == "server":
            use = dataclasses.replace(use, called=(request.subject["CN"],))
        _chain.check_ca(certificates[0], certificates, use, what)
        if not _tls.belongs(self.key, self.bundle, f"{self.option}_key"):
            raise TlsError(
                f"{self.option}_key does not belong to the first certificate of {what}, "
                f"{certificates[0].subject.rfc4514_string()}. The CA that signs comes first, its issuers after it"
            )

    def rehearse(self, request: Request) -> None:
        """Let it be found out whether it would issue this, by a key that is thrown away."""
        self.check(request)
        if self.command:
            trial = dataclasses.replace(request, public_key=_tls.new_request(request.subject, request.names))
            answer = self._call(trial, rehearsal=True)
            if answer.strip():
                self._accept(answer, trial)

    def issue(self, request: Request) -> str:
        """The certificate, and what has to be sent with it, as PEM."""
        self.check(request)
        if self.command:
            return self._accept(self._call(request), request)
        given = (self.bundle, self.key)
        if request.usage == "server":
            own = _tls.issue_server(*given, request.public_key, request.names, request.life)
        else:
            own = _tls.issue_client(*given, request.subject["CN"], request.public_key, request.life, request.subject)
        return own + "".join(_tls.pem_of(one) for one in _chain.sent_along(self._certificates()))

    def why_not_ours(self, certificate: str) -> str | None:
        """Why a certificate, with what is sent along with it, is none of this CA, or None."""
        return why_not_ours(certificate, self.bundle, bool(self.key))

    def _certificates(self) -> list[t.Any]:
        if not self.bundle:
            raise TlsError(
                f"{self.option}_cert is needed: the path or the content of the CA's certificate on the controller"
            )
        return _chain.load(self.bundle, f"{self.option}_cert")

    def _accept(self, answer: str, request: Request) -> str:
        what = f"The certificate that {self.option}_command has printed"
        return _signing_request.check_issued(answer, self._certificates(), request, _now(), what)

    def _call(self, request: Request, rehearsal: bool = False) -> str:
        csr = None
        if "CERTIFICATE REQUEST-----" in request.public_key:
            csr = _signing_request.checked_csr(request.public_key, request)
        question = {
            "version": 1,
            "rehearsal": rehearsal,
            "usage": request.usage,
            "names": list(request.names),
            "subject": request.subject,
            "life": int(request.life.total_seconds()),
            "not_after": _tls.iso(_now() + request.life),
            "public_key": _tls.public_key(request.public_key),
            "csr": csr,
        }
        return _signing_command.call(self.command, question, self.limit, self.path_of, f"{self.option}_command")


def open_authority(loader: DataLoader, option: str, options: t.Mapping[str, t.Any]) -> Authority:
    """From options of a role or module whose names begin so: _cert, _key, _command and _timeout."""
    command = list(options.get(f"{option}_command") or ())
    if command and options.get(f"{option}_key"):
        raise TlsError(f"{option}_key and {option}_command are given: only one of them can sign")
    return Authority(
        option,
        read_certificates(loader, f"{option}_cert", options.get(f"{option}_cert")),
        read_pem(loader, f"{option}_key", options.get(f"{option}_key")),
        command,
        options.get(f"{option}_timeout") or 60,
        functools.partial(find_file, loader),
    )


def why_not_ours(certificate: str, bundle: str, directly: bool = True) -> str | None:
    """Why a certificate, with what is sent along with it, is none of this CA, or None.

    ``directly``: whether the bundle's first has to be the issuer. Who signs elsewhere may have more CAs below it.
    """
    sent, given = _chain.load(certificate, "The certificate"), _chain.load(bundle, "The CA certificate")
    if directly and not _chain.issued(sent[0], given[0]):
        return "it was not issued by this CA"
    # Of a bundle, what isn't above the first one is another CA, which is trusted as well while they are rotated.
    return _chain.why_not_followed(sent, _chain.path(given[0], given))


def names_vouched_for(certificate: str | None, bundle: str) -> list[str]:
    """The names in a host's certificate, if one of these CAs has issued it: what a host has made itself vouches for none."""
    try:
        sent, given = _chain.load(certificate or "", "The certificate"), _chain.load(bundle, "The CA certificate")
        return [] if _chain.why_not_followed(sent, given) else list(_tls.inspect(certificate or "")["names"])
    except TlsError:
        return []


def life_vouched_for(certificate: str | None, bundle: str) -> datetime.timedelta | None:
    """How long a host's certificate was to live; None if none of these CAs has issued it, or if it ends only with its CA."""
    try:
        sent, given = _chain.load(certificate or "", "The certificate"), _chain.load(bundle, "The CA certificate")
        own, *issuers = _chain.path(sent[0], [*sent[1:], *given])
        cut_short = any(one.not_valid_after_utc <= own.not_valid_after_utc for one in issuers)
        return None if cut_short or _chain.why_not_followed(sent, given) else _tls.life_of(certificate or "")
    except TlsError:
        return None


def server_request(public_key: str, names: t.Iterable[str], life: datetime.timedelta) -> Request:
    """A server's certificate; its subject is the first of its names."""
    wanted = tuple(_tls.normal_names(names))
    if not wanted:
        raise TlsError("A server's certificate needs at least one name or address")
    return Request("server", public_key, {"CN": wanted[0][:64]}, life, wanted)


def may_name(bundle: str, name: str) -> bool:
    """Whether this CA may vouch for this name, as far as name constraints go."""
    given = _chain.load(bundle, "The CA certificate")
    return _chain.may_name(_chain.path(given[0], given), name)


def life_of(option: str, value: str) -> datetime.timedelta:
    """How long a certificate is to live, as it is written: 365d, 8h."""
    try:
        seconds = seconds_of(option, value)
    except MachineError as error:
        raise TlsError(error.text()) from None
    if seconds is None or seconds < SHORTEST:
        raise TlsError(f"{option} is {value!r}: a certificate must expire, and be valid for at least {SHORTEST} s")
    return datetime.timedelta(seconds=seconds)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
