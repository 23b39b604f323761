# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA as data: at each step of a rotation, whoever has taken it over or not yet, they accept each other."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._store import _ca
from tests.beds import pki

KEYS = ("server-ca-key.pem", "client-ca-key.pem")


@pytest.fixture()
def files() -> _ca.Files:
    made = _ca.made({})
    assert made and _ca.made(made) is None
    return made


def walk(files: _ca.Files, kind: str) -> list[_ca.Files]:
    """The states from before the rotation to after it."""
    begun = _ca.begun(files, kind)
    assert begun
    states = [files, begun]
    while found := _ca.rotation(states[-1]):
        after = _ca.advanced(states[-1], found)
        assert after
        states.append(after)
    return states


def host(files: _ca.Files) -> dict[str, str]:
    """An Engine that was set up with these."""
    certificate = _tls.issue_server(files["server-ca.pem"], files["server-ca-key.pem"], _tls.new_key(), ["web1"])
    return {"certificate": certificate, "trusts": files["client-ca.pem"]}


def accept(client: _ca.Files, host: dict[str, str]) -> bool:
    return pki.issued_by(host["certificate"], client["server-ca.pem"]) and pki.issued_by(
        client["client-cert.pem"], host["trusts"]
    )


def test_no_moment_of_a_rotation_keeps_anybody_out(files: _ca.Files) -> None:
    states = walk(files, "ca")
    steps = [_ca.rotation(one) for one in states]
    assert [one and one.step.name for one in steps] == [None, "trust", "hosts", "clients", "drop", None]
    # A client and a host are each at the state before or at this one; the hosts of steps that are not theirs lag more.
    of_hosts = [host(states[0])]
    for before, state, step in zip(states, states[1:], steps[1:], strict=False):
        lagging, current = of_hosts[-1], host(state)
        for client in (before, state):
            assert accept(client, lagging), step
        assert accept(state, current), step
        if step and step.step.hosts:
            of_hosts.append(current)
    assert not accept(states[0], of_hosts[-1]) and not accept(states[-1], of_hosts[0])
    assert not pki.issued_by(states[0]["client-cert.pem"], of_hosts[-1]["trusts"]), "the old client is refused"


def test_of_old_keys_each_goes_when_nothing_is_signed_by_it_any_more(files: _ca.Files) -> None:
    states = walk(files, "ca")
    for state in states[3:]:
        assert not {files[name] for name in (*KEYS, "client-key.pem")} & set(state.values())
    assert {name: text for name, text in states[1].items() if name.startswith(_ca.OLD)}
    assert sorted(states[-1]) == sorted(files) and _ca.in_use(states[-1]) == states[-1]


def test_with_the_certificates_alone_the_cas_and_the_key_stay(files: _ca.Files) -> None:
    before, under_way, after = walk(files, "certificates")
    assert {name for name in files if after[name] != before[name]} == {"client-cert.pem"}
    assert set(under_way) - set(after) == {_ca.MARK}
    assert _ca.trust_id(before) == _ca.trust_id(under_way) == _ca.trust_id(after)


def test_a_renewal_in_the_middle_is_not_lost(files: _ca.Files, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = _ca.begun(files, "ca")
    assert begun
    with monkeypatch.context() as patch:
        patch.setattr(_tls, "needs_renewal", lambda certificate, names: "soon")
        renewed = _ca.made(begun)
    assert renewed and renewed["client-cert.pem"] != files["client-cert.pem"]
    found = t.cast(_ca.Rotation, _ca.rotation(renewed))
    hosts = _ca.advanced(renewed, found)
    assert hosts and hosts["client-cert.pem"] == renewed["client-cert.pem"]


def test_who_is_late_changes_nothing(files: _ca.Files) -> None:
    states = walk(files, "ca")
    first = t.cast(_ca.Rotation, _ca.rotation(states[1]))
    assert [_ca.advanced(one, first) for one in (files, *states[2:])] == [None] * 5
    assert _ca.begun(states[2], "certificates") is None
    other = walk(files, "ca")[1]
    assert _ca.advanced(other, first) is None, "of another rotation"
