# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA of a store as data: its files, and what each step of a rotation makes of them.

Of the certificates in a CA's file the first one signs; those after it are trusted, too. So whoever is given these files
does the right thing at any moment of a rotation, and need not know of it. The keys of CAs that are not ours are missing:

    server-ca.pem, server-ca-key.pem      sign Engines' certificates; what clients trust
    client-ca.pem, client-ca-key.pem      sign clients' certificates; what Engines trust
    client-cert.pem, client-key.pem       the client's pair

While it is rotated, ``rotation.json`` says how far that is, and ``old-…`` and ``new-…`` hold what later steps need. A
step is begun only when all that the one before asked for is done; pure functions here, a compare-and-set in the store.
"""

from __future__ import annotations

import json
import typing as t
import uuid

from .._errors import MachineError

Files = dict[str, str]  # name -> text

MARK = "rotation.json"
OLD, NEW = "old-", "new-"
CLIENT_CERT, CLIENT_KEY = "client-cert.pem", "client-key.pem"
SIDES = ("server", "client")


class Step(t.NamedTuple):
    name: str
    server: tuple[str, ...]  # whose Engines clients trust
    client: tuple[str, ...]  # whose clients Engines trust
    hosts: bool = False  # whether hosts have to take it over, by a restart of the Engine


KINDS: dict[str, tuple[Step, ...]] = {
    # The CAs stay: the client's certificate is new at once, the Engines' one by one.
    "certificates": (Step("certificates", (OLD,), (OLD,), hosts=True),),
    "ca": (
        Step("trust", (OLD, NEW), (OLD,)),
        Step("hosts", (NEW, OLD), (OLD, NEW), hosts=True),
        Step("clients", (NEW, OLD), (NEW, OLD)),
        Step("drop", (NEW,), (NEW,), hosts=True),
    ),
}


class Rotation(t.NamedTuple):
    """One that is under way."""

    id: str
    kind: str
    step: Step
    last: bool


def rotation(files: Files) -> Rotation | None:
    if MARK not in files:
        return None
    mark = json.loads(files[MARK])
    steps = KINDS[mark["kind"]]
    number = [step.name for step in steps].index(mark["step"])
    return Rotation(mark["id"], mark["kind"], steps[number], number == len(steps) - 1)


def in_use(files: Files) -> Files:
    """What is to be used now."""
    return {name: text for name, text in files.items() if name != MARK and not name.startswith((OLD, NEW))}


def trust_id(files: Files) -> str:
    """What a host has taken over that works with these files."""
    from .. import _tls

    return _tls.trust_id(files["server-ca.pem"], files["client-ca.pem"])


# What becomes of the files; None: they stay as they are


def made(files: Files) -> Files | None:
    """Made where there are none; the client's certificate renewed in time."""
    from .. import _tls

    if not files:
        return _new()
    if not _signs(files, "client") or _tls.needs_renewal(files[CLIENT_CERT], []) is None:
        return None
    return _renewed(files)


def begun(files: Files, kind: str, new: Files | None = None) -> Files | None:
    """A rotation of that kind, at its first step; one that is under way goes on. ``new``: the CAs that are to come."""
    if MARK in files:
        return None
    if kind == "certificates":
        # Of a CA that isn't ours, who has it gives the client's certificate: with ``new``
        renewed = {**files, **new} if new else _renewed(files) if _signs(files, "client") else files
        return _at({**renewed, **_parts(files, OLD)}, uuid.uuid4().hex, kind, 0)
    return _at({**files, **_parts(files, OLD), **_parts(new or _new(), NEW)}, uuid.uuid4().hex, kind, 0)


def advanced(files: Files, done: Rotation) -> Files | None:
    """The step after the one that is done, or none if that was the last; what somebody else has done meanwhile stays."""
    if rotation(files) != done:
        return None
    if done.last:
        return {name: text for name, text in files.items() if name != MARK}
    return _at(files, done.id, done.kind, KINDS[done.kind].index(done.step) + 1)


def _at(files: Files, id: str, kind: str, number: int) -> Files:
    step, later = KINDS[kind][number], KINDS[kind][number + 1 :]
    found = in_use(files)
    for side, order in (("server", step.server), ("client", step.client)):
        found[f"{side}-ca.pem"] = "".join(files[f"{whose}{side}-ca.pem"] for whose in order)
        found.pop(f"{side}-ca-key.pem", None)
        if f"{order[0]}{side}-ca-key.pem" in files:
            found[f"{side}-ca-key.pem"] = files[f"{order[0]}{side}-ca-key.pem"]
    if step.client[0] == NEW and found[CLIENT_KEY] != files[NEW + CLIENT_KEY]:
        found.update({name: files[NEW + name] for name in (CLIENT_CERT, CLIENT_KEY)})
    # What no later step asks for goes now: of the old CAs, the keys as soon as nothing is signed by them.
    needed = tuple({whose for one in later for whose in (*one.server, *one.client)})
    found.update({name: text for name, text in files.items() if needed and name.startswith(needed)})
    found[MARK] = json.dumps({"id": id, "kind": kind, "step": step.name})
    return found


def _signs(files: Files, side: str) -> bool:
    """Whether the CA's key is here."""
    return f"{side}-ca-key.pem" in files


def _parts(files: Files, whose: str) -> Files:
    return {whose + name: text for name, text in in_use(files).items()}


def _new() -> Files:
    """CAs that are new, and a client's pair of theirs."""
    from .. import _tls

    return _renewed({**_tls.new_authorities(), CLIENT_KEY: _tls.new_key()})


def _renewed(files: Files) -> Files:
    """A new client certificate for the same key."""
    from .. import _tls

    certificate = _tls.issue_client(files["client-ca.pem"], files["client-ca-key.pem"], "dockyard", files[CLIENT_KEY])
    return {**files, CLIENT_CERT: certificate}


def none_yet(where: str) -> MachineError:
    return MachineError(f"The store {where} has no CA yet", code="no_ca", remedy="create_hosts makes it")
