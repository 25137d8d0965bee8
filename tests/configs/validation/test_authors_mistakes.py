"""
One author's mistake to a file, as somebody makes it who has read only the README: each is named before anything runs.

Each file is merged over a good `defaults.yaml`, as an author drops it into the store; what is said is the watcher's log.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from dag_factory.api_server.watch.change_log import NEW, report
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.misnamed import Misnamed
from tests.places import TESTS

CASES = TESTS / "cases"
DEFAULTS = (CASES / "defaults.yaml").read_text()
GOOD = "name: orders\n"
AIRFLOW = "name: orders\nairflowConfig:\n"
SERVER = "name: orders\nopenMetadataServerConnection:\n"
RUNNER = "name: orders\ndagFactory:\n  runner:\n"

# What is written, where it stands (line), and what is said of it.
# ruff: noqa: E501
MISTAKES: list[tuple[str, int, str]] = [
    # names of fields
    (f"{AIRFLOW}  scheduleInteval: 0 3 * * *\n", 3, "'airflowConfig.scheduleInteval'.*Did you mean 'scheduleInterval'"),
    (f"{GOOD}airflowConfg: {{retries: 2}}\n", 2, "'airflowConfg'.*Did you mean 'airflowConfig'"),
    (f"{GOOD}dagfactory: {{}}\n", 2, "'dagfactory'.*Did you mean 'dagFactory'"),
    (
        f"{SERVER}  hostport: http://om.example/api\n  securityConfig: {{jwtToken: a.b.c}}\n",
        3,
        "'openMetadataServerConnection.hostport'.*'hostPort'",
    ),
    (f"{GOOD}service: {{type: databaseSevice, name: s}}\n", 2, "'service.type'.*Did you mean 'databaseService'"),
    (f"{GOOD}scheduleInterval: 0 3 * * *\n", 2, "'scheduleInterval'.*belongs in airflowConfig"),
    (f"{GOOD}retries: 3\n", 2, "'retries'.*belongs in airflowConfig"),
    (f"{GOOD}jwtToken: {{$env: OPENMETADATA_JWT_TOKEN}}\n", 2, "'jwtToken'.*securityConfig"),
    (f"{GOOD}pool: small\n", 2, "'pool'.*belongs in dagFactory.runner"),
    (f"{GOOD}display_name: Orders\n", 2, "'display_name'.*Write displayName"),
    (f"{GOOD}DisplayName: Orders\n", 2, "'DisplayName'.*Did you mean 'displayName'"),
    (f"{AIRFLOW}  max_active_runs: 2\n", 3, "'airflowConfig.max_active_runs'.*Write maxActiveRuns"),
    (f"{AIRFLOW}  retry-delay: 2\n", 3, "'airflowConfig.retry-delay'.*Write retryDelay"),
    (f"{AIRFLOW}  timezone: UTC\n  pipelineTimeZone: UTC\n", 4, "pipelineTimeZone'.*Did you mean 'pipelineTimezone'"),
    (f"{RUNNER}    pools: small\n", 4, "'dagFactory.runner.pools'.*Did you mean 'pool'"),
    (f"{GOOD}dagFactory: {{runners: {{}}}}\n", 2, "'dagFactory.runners'.*Did you mean 'runner'"),
    (f"{RUNNER}    image: ours\n", 4, "'dagFactory.runner.image'.*Known fields: python, pool, queue"),
    (f"{GOOD}loggerlevel: INFO\n", 2, "'loggerlevel'.*Did you mean 'loggerLevel'"),
    (f"{GOOD}owners: [{{tpye: team, name: sales}}]\n", 2, "'owners.0.tpye'.*Did you mean 'type'"),
    # booleans
    (f"{GOOD}enabled: yes\n", 2, "'enabled'.*Write true or false"),
    (f"{GOOD}raiseOnError: no\n", 2, "'raiseOnError'.*Write true or false"),
    (f"{AIRFLOW}  pausePipeline: off\n", 3, "'airflowConfig.pausePipeline'.*Write true or false"),
    (f'{GOOD}enabled: "true"\n', 2, "'enabled'.*without quotes"),
    (f"{GOOD}sourceConfig: {{config: {{includeTables: Yes}}}}\n", 2, "'sourceConfig.config.includeTables'"),
    # schedules
    (f"{AIRFLOW}  scheduleInterval: 0 0 3 * * *\n", 3, "has 6 fields.*Write five"),
    (f"{AIRFLOW}  scheduleInterval: 0 0 1 1 * 0 2027\n", 3, "has 7 fields.*Write five"),
    (f"{AIRFLOW}  scheduleInterval: 0 0 31 2 *\n", 3, "matches no date"),
    (f"{AIRFLOW}  scheduleInterval: every day\n", 3, "is not a cron expression"),
    (f'{AIRFLOW}  scheduleInterval: "@dayly"\n', 3, "is not a cron expression.*@daily"),
    (f"{AIRFLOW}  scheduleInterval: @daily\n", 3, "is not YAML.*need quotes"),
    (f"{AIRFLOW}  scheduleInterval: */5 * * * *\n", 3, "is not YAML.*need quotes"),
    (f"{AIRFLOW}  scheduleInterval: {{cron: 0 3 * * *}}\n", 3, "'airflowConfig.scheduleInterval'.*is not a text"),
    (f"{AIRFLOW}  pipelineTimezone: Europe/Berln\n", 3, "is not a timezone"),
    (f"{AIRFLOW}  startDate: 31.01.2027\n", 3, "'airflowConfig.startDate'.*is not a date. Write one like 2027-01-31"),
    (
        f"{AIRFLOW}  startDate: 2027-02-01\n  endDate: 2027-01-01\n",
        4,
        "'airflowConfig.endDate'.*lies before startDate",
    ),
    (f'{AIRFLOW}  scheduleInterval: "@continuous"\n  maxActiveRuns: 2\n', 4, "'airflowConfig.maxActiveRuns'"),
    # kinds of values
    (f"{AIRFLOW}  retries: two\n", 3, "'airflowConfig.retries'.*is not a whole number"),
    (f"{AIRFLOW}  retries: -1\n", 3, "'airflowConfig.retries'.*is less than 0"),
    (f"{AIRFLOW}  email: sales\n", 3, "'airflowConfig.email'.*is not an e-mail address"),
    (f"{GOOD}service: sample_sqlite\n", 2, r"'service'.*Write \{type: databaseService, name: sample_sqlite\}"),
    (f"{GOOD}owners: {{type: team, name: sales}}\n", 2, "'owners'.*is not a list"),
    (f"{GOOD}service: {{name: null}}\n", 2, "'service.name'.*is missing"),
    (f"{GOOD}sourceConfig: null\n", 2, r"'sourceConfig'.*Write \{config: \{type: DatabaseMetadata\}\}"),
    (f"{GOOD}sourceConfig: {{config: {{type: Profiler}}}}\n", 2, "'sourceConfig.config.type'"),
    (f"{GOOD}pipelineType: metdata\n", 2, "'pipelineType'.*Did you mean 'metadata'"),
    ("pipelineType: metadata\n", 1, "'name'.*is missing"),
    # ways to servers, and references
    (f"{GOOD}openMetadataServerConnection: null\n", 2, "'openMetadataServerConnection'.*is missing"),
    (f"{SERVER}  hostPort: localhost:8585\n  securityConfig: {{jwtToken: a.b.c}}\n", 3, "is not an http or https URL"),
    (f"{SERVER}  hostPort: http://om\n  securityConfig: {{jwtToken: a.b.c}}\n", 3, "hostPort'.*Add /api"),
    (f"{SERVER}  securityConfig: {{jwtToken: {{$Env: X}}}}\n", 3, "Did you mean '\\$env'"),
    (
        f"{SERVER}  securityConfig: {{jwtToken: {{$conection: x, field: password}}}}\n",
        3,
        "Did you mean '\\$connection'",
    ),
    (f"{SERVER}  securityConfig: {{jwtToken: '${{TOKEN}}'}}\n", 3, r"jwtToken'.*Write \{\$env: NAME\}"),
    (f"{SERVER}  securityConfig: {{jwtToken: {{$env: HOME}}}}\n", 3, "allowed_env"),
    (f"{SERVER}  securityConfig: {{jwtToken: {{$connection: openmetadata}}}}\n", 3, "'.*jwtToken'"),
    (f"{GOOD}airflowConfig: {{retries: {{$env: OPENMETADATA_X}}}}\n", 2, "'airflowConfig.retries'.*is a reference"),
    # YAML
    ("name: orders\nairflowConfig:\n\tretries: 2\n", 3, "YAML takes no tabs"),
    ("name: orders\nairflowConfig:\n    retries: 2\n  retryDelay: 3\n", 4, "The indentation is wrong"),
    ("name: orders\nairflowConfig\n  retries: 2\n", 2, "A field is written as 'name: value'"),
    ("name: orders\ndescription: see: the wiki\n", 2, "needs quotes"),
    ("name: orders\nowners: [{type: team, name: sales}\n", 3, "The file ends too early"),
    ("name: orders\nname: refunds\n", 2, "has 'name' twice"),
    ("name: orders\n---\nname: refunds\n", 2, "holds several documents.*Write one pipeline per file"),
    ("- name: orders\n", 0, "is not a mapping.*one pipeline per file"),
    # what people know from elsewhere, or take for something else
    (f"{AIRFLOW}  schedule: 0 3 * * *\n", 3, "'airflowConfig.schedule'.*Did you mean 'scheduleInterval'"),
    (f"{AIRFLOW}  catchup: true\n", 3, "'airflowConfig.catchup'.*Did you mean 'pipelineCatchup'"),
    (f"{GOOD}cron: 0 3 * * *\n", 2, "'cron'.*Did you mean 'airflowConfig.scheduleInterval'"),
    (f"{GOOD}logLevel: DEBUG\n", 2, "'logLevel'.*Did you mean 'loggerLevel'"),
    (f"{AIRFLOW}  loggerLevel: DEBUG\n", 3, "'airflowConfig.loggerLevel'.*It belongs on the top level"),
    (f"{GOOD}schemaFilterPattern: {{includes: [main]}}\n", 2, "'schemaFilterPattern'.*belongs in sourceConfig.config"),
    (f"{GOOD}dagFactory: {{pool: small}}\n", 2, "'dagFactory.pool'.*It belongs in dagFactory.runner: indent"),
    (f"{GOOD}dagFactory: {{spread: 90000}}\n", 2, "'dagFactory.spread'.*is more than 86400. Write 86400 or less"),
    (f"{GOOD}dagFactory: {{spread: an hour}}\n", 2, "'dagFactory.spread'.*is not a whole number"),
    (f"{GOOD}dagFactory: {{spraed: 60}}\n", 2, "'dagFactory.spraed'.*Did you mean 'spread'"),
    (f"{GOOD}spread: 60\n", 2, "'spread'.*It belongs in dagFactory: indent"),
    (
        f'{AIRFLOW}  scheduleInterval: "*/5 * * * *"\ndagFactory: {{spread: 3600}}\n',
        4,
        "'dagFactory.spread'.*is longer than the 300 s between two ticks.*Write 300 or less",
    ),
    (f"{GOOD}dagFactory: {{runner: {{python: /usr/bin/python3}}}}\n", 2, "'dagFactory.runner.python'.*allowed_pythons"),
    (f"{GOOD}service: {{type: database, name: s}}\n", 2, "'service.type'.*Did you mean 'databaseService'"),
    (f"{GOOD}service: {{type: Mysql, name: s}}\n", 2, "'service.type'.*is not a kind of service. Write one such as"),
    (f"{AIRFLOW}  pipelineTimezone: UTC+2\n", 3, "is not a timezone. Write an IANA name"),
    (f"{AIRFLOW}  pipelineTimezone: europe/berlin\n", 3, "is not a timezone. Did you mean 'Europe/Berlin'"),
    (f"{GOOD}data: []\n", 2, "'data'.*is unknown here"),
    ("data:\n- name: orders\npaging: {}\n", 1, "'data'.*is a list of pipelines.*Write each of the list into a file"),
    (
        f"{GOOD}sourceConfig: {{config: {{schemaFilterPattern: {{includes: ['*x']}}}}}}\n",
        2,
        "is not a regular expression",
    ),
    (
        f"{SERVER}  securityConfig: {{jwtToken: {{$connection: openmetadata, field: passwort}}}}\n",
        3,
        "'.*jwtToken.field'.*is not a part of a Connection. Did you mean 'password'",
    ),
    (f"{SERVER}  verifySSL: false\n", 3, "'openMetadataServerConnection.verifySSL'.*Write one of no-ssl, ignore"),
    (f"{SERVER}  authProvider: openmetadat\n", 3, "authProvider'.*Did you mean 'openmetadata'"),
    (f"{AIRFLOW}  pipelineTimeout: 60\n", 3, "'airflowConfig.pipelineTimeout'.*Did you mean 'workflowTimeout'"),
    (f"{AIRFLOW}  timeZone: Europe/Berlin\n", 3, "'airflowConfig.timeZone'.*Did you mean 'pipelineTimezone'"),
    (f"{GOOD}disabled: true\n", 2, "'disabled'.*Did you mean 'enabled'"),
    (f"{AIRFLOW}  scheduleInterval: 0 3 * * *\n  endDate: 2020-01-01\n", 4, "endDate'.*nothing is scheduled any more"),
    (f"{SERVER}  securityConfig: {{jwtToken: $TOKEN}}\n", 3, r"jwtToken'.*Write \{\$env: NAME\}"),
    ("name: ''\n", 1, "'name'.*is empty. Write a text.*unless it is required"),
    ("name: orders\nairflowConfig:\n\u00a0\u00a0retries: 2\n  concurrency: 2\n", 0, "non-breaking one.*plain space"),
    ("name: orders\ndescription: 'Bob's orders'\n", 2, "the other kind of quotes"),
    ("# name: orders\n", 0, "it is empty. Write a pipeline, or remove the file"),
    # of the kinds of the cases that failed once: one spelling of keys
    (f"{GOOD}source_config: {{config: {{type: DatabaseMetadata}}}}\n", 2, "'source_config'.*Write sourceConfig"),
    (f"{AIRFLOW}  workflow_timeout: 60\n", 3, "'airflowConfig.workflow_timeout'.*Write workflowTimeout"),
    (
        f"{SERVER}  host_port: http://om/api\n  securityConfig: {{jwtToken: a.b.c}}\n",
        3,
        "'openMetadataServerConnection.host_port'.*Write hostPort",
    ),
    (f"{RUNNER}    priority_weight: 2\n", 4, "'dagFactory.runner.priority_weight'.*Did you mean 'priorityWeight'"),
    # what would look healthy
    (f"{AIRFLOW}  retrys: 3\n", 3, "'airflowConfig.retrys'.*Did you mean 'retries'"),
    (f"{GOOD}airflowConfig:{{scheduleInterval: 0 3 * * *}}\n", 2, "Write a space after the colon of 'airflowConfig'"),
    (f"{GOOD}airflowConfig: {{retries:3: 1}}\n", 2, "Write a space after the colon of 'retries'"),
    (f"{SERVER}  securityConfig: {{jwtToken: $env:TOKEN}}\n", 3, r"jwtToken'.*Write \{\$env: NAME\}"),
    (f'{SERVER}  securityConfig: {{jwtToken: "$connection: om"}}\n', 3, r"jwtToken'.*Write \{\$env: NAME\}"),
    (f"{AIRFLOW}  pipelineTimezone: CEST\n", 3, "is not a timezone. Write an IANA name"),
    (f"{AIRFLOW}  startDate: 20270131\n", 3, "startDate'.*means 1970-08-23. Write a date like 2027-01-31"),
    (f"{AIRFLOW}  endDate: '20270131'\n", 3, "endDate'.*means 1970-08-23"),
    # what looked healthy to an author in a hurry
    (
        f"{SERVER}  securityConfig: {{jwtToken: a.b.c}}\n",
        3,
        r"jwtToken'.*is a secret in the clear. Write \{\$env: NAME\} or",
    ),
    (f"{SERVER}  securityConfig: {{jwtToken: a.b.c}}\n", 3, "encrypt --dag-id orders` prints"),
    (
        f"{SERVER}  securityConfig: {{jwtToken: '******'}}\n",
        3,
        "jwtToken'.*what OpenMetadata shows in place of a secret",
    ),
    (f"{SERVER}  securityConfig: {{jwtToken: ''}}\n", 3, "jwtToken'.*is missing, so the server refuses"),
    (
        f"{SERVER}  extraHeaders: {{Authorization: Basic YTpi}}\n",
        3,
        "extraHeaders.Authorization'.*is a secret in the clear",
    ),
    (
        f"{SERVER}  hostPort: http://a:pw@om/api\n  securityConfig: {{jwtToken: a.b.c}}\n",
        3,
        "hostPort'.*holds a secret in the cl",
    ),
    (
        f"{SERVER}  hostPort: http://om/api/v1\n  securityConfig: {{jwtToken: a.b.c}}\n",
        3,
        "hostPort'.*End it with /api",
    ),
    (
        f"{GOOD}service: {{type: databaseService, name: s, connection: {{config: {{password: x}}}}}}\n",
        2,
        "'service.connection'.*has no effect",
    ),
    (
        f"{GOOD}service: {{type: databaseService, name: s, connection: {{config: {{password: x}}}}}}\n",
        2,
        "config.password'.*is a secret in",
    ),
    (f"{GOOD}serviceConnection: {{config: {{}}}}\n", 2, "'serviceConnection'.*set it at the service in OpenMetadata"),
    (f"{GOOD}service: {{type: warehouseConnectorService, name: s}}\n", 2, "'service.type'.*is not a"),
    (
        f"{GOOD}pipelineType: dbt\nsourceConfig:\n  config:\n    type: DBT\n    dbtConfigSource:\n"
        "      {dbtConfigType: cloud, dbtCloudUrl: 'https://dbt.example', dbtCloudAccountId: '1', dbtCloudAuthToken: abcdef}\n",
        0,
        "dbtCloudAuthToken'.*is a secret in the clear",
    ),
    (f"{AIRFLOW}  owner: sales\n", 3, "'airflowConfig.owner'.*Did you mean 'owners' on the top level"),
    (f"{AIRFLOW}  sla: 60\n", 3, "'airflowConfig.sla'.*nothing reads it. Remove it"),
    (f"{AIRFLOW}  dependsOnPast: true\n", 3, "'airflowConfig.dependsOnPast'.*nothing reads it"),
    (f"{GOOD}tags: [sales]\n", 2, "'tags'.*nothing reads it"),
    (f"{GOOD}default_args: {{retries: 3}}\n", 2, "'default_args'.*nothing reads it"),
    (f"{GOOD}extends: base.yaml\n", 2, "'extends'.*nothing reads it"),
    (f"{GOOD}dagId: sales\n", 2, "'dagId'.*Did you mean 'name'"),
    (f"{GOOD}airflow: {{retries: 3}}\n", 2, "'airflow'.*Did you mean 'airflowConfig'"),
    (f"{GOOD}type: DatabaseMetadata\n", 2, "'type'.*nothing reads it"),
    (f"{GOOD}owners: [{{type: squad, name: sales}}]\n", 2, "'owners.0.type'.*Write team or user"),
    (f"{GOOD}owners: [{{type: Team, name: sales}}]\n", 2, "'owners.0.type'.*Did you mean 'team'"),
    (f"{GOOD}owners: [{{type: team}}]\n", 2, "'owners.0'.*has no name"),
    (f"{AIRFLOW}  scheduleInterval: '* 3 * * *'\n", 3, "scheduleInterval'.*runs every minute.*Write 0 in place"),
    (f"{AIRFLOW}  workflowTimeout: 5\n", 3, "workflowTimeout'.*ends each run after 5 s. Write seconds"),
    (f"{AIRFLOW}  retries: 1\n  retryDelay: 300000\n", 4, "retryDelay'.*wait for 83 h. Write seconds"),
    (
        f"{AIRFLOW}  scheduleInterval: '*/5 * * * *'\n  startDate: 2015-01-01\n  pipelineCatchup: true\n",
        5,
        "pipelineCatchup'.*more than 1000 runs at once",
    ),
    (
        f"{GOOD}dagFactory: {{spread: 60}}\n",
        2,
        "'dagFactory.spread'.*has no effect.*Write scheduleInterval in airflowConfig",
    ),
    # nothing is lost silently
    (f"{AIRFLOW}  retries: 1\n  retries: 2\n", 4, "has 'retries' twice"),
    (f"{GOOD}service: {{name: a, type: databaseService, name: b}}\n", 2, "has 'name' twice"),
    (f"{GOOD}owners:\n- name: a\n  type: team\n  name: b\n", 5, "has 'name' twice"),
    ("name: orders\n'name': refunds\n", 2, "has 'name' twice"),
    (f"{SERVER}  securityConfig: {{jwtToken: a.b.c}}\n  securityConfig: {{}}\n", 4, "has 'securityConfig' twice"),
    # known without the network
    (f"{GOOD}sourceConfig: {{config: null}}\n", 2, "'sourceConfig.*config"),
    (f"{GOOD}sourceConfig: {{config: [a]}}\n", 2, "'sourceConfig.*config"),
    (f"{GOOD}sourceConfig: DatabaseMetadata\n", 2, "'sourceConfig'"),
    (
        f"{GOOD}pipelineType: application\nsourceConfig: {{config: {{type: Application, sourcePythonClass: null}}}}\n",
        0,
        "sourcePythonClass'.*is missing",
    ),
    (
        f"{GOOD}pipelineType: application\nsourceConfig: {{config: {{type: Application, sourcePythonClass: ours.App}}}}\n",
        0,
        "allowed_applications",
    ),
    # files that people have at hand
    (
        "source: {type: postgres, serviceName: pg, sourceConfig: {config: {type: Profiler}}}\nprocessor: {}\nsink: {}\nworkflowConfig: {}\n",
        1,
        "workflow of `metadata ingest`",
    ),
    (
        "source: {type: snowflake-usage, serviceName: sf}\nstage: {}\nbulkSink: {}\nworkflowConfig: {}\n",
        1,
        "workflow of `metadata ingest`",
    ),
    ("---\nname: orders\n---\nname: refunds\n", 3, "holds several documents.*Write one pipeline per file"),
    ("name: orders\n...\n---\nname: refunds\n", 3, "holds several documents"),
    ("pipelines:\n- name: orders\n", 1, "'name'.*is missing"),
    # crons that Airflow can't schedule
    (f"{AIRFLOW}  scheduleInterval: 0 0 30 2 *\n", 3, "matches no date"),
    (f"{AIRFLOW}  scheduleInterval: 0 0 31 4,6,9,11 *\n", 3, "matches no date"),
    (f"{AIRFLOW}  scheduleInterval: 60 3 * * *\n", 3, "is not a cron expression"),
    (f"{AIRFLOW}  scheduleInterval: 0 25 * * *\n", 3, "is not a cron expression"),
    (f"{AIRFLOW}  scheduleInterval: H 3 * * *\n", 3, "is not a cron expression"),
    (f"{AIRFLOW}  scheduleInterval: 0 3 * *\n", 3, "scheduleInterval'.*five"),
    # our own words for what is of another kind
    (f"{GOOD}owners: [sales]\n", 2, r"'owners.0'.*Write a list of \{type: team"),
    (f"{GOOD}service: [sample_sqlite]\n", 2, r"'service'.*Write \{type: databaseService, name: "),
    (f"{GOOD}airflowConfig: '0 3 * * *'\n", 2, "'airflowConfig'"),
    (f"{GOOD}displayName: [Orders]\n", 2, "'displayName'.*is not a text"),
    (f"{AIRFLOW}  concurrency: 1.5\n", 3, "'airflowConfig.concurrency'.*is not a whole number"),
]


def said(root: Path, text: str, caplog: pytest.LogCaptureFixture, name: str = "orders.yaml") -> str:
    (root / "defaults.yaml").write_text(DEFAULTS)
    (root / name).write_text(text)
    caplog.set_level(logging.INFO, "dag_factory.api_server.watch")
    report(FolderStore(root), {name: NEW})
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return "\n".join(warnings)


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_with_its_line_and_the_way_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, line: int, words: str
) -> None:
    found = said(tmp_path, text, caplog)
    assert re.search(words, found), found
    assert not line or re.search(rf"line {line}\b", found), found
    assert "Input should" not in found


def test_there_are_more_than_fifty_of_them() -> None:
    assert len(MISTAKES) > 50


def test_what_they_are_made_of_is_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert said(tmp_path, GOOD, caplog) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("03_snake_case.yaml", "'pipeline_type' .line 3, column 1.: is spelled 'pipelineType'"),
        ("04_duplicate_key.yaml", "has 'airflowConfig' twice in one mapping, again at line 6"),
        ("07_yes_no.yaml", "'raiseOnError' .line 3, column 1.: is neither true nor false"),
        ("08_no_source_config.json", "'sourceConfig' .line 1, column .*: is missing"),
        ("08_application_without_class.json", "'sourceConfig.config.sourcePythonClass'.*: is missing. Name the Python"),
        ("09_metadata_ingest_workflow.yaml", "belongs to a workflow of `metadata ingest`, and a config is an Ingest"),
        ("09_multi_doc.yaml", "holds several documents .line 2.*Write one pipeline per file"),
        ("11_cron_never_scheduled.yaml", "has 7 fields"),
        ("12_wording.yaml", r"Write \{type: databaseService, name: sample_sqlite\}"),
        ("13_dbt_without_type.yaml", "'sourceConfig.config.dbtConfigSource.dbtConfigType'.*is missing"),
    ],
)
def test_a_case_that_failed_once_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, words: str
) -> None:
    found = said(tmp_path, (CASES / name).read_text(), caplog, name)
    assert re.search(words, found), found


def test_a_workflow_of_metadata_ingest_is_told_how_to_become_a_config(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = "09_metadata_ingest_workflow.yaml"
    found = said(tmp_path, (CASES / name).read_text(), caplog, name)
    assert "service: {type: messagingService, name: local_kafka}" in found
    assert "is missing" not in found


def test_defaults_yml_is_the_same_as_defaults_yaml(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in (CASES / "05_defaults_yml").iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    caplog.set_level(logging.INFO, "dag_factory.api_server.watch")
    report(FolderStore(tmp_path), {"y_orders.yaml": NEW})
    assert "is good" in caplog.text


def test_a_config_without_a_suffix_is_found(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text(f"{GOOD}pipelineType: metadata\n")
    assert Misnamed(tmp_path).look([tmp_path])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'name': 'orders'}", "Put keys and texts in double quotes"),
        ('{"name": "orders",}', "Remove the comma after the last field"),
        ('{"owners": [{},\n  ]}', "Remove the comma after the last field"),
        ('{\n  // ours\n  "name": "orders"}', "JSON takes no comments"),
        ("name: orders\n", "rename the file so that its name ends in .yaml"),
    ],
)
def test_json_as_people_write_it_is_named_with_the_way_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, words: str
) -> None:
    assert words in said(tmp_path, text, caplog, "orders.json")


@pytest.mark.parametrize(
    "text",
    [
        "airflowConfig: {backfill: true, interval: null}",
        "service: {type: wormholeService, name: s}",
        "dagFactory: {runner: {python: in_process}}",
        "dagFactory: {spread: 3600}\nairflowConfig: {scheduleInterval: '0 3 * * *'}",
        "sourceConfig: {config: {schemaFilterPattern: {includes: ['^a.*', '(?i)b[[c]']}, tableFilterPattern: null}}",
        "description: 'it''s'",
        'description: "Bob\'s orders"',
        "host: example",
        "'x:y': 1",
        "airflowConfig: {startDate: 1767225600000}",
    ],
)
def test_what_is_odd_and_right_is_not_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    assert "is wrong" not in said(tmp_path, f"{GOOD}{text}\n", caplog)


def test_two_configs_of_one_name_are_not_both_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "defaults.yaml").write_text(DEFAULTS)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)
    report(FolderStore(tmp_path), {"a.yaml": NEW, "b.yaml": NEW})
    assert "config 'b.yaml' is new, and is wrong: field 'name' (line 1, column 1): gives the DAG id" in caplog.text
