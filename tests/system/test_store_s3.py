# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on S3: the contract of all stores over real HTTP, and what only the service can do wrong."""

from __future__ import annotations

import collections.abc
import pathlib

import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _store
from tests.doubles import s3
from tests.unit.plugins.module_utils.test_store_contract import *  # noqa: F403
from tests.unit.plugins.module_utils.test_store_contract import New


@pytest.fixture(scope="module")
def double() -> collections.abc.Iterator[s3.S3Double]:
    with s3.serve() as it:
        yield it


@pytest.fixture()
def bucket(double: s3.S3Double, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in double.environment.items():
        monkeypatch.setenv(name, value)
    return double.bucket()


@pytest.fixture()
def new(bucket: str, tmp_path: pathlib.Path) -> New:
    folders = iter(range(1000))
    return lambda: _store.open_store(f"s3://{bucket}/a/prefix", str(tmp_path / str(next(folders))))
