"""What FAB, the auth manager that keeps users in Airflow's database, has besides: roles, passwords that change."""

from __future__ import annotations

import asyncio
import base64
import uuid

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.identity import KEPT_SECONDS, Logins
from dag_factory.api_server.api.rest import AirflowApi
from sandbox.client import wait_until
from sandbox.fab import API, FabAirflowStack
from sandbox.pipeline_service import PipelineServiceError
from tests.e2e.pipelines import sample
from tests.e2e.servers import calling

pytestmark = pytest.mark.e2e


def test_the_permissions_that_the_readme_names_are_enough_for_a_pipeline_s_whole_life(fab: FabAirflowStack) -> None:
    name = "with_few_permissions"
    with calling(fab, "openmetadata") as server:
        server.deploy(sample(name))
        run_id = str(uuid.uuid4())
        server.trigger(name, {"pipelineRunId": run_id})

        def look() -> tuple[str | None, str]:
            (run,) = server.status(name)
            return (run["pipelineState"] if run["endDate"] else None), str(run)

        state = wait_until(look, "the run to end", timeout=300)
        assert state == "success", server.log(name, "ingestion_task")
        assert "Workflow Success %: 100.0" in server.log(name, "ingestion_task")
        server.disable(name)
        server.trigger(name)
        assert "1 run " in server.kill(name)["message"]
        server.enable(name)
        server.delete(name)
        with pytest.raises(PipelineServiceError, match="404"):
            server.status(name)


def test_the_log_of_a_run_is_read_only_with_the_permission_to_read_logs(fab: FabAirflowStack) -> None:
    name = "with_a_log"
    runs = [("can_read", "DAGs"), ("can_read", "DAG Runs"), ("can_read", "Task Instances")]
    fab.add_role("NoLogs", runs)
    fab.add_user("no_logs", "NoLogs")
    fab.add_role("Logs", [*runs, ("can_read", "Task Logs")])
    fab.add_user("logs", "Logs")
    with calling(fab, fab.username) as server:
        server.deploy(sample(name))
        run_id = str(uuid.uuid4())
        server.trigger(name, {"pipelineRunId": run_id})
        fab.wait_for_run(name, run_id)
        with calling(fab, "no_logs") as refused_one:
            assert [run["runId"] for run in refused_one.status(name)] == [run_id]
            with pytest.raises(PipelineServiceError, match="lacks Airflow's permission") as refused:
                refused_one.log(name, "ingestion_task")
            assert refused.value.status == 403
        with calling(fab, "logs") as allowed:
            assert "Running config" in allowed.log(name, "ingestion_task")
        server.delete(name)


def test_a_user_with_rights_to_one_dag_may_do_nothing_with_another(fab: FabAirflowStack) -> None:
    mine, other = "my_very_own", "somebody_s"
    with calling(fab, fab.username) as server:
        for name in (mine, other):
            server.deploy(sample(name))
            fab.wait_for_dag(name)
        fab.command("sync-perm", "--include-dags")
        runs = [("can_read", "DAG Runs"), ("can_create", "DAG Runs"), ("can_edit", "DAG Runs")]
        fab.add_role("OneDag", [("can_read", f"DAG:{mine}"), ("can_edit", f"DAG:{mine}"), *runs])
        fab.add_user("one_dag", "OneDag")
        with calling(fab, "one_dag") as limited:
            for call in (limited.disable, limited.trigger, limited.kill, limited.status, limited.enable):
                call(mine)
                with pytest.raises(PipelineServiceError) as refused:
                    call(other)
                assert refused.value.status == 403
            limited.deploy(sample(mine))
            for name in (other, "not_there_yet"):
                with pytest.raises(PipelineServiceError) as refused:
                    limited.deploy(sample(name))
                assert refused.value.status == 403
            for name in (mine, other):
                with pytest.raises(PipelineServiceError) as refused:
                    limited.delete(name)
                assert refused.value.status == 403
        for name in (mine, other):
            server.delete(name)


def login_of(fab: FabAirflowStack) -> FastAPI:
    """Return an app that hands logins on to a running Airflow, so that a shorter memory of them can be tried out."""
    app = FastAPI()

    @app.post("/auth/token")
    async def login(request: Request) -> Response:
        async with httpx.AsyncClient(base_url=fab.url, trust_env=False) as airflow:
            answer = await airflow.post("/auth/token", json=await request.json())
        return JSONResponse(answer.json(), answer.status_code)

    return app


def basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def test_a_changed_password_is_refused_as_soon_as_its_token_is_no_longer_kept(fab: FabAirflowStack) -> None:
    fab.add_user("changes", "Viewer")
    before = basic("changes", fab.passwords["changes"])

    async def ask() -> None:
        logins = Logins(AirflowApi(lambda: login_of(fab)), kept_seconds=0)
        assert (await logins.caller(before)).token
        fab.change_password("changes")
        with pytest.raises(Refused, match="Username or password is wrong"):
            await logins.caller(before)
        assert (await logins.caller(basic("changes", fab.passwords["changes"]))).token

    asyncio.run(ask())
    assert KEPT_SECONDS < 60


def test_a_user_who_is_gone_is_refused_before_the_token_is_forgotten(fab: FabAirflowStack) -> None:
    fab.add_user("leaves", "Viewer")
    with calling(fab, "leaves") as server:
        with pytest.raises(PipelineServiceError, match="404"):
            server.status("no_such_pipeline")
        fab.api("DELETE", f"{API}/users/leaves")

        def look() -> tuple[bool | None, str]:
            with pytest.raises(PipelineServiceError) as refused:
                server.status("no_such_pipeline")
            return (refused.value.status == 401 or None), str(refused.value)

        wait_until(look, "the user to be refused", timeout=KEPT_SECONDS)
