# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store on S3: the contract of all stores over real HTTP, and what only the service can do wrong."""

from __future__ import annotations

import collections.abc
import concurrent.futures
import functools
import itertools
import json
import pathlib
import re
import typing as t

import boto3
import pytest

from ansible_collections.dockyard.machine.plugins.module_utils import _store
from ansible_collections.dockyard.machine.plugins.module_utils._errors import MachineError
from ansible_collections.dockyard.machine.plugins.plugin_utils._fleet import _machines
from tests.doubles import s3
from tests.unit.plugins.module_utils._store import test_contract as contract
from tests.unit.plugins.module_utils._store.test_contract import New, save, store

__all__ = ["store"]
ROOT = pathlib.Path(__file__).parents[2]
# The contract of all stores, over the ``new`` of this file
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})


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


# What only a service can do wrong


def test_objects_are_encrypted_and_private(double: s3.S3Double, bucket: str, new: New) -> None:
    store = new()
    store.create()
    save(store)
    for key in double.keys(bucket):
        assert key.startswith("a/prefix/")
        assert double.client.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "AES256"
    plain = _store.open_store(f"s3://{bucket}/plain?encryption=none")
    plain.create()
    assert "ServerSideEncryption" not in double.client.head_object(Bucket=bucket, Key="plain/store.json")
    kms = _store.open_store(f"s3://{bucket}/kms?encryption=alias/dockyard")
    kms.create()
    head = double.client.head_object(Bucket=bucket, Key="kms/store.json")
    assert head["ServerSideEncryption"] == "aws:kms" and "dockyard" in head["SSEKMSKeyId"]


def test_more_machines_than_one_page(double: s3.S3Double, bucket: str, new: New) -> None:
    store = new()
    store.create()
    save(store)
    record = double.client.get_object(Bucket=bucket, Key="a/prefix/records/web1.json")["Body"].read()
    names = [f"m{number}" for number in range(1100)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        put = functools.partial(double.client.put_object, Bucket=bucket, Body=record)
        list(pool.map(lambda name: put(Key=f"a/prefix/records/{name}.json"), names))
    assert new().names() == sorted([*names, "web1"])


def failure(act: collections.abc.Callable[[], object]) -> MachineError:
    with pytest.raises(MachineError) as caught:
        act()
    return caught.value


def test_no_bucket(bucket: str) -> None:
    for act in ("create", "names"):
        caught = failure(getattr(_store.open_store("s3://no-such-bucket/x"), act))
        assert caught.code == "store" and "there is no bucket no-such-bucket" in caught.message
        assert "AWS_ENDPOINT_URL_S3" in caught.remedy


def test_no_service(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = _store.open_store(f"s3://{bucket}?endpoint_url=http://127.0.0.1:9")
    caught = failure(store.names)
    assert caught.code == "store" and "can't be reached" in caught.message and "127.0.0.1:9" in caught.message


def test_no_credentials(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    caught = failure(_store.open_store(f"s3://{bucket}").names)
    assert caught.code == "store" and "AWS_ACCESS_KEY_ID" in caught.remedy


def test_no_profile(bucket: str) -> None:
    caught = failure(_store.open_store(f"s3://{bucket}?profile=nobodys").names)
    assert caught.code == "bad_option" and "nobodys" in caught.message


def test_the_parameters_win_over_the_environment(
    double: s3.S3Double, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    store = _store.open_store(f"s3://{bucket}?endpoint_url={double.url}&region=eu-central-1")
    store.create()
    assert _store.open_store(store.where).id == store.id


POLICY = re.search(r"```json\n(.*?)```", (ROOT / "docs" / "store.md").read_text(encoding="utf-8"), re.DOTALL)
ACTIONS = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")


def test_the_policy_in_the_docs_is_enough_and_none_of_it_too_much(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert POLICY
    calls = 1 + 3 * (3 + len(ACTIONS))
    with s3.serve(INITIAL_NO_AUTH_ACTION_COUNT=str(calls)) as strict:
        strict.client.create_bucket(
            Bucket="acme-dockyard", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        keys = {action: user(strict, json.loads(POLICY[1]), action) for action in ("", *ACTIONS)}
        keys["reader"] = user(strict, json.loads(POLICY[1]), "s3:PutObject", "s3:DeleteObject")
        keys["lister"] = user(strict, for_lists(json.loads(POLICY[1])), "s3:PutObject", "s3:DeleteObject", "lists-only")
        for name, value in strict.environment.items():
            monkeypatch.setenv(name, value)

        numbers = itertools.count()

        def life(without: str) -> None:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[without][0])
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[without][1])
            store = _store.open_store("s3://acme-dockyard/prod", str(tmp_path))
            store.create()
            record = save(store, f"m{next(numbers)}")
            store.names()
            with store.lock(record.name) as lock:
                store.remove(record, lock)

        life("")
        for action in ACTIONS:
            caught = failure(lambda action=action: life(action))  # type: ignore[misc]
            assert caught.code == "store" and f"don't allow {action} on acme-dockyard" in caught.message
            assert action in caught.remedy
        life("")
        # The inventory, and logging in
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["reader"][0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["reader"][1])
        reader = _store.open_store("s3://acme-dockyard/prod", str(tmp_path))
        name, *_others = reader.names()
        assert reader.read(name)
        reader.observed(name)
        reader.fill(name)
        reader.give_client_pair(name)
        # The inventory alone: neither keys, nor the key of digests, by which weak secrets could be guessed
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["lister"][0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["lister"][1])
        lister = _store.open_store("s3://acme-dockyard/prod", str(tmp_path / "lister"))
        assert [one.name for one in _machines.read(lister) if one.record and not one.damage] == reader.names()
        for act in (lambda: lister.digest("x"), lister.ca_files, lambda: lister.objects.get("private/digest.json")):
            caught = failure(act)
            assert "don't allow s3:GetObject" in caught.message


def for_lists(policy: dict[str, t.Any]) -> dict[str, t.Any]:
    """With what docs/store.md says that listing machines needs, in the place of all objects."""
    places = re.search(r"\| lists machines [^|]*\|([^|]*)\|", (ROOT / "docs" / "store.md").read_text(encoding="utf-8"))
    assert places
    for statement in policy["Statement"]:
        if statement["Resource"].endswith("/*"):
            statement["Resource"] = [statement["Resource"][:-1] + one for one in re.findall(r"`([^`]+)`", places[1])]
    return policy


def user(strict: s3.S3Double, policy: dict[str, t.Any], *without: str) -> tuple[str, str]:
    """Who may do what the policy says, but for these actions: access key and secret."""
    name = "-".join(["user", *without]).replace(":", "-")
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in actions if action not in without] or ["s3:GetBucketLocation"]
    iam = boto3.session.Session().client(
        "iam", endpoint_url=strict.url, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="dockyard", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
