"""Metrics through Airflow's own: what StatsD and OpenTelemetry receive, and that nothing fails where they do not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dag_factory.reporting import metrics
from dag_factory.reporting.metrics import METRICS, OF_RUNS, Kind, plain_name
from tests.e2e.pipelines import drop, sample
from tests.forked_python import ForkedPython
from tests.metrics_receivers import OtlpReceiver, StatsdReceiver, collecting
from tests.places import ROOT

SECTION = "AIRFLOW__METRICS__"

# As Airflow's components set up their metrics, and the process of a task those of the task SDK.
SEND = """
from datetime import timedelta
from tests.airflow_versions import set_up_metrics
set_up_metrics("airflow", "airflow.sdk")
from dag_factory.reporting import metrics
samples = [
    metrics.CONFIGS.of(12, state="good", shard="0_of_1"),
    metrics.LOAD.of(timedelta(seconds=1.5), shard="0_of_1"),
    metrics.RUNS.of(2, type="metadata", outcome="success", dag_id="a,b=c d"),
]
"""


@pytest.fixture
def receiver() -> Iterator[StatsdReceiver]:
    with StatsdReceiver() as receiver:
        yield receiver


def environment(tmp_path: Path, **options: object) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        **{f"{SECTION}{name.upper()}": str(value) for name, value in options.items()},
    }


def to(receiver: StatsdReceiver) -> dict[str, object]:
    return {"statsd_on": True, "statsd_host": "127.0.0.1", "statsd_port": receiver.port}


@pytest.mark.parametrize("arguments", ["samples", "samples, from_task=True"], ids=["component", "task"])
def test_statsd_gets_the_values_of_tags_in_the_names(
    receiver: StatsdReceiver, tmp_path: Path, forked_python: ForkedPython, arguments: str
) -> None:
    done = forked_python.run(f"{SEND}\nmetrics.send({arguments})", env=environment(tmp_path, **to(receiver)))
    assert done.returncode == 0, done.stderr
    assert receiver.sync() == [
        "airflow.openmetadata.configs.good.0_of_1:12|g",
        "airflow.openmetadata.load.0_of_1:1500.000000|ms",
        "airflow.openmetadata.runs.metadata.success.a_b_c_d:2|c",
    ]


def test_statsd_gets_tags_where_it_is_set_to(
    receiver: StatsdReceiver, tmp_path: Path, forked_python: ForkedPython
) -> None:
    env = environment(tmp_path, **to(receiver), statsd_influxdb_enabled=True)
    done = forked_python.run(f"{SEND}\nmetrics.send(samples)", env=env)
    assert done.returncode == 0, done.stderr
    assert receiver.sync() == [
        "airflow.openmetadata.configs,state=good,shard=0_of_1:12|g",
        "airflow.openmetadata.load,shard=0_of_1:1500.000000|ms",
        "airflow.openmetadata.runs,type=metadata,outcome=success,dag_id=a_b_c_d:2|c",
    ]


@pytest.mark.parametrize(
    "send", ["send(samples, from_task=True)", "send_from_parse(samples, seconds=60)"], ids=["task", "parse"]
)
def test_opentelemetry_gets_tags(tmp_path: Path, forked_python: ForkedPython, send: str) -> None:
    with collecting(OtlpReceiver()) as collector:
        env = {
            **environment(tmp_path, otel_on=True, otel_port=collector.port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        # Airflow sends what is left where the process of a task ends.
        flush = "from opentelemetry import metrics as otel\notel.get_meter_provider().force_flush()"
        script = f"{SEND}\nmetrics.{send}\n{flush}"
        done = forked_python.run(script, env=env)
        assert done.returncode == 0, done.stderr
    points = {name: (tags, value) for name, tags, value in collector.points}
    assert points["airflow.openmetadata.configs"] == ({"state": "good", "shard": "0_of_1"}, 12)
    assert points["airflow.openmetadata.load"] == ({"shard": "0_of_1"}, 1500)
    tags = {"type": "metadata", "outcome": "success", "dag_id": "a_b_c_d"}
    assert points["airflow.openmetadata.runs"] == (tags, 2)


def test_a_parse_sends_its_metrics_before_it_ends(tmp_path: Path, forked_python: ForkedPython) -> None:
    with collecting(OtlpReceiver()) as collector:
        env = {
            **environment(tmp_path, otel_on=True, otel_port=collector.port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        # The fork ends without its exit functions.
        done = forked_python.run(f"{SEND}\nmetrics.send_from_parse(samples, seconds=60)", env=env)
        assert done.returncode == 0, done.stderr
    assert {name for name, _, _ in collector.points} >= {"airflow.openmetadata.configs", "airflow.openmetadata.runs"}


def test_a_collector_that_never_answers_does_not_hold_up_the_end_of_a_parse(
    tmp_path: Path, forked_python: ForkedPython
) -> None:
    with collecting(OtlpReceiver(answers=False)) as collector:
        env = {
            **environment(tmp_path, otel_on=True, otel_port=collector.port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        # The end of Airflow's child: only what was registered there is called.
        send = f"{SEND}\nmetrics.send_from_parse(samples, seconds=0.5)"
        script = f"import atexit\natexit._clear()\n{send}\natexit._run_exitfuncs()"
        done = forked_python.run(script, env=env)
        assert done.returncode == 0, done.stderr
        assert "could not be sent within" in done.stderr + done.stdout
        # It had not answered until here.
        assert not collector.answering.is_set()


@pytest.mark.parametrize(
    "options",
    [
        {"statsd_on": True, "statsd_host": "nowhere.invalid"},
        {"statsd_on": True, "statsd_custom_client_path": "no.such.client"},
        {"statsd_on": "perhaps"},
        {"otel_on": True},
    ],
    ids=["host", "client", "flag", "collector"],
)
def test_what_can_t_be_sent_fails_nothing(
    tmp_path: Path, forked_python: ForkedPython, options: dict[str, object]
) -> None:
    set_up, imported, samples = SEND.partition("from dag_factory.reporting import metrics")
    # Where a setting is wrong, Airflow itself can't set them up.
    tried = "\n".join(["try:", *(f"    {line}" for line in set_up.splitlines()), "except Exception: pass"])
    sends = "metrics.send(samples)\nmetrics.send_from_parse(samples)\nprint('went on')"
    send = "\n".join([tried, "from datetime import timedelta", f"{imported}{samples}", sends])
    env = {**environment(tmp_path, **options), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    done = forked_python.run(send, env=env)
    assert done.returncode == 0, done.stderr
    assert "went on" in done.stdout


def test_where_metrics_are_off_none_of_airflow_s_is_touched(tmp_path: Path, forked_python: ForkedPython) -> None:
    script = """
