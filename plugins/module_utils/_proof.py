# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a thing at the provider is ours. Tags find it; a copy of it has the same tags, so they prove nothing."""

from __future__ import annotations

import uuid

from ._contract import Kind, ResourceContext, Seen

NAMESPACE = uuid.UUID("6f2d0c4e-3a55-4a8e-9a55-0d0cc7a4d001")
TAGS = ("store", "id", "kind", "generation")  # the tags that say whose a thing is


def token_of(store: str, id: str, key: str, generation: int, attempt: int) -> str:
    """The token of a create: the same for each repetition of one attempt."""
    return str(uuid.uuid5(NAMESPACE, f"{store}/{id}/{key}/{generation}/{attempt}"))


def proof_of(kind: Kind | type[Kind]) -> str | None:
    """What proves that a thing of this kind is ours, beside its recorded id: "token", "name" or None."""
    return kind.proof or ("name" if kind.identity == "name" or not kind.tagged else None)


def bears_tags(kind: Kind, it: ResourceContext, seen: Seen) -> bool:
    """Whether it says that it is ours, by its tags or, where its kind has none, by its name."""
    if not kind.tagged:
        return seen.name == it.name
    # A unique name is the same for all attempts of a generation, so each of them may have made what has it.
    names = TAGS if kind.identity == "name" else (*TAGS, "attempt")
    return all(seen.tags.get(name) == it.tags[name] for name in names)


def proven(kind: Kind | type[Kind], it: ResourceContext, seen: Seen) -> bool | None:
    """Whether it is ours and no copy. None: nothing at the provider tells."""
    if it.id == seen.id:
        return True
    by = proof_of(kind)
    if by == "token":
        return seen.token == it.token
    if by == "name":
        # Where a name is unique, whatever has it beside the recorded thing came after that was gone.
        return seen.name == it.name and not (it.id and kind.identity == "name")
    return None
