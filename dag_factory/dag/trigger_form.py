"""The fields of Airflow's trigger form: what a run's ``conf`` may change for a type of pipeline."""

from __future__ import annotations

from airflow.sdk import DAG, Param

_SOURCE_CONFIG = (
    "sourceConfigOverride",
    "Source config for this run",
    "Keys that replace those of the pipeline's sourceConfig.config, for this run alone. Empty: the config as it is.",
    {"type": ["null", "object"]},
)
_APP_CONFIG = (
    "appConfigOverride",
    "App config for this run",
    "Keys that replace those of the application's appConfig, for this run alone. Empty: the config as it is.",
    {"type": ["null", "object"]},
)
_TEST_CASES = (
    "testCases",
    "Test cases of this run",
    "The test cases to which this run is limited, one in each line, by name or fully qualified name. Empty: all.",
    {"type": ["null", "array"], "items": {"type": "string"}},
)
_RUN_ID = (
    "pipelineRunId",
    "Id of this run in OpenMetadata",
    "The UUID under which an OpenMetadata server has recorded the run already. Empty for a run by hand.",
    {"type": ["null", "string"]},
)
_FIELDS = {"application": (_APP_CONFIG,), "TestSuite": (_TEST_CASES, _SOURCE_CONFIG)}


def add_fields(dag: DAG, pipeline_type: str) -> None:
    """
    Give a DAG the fields of a pipeline type, each null unless a user fills it in.

    `dag_factory.task.run_conf` says what they do. They are added to a finished DAG: given to its constructor, Airflow
    would check each constant default against its schema, for each DAG at each parse.
    """
    for name, title, description, schema in (*_FIELDS.get(pipeline_type, (_SOURCE_CONFIG,)), _RUN_ID):
        dag.params[name] = Param(None, description, source="dag", title=title, **schema)
