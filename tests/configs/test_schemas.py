from __future__ import annotations

import subprocess
import sys

import pytest

from dag_factory.configs.schemas import ANY, PIPELINE, fields, fitting, is_harmless, kind_at

SOURCE_CONFIG = kind_at("sourceConfig", "config")


@pytest.mark.parametrize(
    ("kind", "value", "fit"),
    [
        ("boolean", True, "boolean"),
        ("boolean", 1, None),
        ("boolean", "true", None),
        ("integer", 5, "integer"),
        ("integer", 5.0, "integer"),
        ("integer", 5.5, None),
        ("integer", True, None),
        ("number", 2**70, "number"),
        ("number", 1e300, "number"),
        ("text", "", "text"),
        ("text", 5, None),
        ("any", [{}], "any"),
        ("LogLevels", "INFO", "LogLevels"),
        ("LogLevels", "LOUD", None),
        ("LogLevels", ["INFO"], None),
        ("FilterPattern", {"futureField": 1}, "FilterPattern"),
        ("FilterPattern", "x", None),
        ({"list": "text"}, [1], {"list": "text"}),
        ({"list": "text"}, {}, None),
        ({"map": "any"}, {"a": 1}, {"map": "any"}),
        ({"one of": ["integer", {"list": "text"}]}, [], {"list": "text"}),
        ({"one of": ["integer", {"list": "text"}]}, "x", None),
        (None, "x", None),
    ],
)
def test_a_value_is_of_a_kind_or_of_none(kind: object, value: object, fit: object) -> None:
    assert fitting(kind, value) == fit


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        ({"type": "DatabaseMetadata", "futureField": 1}, "DatabaseServiceMetadataPipeline"),
        ({"type": "Profiler", "metrics": "?"}, "DatabaseServiceProfilerPipeline"),
        ({"type": "DBT"}, "DbtPipeline"),
        ({"type": "Telepathy", "includeTables": True}, None),
        # Servers before 2.1 need not say it.
        ({"processQueryCostAnalysis": True, "resultLimit": 5}, "DatabaseServiceQueryUsagePipeline"),
        ({"appConfig": {}, "sourcePythonClass": "a.B"}, "ApplicationPipeline"),
    ],
)
def test_a_source_config_is_of_the_type_that_it_names_or_that_knows_most_of_it(
    config: dict[str, object], fit: object
) -> None:
    assert fitting(SOURCE_CONFIG, config) == fit


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        ({"dbtConfigType": "http", "dbtManifestHttpPath": "x"}, "DbtHttpConfig"),
        ({"dbtConfigType": "s3", "dbtSecurityConfig": {}, "dbtPrefixConfig": {}}, "DbtS3Config"),
        ({"dbtConfigType": "gcs", "dbtSecurityConfig": {}, "dbtPrefixConfig": {}}, "DbtGcsConfig"),
    ],
)
def test_other_enums_tell_types_apart_too(config: dict[str, object], fit: str) -> None:
    assert fitting(fields("DbtPipeline")["dbtConfigSource"], config) == fit


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        ({"type": "MetadataExporter"}, "MetadataExporterAppConfig"),
        ({"type": "AutoTagger", "clientId": "x"}, {"map": ANY}),
        ({"clientId": "x", "botToken": "y"}, "SlackAppConfiguration"),
    ],
)
def test_an_application_that_no_schema_knows_is_a_mapping_of_anything(config: dict[str, object], fit: object) -> None:
    assert fitting(fields("ApplicationPipeline")["appConfig"], config) == fit


def test_only_true_and_false_numbers_and_enums_are_harmless() -> None:
    assert all(map(is_harmless, ["boolean", "integer", "number", "LogLevels"]))
    assert not any(map(is_harmless, ["text", "secret", "any", PIPELINE, None, {"list": "boolean"}]))


def test_the_digest_is_read_when_it_is_asked_for_and_not_before() -> None:
    program = "from dag_factory.configs import schemas; assert not schemas._read.cache_info().currsize"
    subprocess.run([sys.executable, "-c", program], check=True)
