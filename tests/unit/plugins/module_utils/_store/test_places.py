# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which places may be a store: no plain HTTP over a network, and no home folder that goes with a job."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils._errors import BadOption
from ansible_collections.dockyard.machine.plugins.module_utils._store import location, open_store
from ansible_collections.dockyard.machine.plugins.module_utils._store._s3 import S3

BUCKET = "s3://bucket/prefix?region=eu-central-1"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWX_PRIVATE_DATA_DIR", "DOCKYARD_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.mark.parametrize("source", ["parameter", "environment", "profile"])
@pytest.mark.parametrize(
    ("endpoint", "good"),
    [
        ("http://minio.example:9000", False),
        ("http://192.0.2.1", False),
        ("http://localhost.example", False),
        ("http://127.evil.example", False),
        ("https://minio.example", True),
        ("http://127.0.0.1:9000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:9000", True),
        ("http://localhost:9000", True),
    ],
)
def test_plain_http_over_a_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, source: str, endpoint: str, good: bool
) -> None:
    where = BUCKET
    if source == "parameter":
        where += f"&endpoint_url={endpoint}"
    elif source == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    else:
        (tmp_path / "config").write_text(f"[default]\nendpoint_url = {endpoint}\n")
    if good:
        assert S3(where)._client().meta.endpoint_url.startswith(endpoint)
        return
    with pytest.raises(BadOption, match=f"uses {endpoint}, where anyone on the network path") as caught:
        S3(where)._client()
    assert "allow_http=true" in caught.value.remedy
    allowed = S3(f"{where}&allow_http=true")
    assert allowed._client() and allowed.place == S3(where).place, "it is the same store"


def test_a_home_folder_of_a_job_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWX_PRIVATE_DATA_DIR", "/runner")
    for blank in (None, "", "  "):
        with pytest.raises(BadOption, match="deleted with the job") as caught:
            open_store(blank)
        assert "machine_store" in caught.value.remedy
    assert location("s3://b/p") == "s3://b/p"
    monkeypatch.setenv("DOCKYARD_STORE", "/srv/store")
    assert location("") == "/srv/store"
    monkeypatch.delenv("AWX_PRIVATE_DATA_DIR")
    monkeypatch.delenv("DOCKYARD_STORE")
    assert location(" ") == "~/.dockyard"
