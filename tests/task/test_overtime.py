"""A task that goes on after its time, in a process of its own: it is ended, whatever it waits for."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

START = """
import logging, sys, time
from dag_factory.task.overtime import no_overtime
logging.basicConfig(level=logging.INFO, stream=sys.stdout)

def told():
    print("told", flush=True)
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    script = START + dedent(body)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
def test_what_no_exception_reaches_is_ended_and_reported(silent_port: int) -> None:
    # A driver waits in C for a server that accepts and never answers; Airflow's alarm comes after a second, in vain.
    done = run(f"""
        import signal, psycopg2

        def alarm(*_):
            print("alarm", flush=True)
            raise SystemExit(7)

        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, 1)
        with no_overtime(time.monotonic() + 1, told, grace=2):
            psycopg2.connect(host="127.0.0.1", port={silent_port}, user="x", password="x", dbname="x")
        """)
    assert done.returncode == 1, done.stderr
    assert "its process is ended" in done.stdout
    assert done.stdout.splitlines()[-1] == "told"
    assert "alarm" not in done.stdout


def test_it_is_ended_too_where_it_can_t_be_reported() -> None:
    done = run("""
        with no_overtime(time.monotonic(), lambda: 1 / 0, grace=0.1):
            time.sleep(100)
        """)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("ends_at", ["None", "time.monotonic() + 100", "time.monotonic()"])
def test_what_ends_in_time_is_left_alone(ends_at: str) -> None:
    done = run(f"""
        with no_overtime({ends_at}, told, grace=0.5):
            pass
        time.sleep(1)
        print("went on")
        """)
    assert (done.returncode, done.stdout) == (0, "went on\n")
