"""
An interpreter that has imported what scripts need, and forks for each, as Airflow's DAG processor does for a parse.

Airflow takes two seconds of a core to import, openmetadata-ingestion four.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

AIRFLOW = """
import airflow.configuration
import tests.airflow_versions
import airflow.models.dagbag
import airflow.serialization.serialized_objects
# Serialization asks for these two.
import airflow.providers.standard.operators.trigger_dagrun
import airflow.providers.standard.sensors.external_task
import dag_factory.dag.loader
import dag_factory.api_server.plugin

def prepare(env):
    airflow.configuration.AIRFLOW_HOME = env["AIRFLOW_HOME"]
    airflow.configuration.AIRFLOW_CONFIG = os.path.join(env["AIRFLOW_HOME"], "airflow.cfg")
    if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in env:
        # Another database than the one that the import has begun with.
        from airflow import settings
        settings.configure_vars()
        settings.configure_orm()
"""
INGESTION = """
import warnings
warnings.simplefilter("ignore")
from dag_factory.portable.ingestion.imports import import_ingestion
import_ingestion()

def prepare(env): pass
"""
# Reads jobs as lines of JSON, and answers each with the exit code of its child.
SERVER = """
import gc, json, os, sys, traceback

answers = os.fdopen(os.dup(1), "w", buffering=1)
# Airflow 3.2 writes to stdout what it logs while it is imported.
os.dup2(2, 1)

{imports}
# What a child's garbage collector would visit, and so copy.
gc.collect()
gc.freeze()

def run(job):
    os.environ.clear()
    os.environ.update(job["env"])
    prepare(job["env"])
    os.dup2(os.open(job["stdin"], os.O_RDONLY), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    for number, name in enumerate(["stdout", "stderr"], start=1):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), number)
    sys.argv = job["argv"]
    exec(compile(job["script"], "<script>", "exec"), {{"__name__": "__main__"}})

for line in sys.stdin:
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 1
        try:
            run(json.loads(line))
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
            if code is True:
                print(leaving.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(code))
    answers.write(f"{{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}}\\n")
"""


class ForkedPython:
    """
    Runs scripts in forks of one process, which has imported ``imports``; a script sees that process as its own.

    Those are ``AIRFLOW``, with all that a parse needs, or ``INGESTION``.
    """

    def __init__(self, home: Path, env: Mapping[str, str], imports: str = AIRFLOW) -> None:
        self._streams = {name: str(home / name) for name in ("stdin", "stdout", "stderr")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER.format(imports=imports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**env, "AIRFLOW_HOME": str(home)},
            text=True,
        )

    def __enter__(self) -> ForkedPython:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Its answers are not read to their end: what a script has left behind, and still runs, holds them open.
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(
        self, script: str, argument: str = "", *, env: Mapping[str, str], said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """
        Run a script to its end, as ``subprocess.run`` does with what ``python -c`` is given.

        ``said`` stands in its standard input, and ``env`` is all of its environment, with Airflow's AIRFLOW_HOME.
        """
        Path(self._streams["stdin"]).write_text(said)
        job: dict[str, Any] = {"script": script, "argv": ["-c", argument], "env": dict(env), **self._streams}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(job)}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        stdout, stderr = (Path(self._streams[name]).read_text() for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(job["argv"], code, stdout, stderr)