import sys
from dag_factory.settings import airflow_versions
from dag_factory.reporting import metrics
before = set(sys.modules)
sample = metrics.RUNS.of(1, type="metadata", outcome="success")
metrics.send([sample])
metrics.send_from_parse([sample])
print([name for name in set(sys.modules) - before if "stats" in name or "opentelemetry" in name])
"""
    done = forked_python.run(script, env=environment(tmp_path))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_each_metric_says_what_it_is() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("openmetadata.")
        assert len(metric.about) > 20
        assert metric.tags
        assert "dag_id" not in metric.tags
    assert set(METRICS) >= OF_RUNS
    assert {metric.kind for metric in METRICS} == set(Kind)


def test_a_name_without_tags_has_one_part_for_each() -> None:
    sample = metrics.REFUSALS.of(1, reason="invalid", call="a.b/c")
    assert plain_name(sample) == "openmetadata.refusals.a_b_c.invalid"
    assert plain_name(metrics.LOAD.of(timedelta(), shard="")) == "openmetadata.load._"


# Parses the loader in the process that Airflow's DAG processor forks for it, and waits for the end of that process.
PARSE = """
import sys, uuid
from pathlib import Path
import structlog
from airflow.dag_processing.processor import DagFileProcessorProcess
from tests.airflow_versions import BEFORE_3_2, set_up_metrics

set_up_metrics("airflow")
loader = Path(sys.argv[1])
named = {} if BEFORE_3_2 else {"bundle_name": "store", "dag_file_rel_path": loader.name}
with open("/dev/null", "wb") as null:
    process = DagFileProcessorProcess.start(
        id=uuid.uuid4(), path=loader, bundle_path=loader.parent,
        callbacks=[], client=None, logger=structlog.get_logger(), logger_filehandle=null, **named,
    )
    while not process.is_ready:
        process._service_subprocess(0.1)
print(len(process.parsing_result.serialized_dags))
"""


def test_a_parse_in_airflow_s_own_child_sends_what_it_has_found(
    receiver: StatsdReceiver, tmp_path: Path, forked_python: ForkedPython
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    drop(store, sample("orders"))
    (store / "bad.json").write_text("{")
    env = {
        **environment(tmp_path, **to(receiver)),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
        "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": str(tmp_path / "state"),
    }
    done = forked_python.run(PARSE, str(ROOT / "dags" / "openmetadata_loader.py"), env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2"
    *states, load = [line for line in receiver.sync() if "openmetadata" in line]
    assert states == [
        "airflow.openmetadata.configs.good.0_of_1:1|g",
        "airflow.openmetadata.configs.last_good.0_of_1:0|g",
        "airflow.openmetadata.configs.broken.0_of_1:1|g",
        "airflow.openmetadata.configs.waiting.0_of_1:0|g",
    ]
    assert re.fullmatch(r"airflow\.openmetadata\.load\.0_of_1:[0-9.]+\|ms", load)
