"""
Versions of openmetadata-ingestion, tried for real: ``make test-ingestion-versions``.

For each version, a run of a metadata pipeline by it, in the task's process or by an interpreter of its own, against the
sandbox's OpenMetadata server, which says that it has the same version. The log and the status that the server got are
looked at. The environments are built by our own command, in ``.ingestion/``, and kept there for the next time. Prints
the rows of the table in docs/versions.md; the exit code is 1 where one fails.

With ``--beyond``, it tries the release beyond the pin of pyproject.toml, where the index has one, and its exit code
says whether that works. Otherwise it only says that there is one: a release of others must not break our CI.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import source
from sandbox.postgres import USER, PostgresServer
from sandbox.server import OpenMetadataServer
from tests.e2e.pipelines import SAMPLE, sample
from tests.e2e.runs import reported
from tests.ingestion_versions.index import DISTRIBUTION, beyond, newest, releases
from tests.places import ROOT, TESTS

PINNED = "2.0"
"""What may be installed beside Airflow: the extra `ingestion` of pyproject.toml."""
ISOLATED = ("1.12", "1.13", "2.0")
BUILT = ROOT / ".ingestion"
IN_PROCESS = "in the task's process"
ISOLATED_WAY = "in an environment of its own"
NAME = "metadata_by_this_version"
_SETTING = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


@dataclass(frozen=True)
class Trial:
    """
    One version in one place.

    :param server: the version of the server, None for the same as the openmetadata-ingestion's
    :param source: what is ingested
    """

    version: str
    way: str
    source: str = "SQLite"
    server: str | None = None


@dataclass(frozen=True)
class Seen:
    """What came of a run: its exit code, its log, and the states that the server has of it."""

    code: int
    log: str
    states: list[str]


def main() -> int:
    """Try all versions, or those that are named, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", help="only these minor versions, such as 1.12", metavar="VERSION")
    parser.add_argument("--beyond", action="store_true", help="try the release beyond the pin, where there is one")
    parser.add_argument("--look", action="store_true", help="only say whether a release is beyond the pin")
    arguments = parser.parse_args()
    found = releases()
    if not found:
        print("No index of packages answers: only what is installed or built already can be tried.")
    later = beyond(found, [PINNED])
    if later is not None:
        print(f"{DISTRIBUTION} {later} is there, beyond what pyproject.toml allows. To try it:")
        print("make test-ingestion-versions ARGS=--beyond")
    if arguments.look:
        print(f"{DISTRIBUTION}: the newest release of {PINNED} is {newest(found, PINNED) or 'unknown'}.")
        return 0
    if arguments.beyond:
        trials = [Trial(later, ISOLATED_WAY), Trial(later, IN_PROCESS)] if later else []
        print("" if trials else f"Nothing is beyond {PINNED}.")
    else:
        trials = [each for each in every_trial(found) if not arguments.versions or _is_of(each, arguments.versions)]
    failed = [trial for trial in trials if not tried(trial)]
    return 1 if failed else 0


def every_trial(found: list[str]) -> list[Trial]:
    """Return what the table of docs/versions.md has, as far as the index or earlier builds have the versions."""
    known = found or sorted((path.name for path in BUILT.glob("[0-9]*")), reverse=True)
    latest = {minor: newest(known, minor) for minor in ISOLATED}
    pinned = latest[PINNED]
    trials = [Trial(installed(), IN_PROCESS)]
    if pinned is not None and pinned != installed():
        trials.append(Trial(pinned, IN_PROCESS))
    trials += [Trial(each, ISOLATED_WAY) for each in latest.values() if each is not None]
    if pinned is not None:
        trials.append(Trial(pinned, ISOLATED_WAY, "PostgreSQL"))
    if (oldest := latest[ISOLATED[0]]) is not None:
        trials.append(Trial(oldest, ISOLATED_WAY, server=f"{PINNED}.0"))
    return trials


def tried(trial: Trial) -> bool:
    """Try a version, print its row, and return whether all was as it must be."""
    server = trial.server or ".".join(trial.version.split(".")[:3])
    try:
        seen = run(trial, server)
        problem = problem_of(trial, seen)
    except Exception as error:  # noqa: BLE001 - of any step
        seen, problem = None, f"{type(error).__name__}: {error}"
    what = problem or ("refused before its run" if trial.server else "success, reported, with its log")
    print(f"| {trial.version} | {trial.way} | {trial.source} | {server} | {what} |", flush=True)
    if problem and seen is not None:
        print(seen.log, file=sys.stderr)
    return problem is None


