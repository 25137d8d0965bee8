"""Cost of validating a document of 2 KB, compared with building its DAG."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.configs import document
from dag_factory.configs.allowed import Allowed
from dag_factory.configs.validation.validator import examine
from dag_factory.dag.builder import build_dag
from dag_factory.store.config import Config

OPEN = Allowed(env=("*",), connections=("*",), applications=("metadata.",))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many documents (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    documents = [document(f"pipeline_{number:05}", number) for number in range(options.count)]

    def at_parse(each: dict[str, Any]) -> None:
        examine(each, OPEN)

    def at_door(each: dict[str, Any]) -> None:
        examine(each, OPEN, warnings=True)

    def build(each: dict[str, Any]) -> None:
        build_dag(Config(each["name"], f"{each['name']}.json", each), OPEN)

    parts = {"at a parse": at_parse, "at a deploy or in the watcher": at_door, "validated and built": build}
    found = {name: _seconds(call, documents, options.rounds) for name, call in parts.items()}
    built = found["validated and built"] - found["at a parse"]
    print(f"CPU time per document of {options.count}, median of {options.rounds} rounds\n")
    for name, seconds in {**found, "built alone": built}.items():
        print(f"{name}: {1e6 * seconds:.0f} us, {seconds / built:.2f} of building")


def _seconds(call: Callable[[dict[str, Any]], None], documents: list[dict[str, Any]], rounds: int) -> float:
    """Return the CPU seconds per document."""
    found = []
    for _ in range(rounds + 1):
        began = time.process_time()
        for each in documents:
            call(each)
        found.append((time.process_time() - began) / len(documents))
    return median(found[1:])


if __name__ == "__main__":
    main()
