"""The sandbox's OpenMetadata server as a child process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from sandbox.client import wait_until
from sandbox.process import OneProcess, Process
from sandbox.stack import child_environment


class OpenMetadataServer(OneProcess):
    """
    Runs ``python -m sandbox.openmetadata`` on a free port of 127.0.0.1, with a token that it makes up.

    ``source_database`` is the SQLite file of its database service. Output goes to ``log``, the token included: so that
    file must lie where nobody else can read it. Started again, the server has the same url and token, and no other
    memory, unless ``kept`` is a file for that. ``port`` and ``token`` may be given from the first start on, and
    ``version`` is what it says it has, in place of the installed openmetadata-ingestion's.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        source_database: Path,
        *,
        log: Path,
        port: int | None = None,
        token: str = "",
        kept: Path | None = None,
        version: str | None = None,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}" if port else ""
        self.token = token
        self._kept = kept
        self._version = version
        self._source_database = source_database.resolve()
        self._log = log

    def start(self, timeout: float = 60) -> None:
        """
        Start the server and return when it listens; ``url`` and ``token`` are known from then on.

        :raises ProcessDied: if it ended instead
        :raises TimeoutError: if it doesn't print its address in time
        """
        self.launch()
        self.wait_until_it_listens(timeout)

    def launch(self) -> None:
        """Start the server and return at once."""
        # It holds the address of an earlier server.
        self._log.unlink(missing_ok=True)
        command = ["-m", "sandbox.openmetadata", "--source-database", str(self._source_database)]
        if self.url:
            command += ["--port", self.url.rpartition(":")[2], "--token", self.token]
        if self._kept is not None:
            command += ["--kept", str(self._kept.resolve())]
        if self._version is not None:
            command += ["--version", self._version]
        self._process = Process(
            [sys.executable, *command],
            env=child_environment({}),
            log=self._log,
            cwd=Path(__file__).resolve().parents[1],
        )

    def wait_until_it_listens(self, timeout: float = 60) -> None:
        """Return when a server that was launched listens; raises as `start` does."""
        announced = wait_until(self._look, "the OpenMetadata server to listen", timeout)
        self.url, self.token = announced["url"], announced.get("token", self.token)

    def _look(self) -> tuple[dict[str, str] | None, str]:
        self.check()
        output = self._process.tail() if self._process else ""
        return announcement(output), output

    @property
    def env(self) -> dict[str, str]:
        """What Airflow's environment must hold so that configs can refer to this server."""
        return {"OPENMETADATA_HOST_PORT": f"{self.url}/api", "OPENMETADATA_JWT_TOKEN": self.token}

    def deploy_to(self, url: str, username: str, password: str) -> None:
        """Let the server deploy its pipelines to an Airflow."""
        self.put("/sandbox/pipeline_service", {"url": url, "username": username, "password": password})

    def post(self, path: str, body: object = None) -> Any:
        """Call the server as its UI does, and return the decoded JSON of the answer."""
        return self._request("POST", path, json=body)

    def delete(self, path: str) -> Any:
        """Delete an entity, and return it."""
        return self._request("DELETE", path)

    def get(self, path: str) -> Any:
        """Return the decoded JSON of a page of the server, such as ``/sandbox/summary``."""
        return self._request("GET", path)

    def put(self, path: str, entity: object) -> Any:
        """Create or update an entity, given in the form of its create request, and return it."""
        return self._request("PUT", path, json=entity)

    def _request(self, method: str, path: str, **options: Any) -> Any:
        # The environment's proxies are not for 127.0.0.1. The first entity of a kind takes the server some time.
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(trust_env=False, headers=headers, timeout=60) as http:
            return http.request(method, f"{self.url}{path}", **options).raise_for_status().json()


def announcement(output: str) -> dict[str, str] | None:
    """Return what the server printed when it was up: the first line that is a JSON object with a url."""
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "url" in said:
            return said
    return None
