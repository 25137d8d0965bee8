"""
How soon a deploy is answered, at several numbers of pipelines in the store.

Airflow's API server runs in this process and is called as an OpenMetadata server calls it, one deploy after the other.
Nothing else of Airflow runs, and the store is written durably (`fsync`), so this is what the call itself costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.child import in_child
from benchmarks.configs import counts, document, write_store
from benchmarks.figures import middle, percentile, table
from benchmarks.home import airflow_home

DEPLOY = "/api/v1/openmetadata/deploy"
WARM_SECONDS = 5.0
KINDS = ("new", "changed", "unchanged")

Times = dict[str, list[tuple[float, float]]]
"""Seconds that each deploy took, by kind: until the answer, and of this process's CPU."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("--sizes", default="10,1000,10000", help="numbers of pipelines (%(default)s)")
    parser.add_argument("--deploys", type=int, default=100, help="of each kind in a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="each measures all sizes in turn (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where the stores are made, as disks differ")
    options = parser.parse_args()
    sizes = list(counts(options.sizes))
    found: dict[int, Times] = {size: {kind: [] for kind in KINDS} for size in sizes}
    with TemporaryDirectory(dir=options.folder) as folder:
        for number in range(options.rounds):
            for size in sizes:
                home = Path(folder, f"{number}_{size}")
                store = home / "configs"
                write_store(store, size)
                env = airflow_home(home / "airflow", migrate=True, store=store)
                for kind, times in in_child(measure, env, options.deploys).items():
                    found[size][kind] += times
    print(report(found))


def measure(env: dict[str, str], deploys: int) -> Times:
    """Return the times of some deploys of each kind; the first deploy, which imports and lists, is left out."""
    os.environ.update(env)
    return asyncio.run(_measure(deploys))


async def _measure(deploys: int) -> Times:
    from airflow.api_fastapi.app import cached_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    app = cached_app(apps="all")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    headers = {"Authorization": f"Bearer {token}"}
    documents = [document(f"deployed_{number:05}", number) for number in range(deploys)]
    changed = [{**each, "description": "Another one."} for each in documents]
    found: Times = {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://a.invalid", headers=headers) as client:
        await _seconds(client, document("first", 0))
        # What it has started in the background imports and lists too.
        await asyncio.sleep(WARM_SECONDS)
        for kind, each in zip(KINDS, (documents, changed, changed), strict=True):
            found[kind] = [await _seconds(client, one) for one in each]
    return found


async def _seconds(client: httpx.AsyncClient, pipeline: dict[str, Any]) -> tuple[float, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    answer = await client.post(DEPLOY, json=pipeline)
    took = time.perf_counter() - clock, time.process_time() - cpu
    answer.raise_for_status()
    return took


def report(found: dict[int, Times]) -> str:
    """Return a table of all sizes, with the ratio to the fewest pipelines."""
    least = min(found)
    rows = []
    for kind in KINDS:
        to = middle(cpu for _, cpu in found[least][kind])
        for size, times in sorted(found.items()):
            clock, cpu = [1000 * each for each, _ in times[kind]], [1000 * each for _, each in times[kind]]
            answered = f"{middle(clock):.1f} / {percentile(clock, 0.99):.1f}"
            spent = f"{middle(cpu):.1f} / {percentile(cpu, 0.99):.1f}"
            rows.append([kind, f"{size:,}", len(clock), answered, spent, f"{middle(cpu) / 1000 / to:.2f}"])
    head = ["deploy", "pipelines", "deploys", "answered, p50 / p99 ms", "CPU, p50 / p99 ms", "CPU to the fewest"]
    return table(head, rows)


if __name__ == "__main__":
    main()
