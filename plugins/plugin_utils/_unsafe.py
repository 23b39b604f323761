# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks values that came from records, hosts and providers, so that no template in them is ever evaluated."""

from __future__ import annotations

import typing as t

from ansible.utils.unsafe_proxy import AnsibleUnsafeText

try:
    # From 2.19 on, only what is marked as trusted is evaluated: a plain string never is.
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = None


def trusted(text: str) -> str:
    """A template of our own making, in which nothing stands that came from elsewhere."""
    return trust_as_template(text) if trust_as_template else text


def unsafe(value: t.Any) -> t.Any:
    """The value, its strings marked where the core would evaluate them."""
    return value if trust_as_template else _marked(value)


def _marked(value: t.Any) -> t.Any:
    """Each string: one that holds no template may become one, when a user's filter decodes it or puts two together."""
    if isinstance(value, str):
        return AnsibleUnsafeText(value)
    if isinstance(value, dict):
        return {_marked(key): _marked(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(one) for one in value]
    return value
