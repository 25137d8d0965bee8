"""A stand-in for the part of Airflow's REST API that the page asks, over DAGs and runs in memory."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.page.standings import Standing, Visible
from dag_factory.settings.airflow_versions import MOST_CHANGED_AT_ONCE

MOST = 100

Dag = dict[str, Any]
Run = dict[str, Any]


def dag(dag_id: str, *tags: str, **fields: Any) -> Dag:
    """Return a DAG as Airflow lists it, with our tag and some more."""
    return {
        "dag_id": dag_id,
        "dag_display_name": dag_id,
        "is_paused": False,
        "description": None,
        "timetable_description": None,
        "next_dagrun_run_after": None,
        "owners": ["openmetadata"],
        "tags": [{"name": tag} for tag in sorted({"OpenMetadata", *tags})],
        **fields,
    }


def run(run_id: str, state: str = "success", **fields: Any) -> Run:
    """Return a run as Airflow lists it, which is as old as its id sorts before others."""
    started = None if state == "queued" else "2026-01-01T00:00:00Z"
    ended = "2026-01-01T00:01:30Z" if state in ("success", "failed") else None
    times = {"run_after": "2026-01-01T00:00:00Z", "start_date": started, "end_date": ended}
    return {"dag_run_id": run_id, "state": state, "note": None, **times, **fields}


class FakeAirflow:
    """
    Airflow with some DAGs and their runs, the oldest first.

    :param closed: DAG ids that the user may see, but not change
    """

    def __init__(self, *dags: Dag, runs: dict[str, list[Run]] | None = None, closed: tuple[str, ...] = ()) -> None:
        self.dags = {each["dag_id"]: each for each in dags}
        self.runs = runs or {}
        self.closed = closed
        self.asked: list[str] = []
        self.changes: list[tuple[str, str]] = []
        self.most_runs = 0
        """How many runs the longest answer has had."""
        self.left: dict[str, Any] = {}
        """What the tasks of runs have left, by the key of the XCom."""
        self.may_see_runs = True
        self.may_see_details = True
        self.may_edit_all = True
        self.hidden = False
        """Whether there are pipelines that the user may not see."""
        self.app = FastAPI()
        base = "/api/v2/dags"
        self.app.get(base)(self._list)
        self.app.patch(base)(self._patch_all)
        self.app.post(f"{base}/~/dagRuns/list")(self._list_runs)
        self.app.get(f"{base}/{{dag_id}}")(self._one)
        self.app.get(f"{base}/{{dag_id}}/details")(self._details)
        self.app.get(f"{base}/{{dag_id}}/dagRuns/{{run_id}}/taskInstances/{{task}}/xcomEntries/{{key}}")(self._xcom)
        self.app.patch(f"{base}/{{dag_id}}")(self._patch)
        self.app.get(f"{base}/{{dag_id}}/dagRuns")(self._runs_of)
        self.app.post(f"{base}/{{dag_id}}/dagRuns")(self._trigger)
        self.app.post(f"{base}/{{dag_id}}/dagRuns/{{run_id}}/clear")(self._clear)
        self.app.get("/api/v2/dagTags")(self._tags)

    def standings(self, user: object) -> Visible:
        """Return the pipelines as Airflow's database has them."""
        assert user == "user"
        found = []
        for each in self.dags.values():
            names = {tag["name"] for tag in each["tags"]}
            if "OpenMetadata" in names:
                last = self.last(each["dag_id"])
                found.append(Standing(each["is_paused"], last["state"] if last else None, names))
        return Visible(found, are_all=not self.hidden)

    def last(self, dag_id: str) -> Run | None:
        """Return the last run of a DAG."""
        runs = self.runs.get(dag_id)
        return runs[-1] if runs else None

    def _list(
        self,
        request: Request,
        tags: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
        tags_match_mode: str = "any",
        paused: bool | None = None,
        last_dag_run_state: str | None = None,
        dag_run_start_date_gte: str | None = None,
        dag_display_name_pattern: str = "",
        dag_id_pattern: str = "",
        order_by: str = "dag_id",
        limit: int = 50,
        offset: int = 0,
    ) -> dict[str, Any]:
        self.asked.append(str(request.url.query))
        match = all if tags_match_mode == "all" else any
        found = [
            each for each in self.dags.values() if not tags or match({"name": tag} in each["tags"] for tag in tags)
        ]
        found = [each for each in found if paused is None or each["is_paused"] == paused]
        found = [each for each in found if dag_display_name_pattern.lower() in each["dag_display_name"].lower()]
        found = [each for each in found if dag_id_pattern.strip("~").lower() in each["dag_id"].lower()]
        if last_dag_run_state:
            found = [each for each in found if (self.last(each["dag_id"]) or {}).get("state") == last_dag_run_state]
        if dag_run_start_date_gte:
            found = [each for each in found if (self.last(each["dag_id"]) or {}).get("start_date")]
        found.sort(key=lambda each: self._sorted_by(each, order_by.lstrip("-")), reverse=order_by.startswith("-"))
        return {"dags": found[offset : offset + min(limit, MOST)], "total_entries": len(found)}

    def _sorted_by(self, each: Dag, name: str) -> tuple[str, str]:
        last = self.last(each["dag_id"]) or {}
        key = {"last_run_start_date": last.get("start_date"), "last_run_state": last.get("state")}.get(name, "")
        # What is missing comes first, as SQLite has it.
        return (key or "", each["dag_id"])

    def _patch_all(self, request: Request, body: dict[str, bool], dag_id_pattern: str = "") -> Any:
        if not self.may_edit_all:
            return JSONResponse({"detail": "Forbidden"}, 403)
        query = dict(request.query_params)
        pages = [
            self._list(
                request,
                request.query_params.getlist("tags"),
                query.get("tags_match_mode", "any"),
                {"true": True, "false": False}.get(query.get("paused", "")),
                dag_id_pattern=dag_id_pattern or "nothing",
                limit=MOST,
                offset=offset,
            )["dags"]
            for offset in range(0, len(self.dags), MOST)
        ]
        found = [each for page in pages for each in page if each["dag_id"] not in self.closed]
        # Airflow 3.1 changes only those that it would show.
        for each in found[: MOST_CHANGED_AT_ONCE and int(query["limit"])]:
            each["is_paused"] = body["is_paused"]
        self.changes.append(("patch", query.get("dag_id_pattern", "")))
        return {"dags": found[:1], "total_entries": len(found)}

    def _one(self, dag_id: str) -> Response:
        found = self.dags.get(dag_id)
        return JSONResponse(found or {"detail": "not found"}, 200 if found else 404)

    def _details(self, dag_id: str) -> Response:
        return self._one(dag_id) if self.may_see_details else JSONResponse({"detail": "Forbidden"}, 403)

    def _xcom(self, run_id: str, key: str) -> Response:
        found = self.left.get(key)
        return JSONResponse({"value": found} if found else {"detail": "not found"}, 200 if found else 404)

    def _patch(self, dag_id: str, body: dict[str, bool]) -> Response:
        if (refusal := self._refusal(dag_id)) is not None:
            return refusal
        self.dags[dag_id]["is_paused"] = body["is_paused"]
        self.changes.append(("paused" if body["is_paused"] else "unpaused", dag_id))
        return JSONResponse(self.dags[dag_id])

    def _trigger(self, dag_id: str, body: dict[str, Any]) -> Response:
        if (refusal := self._refusal(dag_id)) is not None:
            return refusal
        assert body == {"logical_date": None}
        self.changes.append(("triggered", dag_id))
        return JSONResponse({})

    def _clear(self, dag_id: str, run_id: str, body: dict[str, bool]) -> Response:
        if (refusal := self._refusal(dag_id)) is not None:
            return refusal
        assert body == {"dry_run": False, "only_failed": True}
        self.changes.append((f"cleared {run_id}", dag_id))
        return JSONResponse({})

    def _refusal(self, dag_id: str) -> Response | None:
        if dag_id not in self.dags:
            return JSONResponse({"detail": "not found"}, 404)
        return JSONResponse({"detail": "Forbidden"}, 403) if dag_id in self.closed else None

    def _list_runs(self, body: dict[str, Any]) -> Response:
        self.asked.append(f"runs of {','.join(body['dag_ids'])}")
        if not self.may_see_runs:
            return JSONResponse({"detail": "Forbidden"}, 403)
        found = [{**each, "dag_id": dag_id} for dag_id in body["dag_ids"] for each in self.runs.get(dag_id, [])]
        found.sort(key=lambda each: str(each["dag_run_id"]), reverse=True)
        some = found[: body["page_limit"]]
        self.most_runs = max(self.most_runs, len(some))
        return JSONResponse({"dag_runs": some, "total_entries": len(found)})

    def _runs_of(self, dag_id: str, limit: int = 50) -> Response:
        self.asked.append(f"runs of {dag_id} alone")
        if not self.may_see_runs:
            return JSONResponse({"detail": "Forbidden"}, 403)
        found = [{**each, "dag_id": dag_id} for each in reversed(self.runs.get(dag_id, []))]
        return JSONResponse({"dag_runs": found[:limit], "total_entries": len(found)})

    def _tags(self, tag_name_pattern: str, limit: int = 50, offset: int = 0) -> dict[str, Any]:
        self.asked.append(tag_name_pattern)
        names = sorted({tag["name"] for each in self.dags.values() for tag in each["tags"]})
        found = [name for name in names if tag_name_pattern in name]
        return {"tags": found[offset : offset + limit], "total_entries": len(found)}
