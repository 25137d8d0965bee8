"""
What Airflow's DAG processor does with a file, timed: ``python -m benchmarks.processor JOBS.json RESULTS.json``.

It imports only Airflow, so that the Python of another environment can run it; the benchmarks do so by ``run``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.child import in_child

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Job:
    """
    A DAG file to parse.

    :param env: what the child's environment has beyond the parent's
    :param forget: a folder that is removed before each parse
    """

    file: str
    env: dict[str, str] = field(default_factory=dict)
    forget: str | None = None


@dataclass(frozen=True)
class Parse:
    """CPU seconds of the parts of a parse, and ``whole``: seconds that the parent waits for it, the fork included."""

    dags: int
    load: float
    serialize: float
    send: float
    cpu: float
    peak_megabytes: float
    whole: float = 0


def run(jobs: Sequence[Job], *, rounds: int, env: Mapping[str, str], python: str = sys.executable) -> list[list[Parse]]:
    """
    Return the parses of each job, one for each round; a round runs all jobs, one after the other.

    :param env: the environment of the processor, with AIRFLOW_HOME
    """
    with TemporaryDirectory() as folder:
        given, results = Path(folder, "jobs.json"), Path(folder, "results.json")
        given.write_text(json.dumps({"rounds": rounds, "jobs": [asdict(job) for job in jobs]}))
        command = [python, "-m", "benchmarks.processor", str(given), str(results)]
        subprocess.run(command, check=True, cwd=REPOSITORY, env=dict(env), stdout=sys.stderr)
        return [[Parse(**parse) for parse in parses] for parses in json.loads(results.read_text())]


def warm_up(files: Sequence[str]) -> None:
    """Import what the DAG processor has in memory when it forks."""
    import airflow.dag_processing.manager
    import airflow.sdk.execution_time.task_runner  # noqa: F401
    from airflow.dag_processing.processor import _pre_import_airflow_modules
    from airflow.plugins_manager import ensure_plugins_loaded
    from structlog import get_logger

    ensure_plugins_loaded()
    for file in files:
        _pre_import_airflow_modules(file, get_logger())
    gc.freeze()


def parse(job: Job) -> Parse:
    """Parse a file as the DAG processor's child does, and time it."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.dag_processing.processor import DagFileParsingResult, _serialize_dags
    from airflow.sdk.execution_time.comms import _RequestFrame
    from structlog import get_logger

    os.environ.update(job.env)
    file = Path(job.file)
    started = time.process_time()
    bag = BundleDagBag(file, bundle_path=file.parent, bundle_name="benchmark", load_op_links=False)
    loaded = time.process_time()
    dags, errors = _serialize_dags(bag, get_logger())
    serialized = time.process_time()
    if errors or bag.import_errors:
        raise RuntimeError(f"{job.file} has import errors: {errors or bag.import_errors}")
    result = DagFileParsingResult(fileloc=job.file, serialized_dags=dags, import_errors={})
    _RequestFrame(id=0, body=result.model_dump()).as_bytes()
    sent = time.process_time()
    return Parse(
        dags=len(dags),
        load=loaded - started,
        serialize=serialized - loaded,
        send=sent - serialized,
        cpu=sent - started,
        peak_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def main(given: str, results: str) -> None:
    """Do the jobs of one file and write their figures to another."""
    order = json.loads(Path(given).read_text())
    jobs = [Job(**job) for job in order["jobs"]]
    warm_up([job.file for job in jobs])
    parses: list[list[dict[str, Any]]] = [[] for _ in jobs]
    for _ in range(order["rounds"]):
        for job, figures in zip(jobs, parses, strict=True):
            if job.forget is not None:
                shutil.rmtree(job.forget, ignore_errors=True)
            started = time.perf_counter()
            figures.append({**asdict(in_child(parse, job)), "whole": time.perf_counter() - started})
    Path(results).write_text(json.dumps(parses))


if __name__ == "__main__":
    main(*sys.argv[1:])
