# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end: read without a library, and told in time."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._record import Record
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore
from ansible_collections.dockyard.machine.plugins.plugin_utils._ca import _expiry
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from tests.beds import pki

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc)


@pytest.fixture
def store(tmp_path):
    store = FileStore(str(tmp_path / "store"))
    store.create()
    store.make_ca()
    return store


def end(kind, life, left, machine=None):
    return _expiry.End(kind, NOW + (left - life) * DAY, NOW + left * DAY, machine)


@pytest.mark.parametrize(
    "days", [-3 * 365, 400, 30 * 365]
)  # the last one is beyond 2049, so its time has the longer form
def test_an_end_is_read_as_the_library_reads_it(days):
    # The first one's beginning lies in the last century
    ca = pki.make_ca("x", start=-40 * 365 * DAY, end=days * DAY).certificate
    found = _expiry._first_to_end("client_ca", pki.pem(ca))
    assert (found.not_before, found.not_after) == (ca.not_valid_before_utc, ca.not_valid_after_utc)


def test_of_a_chain_the_first_to_end_counts_and_of_another_ca_nothing():
    root, other = pki.make_ca("root", end=50 * DAY), pki.make_ca("other", end=DAY)
    ca = pki.make_ca("intermediate", root, end=90 * DAY)
    found = _expiry._first_to_end("server_ca", ca.bundle + other.bundle)
    assert found.not_after == root.certificate.not_valid_after_utc
    assert _expiry._first_to_end("server_ca", pki.pem(ca.certificate)).not_after == ca.certificate.not_valid_after_utc


def test_the_ends_of_a_store(store):
    found = _expiry.of_store(store)
    files = store.ca_files()
    assert {kind: one.public(NOW)["not_after"] for kind, one in found.items()} == {
        kind: _tls.inspect(files[file])["not_after"] for kind, file in _expiry.FILES.items()
    }
    assert _expiry.told(found.values(), pki.now()) == []
    store.put_ca({**files, "client-cert.pem": "damaged"})
    assert sorted(_expiry.of_store(store)) == ["client_ca", "server_ca"]


@pytest.mark.parametrize(
    "kind, life, left, due",
    [
        ("engine", 367, 31, False),
        ("engine", 367, 29, True),
        ("client", 367, 29, True),
        ("engine", 3, 2, False),
        ("engine", 3, 0.9, True),
        ("server_ca", 3650, 366, False),
        ("server_ca", 3650, 364, True),
        ("client_ca", 300, 101, False),
        ("client_ca", 300, 99, True),
        ("engine", 367, -1, True),
    ],
)
def test_what_is_due(kind, life, left, due):
    assert end(kind, life, left).is_due(NOW) is due
    assert bool(_expiry.told([end(kind, life, left)], NOW)) is due


def test_warnings_say_what_to_do():
    assert end("engine", 367, 12, "web1").warning(NOW) == (
        "web1: the Engine's certificate expires on 2026-12-07T00:00:00Z, in 12 days: create_hosts renews it"
    )
    assert "the server CA expired on 2026-11-23T00:00:00Z: rotate_certs" in end("server_ca", 367, -2).warning(NOW)


def test_an_engine_of_which_only_the_end_is_known():
    assert _expiry.of_engine("web1", {}) is _expiry.of_engine("web1", {"certificate_not_after": "?"}) is None
    found = _expiry.of_engine("web1", {"certificate_not_after": "2026-12-20T00:00:00"})
    assert found.is_due(NOW) and found.days_left(NOW) == 25
    noted = {"certificate_not_before": "2026-11-20T00:00:00Z", "certificate_not_after": "2026-11-29T00:00:00Z"}
    assert not _expiry.of_engine("web1", noted).is_due(NOW)


@pytest.mark.parametrize(
    "not_after, days",
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("2026-01-11T12:00:00Z", 1),
        ("2026-01-11T11:59:59+00:00", 0),
        ("2026-01-10T11:00:00", -1),
        ("2027-01-10T12:00:00Z", 365),
    ],
)
def test_days_left(not_after, days):
    assert _expiry.days_left(not_after, datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.timezone.utc)) == days


def test_variables_of_hosts(store):
    files = store.ca_files()
    for name, ssh in (("web1", {"user": "root", "host_keys": []}), ("theirs", {})):
        with store.lock(name) as lock:
            store.save(Record(id="0" * 12, name=name, driver="x", status="made", ssh=ssh), lock)
        engine = {"certificate_not_after": (pki.now() + 20.5 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")}
        store.save_observed(name, {"state": "running", "engine": engine})
    of = {one.name: one.public() for one in _machines.read(store)}
    assert of["web1"]["certificate_days_left"] == of["web1"]["host_vars"]["machine_certificate_days_left"] == 20
    assert of["web1"]["certificate_due"] and of["theirs"]["certificate_due"]
    client = _tls.inspect(files["client-cert.pem"])["not_after"]
    assert of["web1"]["host_vars"]["machine_client_certificate_not_after"] == client
    assert of["web1"]["host_vars"]["machine_ca_not_after"] == min(
        _tls.inspect(files[f"{side}-ca.pem"])["not_after"] for side in ("server", "client")
    )
    assert of["theirs"]["host_vars"]["machine_ca_not_after"] is None, "not our client, nor our CA"