def problem_of(trial: Trial, seen: Seen) -> str | None:
    """Return what is not as it must be."""
    if f"{DISTRIBUTION} {trial.version}" not in seen.log:
        return "its log does not say the version"
    if trial.server is not None:
        said = f"which runs only against an OpenMetadata server {'.'.join(trial.version.split('.')[:2])}, and"
        if seen.code == 0 or said not in seen.log:
            return "it was not refused"
        return None if seen.states == ["failed"] else f"the server has {seen.states}"
    if seen.code != 0:
        return "the run has failed"
    if "Workflow Success %: 100.0" not in seen.log:
        return "its log lacks the workflow's own lines"
    return None if seen.states == ["success"] else f"the server has {seen.states}"


def run(trial: Trial, server_version: str) -> Seen:
    """Run a pipeline by a version, to its end."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingestion-version-")))
        source.create(home / "source.db")
        log = home / "openmetadata.log"
        server = stack.enter_context(OpenMetadataServer(home / "source.db", log=log, version=server_version))
        store = home / "configs"
        store.mkdir()
        service = SAMPLE["service"]["name"]
        if trial.source == "PostgreSQL":
            service = stack.enter_context(postgresql(server))
        document = pipeline(server, service)
        (store / f"{NAME}.json").write_text(json.dumps(document))
        run_id = str(uuid.uuid4())
        env = {
            **os.environ,
            **server.env,
            "AIRFLOW_HOME": str(home),
            f"{_SETTING}CONFIG_STORE": str(store),
            f"{_SETTING}STATE_FOLDER": str(home / "state"),
            "_AIRFLOW__AS_LIBRARY": "versions",
        }
        if trial.way == ISOLATED_WAY:
            env[f"{_SETTING}PYTHON"] = str(environment(trial.version))
        elif trial.version != installed():
            env["PYTHONPATH"] = os.pathsep.join([str(overlay(trial.version)), str(ROOT)])
        command = [sys.executable, "-W", "ignore", str(TESTS / "ingestion_versions" / "one_run.py"), NAME, run_id]
        done = subprocess.run(
            command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        states = reported(server, document["fullyQualifiedName"])
        return Seen(done.returncode, done.stdout, [state for each, state in states.items() if each == run_id])


@contextmanager
def postgresql(server: OpenMetadataServer) -> Iterator[str]:
    """Have a PostgreSQL run, and yield the name of the service that reads it."""
    with PostgresServer() as database:
        url = database.url(driver="postgresql")
        execute(url, (TESTS / "portable" / "ingestion" / "warehouse.sql").read_text())
        connection = {
            "type": "Postgres",
            "username": USER,
            "authType": {"password": "unused"},
            "hostPort": f"127.0.0.1:{database.port}",
            "database": url.rpartition("/")[2],
        }
        request = {"name": "warehouse", "serviceType": "Postgres", "connection": {"config": connection}}
        server.put("/api/v1/services/databaseServices", request)
        yield "warehouse"


def pipeline(server: OpenMetadataServer, service: str) -> dict[str, Any]:
    """Create the pipeline of a service at the server, as its UI does, and return its config."""
    source_config = {"config": {"type": "DatabaseMetadata"}}
    found = server.get(f"/api/v1/services/databaseServices/name/{service}")
    request = {"name": NAME, "pipelineType": "metadata", "sourceConfig": source_config, "airflowConfig": {}}
    reference = {"id": found["id"], "type": "databaseService"}
    created = server.put("/api/v1/services/ingestionPipelines", {**request, "service": reference})
    own = {"type": "databaseService", "name": service}
    return sample(NAME, fullyQualifiedName=created["fullyQualifiedName"], service=own, sourceConfig=source_config)


def execute(url: str, statements: str) -> None:
    """Execute statements in a database."""
    import psycopg2

    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statements)
    finally:
        connection.close()


def installed() -> str:
    """Return the version that is installed beside Airflow here."""
    from importlib.metadata import version

    return version(DISTRIBUTION)


def environment(version: str) -> Path:
    """Return the interpreter of an environment for a version; it is built where it is missing."""
    place = BUILT / version
    if not place.exists():
        BUILT.mkdir(exist_ok=True)
        program = Path(sys.executable).with_name("openmetadata-dag-factory")
        subprocess.run(
            [program, "ingestion-env", place, "--version", version, "--extras", "postgres"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return place / "bin" / "python"


def overlay(version: str) -> Path:
    """Return a folder that has a version without what it requires, to be put before what is installed."""
    folder = BUILT / f"beside-{version}"
    if not folder.exists():
        BUILT.mkdir(exist_ok=True)
        built = folder.with_suffix(".building")
        command = ["-m", "pip", "install", "-q", "--no-deps", "--target", str(built), f"{DISTRIBUTION}=={version}"]
        subprocess.run([sys.executable, *command], check=True)
        built.rename(folder)
    return folder


def _is_of(trial: Trial, minors: list[str]) -> bool:
    return any(trial.version.startswith(f"{minor}.") for minor in minors)


if __name__ == "__main__":
    sys.exit(main())
