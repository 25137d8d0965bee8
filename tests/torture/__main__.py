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
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    parser.add_argument(
        "--parts", default="faults,disks,mounts,crowd", help="which parts, separated by commas (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=10**6, help="how many single faults at most (default: all)")
    parser.add_argument(
        "--skip", type=int, default=0, help="how many single faults an earlier run of this seed has made"
    )
    parser.add_argument("--seconds", type=float, default=1200, help="after which each part stops (default: 1200)")
    parser.add_argument("--crowd", type=float, default=60, help="seconds in which many work at once (default: 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of what is chosen by chance")
    return parser.parse_args()


def _torture(home: Path, arguments: argparse.Namespace) -> int:
    parts = {"faults": _faults, "disks": _disks, "mounts": _mounts, "crowd": _crowd}
    failed = 0
    for name in arguments.parts.split(","):
        folder = home / name
        folder.mkdir()
        findings = parts[name](folder, arguments)
        for finding in findings[:50]:
            print(f"  FOUND {finding}")
        print(f"  findings: {len(findings)}", flush=True)
        failed += bool(findings)
    return failed


def _faults(folder: Path, arguments: argparse.Namespace) -> list[str]:
    from tests.torture.judge import Judge
    from tests.torture.preload import Faults
    from tests.torture.single import Single, faults_of

    judge = Judge()
    single = Single(folder, Faults(), judge)
    print(f"single faults: {_each(list(single.all(faults_of)), single.suffer, arguments)}")
    return judge.findings


def _mounts(folder: Path, arguments: argparse.Namespace) -> list[str]:
    from tests.torture.disks import Disks
    from tests.torture.judge import Judge
    from tests.torture.mounts import Mounts
    from tests.torture.preload import Faults

    if not Disks(folder, Judge()).can_mount():
        print("unmounted amid a call: none, for this process may not mount anything")
        return []
    mounts = Mounts(folder, Faults())
    print(f"unmounted amid a call: {_each(mounts.all(), mounts.suffer, arguments)}")
    return mounts.judge.findings


def _each(every: list[Any], suffer: Callable[[Any, Any], None], arguments: argparse.Namespace) -> str:
    """Let each fault happen, in an order of chance, as far as the arguments say; return how many of which kind did."""
    random.Random(arguments.seed).shuffle(every)
    until = time.monotonic() + arguments.seconds
    done: Counter[str] = Counter()
    for call, fault in every[arguments.skip : arguments.skip + arguments.rounds]:
        if time.monotonic() > until:
            break
        suffer(call, fault)
        done[fault.name] += 1
    lines = [f"  {number:5} {name}" for name, number in sorted(done.items())]
    return "\n".join([f"{done.total()} of {len(every)}", *lines])


def _disks(folder: Path, arguments: argparse.Namespace) -> list[str]:
    from tests.torture.disks import Disks
    from tests.torture.judge import Judge

    judge = Judge()
    disks = Disks(folder, judge)
    if disks.can_mount():
        disks.run(time.monotonic() + arguments.seconds)
        print(f"disks that are full or read-only: {disks.number} calls")
    else:
        print("disks that are full or read-only: none, for this process may not mount one")
    return judge.findings


def _crowd(folder: Path, arguments: argparse.Namespace) -> list[str]:
    from tests.torture.crowd import Crowd

    crowd = Crowd(folder, arguments.seed)
    crowd.run(min(arguments.seconds, arguments.crowd))
    print(f"many at once: {crowd.figures}")
    return crowd.findings


if __name__ == "__main__":
    sys.exit(main())
