# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of secrets: a changed one is noticed though none is kept.

Whoever has the key of digests and the records can try passwords against them. So it lies apart from what a reader of
records sees; of a store that was made before, it is taken out of store.json when a machine is worked on.
"""

from __future__ import annotations

import abc
import hashlib
import hmac
import json
import secrets
import typing as t

from .. import _schema
from .._errors import MachineError

PRIVATE = "private"  # what a reader of records need not see: an access policy can leave it out
DIGEST = f"{PRIVATE}/digest.json"
KEY = "digest_key"  # in there; in store.json of stores that were made before
META_SCHEMA = 2  # of store.json; the first one had the key of digests in it


class Digests(abc.ABC):
    where: str
    _key: str | None = None

    @abc.abstractmethod
    def meta(self, again: bool = False) -> dict[str, t.Any]:
        """What store.json says."""

    def digest(self, value: t.Any) -> str:
        """An HMAC, so that a changed secret is noticed though no secret is kept."""
        self.meta()  # an error, if this is no store to look into
        self._key = self._key or self.digest_key()
        key = bytes.fromhex(self._key)
        return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()

    def digest_key(self) -> str:
        text = self._read_digest_key()
        if text is None and KEY in self.meta():
            return str(self.meta()[KEY])
        try:
            key = _schema.parse(text or b"")[KEY]
            _schema.matching(r"[0-9a-f]{64}", "64 hexadecimal digits")(key, KEY)
        except (ValueError, KeyError, TypeError) as error:
            raise MachineError(
                f"{DIGEST} of the store {self.where} is {'missing' if text is None else f'damaged ({error})'}",
                code="damaged_store",
                remedy="Restore it from a backup: without it a changed secret option can't be detected",
            ) from error
        return str(key)

    def keep_digest_key(self, meta: dict[str, t.Any] | None = None) -> None:
        """Let there be a key of digests: that of a store.json which has it, or a new one."""
        key = (meta or {}).get(KEY) or secrets.token_hex(32)
        self._write_digest_key(json.dumps({KEY: key}).encode())

    @abc.abstractmethod
    def _read_digest_key(self) -> bytes | None:
        """The text of private/digest.json."""

    @abc.abstractmethod
    def _write_digest_key(self, text: bytes) -> None:
        """Keep it, unless there is one."""

    @abc.abstractmethod
    def _part_digest_key(self) -> None:
        """Take the key of digests out of store.json, now that it is kept elsewhere."""

    @staticmethod
    def _parted(meta: dict[str, t.Any]) -> dict[str, t.Any]:
        return {**{name: value for name, value in meta.items() if name != KEY}, "schema": META_SCHEMA}
