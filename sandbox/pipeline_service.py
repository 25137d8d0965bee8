"""The OpenMetadata server's client of the pipeline API, written after the contract: what it sends, in which order."""

from __future__ import annotations

import json
from typing import Any

import httpx

from sandbox.scoped import Scoped

PREFIXES = ("/pluginsv2/api/v2/openmetadata", "/api/v2/openmetadata", "/api/v1/openmetadata")


class PipelineServiceError(RuntimeError):
    """
    A call was refused, or nothing answered. The message is the one that an operator would read.

    :param status: the HTTP status, None where nothing answers
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PipelineServiceClient(Scoped):
    """
    Calls one Airflow as an OpenMetadata server does, whose ``apiEndpoint`` is ``url``.

    The first call finds the prefix: the first whose ``health-auth`` answers 200 with an object that has a ``version``.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            auth=(username, password),
            headers={"Content-Type": "application/json"},
            trust_env=False,
            # No limit to how long an answer takes, as in the server.
            timeout=httpx.Timeout(None, connect=10),
        )
        self.prefix: str | None = None

    def stop(self) -> None:
        """Close the connections."""
        self._http.close()

    def detect(self) -> str:
        """Return the prefix of the API, found once; raises PipelineServiceError where none answers."""
        answers = []
        for prefix in () if self.prefix else PREFIXES:
            try:
                response = self._http.get(f"{prefix}/health-auth", timeout=5)
                answer = response.json()
            except (httpx.TransportError, ValueError) as error:
                answers.append(f"{prefix}: {error}")
                continue
            answers.append(f"{prefix}: {response.status_code}")
            if response.status_code == httpx.codes.OK and isinstance(answer, dict):
                version = answer.get("version")
                if isinstance(version, str):
                    self.prefix = prefix
                    break
        if self.prefix is None:
            found = "; ".join(answers)
            raise PipelineServiceError(f"No prefix of the API answers as it must: is the plugin installed? {found}")
        return self.prefix

    def call(self, method: str, name: str, **options: Any) -> Any:
        """Make a call, preceded by the one for a CSRF token where it changes something; return the answer's JSON."""
        prefix = self.detect()
        headers = {}
        if method != "GET":
            token = self._http.get(f"{prefix}/csrf-token").raise_for_status().json()["csrf_token"]
            headers = {"X-CSRFToken": token} if token else {}
        response = self._http.request(method, f"{prefix}/{name}", headers=headers, **options)
        if response.status_code != httpx.codes.OK:
            message = f"{name} answered {response.status_code}: {response.text[:2000]}"
            raise PipelineServiceError(message, response.status_code)
        return response.json()

    def deploy(self, pipeline: dict[str, Any]) -> Any:
        """Deploy or redeploy a pipeline."""
        return self.call("POST", "deploy", content=json.dumps(pipeline))

    def delete(self, name: str) -> Any:
        """Delete a pipeline."""
        return self.call("DELETE", "delete", params={"dag_id": name})

    def trigger(self, name: str, conf: dict[str, Any] | None = None) -> Any:
        """Start a run of a pipeline."""
        return self.call("POST", "trigger", json={"dag_id": name, **({"conf": conf} if conf else {})})

    def run_automation(self, automation: dict[str, Any]) -> Any:
        """Run an automation: an entity of ``automations/workflows`` that holds the connection to this server."""
        return self.call("POST", "run_automation", json=automation)

    def enable(self, name: str) -> Any:
        """Let a pipeline run on its schedule."""
        return self.call("POST", "enable", json={"dag_id": name})

    def disable(self, name: str) -> Any:
        """Stop a pipeline's schedule."""
        return self.call("POST", "disable", json={"dag_id": name})

    def kill(self, name: str, run_id: str | None = None) -> Any:
        """End a pipeline's runs, or one of them, by the id that the server knows."""
        return self.call("POST", "kill", json={"dag_id": name, **({"run_id": run_id} if run_id else {})})

    def status(self, name: str, *, only_queued: bool = False) -> list[dict[str, Any]]:
        """Return a pipeline's newest runs."""
        params = {"dag_id": name, **({"only_queued": "true"} if only_queued else {})}
        runs: list[dict[str, Any]] = self.call("GET", "status", params=params)
        return runs

    def log(self, name: str, task_id: str, run_id: str | None = None) -> str:
        """
        Return the log of a pipeline's last run, or of the run with an id that the server knows.

        Its pages are joined; the first is requested with an empty ``after``, as older servers do.
        """
        text, params = [], {"dag_id": name, "task_id": task_id, "after": "", **({"run_id": run_id} if run_id else {})}
        while True:
            page = self.call("GET", "last_dag_logs", params=params)
            text.append(page[task_id])
            if "after" not in page:
                return "".join(text)
            params["after"] = page["after"]
