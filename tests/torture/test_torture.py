from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.places import ROOT

SECONDS, CROWD_SECONDS = 1.5, 1


@pytest.mark.slow
def test_whatever_fails_or_dies_what_is_in_the_store_is_whole_and_announced_and_every_answer_is_true() -> None:
    # Some faults of each kind, by chance. The long form makes them all.
    seed = random.randrange(10**6)
    limits = ["--seconds", str(SECONDS), "--crowd", str(CROWD_SECONDS), "--seed", str(seed)]
    command = [sys.executable, "-m", "tests.torture", *limits]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
