"""What a run of the profiler costs: with every request for garbage collection answered, and with few of them."""

from __future__ import annotations

import argparse
import logging
import os
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import ratios, spread, table
from dag_factory.portable.ingestion import run
from dag_factory.portable.ingestion.imports import import_ingestion
from dag_factory.portable.ingestion.orders import RUN, execute
from sandbox import source
from sandbox.server import OpenMetadataServer
from tests.e2e.pipelines import SAMPLE, create, prepared, sample


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiler_run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how many runs of each kind (%(default)s)")
    rounds = parser.parse_args().rounds
    logging.disable(logging.CRITICAL)
    import_ingestion()
    with TemporaryDirectory() as name:
        database = Path(name, "source.db")
        source.create(database)
        with OpenMetadataServer(database, log=Path(name, "openmetadata.log")) as server:
            # The tables that are measured.
            cpu_of_run(prepared(SAMPLE, server.env), answered=False)
            profiler = sample("profiler", pipelineType="profiler", sourceConfig={"config": {"type": "Profiler"}})
            create(server, profiler)
            costs = [
                [cpu_of_run(prepared(profiler, server.env), answered=answered) for answered in (True, False)]
                for _ in range(rounds)
            ]
    every, few = map(list, zip(*costs, strict=True))
    print(table(["requests answered", "CPU, s"], [["every one", spread(every)], ["few", spread(few)]]))
    print(f"\nEvery one to few: {spread(ratios(every, few), 1)}")


def cpu_of_run(order: Mapping[str, Any], *, answered: bool) -> float:
    """
    Return how many seconds of CPU a run takes in a process that has all imports, as a task's.

    :param answered: whether all requests for garbage collection are answered, as openmetadata-ingestion means it
    :raises RuntimeError: where the run does not succeed
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            if answered:
                run.__dict__["collecting_on_request_rarely"] = nullcontext
            code = int(execute(RUN, dict(order), on_secret=_forget, on_folder=_forget)["state"] != "success")
        except Exception:  # noqa: BLE001 - else the child would go on as its parent
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError("the run has failed")
    return used.ru_utime + used.ru_stime


def _forget(_: object) -> None:
    pass


if __name__ == "__main__":
    main()
