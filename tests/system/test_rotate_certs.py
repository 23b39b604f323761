# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_certs over real Engines: cut off and taken up again, no container stopped, no call refused."""

from __future__ import annotations

import datetime
import pathlib
import shutil
import ssl
import typing as t

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _tls
from ansible_collections.dockyard.machine.plugins.module_utils._store import FileStore, _ca
from tests.beds import calls
from tests.beds._base import until
from tests.beds.calls import Stream, call, is_refused
from tests.beds.engine import container_pid, engine_pid, start_container
from tests.beds.hosts import Host

RESTARTS = 2  # of each Engine, for a new CA
LIFE = datetime.timedelta(days=30)  # of certificates, which rotations are not told


@pytest.fixture
def hosts(new_host: t.Callable[..., Host]) -> dict[str, Host]:
    """Each in a role of its own, since each has its address."""
    return {role: new_host() for role in ("web", "db")}


@pytest.fixture
def fleet(store: pathlib.Path, hosts: dict[str, Host]) -> dict[str, t.Any]:
    roles = {role: host.fleet_role() for role, host in hosts.items()}
    return {
        "machine_store": str(store),
        "machine_fleet": {"id": "shop", "roles": roles},
        "machine_certificate_life": f"{LIFE.days}d",
    }


def cut_off(ansible: t.Any, variables: dict[str, t.Any], moment: t.Callable[[], bool]) -> None:
    """A rotation that is killed as soon as that is seen from outside."""
    with ansible.start_playbook("rotate_certs", variables) as running:
        until(moment, "the moment to cut the rotation off", limit=120)
        running.kill()


def test_rotate_certs_of_a_fleet_that_is_at_work(
    ansible: t.Any, store: pathlib.Path, hosts: dict[str, Host], fleet: dict[str, t.Any], tmp_path: pathlib.Path
) -> None:
    ansible.playbook("create_hosts", fleet).ok()
    it, old = FileStore(str(store)), tmp_path / "old"
    before = it.ca_files()
    places = [(host, store / "machines" / f"shop-{role}-0") for role, host in hosts.items()]
    first, pair = places[0]
    shutil.copytree(pair, old)
    container = start_container(first, old, tmp_path / "busybox.tar")
    ran = container_pid(first, old, container)
    shown = [call(host, old) for host, _pair in places]
    new_ca = {"machine_store": str(store), "machine_rotate": "ca"}

    checked = ansible.playbook("rotate_certs", new_ca, check=True).ok()
    assert checked.results(action="rotate_certs")[0]["hosts"] == ["shop-db-0", "shop-web-0"]
    assert "Would restart the Engines of shop-db-0, shop-web-0." in checked.stdout
    assert it.ca_files() == before

    with Stream(places) as stream:
        # Cut off while hosts take over the new CA …
        cut_off(ansible, new_ca, lambda: [calls.shown(*place) for place in places] != shown)
        rotation = _ca.rotation(it.ca_files())
        assert rotation and rotation.step.name == "hosts"
        # … create_hosts sets up by the new CA, and lets hosts accept clients of both …
        ansible.playbook("create_hosts", fleet).ok()
        for host, its in places:
            assert call(host, its) not in shown and not is_refused(host, its, old)
            assert host.out("cat /etc/docker/tls/ca.pem") == it.ca_files()["client-ca.pem"].strip()
        # … it goes on from there, and is cut off when hosts drop the old CA …
        cut_off(ansible, new_ca, lambda: any(is_refused(host, its, old) for host, its in places))
        dropping = _ca.rotation(it.ca_files())
        assert dropping and (dropping.id, dropping.step.name) == (rotation.id, "drop")
        # … and is finished.
        done = ansible.playbook("rotate_certs", new_ca).ok()
    assert stream.refused == [] and stream.calls > 100, stream.calls
    assert stream.cut <= 2 * RESTARTS * len(places), (
        "an Engine cuts off what it is at when it stops, and nothing else is"
    )
    assert "is finished" in done.stdout

    after = it.ca_files()
    assert sorted(after) == sorted(before) and not [name for name in before if after[name] == before[name]]
    assert [path.name for path in store.glob("ca*")] == ["ca-5"]
    for host, its in places:
        assert call(host, its) and is_refused(host, its, old)
        with pytest.raises(ssl.SSLCertVerificationError):  # by who trusts the old CA alone
            call(host, old)
    assert container_pid(first, pair, container) == ran

    # Certificates alone: the CAs and the client's key stay. It is cut off when the first host has its new one.
    engines, shown = [engine_pid(host) for host, _pair in places], [call(*place) for place in places]
    certificates = {"machine_store": str(store)}
    with Stream(places) as stream:
        cut_off(ansible, certificates, lambda: [calls.shown(*place) for place in places] != shown)
        renewing = _ca.rotation(it.ca_files())
        assert renewing and renewing.kind == "certificates"
        ansible.playbook("rotate_certs", certificates).ok()
    assert stream.refused == [] and stream.calls > 100, stream.calls
    assert stream.cut <= 2 * RESTARTS * len(places), "one before the cut at most, and one after it"
    assert not set(shown) & {call(*place) for place in places}
    assert not set(engines) & {engine_pid(host) for host, _pair in places}
    renewed = it.ca_files()
    assert {name for name in renewed if renewed[name] != after[name]} == {"client-cert.pem"}
    assert (pair / "cert.pem").read_text() == renewed["client-cert.pem"]
    assert container_pid(first, pair, container) == ran
    for place in places:
        assert _tls.life_of(ssl.DER_cert_to_PEM_cert(call(*place))) == LIFE
