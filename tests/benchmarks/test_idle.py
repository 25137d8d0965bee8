from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.idle import age, cpu_seconds, megabytes

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_the_cpu_time_of_children_that_have_ended_counts() -> None:
    before = cpu_seconds(os.getpid())

    subprocess.run([sys.executable, "-c", BUSY], check=True)

    assert cpu_seconds(os.getpid()) - before > 0.25


def test_the_cpu_time_and_memory_of_children_that_live_count() -> None:
    waiting = f"{BUSY}\nkept = b'x' * 50_000_000\nprint('ready', flush=True)\ninput()"
    cpu, memory = cpu_seconds(os.getpid()), megabytes(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()

        more = cpu_seconds(os.getpid()) - cpu, megabytes(os.getpid()) - memory
        child_age = age(child.pid)
        child.communicate("\n")
    assert more[0] > 0.25
    assert more[1] > 40
    assert 0 < child_age < age(os.getpid())
