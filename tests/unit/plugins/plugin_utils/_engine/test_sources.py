# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller has or gets for the Engine's sources."""

from __future__ import annotations

import hashlib

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dockyard.machine.plugins.module_utils import _download
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine import _sources as sources
from ansible_collections.dockyard.machine.plugins.plugin_utils._engine._plan._make_plan import Plan, PlanError
from tests.unit.plugins.module_utils._engine.test_openpgp import ED25519, PINNED, RSA

URL = "https://mirror.example.org/gpg"


def planned(**install):
    return Plan(install=install)


def test_a_key_is_content_path_or_url(tmp_path):
    path = tmp_path / "key.asc"
    path.write_text(ED25519)
    for key in (str(path), ED25519):
        assert sources.repository(DataLoader(), {"key": key, "suite": None}) == {"key": ED25519}
    assert sources.repository(DataLoader(), {"key": URL}) == {"key": URL}


def test_an_archive_is_a_url_or_a_path_from_the_playbook(tmp_path):
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
    (tmp_path / "docker.tgz").touch()
    assert sources.archive(loader, {"source": "docker.tgz", "checksum": "x"})["source"] == str(tmp_path / "docker.tgz")
    assert sources.archive(loader, {"source": URL}) == {"source": URL}


def test_an_archive_is_found_where_ansible_was_started(tmp_path, monkeypatch):
    loader = DataLoader()
    loader.set_basedir("/nonexistent")  # with a playbook of a collection, that one's folder
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker.tgz").touch()
    assert sources.archive(loader, {"source": "docker.tgz"})["source"] == str(tmp_path / "docker.tgz")


@pytest.mark.parametrize(
    ("here", "check_mode", "fetched"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_the_controller_gets_the_key_only_when_it_should(monkeypatch, here, check_mode, fetched):
    monkeypatch.setattr(_download, "fetch", lambda url: ED25519)
    plan = planned(packages={"repository": {"key": URL, "pinned": [PINNED]}})
    sources.fetch(plan, here, check_mode)
    assert plan.install["packages"]["repository"]["key"] == (ED25519 if fetched else URL)


def test_a_key_that_is_not_pinned_is_an_error_before_the_host_is_touched(monkeypatch):
    monkeypatch.setattr(_download, "fetch", lambda url: RSA)
    with pytest.raises(PlanError, match=f"{URL} is not the key that is pinned"):
        sources.fetch(planned(packages={"repository": {"key": URL, "pinned": [PINNED]}}), True, False)


def test_a_file_is_looked_at_and_sent(tmp_path):
    path = tmp_path / "docker.tgz"
    path.write_bytes(b"programs")
    step = {"source": str(path), "url": "", "checksum": hashlib.sha256(b"programs").hexdigest()}
    plan = planned(archive=dict(step))
    sources.fetch(plan, False, False)
    assert plan.install["archive"]["send"] == str(path)
    with pytest.raises(PlanError, match="No host was touched"):
        sources.fetch(planned(archive={**step, "checksum": "0" * 64}), False, True)
    with pytest.raises(PlanError, match="docker_engine_archive"):
        sources.fetch(planned(archive={**step, "source": str(tmp_path / "none")}), False, True)


def test_an_archive_is_downloaded_once_for_all_hosts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "docker.tgz"
    path.write_bytes(b"programs")
    digest = hashlib.sha256(b"programs").hexdigest()
    for _host in range(2):
        plan = planned(archive={"source": URL, "url": path.as_uri(), "checksum": digest})
        sources.fetch(plan, True, False)
        sent = plan.install["archive"]["send"]
        path.unlink(missing_ok=True)
    assert sent == str(tmp_path / "cache" / "dockyard" / "archives" / digest)
    (tmp_path / "cache" / "dockyard" / "archives" / digest).write_bytes(b"broken")
    with pytest.raises(PlanError, match="could not be read"):
        sources.fetch(planned(archive={"source": URL, "url": path.as_uri(), "checksum": digest}), True, False)
