# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs that a store did not make: of them it has the certificates, and the client's pair that they have signed.

Their keys stay with who gives them, unless the store is to keep them. Each side, servers or clients, may be given alone;
the other one is the store's own.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._store._ca import (
    CLIENT_CERT,
    CLIENT_KEY,
    MARK,
    SIDES,
    Files,
)
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _authority
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca._authority import Authority

# Options of every module that takes such CAs
SPEC: dict[str, t.Any] = {
    **{
        f"{side}_ca_{part}": about
        for side in SIDES
        for part, about in {
            "cert": {"type": "str"},
            "key": {"type": "str", "no_log": True},
            "command": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 60},
        }.items()
    },
    "certificate_life": {"type": "str", "default": "365d"},
    "keep_ca_keys": {"type": "bool", "default": False, "no_log": False},
}
NAME = "dockyard"  # of the client that the store has a pair for


@dataclasses.dataclass
class GivenCA:
    sides: dict[str, Authority]
    life: datetime.timedelta
    keep_keys: bool = False

    @classmethod
    def of(cls, loader: DataLoader, args: dict[str, t.Any]) -> GivenCA:
        """What the options say; TlsError or BadOption if it can't be used."""
        sides = {}
        for side in SIDES:
            option = f"{side}_ca"
            if args[f"{option}_cert"]:
                sides[side] = _authority.open_authority(loader, option, args)
            elif args[f"{option}_key"] or args[f"{option}_command"]:
                raise BadOption(
                    f"{option}_key" if args[f"{option}_key"] else f"{option}_command",
                    f"{option}_cert is required with it",
                    "Give the certificate of that CA as well",
                )
        given = cls(sides, _authority.life_of("certificate_life", args["certificate_life"]), args["keep_ca_keys"])
        given._check(one for one, authority in sides.items() if authority.key or authority.command)
        return given

    def __bool__(self) -> bool:
        return bool(self.sides)

    def new(self) -> Files:
        """CAs, and a client's pair of theirs: what is given, else new ones of the store's own."""
        self._check(self.sides)
        return self._signed({**self._with_given(_tls.new_authorities()), CLIENT_KEY: _tls.new_key()})

    def is_in(self, files: Files) -> bool:
        """Whether what is given signs, by these files."""
        return bool(files) and all(
            _tls.first(files[f"{side}-ca.pem"]) == _tls.first(one.bundle) for side, one in self.sides.items()
        )

    def taken_over(self, files: Files) -> Files | None:
        """The files of a store in which it signs, with what is due renewed; None, if nothing is."""
        after = self._with_changes(files)
        if "client" in self.sides and self._why_renew(after):
            after = self._signed(after)
        return after if after != files else None

    def _check(self, sides: t.Iterable[str]) -> None:
        for side in sides:
            self.sides[side].check(self._request(side))

    def is_due(self, files: Files) -> bool:
        """Whether taken_over() would change anything."""
        after = self._with_changes(files)
        return after != files or ("client" in self.sides and bool(self._why_renew(after)))

    def renewed(self, files: Files) -> Files | None:
        """A new client certificate, by the signer of this store; None, if that is the store's own CA."""
        return self._signed(files) if "client" in self.sides else None

    def _why_renew(self, files: Files) -> str | None:
        certificate = files[CLIENT_CERT]
        return self.sides["client"].why_not_ours(certificate) or _tls.needs_renewal(certificate, life=self.life)

    def _with_given(self, files: Files) -> Files:
        found = dict(files)
        for side, authority in self.sides.items():
            found[f"{side}-ca.pem"] = self._trusted(side, authority)
            found.pop(f"{side}-ca-key.pem", None)
        return {**found, **(self._keys() if self.keep_keys else {})}

    def _with_changes(self, files: Files) -> Files:
        """With what is given now of the CAs that sign already. In a rotation, their files hold those that are left, too."""
        found = {**files, **(self._keys() if self.keep_keys else {})}
        for side, authority in () if MARK in files else self.sides.items():
            name = f"{side}-ca.pem"
            trusted = self._trusted(side, authority, files[name])
            if not _tls.same_certificates(trusted, files[name]):
                found[name] = trusted
        return found

    @staticmethod
    def _trusted(side: str, authority: Authority, before: str = "") -> str:
        # Engines must accept the clients of this CA, and not all that a root above it has ever signed for somebody. A run that
        # has nothing to sign may leave out by what it is signed.
        alone = _tls.first(authority.bundle)
        by_key = authority.key or (not authority.command and before == alone)
        return alone if side == "client" and by_key else authority.bundle

    def _keys(self) -> Files:
        return {f"{side}-ca-key.pem": one.key for side, one in self.sides.items() if one.key}

    def _signed(self, files: Files) -> Files:
        authority = self.sides.get("client")
        if authority is None:
            own = (files["client-ca.pem"], files["client-ca-key.pem"], NAME, files[CLIENT_KEY])
            return {**files, CLIENT_CERT: _tls.issue_client(*own, self.life)}
        request = self._request("client", files[CLIENT_KEY])
        csr = _tls.new_request(request.subject, (), files[CLIENT_KEY])
        return {**files, CLIENT_CERT: authority.issue(dataclasses.replace(request, public_key=csr))}

    def _request(self, side: str, key: str = "") -> _authority.Request:
        return _authority.Request(side, key, {"CN": NAME}, self.life)
