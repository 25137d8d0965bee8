"""Airflow's REST API as the sandbox and the end-to-end tests use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from sandbox.scoped import Scoped

POLL_SECONDS = 0.25
# Many tests wait at once, and each look takes Airflow 15 ms of a core. So a pause grows by this part of the time that
# was waited, up to the longest.
POLL_GROWTH = 0.2
LONGEST_POLL_SECONDS = 1.0
# Airflow's answer where several processes write to a SQLite file at once; nothing has changed then.
BUSY_DATABASE = "Database error"
BUSY_ATTEMPTS = 5
FINAL_RUN_STATES = frozenset({"success", "failed"})
NOT_READY = frozenset({httpx.codes.NOT_FOUND, httpx.codes.CONFLICT})

Found = TypeVar("Found")


class AirflowApiError(RuntimeError):
    """Airflow refused a request. ``status`` is the HTTP status; the message has Airflow's answer."""

    def __init__(self, method: str, path: str, response: httpx.Response) -> None:
        super().__init__(f"{method} {path} answered {response.status_code}: {response.text[:2000]}")
        self.status = response.status_code


class AirflowClient(Scoped):
    """Calls one Airflow as one user. Logs in at the first call, and again when the token has expired."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self.username = username
        self.password = password
        # The environment's proxies are not for 127.0.0.1.
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self._token: str | None = None

    def stop(self) -> None:
        """Close the connections."""
        self._http.close()

    def token(self) -> str:
        """Log in and return a fresh JWT."""
        response = self._http.post("/auth/token", json={"username": self.username, "password": self.password})
        if response.is_error:
            raise AirflowApiError("POST", "/auth/token", response)
        self._token = str(response.json()["access_token"])
        return self._token

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """
        Send a request with the user's token and return the answer, whatever its status.

        ``path`` is absolute (``/api/v2/dags``); ``options`` are those of ``httpx.Client.request``.
        """
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {self._token or self.token()}"}
        response = self._http.request(method, path, headers=headers, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            headers["Authorization"] = f"Bearer {self.token()}"
            response = self._http.request(method, path, headers=headers, **options)
        return response

    def api(self, method: str, path: str, **options: Any) -> Any:
        """
        Send a request and return the decoded JSON of its answer, None if that is empty.

        Where Airflow's own database was busy, the request is made again.

        :raises AirflowApiError: for a status of 400 and above
        """
        for attempt in range(BUSY_ATTEMPTS):
            time.sleep(attempt * POLL_SECONDS)
            response = self.request(method, path, **options)
            if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR or BUSY_DATABASE not in response.text:
                break
        if response.is_error:
            raise AirflowApiError(method, path, response)
        return response.json() if response.content else None

    def health(self) -> dict[str, str]:
        """Return each component's status (``healthy``, …) by its name; raises httpx.HTTPError if none answers."""
        answer = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        return {name: (state or {}).get("status") or "absent" for name, state in answer.items()}

    def wait_for_dag(self, dag_id: str, timeout: float = 60) -> dict[str, Any]:
        """
        Wait until Airflow has parsed a DAG and return it as ``GET /api/v2/dags/{dag_id}`` does.

        A stale DAG, which its file no longer returns, counts as missing.
        """

        def look() -> tuple[dict[str, Any] | None, object]:
            try:
                dag: dict[str, Any] = self.api("GET", f"/api/v2/dags/{quote(dag_id, safe='')}")
            except AirflowApiError as error:
                if error.status not in NOT_READY:
                    raise
                return None, error
            return (None if dag["is_stale"] else dag), f"is_stale={dag['is_stale']}"

        try:
            return wait_until(look, f"DAG '{dag_id}' to appear", timeout)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; import errors: {self.import_errors() or 'none'}") from None

    def parse_again(self, dag_id: str, timeout: float = 60) -> None:
        """Ask Airflow to parse the file of a DAG, and wait until it has."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}"
        before = self.api("GET", path)
        self.request("PUT", f"/api/v2/parseDagFile/{before['file_token']}")

        def look() -> tuple[bool | None, str]:
            parsed = self.api("GET", path)["last_parsed_time"]
            return (parsed != before["last_parsed_time"] or None), str(parsed)

        wait_until(look, f"DAG '{dag_id}' to be parsed again", timeout)

    def import_errors(self) -> dict[str, str]:
        """Return the errors of DAG files that can't be imported, each by its file's name."""
        answer = self.api("GET", "/api/v2/importErrors")
        return {each["filename"]: each["stack_trace"] for each in answer["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run: the runs of a paused one stay queued."""
        self.api("PATCH", f"/api/v2/dags/{quote(dag_id, safe='')}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run of a DAG now and return its run id."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if run_id is not None:
            body["dag_run_id"] = run_id
        run = self.api("POST", f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns", json=body)
        return str(run["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, timeout: float = 300) -> str:
        """Wait until a run has ended and return its state, ``success`` or ``failed``."""

        def look() -> tuple[str | None, str]:
            state = self.api("GET", run_path(dag_id, run_id))["state"]
            return (state if state in FINAL_RUN_STATES else None), f"run {state}"

        try:
            return wait_until(look, f"run '{run_id}' of DAG '{dag_id}' to end", timeout)
        except TimeoutError as late:
            raise TimeoutError(f"{late}, tasks {self.task_states(dag_id, run_id)}") from None

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run by its task id."""
        answer = self.api("GET", f"{run_path(dag_id, run_id)}/taskInstances")
        return {each["task_id"]: each["state"] for each in answer["task_instances"]}

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of one try of a task as text, a line for each entry."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}/logs/{try_number}"
        entries = self.api("GET", path, params={"full_content": "true"})["content"]
        return "\n".join(log_line(entry) for entry in entries)


def run_path(dag_id: str, run_id: str) -> str:
    """Return the path of a run, its id escaped, which may hold a plus sign."""
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def log_line(entry: str | dict[str, Any]) -> str:
    """Return one entry of a task's log as text, its traceback included."""
    if isinstance(entry, str):
        return entry
    parts = [entry.get("timestamp"), entry.get("level"), entry.get("event")]
    lines = [" ".join(str(part) for part in parts if part)]
    for error in entry.get("error_detail") or []:
        lines += [f"  {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in error["frames"]]
        lines.append(f"  {error['exc_type']}: {error['exc_value']}")
    return "\n".join(lines)


def wait_until(
    look: Callable[[], tuple[Found | None, object]], what: str, timeout: float, longest: float = LONGEST_POLL_SECONDS
) -> Found:
    """
    Call ``look`` until it finds something, and return that.

    ``look`` returns what it found, or None, and a description of what it saw, the last of which is in the TimeoutError.
    ``longest`` is the longest pause in seconds between two looks; what lasts no longer than that may be missed.
    """
    began = time.monotonic()
    while True:
        found, seen = look()
        if found is not None:
            return found
        waited = time.monotonic() - began
        if waited > timeout:
            raise TimeoutError(f"Waited {timeout:.0f} s for {what}. Last seen: {seen}")
        time.sleep(min(longest, POLL_SECONDS + waited * POLL_GROWTH))
