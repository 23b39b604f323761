# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects on S3, and on what speaks its protocol with conditional writes."""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import typing as t
import urllib.parse

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None

from .._errors import BadOption, MachineError
from ._lease import Conflict, StoredObject

# After the question mark of s3://bucket/prefix?name=value&name=value
PARAMETERS = ("endpoint_url", "region", "profile", "encryption", "allow_http")
FORM = (
    "s3://bucket/prefix, and after a question mark endpoint_url, region, profile, encryption, allow_http, "
    "like ?region=eu-central-1"
)
# What stands in templates of host variables, too: neither quotes nor braces nor blanks
BUCKET, PREFIX = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), re.compile(r"[\w!.*/=+@:-]*", re.ASCII)
VALUE = re.compile(r"[\w.:/@+=\[\]-]+", re.ASCII)
AES = "AES256"
REFUSED, GONE = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409"), ("NoSuchKey", "404")
TOO_OLD = "boto3 >= 1.36"


class S3:
    def __init__(self, where: str) -> None:
        try:
            url = urllib.parse.urlsplit(where)
            given = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
        except ValueError as error:
            raise BadOption("store", f"{where!r} is not a valid URL ({error})", f"Write it like {FORM}") from error
        self.bucket, prefix = url.netloc, url.path.strip("/")
        wrong = [
            f"{name}={value}" for name, value in given.items() if name not in PARAMETERS or not VALUE.fullmatch(value)
        ]
        if not BUCKET.fullmatch(self.bucket) or not PREFIX.fullmatch(prefix) or "//" in prefix or url.fragment or wrong:
            part = f": {', '.join(wrong)}" if wrong else ""
            raise BadOption("store", f"{where!r} is not a valid store{part}", f"Write it like {FORM}")
        self.place = f"s3://{self.bucket}/{prefix}".rstrip("/")
        query = "&".join(f"{name}={given[name]}" for name in PARAMETERS if name in given)
        self.where = f"{self.place}?{query}" if query else self.place
        self._given = given
        self._prefix = f"{prefix}/" if prefix else ""
        self._clients: dict[int, t.Any] = {}  # process -> its own: one that was made before a fork is not used after it
        self._making = threading.Lock()

    def get(self, key: str) -> StoredObject | None:
        try:
            answer = self._call("get_object", key)
        except _Gone:
            return None
        try:
            return StoredObject(answer["Body"].read(), answer["ETag"])
        except (OSError, botocore.exceptions.BotoCoreError, botocore.exceptions.HTTPClientError) as error:
            raise self._unreachable(error) from error

    def put_if_absent(self, key: str, data: bytes) -> str:
        return str(self._call("put_object", key, Body=data, IfNoneMatch="*", **self._encryption())["ETag"])

    def put_if_match(self, key: str, data: bytes, tag: str) -> str:
        try:
            return str(self._call("put_object", key, Body=data, IfMatch=tag, **self._encryption())["ETag"])
        except _Gone:
            raise Conflict(key) from None

    def delete(self, key: str, tag: str | None = None) -> None:
        try:
            self._call("delete_object", key, **({"IfMatch": tag} if tag else {}))
        except _Gone:
            pass
        except Conflict:
            if self.get(key):  # else an earlier try of this call has deleted it
                raise

    def list(self, prefix: str) -> list[str]:
        keys: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = self._call("list_objects_v2", None, Prefix=self._prefix + prefix, **more)
            keys += [one["Key"][len(self._prefix) :] for one in answer.get("Contents", [])]
            if not answer.get("IsTruncated"):
                return keys
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    # Calls

    def _call(self, method: str, key: str | None, **arguments: t.Any) -> dict[str, t.Any]:
        if key is not None:
            arguments["Key"] = self._prefix + key
        client = self._client()
        try:
            return t.cast(dict[str, t.Any], getattr(client, method)(Bucket=self.bucket, **arguments))
        except botocore.exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in REFUSED:
                raise Conflict(key) from None
            if code in GONE and key is not None:
                raise _Gone from None
            raise self._explained(error, code, method, key) from error
        except botocore.exceptions.ParamValidationError as error:
            raise MachineError(
                f"The store {self.place} needs a later boto3: {_one_line(error)}",
                code="missing_library",
                remedy=f"Install it with Ansible: pip install '{TOO_OLD}'",
            ) from error
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
            raise MachineError(
                f"The store {self.place} can't be used: {error}",
                code="store",
                remedy="Give credentials as for any AWS program: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "AWS_PROFILE, or a role of this computer",
            ) from error
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.HTTPClientError) as error:
            raise self._unreachable(error) from error

    def _client(self) -> t.Any:
        if boto3 is None:
            raise MachineError(
                "A store on S3 needs the Python library boto3",
                code="missing_library",
                remedy=f"Install it with Ansible: pip install '{TOO_OLD}'",
            )
        with self._making:
            if os.getpid() not in self._clients:
                self._clients = {os.getpid(): self._new_client()}
            return self._clients[os.getpid()]

    def _new_client(self) -> t.Any:
        endpoint = self._given.get("endpoint_url")
        other = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        try:
            session = boto3.session.Session(
                profile_name=self._given.get("profile"), region_name=self._given.get("region")
            )
            config = botocore.config.Config(
                connect_timeout=5,
                read_timeout=10,
                max_pool_connections=20,
                retries={"mode": "standard", "total_max_attempts": 4},
                # Other services than Amazon's know neither buckets as host names nor the newest checksums
                s3={"addressing_style": "path"} if other else {},
                **({"request_checksum_calculation": "when_required"} if other else {}),
                user_agent_extra="dockyard.machine",
            )
            client = session.client("s3", endpoint_url=endpoint, config=config)
        except (botocore.exceptions.BotoCoreError, ValueError, TypeError) as error:
            raise BadOption(
                "store", f"{self.where!r} is not a valid store: {error}", f"Write it like {FORM}"
            ) from error
        self._refuse_plain(str(client.meta.endpoint_url))  # wherever it comes from: also a profile may say it
        return client

    def _refuse_plain(self, endpoint: str) -> None:
        url = urllib.parse.urlsplit(endpoint)
        if url.scheme == "https" or _is_loopback(url.hostname or "") or self._given.get("allow_http") == "true":
            return
        raise BadOption(
            "store",
            f"{self.where!r} uses {endpoint}, where anyone on the network path can read and replace records and private keys",
            "Use an endpoint with https; or, if the network is trusted, add allow_http=true to the store's parameters",
        )

    def _encryption(self) -> dict[str, str]:
        how = self._given.get("encryption", AES)
        if how == "none":
            return {}
        return {"ServerSideEncryption": AES} if how == AES else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": how}

    # What is said of failures

    def _explained(self, error: Exception, code: str, method: str, key: str | None) -> MachineError:
        said = _one_line(error)
        if code == "NoSuchBucket":
            return MachineError(
                f"The store {self.place} can't be used: there is no bucket {self.bucket}",
                code="store",
                remedy="Make it, or check the option store, and endpoint_url or AWS_ENDPOINT_URL_S3",
            )
        if code in ("AccessDenied", "403", "AllAccessDisabled"):
            action = {"get_object": "GetObject", "put_object": "PutObject", "delete_object": "DeleteObject"}.get(method)
            what = f"s3:{action} on {self.bucket}/{self._prefix}{key}" if action else f"s3:ListBucket on {self.bucket}"
            return MachineError(
                f"The store {self.place} can't be used: the credentials don't allow {what} ({said})",
                code="store",
                remedy=f"Allow s3:ListBucket on {self.bucket}, and s3:GetObject, s3:PutObject and s3:DeleteObject on "
                f"{self.bucket}/{self._prefix}*; with a KMS key, kms:GenerateDataKey and kms:Decrypt, too",
            )
        if code == "NotImplemented" and method != "get_object":
            return MachineError(
                f"The service of {self.where} can't do what a store needs: {said}",
                code="store",
                remedy="It needs conditional writes; if encryption is what it lacks, add ?encryption=none",
            )
        return MachineError(
            f"The store {self.place} can't be used: {said}",
            code="store",
            remedy="Check the credentials and the option store, and run again",
        )

    def _unreachable(self, error: Exception) -> MachineError:
        return MachineError(
            f"The store {self.place} can't be reached: {_one_line(error)}",
            code="store",
            remedy="Check the network, endpoint_url or AWS_ENDPOINT_URL_S3, and run again",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Gone(Exception):
    """There is no such object."""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
