# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 on 127.0.0.1: moto's server, which honours If-None-Match and If-Match, in a process of its own."""

from __future__ import annotations

import collections.abc
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request

import boto3

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}


class S3Double:
    def __init__(self, url: str) -> None:
        self.url = url
        # What a run needs in its environment; nothing of the user's own AWS settings may reach it
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": url, "AWS_CONFIG_FILE": "/dev/null"}
        self.environment.update(AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true")
        self.client: t.Any = boto3.session.Session().client(
            "s3",
            endpoint_url=url,
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        self._numbers = itertools.count(1)

    def bucket(self) -> str:
        """A new, empty one."""
        name = f"bucket-{next(self._numbers)}"
        self.client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": CREDENTIALS["AWS_DEFAULT_REGION"]}
        )
        return name

    def keys(self, bucket: str) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]


@contextlib.contextmanager
def serve(limit: float = 60, **environment: str) -> collections.abc.Iterator[S3Double]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        deadline = time.monotonic() + limit
        while True:
            try:
                urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield S3Double(url)
    finally:
        process.kill()
        process.wait()
