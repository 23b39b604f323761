# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end, and which of them soon: Engines', the client's, and the CAs'.

Reads no more of a certificate than that, and needs no library for it: inventories are read often, and by computers that
have none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
import ssl
import typing as t

from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.module_utils._store import Store

DAY = datetime.timedelta(days=1)
YEAR = 365 * DAY  # a life, where only the end is known
ENGINE, CLIENT, SERVER_CA, CLIENT_CA = "engine", "client", "server_ca", "client_ca"
# Told when that is left, or a third of its life if that is less. What a CA signs in its last year lives shorter.
TOLD = {ENGINE: 30 * DAY, CLIENT: 30 * DAY, SERVER_CA: YEAR, CLIENT_CA: YEAR}
FILES = {CLIENT: "client-cert.pem", SERVER_CA: "server-ca.pem", CLIENT_CA: "client-ca.pem"}
WORDS = {ENGINE: "the Engine's certificate", CLIENT: "the client's certificate"}
WORDS.update({SERVER_CA: "the server CA", CLIENT_CA: "the client CA"})
REMEDIES = {
    ENGINE: "create_hosts renews it",
    CLIENT: "create_hosts renews it, with what signs for the CA if that is not the store's own",
    SERVER_CA: "rotate_certs with machine_rotate=ca brings another one",
    CLIENT_CA: "rotate_certs with machine_rotate=ca brings another one",
}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class End:
    """When a certificate ends."""

    kind: str
    not_before: datetime.datetime
    not_after: datetime.datetime
    machine: str | None = None

    def days_left(self, now: datetime.datetime) -> int:
        """Whole days; negative if it has ended."""
        return (self.not_after - now).days

    def is_due(self, now: datetime.datetime) -> bool:
        return self.not_after - now < min(TOLD[self.kind], (self.not_after - self.not_before) / 3)

    def public(self, now: datetime.datetime) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "machine": self.machine,
            "not_after": _iso(self.not_after),
            "days_left": self.days_left(now),
            "due": self.is_due(now),
        }

    def warning(self, now: datetime.datetime) -> str:
        days = self.days_left(now)
        when = (
            f"expired on {_iso(self.not_after)}" if days < 0 else f"expires on {_iso(self.not_after)}, in {days} days"
        )
        return f"{f'{self.machine}: ' if self.machine else ''}{WORDS[self.kind]} {when}: {REMEDIES[self.kind]}"


def of_store(store: Store) -> dict[str, End]:
    """The ends of the client's certificate and of the CAs that are in use, by kind; none that can't be read."""
    found: dict[str, End] = {}
    with contextlib.suppress(MachineError):  # who may not read the CA has no ends of it
        files = store.ca_files()
        for kind, file in FILES.items():
            with contextlib.suppress(ValueError, IndexError):
                found[kind] = _first_to_end(kind, files.get(file, ""))
    return found


def of_engine(machine: str, engine: dict[str, t.Any]) -> End | None:
    """The end of an Engine's certificate, from what was noted of it."""
    end = _moment(engine.get("certificate_not_after"))
    if end is None:
        return None
    return End(ENGINE, _moment(engine.get("certificate_not_before")) or end - YEAR, end, machine)


def told(ends: t.Iterable[End], now: datetime.datetime) -> list[str]:
    """Warnings of those that are due."""
    return [one.warning(now) for one in ends if one.is_due(now)]


def days_left(not_after: str | None, now: datetime.datetime | None = None) -> int | None:
    """Whole days until a certificate ends that is known by its end alone."""
    end = _moment(not_after)
    return (end - (now or datetime.datetime.now(datetime.timezone.utc))).days if end else None


def _moment(text: str | None) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# -- as much of X.509 as that takes


class _Validity(t.NamedTuple):
    issuer: bytes
    subject: bytes
    start: datetime.datetime
    end: datetime.datetime


def _first_to_end(kind: str, bundle: str) -> End:
    """Of a CA's bundle, the first one and its issuers: what comes after them is another CA, trusted for a while."""
    pool = [_seen(ssl.PEM_cert_to_DER_cert(one)) for one in _PEM.findall(bundle)]
    chain = [pool[0]]
    while chain[-1].issuer != chain[-1].subject and len(chain) <= len(pool):
        above = next((one for one in pool if one.subject == chain[-1].issuer), None)
        if above is None:
            break
        chain.append(above)
    first = min(chain, key=lambda one: one.end)
    return End(kind, first.start, first.end)


def _seen(der: bytes) -> _Validity:
    _tag, certificate, _rest = _part(der)
    _tag, signed, _rest = _part(certificate)
    parts: list[tuple[int, bytes]] = []
    while signed and len(parts) < 7:
        tag, content, signed = _part(signed)
        parts.append((tag, content))
    if parts[0][0] == 0xA0:  # the version, which may be missing
        del parts[0]
    _serial, _algorithm, issuer, validity, subject = (content for _tag, content in parts[:5])
    tag, start, rest = _part(validity)
    last_tag, end, _rest = _part(rest)
    return _Validity(issuer, subject, _time(tag, start), _time(last_tag, end))


def _part(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first value, and what follows."""
    length, at = data[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(data[2:at], "big")
    return data[0], data[at : at + length], data[at + length :]


def _time(tag: int, content: bytes) -> datetime.datetime:
    text = content.decode("ascii")
    if tag == 0x17:  # UTCTime, of which the years from 50 on are the last century's
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
