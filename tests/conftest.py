import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sandbox import source
from sandbox.failing import dying, running
from sandbox.server import OpenMetadataServer
from tests.airflow_workers import pytest_xdist_make_scheduler  # noqa: F401 - hook
from tests.e2e.airflows import (  # noqa: F401 - fixtures
    airflow,
    airflow_apart,
    airflow_under_load,
    config_store,
    dags_folder,
    otlp,
    statsd,
)
from tests.examples import register_profiles
from tests.forked_python import INGESTION, ForkedPython
from tests.object_storage import s3  # noqa: F401 - fixture
from tests.places import FEWER_COLLECTIONS
from tests.tiers import pytest_collection_modifyitems, pytest_configure, pytest_itemcollected  # noqa: F401 - hooks

register_profiles()
# Python looks for unused cycles of objects after each 700 new ones, and every hundredth time through all that was
# imported. With fewer searches, the tests and their processes take a tenth less.
gc.set_threshold(20_000)
if str(FEWER_COLLECTIONS) not in os.environ.get("PYTHONPATH", ""):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FEWER_COLLECTIONS), os.environ.get("PYTHONPATH")]))
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a job that a script has put into the background. The commands that a test interrupts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

Interpreter = Callable[[str], str]

SOURCES = Path(__file__).parent / "sources"


def pytest_collection_finish() -> None:
    """Exempt what is imported by now from garbage collection, here and in the processes that tests fork."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """
    Record the log of a test in which Airflow is imported for the first time, too.

    That import configures logging and removes the handlers that are there. So it comes first, in the test's set-up:
    pytest adds its handler again for the test itself.
    """
    importlib.import_module("airflow.settings")
    return caplog


@pytest.fixture(scope="session")
def openmetadata(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenMetadataServer]:
    """The sandbox's OpenMetadata server with its sample service; one for all tests."""
    folder = tmp_path_factory.mktemp("openmetadata")
    source_database = folder / "source.db"
    source.create(source_database)
    with OpenMetadataServer(source_database, log=folder / "openmetadata.log") as server:
        yield server


@pytest.fixture(scope="session")
def isolated_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """
    An interpreter that has openmetadata-ingestion and can import nothing of Airflow, though it is installed.

    It has the sources of the tests as well.
    """
    path = tmp_path_factory.mktemp("isolated") / "python"
    path.write_text(
        f"#!{sys.executable} -Iu\n"
        "import runpy, sys\n"
        "class NoAirflow:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'airflow':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoAirflow)\n"
        f"sys.path.append({str(SOURCES)!r})\n"
        "sys.argv = sys.argv[sys.argv.index('-u') + 1 :]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="session")
def forked_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedPython]:
    """An interpreter that has imported Airflow, one for all tests: each would take two seconds of a core to do so."""
    with ForkedPython(tmp_path_factory.mktemp("forked_python"), os.environ) as python:
        yield python


@pytest.fixture(scope="module")
def found_by(tmp_path_factory: pytest.TempPathFactory, forked_python: ForkedPython) -> Callable[[str], dict[str, Any]]:
    """Runs a script with an empty database of Airflow's, and returns the JSON of the last line that it prints."""
    home = tmp_path_factory.mktemp("home")
    database = f"sqlite:///{home / 'airflow.db'}"
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}

    def run(script: str) -> dict[str, Any]:
        done = forked_python.run(script, env=environment)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return run


@pytest.fixture(scope="session")
def forked_ingestion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedPython]:
    """An interpreter that has imported openmetadata-ingestion, and nothing of Airflow: one for all tests too."""
    with ForkedPython(tmp_path_factory.mktemp("forked_ingestion"), os.environ, INGESTION) as python:
        yield python


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where something listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@pytest.fixture(scope="session")
def dying_port() -> Iterator[int]:
    """A port of an OpenMetadata server that lets a run begin, and then never answers: the run waits."""
    with running(dying()) as server:
        yield server.port


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """
    Make an interpreter in which the given code, the body of a function, executes orders in place of ingestion code.

    The code sees ``kind``, ``job`` (the order's arguments), ``on_secret`` and ``on_folder``. All else in the child is
    the real thing.
    """

    def make(body: str) -> str:
        path = tmp_path / "interpreter"
        function = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
        path.write_text(
            f"#!{sys.executable} -Iu\n"
            "import runpy, sys, types\n"
            "orders = types.ModuleType('dag_factory.portable.ingestion.orders')\n"
            f"exec({'def execute(kind, job, *, on_secret, on_folder):' + chr(10) + function!r}, orders.__dict__)\n"
            "imports = types.ModuleType('dag_factory.portable.ingestion.imports')\n"
            "imports.import_ingestion = lambda: None\n"
            "sys.modules.update({each.__name__: each for each in (orders, imports)})\n"
            "sys.argv = sys.argv[sys.argv.index('-u') + 1 :]\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        path.chmod(0o755)
        return str(path)

    return make
