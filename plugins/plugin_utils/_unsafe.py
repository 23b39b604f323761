# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks values that came from records, hosts and providers, so that no template in them is ever evaluated."""

from __future__ import annotations

import typing as t

try:
    # From 2.19 on, only what is marked as trusted is evaluated: a plain string never is.
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = None

Mark = t.Callable[[t.Any], t.Any]


def trusted(text: str) -> str:
    """A template of our own making."""
    return trust_as_template(text) if trust_as_template else text


def unsafe(value: t.Any) -> t.Any:
    """The value, its strings marked where the core would evaluate them."""
    if trust_as_template:
        return value
    from ansible.utils.unsafe_proxy import wrap_var

    return _marked(value, wrap_var)


def _marked(value: t.Any, mark: Mark) -> t.Any:
    """Only strings that could hold a template or a part of one cost anything."""
    if isinstance(value, str):
        # The last: a first line that gives the template's markers, whatever they are
        return mark(value) if "{" in value or "}" in value or value.startswith("#jinja2:") else value
    if isinstance(value, dict):
        return {_marked(key, mark): _marked(one, mark) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(one, mark) for one in value]
    return value
