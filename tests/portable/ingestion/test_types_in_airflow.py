"""Every pipeline type at work: real workflows, by Airflow's executor, over PostgreSQL, against the sandbox's server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest

from sandbox import source
from sandbox.postgres import USER, PostgresServer
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
DATABASE = "warehouse"
SQLITE = "sample_sqlite"
CHOSEN = "chosen_tables"
ORDERS = f"{DATABASE}.{DATABASE}.sales.orders"
SCHEMAS = {"schemaFilterPattern": {"includes": ["^sales$", "^reporting$", "^marts$"]}}
SERVICE = {"type": "databaseService", "name": DATABASE}

TEST_CASES = [
    ("enough_orders", "tableRowCountToBeBetween", "", {"minValue": "100", "maxValue": "300"}),
    ("known_customer", "columnValuesToBeNotNull", "::columns::customer_id", {}),
    ("no_small_orders", "columnValuesToBeBetween", "::columns::amount", {"minValue": "100", "maxValue": "300"}),
]


class Outcome(NamedTuple):
    """How the run of a pipeline ended."""

    state: str
    log: str
    reported: list[str]


class Agents:
    """Pipelines of one Airflow, in whose config store they are dropped."""

    def __init__(self, airflow: AirflowStack, server: OpenMetadataServer, store: Path) -> None:
        self.airflow = airflow
        self.server = server
        self.store = store
        self.runs: dict[str, str] = {}

    def start(self, kind: str, config: dict[str, Any], service: dict[str, Any], **conf: Any) -> str:
        """Create a pipeline at the server as its UI does, drop its config, trigger a run, and return its name."""
        name = f"{service['name'] if service['name'] in (SQLITE, CHOSEN) else DATABASE}_{kind}"
        of = {"type": service["type"], "name": service["name"]}
        pipeline = {"name": name, "pipelineType": kind, "sourceConfig": {"config": config}, "airflowConfig": {}}
        created = self.server.put("/api/v1/services/ingestionPipelines", {**pipeline, "service": service})
        connection = {
            "hostPort": f"{self.server.url}/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": self.server.token},
        }
        document = {**created, "service": {**created["service"], **of}, "openMetadataServerConnection": connection}
        (self.store / f"{name}.json").write_text(json.dumps(document))
        self.airflow.wait_for_dag(name)
        self.runs[name] = self.airflow.trigger(name, conf)
        return name

    def end(self, name: str) -> Outcome:
        """Wait for the run of a pipeline and return how it ended."""
        state = self.airflow.wait_for_run(name, self.runs[name])
        (task_id,) = self.airflow.task_states(name, self.runs[name])
        log = self.airflow.task_log(name, self.runs[name], task_id)
        runs = self.server.get("/sandbox/summary")["runs"]
        (reported,) = (states for fqn, states in runs.items() if fqn.endswith(f".{name}"))
        return Outcome(state, log, [each["pipelineState"] for each in reported])


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer({"shared_preload_libraries": "pg_stat_statements"}) as server:
        execute(server, "postgres", f"CREATE DATABASE {DATABASE}")
        execute(server, DATABASE, "CREATE EXTENSION pg_stat_statements", (HERE / "warehouse.sql").read_text())
        yield server


@pytest.fixture(scope="module")
def dbt_target(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of a dbt project that was built in the database."""
    folder = shutil.copytree(HERE / "dbt_project", tmp_path_factory.mktemp("dbt") / "project")
    env = {
        **os.environ,
        "WAREHOUSE_PORT": str(postgres.port),
        "WAREHOUSE_USER": USER,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    dbt = Path(sys.executable).parent / "dbt"
    for command in (["build"], ["docs", "generate", "--no-compile"]):
        done = subprocess.run(
            [dbt, *command, "--profiles-dir", "."], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "target"


@pytest.fixture(scope="module")
def all_types_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenMetadataServer]:
    """A server of this module's own, so that whatever it does not serve is what these workflows asked for."""
    folder = tmp_path_factory.mktemp("openmetadata_of_all_types")
    source.create(folder / "source.db")
    with OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log") as server:
        yield server


@pytest.fixture(scope="module")
def airflow(airflow_under_load: AirflowStack) -> AirflowStack:
    """The one whose workers find the modules that some types need."""
    return airflow_under_load


@pytest.fixture(scope="module")
def outcomes(
    airflow: AirflowStack, all_types_server: OpenMetadataServer, postgres: PostgresServer, dbt_target: Path
) -> dict[str, Outcome]:
    """The outcome of a run of each type; metadata first, which the others need."""
    agents = Agents(airflow, all_types_server, Path(airflow.option("openmetadata_dag_factory", "config_store")))
    connection = {
        "type": "Postgres",
        "username": USER,
        "authType": {"password": "unused-password"},
        "hostPort": f"127.0.0.1:{postgres.port}",
        "database": DATABASE,
    }
    request = {"name": DATABASE, "serviceType": "Postgres", "connection": {"config": connection}}
    warehouse = reference(all_types_server.put("/api/v1/services/databaseServices", request), "databaseService")
    request = {"name": "OpenMetadata", "serviceType": "OpenMetadata"}
    itself = reference(all_types_server.put("/api/v1/services/metadataServices", request), "metadataService")

    sample = reference(all_types_server.get(f"/api/v1/services/databaseServices/name/{SQLITE}"), "databaseService")
    metadata = {"type": "DatabaseMetadata"}
    first = [agents.start("metadata", {**metadata, **SCHEMAS}, warehouse), agents.start("metadata", metadata, sample)]
    done = {name: agents.end(name) for name in first}

    for _ in range(3):
        execute(
            postgres,
            DATABASE,
            "SELECT c.full_name, o.amount FROM sales.orders o JOIN sales.customers c USING (customer_id)",
        )
    execute(
        postgres,
        DATABASE,
        "INSERT INTO reporting.daily_revenue SELECT ordered_at::date, sum(amount) FROM sales.orders GROUP BY 1",
    )
    suite = create_test_cases(all_types_server)
    artifacts = {
        "dbtConfigType": "local",
        **{
            f"dbt{title}FilePath": str(dbt_target / f"{name}.json")
            for title, name in (("Catalog", "catalog"), ("Manifest", "manifest"), ("RunResults", "run_results"))
        },
    }
    app = {"sourcePythonClass": "table_counter.TableCounter", "appConfig": {"service": DATABASE, "greeting": "Hello"}}
    agents.start("lineage", {"type": "DatabaseLineage"}, warehouse)
    agents.start("usage", {"type": "DatabaseUsage", "stageFileLocation": str(staging_beside(agents.store))}, warehouse)
    agents.start("profiler", {"type": "Profiler", **SCHEMAS}, warehouse)
    agents.start("profiler", {"type": "Profiler"}, sample)
    classify = {"type": "AutoClassification", "enableAutoClassification": True, "storeSampleData": True}
    agents.start("autoClassification", {**classify, **SCHEMAS}, warehouse)
    agents.start("autoClassification", classify, sample)
    agents.start("TestSuite", {"type": "TestSuite", "entityFullyQualifiedName": ORDERS}, suite)
    agents.start("dbt", {"type": "DBT", "dbtConfigSource": artifacts}, warehouse)
    agents.start("application", {"type": "Application", **app}, itself, appConfigOverride={"greeting": "Welcome"})
    agents.start("elasticSearchReindex", {"type": "MetadataToElasticSearch"}, itself)
    agents.start("policyAgent", {"type": "PolicyAgent", "policies": []}, warehouse)
    return done | {name: agents.end(name) for name in agents.runs if name not in done}


def staging_beside(store: Path) -> Path:
    """Return the folder in which usage pipelines stage; none may lie in the store."""
    return store.with_name(f"{store.name}_staging")


def execute(server: PostgresServer, database: str, *statements: str) -> None:
    connection = psycopg2.connect(server.url(database, driver="postgresql"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def reference(entity: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"type": kind, "id": entity["id"], "name": entity["name"]}


def create_test_cases(server: OpenMetadataServer) -> dict[str, Any]:
    """Create the test cases of a table, and return a reference to the suite that the server makes of them."""
    for name, definition, place, parameters in TEST_CASES:
        case = server.put(
            "/api/v1/dataQuality/testCases",
            {
                "name": name,
                "testDefinition": definition,
                "entityLink": f"<#E::table::{ORDERS}{place}>",
                "parameterValues": [{"name": each, "value": value} for each, value in parameters.items()],
            },
        )
    return reference(case["testSuite"], "testSuite")


def table(server: OpenMetadataServer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/api/v1/tables/name/{DATABASE}.{DATABASE}.{name}?fields=*")
    return found


def column(server: OpenMetadataServer, name: str, column: str) -> dict[str, Any]:
    (found,) = (each for each in table(server, name)["columns"] if each["name"] == column)
    return dict(found)


def test_metadata_brings_schemas_views_foreign_keys_and_comments(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_metadata"].state == "success", outcomes["warehouse_metadata"].log
    assert outcomes["warehouse_metadata"].reported == ["success"]
    assert all_types_server.get(f"/api/v1/databaseSchemas/name/{DATABASE}.{DATABASE}.sales")["description"] == (
        "What customers bought."
    )
    assert table(all_types_server, "sales.customers")["description"] == "Everybody who ever bought something."
    assert column(all_types_server, "sales.customers", "email")["description"] == "Where bills are sent."
    assert table(all_types_server, "reporting.revenue")["tableType"] == "View"
    (key,) = (
        each
        for each in table(all_types_server, "sales.orders")["tableConstraints"]
        if each["constraintType"] == "FOREIGN_KEY"
    )
    assert key["columns"] == ["customer_id"]
    assert key["referredColumns"] == [f"{DATABASE}.{DATABASE}.sales.customers.customer_id"]


def test_lineage_leads_from_tables_to_what_views_and_queries_make_of_them(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_lineage"].state == "success", outcomes["warehouse_lineage"].log
    assert outcomes["warehouse_lineage"].reported == ["success"]
    edges = all_types_server.get("/sandbox/summary")["edges"]
    inside = f"{DATABASE}.{DATABASE}"
    assert f"{inside}.sales.customers -> {inside}.reporting.revenue" in edges
    assert f"{inside}.sales.orders -> {inside}.reporting.daily_revenue" in edges


def test_usage_counts_the_queries_of_the_log_and_leaves_no_staging_file(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer, airflow: AirflowStack
) -> None:
    assert outcomes["warehouse_usage"].state == "success", outcomes["warehouse_usage"].log
    assert outcomes["warehouse_usage"].reported == ["success"]
    assert table(all_types_server, "sales.customers")["usageSummary"]["dailyStats"]["count"] > 0
    queries = all_types_server.get("/api/v1/queries?fields=*&limit=1000")["data"]
    (join,) = (each for each in queries if "o.amount" in each["query"] and each["query"].startswith("SELECT"))
    assert {each["name"] for each in join["queryUsedIn"]} == {"orders", "customers"}
    staging = staging_beside(Path(airflow.option("openmetadata_dag_factory", "config_store")))
    assert list(staging.iterdir()) == []


def test_profiler_measures_tables_and_columns(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_profiler"].state == "success", outcomes["warehouse_profiler"].log
    assert outcomes["warehouse_profiler"].reported == ["success"]
    assert table(all_types_server, "sales.orders")["profile"]["rowCount"] == 200
    amount = column(all_types_server, "sales.orders", "amount")["profile"]
    assert (amount["min"], amount["max"], amount["nullCount"]) == (1, 200, 0)


def test_auto_classification_stores_samples_and_tags_what_is_personal(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_autoClassification"].state == "success", outcomes["warehouse_autoClassification"].log
    assert outcomes["warehouse_autoClassification"].reported == ["success"]
    assert len(table(all_types_server, "sales.customers")["sampleData"]["rows"]) == 50
    assert [tag["tagFQN"] for tag in column(all_types_server, "sales.customers", "email")["tags"]] == ["PII.Sensitive"]
    assert not column(all_types_server, "sales.customers", "country_code").get("tags")


@pytest.mark.parametrize("kind", ["metadata", "profiler", "autoClassification"])
def test_what_runs_over_postgresql_runs_over_sqlite_too(outcomes: dict[str, Outcome], kind: str) -> None:
    outcome = outcomes[f"{SQLITE}_{kind}"]
    assert outcome.state == "success", outcome.log
    assert outcome.reported == ["success"]


def test_sqlite_s_tables_are_measured_and_what_is_personal_in_them_is_tagged(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    customers = all_types_server.get(f"/api/v1/tables/name/{SQLITE}.default.main.customers?fields=*")
    assert customers["profile"]["rowCount"] > 0
    (email,) = (each for each in customers["columns"] if each["name"] == "email")
    assert [tag["tagFQN"] for tag in email["tags"]] == ["PII.Sensitive"]


def test_a_test_suite_tells_which_of_its_test_cases_failed(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_TestSuite"].state == "success", outcomes["warehouse_TestSuite"].log
    assert outcomes["warehouse_TestSuite"].reported == ["success"]
    cases = all_types_server.get("/api/v1/dataQuality/testCases?limit=1000")["data"]
    assert {each["name"]: each["testCaseStatus"] for each in cases if ORDERS in each["entityLink"]} == {
        "enough_orders": "Success",
        "known_customer": "Success",
        "no_small_orders": "Failed",
    }


def test_dbt_brings_descriptions_tags_lineage_and_test_results_of_its_models(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_dbt"].state == "success", outcomes["warehouse_dbt"].log
    assert outcomes["warehouse_dbt"].reported == ["success"]
    model = table(all_types_server, "marts.best_customers")
    assert model["description"] == "What each customer has spent."
    assert [tag["tagFQN"] for tag in model["dataModel"]["tags"]] == ["dbtTags.finance"]
    assert f"{ORDERS} -> {model['fullyQualifiedName']}" in all_types_server.get("/sandbox/summary")["edges"]
    cases = all_types_server.get("/api/v1/dataQuality/testCases?limit=1000")["data"]
    tested = {each["name"]: each["testCaseStatus"] for each in cases if "best_customers" in each["entityLink"]}
    assert tested == {
        "not_null_best_customers_customer_id": "Success",
        "unique_best_customers_customer_id": "Success",
    }


def test_an_application_of_our_own_runs_with_the_config_that_its_trigger_overrides(
    outcomes: dict[str, Outcome],
) -> None:
    assert outcomes["warehouse_application"].state == "success", outcomes["warehouse_application"].log
    assert outcomes["warehouse_application"].reported == ["success"]
    assert "Welcome, there are " in outcomes["warehouse_application"].log
    assert f" tables in {DATABASE}" in outcomes["warehouse_application"].log


def test_a_run_of_a_test_suite_may_be_limited_to_some_of_its_test_cases(
    outcomes: dict[str, Outcome], airflow: AirflowStack, all_types_server: OpenMetadataServer
) -> None:
    assert outcomes["warehouse_TestSuite"].state == "success"
    details = airflow.api("GET", "/api/v2/dags/warehouse_TestSuite/details")
    assert list(details["params"]) == ["testCases", "sourceConfigOverride", "pipelineRunId"]
    # As the form sends it: what was left empty is null.
    conf = {"testCases": [f"{ORDERS}.customer_id.known_customer"], "sourceConfigOverride": None, "pipelineRunId": None}
    run_id = airflow.trigger("warehouse_TestSuite", conf)
    assert airflow.wait_for_run("warehouse_TestSuite", run_id) == "success"
    results = {
        case["name"]: all_types_server.get(
            f"/api/v1/dataQuality/testCases/testCaseResults/{case['fullyQualifiedName']}"
        )
        for case in all_types_server.get("/api/v1/dataQuality/testCases?limit=1000")["data"]
        if ORDERS in case["entityLink"]
    }
    assert {name: found["paging"]["total"] for name, found in results.items()} == {
        "enough_orders": 1,
        "known_customer": 2,
        "no_small_orders": 1,
    }


def test_a_conf_that_does_not_fit_fails_the_task_which_names_the_key_and_not_the_value(
    outcomes: dict[str, Outcome], airflow: AirflowStack
) -> None:
    assert outcomes["warehouse_lineage"].state == "success"
    run_id = airflow.trigger("warehouse_lineage", {"testCases": ["canary-7731"]})
    assert airflow.wait_for_run("warehouse_lineage", run_id) == "failed"
    log = airflow.task_log("warehouse_lineage", run_id, "lineage_task")
    assert "field 'conf.testCases': works for pipelines of type TestSuite alone" in log
    assert "canary-7731" not in log


def test_a_conf_limits_a_run_to_some_tables_and_the_log_says_what_it_has_replaced(
    airflow: AirflowStack, all_types_server: OpenMetadataServer
) -> None:
    agents = Agents(airflow, all_types_server, Path(airflow.option("openmetadata_dag_factory", "config_store")))
    sample = all_types_server.get(f"/api/v1/services/databaseServices/name/{SQLITE}")
    request = {"name": CHOSEN, "serviceType": "SQLite", "connection": sample["connection"]}
    service = reference(all_types_server.put("/api/v1/services/databaseServices", request), "databaseService")
    chosen = {"type": "DatabaseMetadata", "tableFilterPattern": {"includes": ["^customers$"]}, "includeViews": False}
    name = agents.start("metadata", {"type": "DatabaseMetadata"}, service, sourceConfigOverride=chosen)
    outcome = agents.end(name)
    assert (outcome.state, outcome.reported) == ("success", ["success"]), outcome.log
    assert "conf.sourceConfigOverride replaces 'includeViews', 'tableFilterPattern', 'type'" in outcome.log
    tables = [each["fullyQualifiedName"] for each in all_types_server.get("/api/v1/tables?limit=1000")["data"]]
    assert [each for each in tables if each.startswith(f"{CHOSEN}.")] == [f"{CHOSEN}.default.main.customers"]

    # What only openmetadata-ingestion can find wrong.
    run_id = airflow.trigger(name, {"sourceConfigOverride": {"threads": "canary-4410"}})
    assert airflow.wait_for_run(name, run_id) == "failed"
    log = airflow.task_log(name, run_id, "ingestion_task")
    assert "conf.sourceConfigOverride replaces 'threads'" in log
    assert "canary-4410" not in log


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        # openmetadata-ingestion 2.0 has the types, but neither of the sources: they belong to other distributions.
        ("elasticSearchReindex", "metadata_elasticsearch"),
        ("policyAgent", "'NoneType' object has no attribute 'name'"),
    ],
)
def test_a_type_whose_source_openmetadata_ingestion_lacks_starts_its_workflow_and_reports_that_it_failed(
    outcomes: dict[str, Outcome], kind: str, missing: str
) -> None:
    assert outcomes[f"warehouse_{kind}"].state == "failed"
    assert outcomes[f"warehouse_{kind}"].reported == ["failed"]
    assert missing in outcomes[f"warehouse_{kind}"].log


def test_the_sandbox_serves_all_that_the_workflows_ask(
    outcomes: dict[str, Outcome], all_types_server: OpenMetadataServer
) -> None:
    assert all_types_server.get("/sandbox/summary")["unserved"] == []
