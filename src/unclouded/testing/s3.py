"""An S3 server on the loopback address: moto's, in a process of its own.

with S3Server() as server:
    server.make_bucket("scenes")
    server.put("scenes/a.tif", content)
"""

import socket
import subprocess
import sys
import time
import urllib.request
from functools import cached_property
from pathlib import Path
from typing import Any, Self

_PATIENCE_S = 60


class S3Server:
    """Buckets and objects by plain requests, as another program would see them."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._program = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    @property
    def environment(self) -> dict[str, str]:
        """What obstore and its like need to find the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key-of-nobody",
            "AWS_SECRET_ACCESS_KEY": "hush-hush",
            "AWS_REGION": "us-east-1",
            "no_proxy": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        self._running = subprocess.Popen(  # noqa: S603 - our own interpreter
            self._program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._ask("GET", "moto-api/")
            except OSError:
                if time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.1)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._running.terminate()
        self._running.wait()

    def reset(self) -> None:
        """Forget all buckets."""
        self._ask("POST", "moto-api/reset")

    def make_bucket(self, name: str) -> None:
        """An empty bucket."""
        self._client.create_bucket(Bucket=name)

    def put(self, path: str, content: bytes) -> None:
        """An object, `bucket/key`."""
        bucket, _, key = path.partition("/")
        self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def put_tree(self, prefix: str, folder: Path) -> None:
        """Every file of a folder below `bucket/key`."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())

    def get(self, path: str) -> bytes:
        """Content of an object."""
        bucket, _, key = path.partition("/")
        content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def buckets(self) -> list[str]:
        """Names of all buckets."""
        return [str(item["Name"]) for item in self._client.list_buckets()["Buckets"]]

    def keys(self, bucket: str) -> list[str]:
        """Of all objects, sorted; at most a thousand."""
        found = self._client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(str(item["Key"]) for item in found)

    @cached_property
    def _client(self) -> Any:
        """A client that is not ours: a second opinion on what lies in the store."""
        import boto3  # noqa: PLC0415 - moto brings it

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="key-of-nobody",
            aws_secret_access_key="hush-hush",  # noqa: S106 - moto asks for some, and takes any
        )

    def _ask(self, method: str, path: str) -> None:
        data = None if method == "GET" else b""
        asked = urllib.request.Request(f"{self.url}/{path}", data=data, method=method)  # noqa: S310 - loopback
        urllib.request.urlopen(asked, timeout=10).close()  # noqa: S310 - loopback
