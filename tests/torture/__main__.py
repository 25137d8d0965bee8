"""
Torture of the store: `python -m tests.torture`, or `make torture ARGS="--rounds 2000 --seed 1"`.

Each part prints what was done and what was found; the exit status is the number of parts that found something.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cryptography.fernet import Fernet

from tests.torture.preload import preloaded

HOME = "TORTURE_HOME"


def main() -> int:
    arguments = _arguments()
    if HOME not in os.environ:
        home = Path(tempfile.mkdtemp(prefix="torture"))
        env = {
            HOME: str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__FERNET_KEY": ",".join(Fernet.generate_key().decode() for _ in range(2)),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        }
        seeded = [*sys.argv[1:], "--seed", str(arguments.seed)]
        preloaded("tests.torture", seeded, home, env)
    home = Path(os.environ[HOME])
    try:
        print(f"seed {arguments.seed}", flush=True)
        return _torture(home, arguments)
    finally:
        shutil.rmtree(home)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10**6, help="how many single faults at most (default: all)")
    parser.add_argument("--seconds", type=float, default=600, help="after which each part stops (default: 600)")
    parser.add_argument("--crowd", type=float, default=60, help="seconds in which many work at once (default: 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of what is chosen by chance")
    return parser.parse_args()


def _torture(home: Path, arguments: argparse.Namespace) -> int:
    from tests.torture.crowd import Crowd
    from tests.torture.disks import Disks
    from tests.torture.judge import Judge
    from tests.torture.preload import Faults
    from tests.torture.single import Single

    judge = Judge()
    single = Single(home / "single", Faults(), judge)
    every = list(single.all())
    random.Random(arguments.seed).shuffle(every)
    until = time.monotonic() + arguments.seconds
    done: Counter[str] = Counter()
    for call, fault in every[: arguments.rounds]:
        if time.monotonic() > until:
            break
        single.suffer(call, fault)
        done[fault.name] += 1
    print(f"single faults: {done.total()} of {len(every)}")
    for name, number in sorted(done.items()):
        print(f"  {number:5} {name}")
    failed = _found(judge.findings)

    judge = Judge()
    disks = Disks(home, judge)
    if disks.can_mount():
        disks.run(until + arguments.seconds)
        print(f"disks that are full or read-only: {disks.number} calls")
    else:
        print("disks that are full or read-only: none, for this process may not mount one")
    failed += _found(judge.findings)

    (home / "crowd").mkdir()
    crowd = Crowd(home / "crowd", arguments.seed)
    crowd.run(min(arguments.seconds, arguments.crowd))
    print(f"many at once: {crowd.figures}")
    return failed + _found(crowd.findings)


def _found(findings: list[str]) -> int:
    for finding in findings[:50]:
        print(f"  FOUND {finding}")
    print(f"  findings: {len(findings)}", flush=True)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
