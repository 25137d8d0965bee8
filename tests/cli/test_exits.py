"""What a command exits with, where its output can't be written: in processes, since Python writes at its end too."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dag_factory.cli.exits import FAILED, FOUND, READER_GONE

COMMAND = """
from dag_factory.cli.exits import command
from dag_factory.errors import CommandError

@command
def run():
    {body}

run()
"""
# More than Python keeps back, and less.
LITTLE, MUCH = "print('one')", "print('many' * 100_000)"
MANY = "[print('line') for _ in range(100_000)]"
# A pipe whose reader has gone is an error to poll.
UNTIL_THE_READER_HAS_GONE = "import select; each = select.poll(); each.register(1, 0); each.poll()"


def ended(body: str, redirected: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, its output redirected; return its exit code, not that of what reads it."""
    shell = f'"$0" -c "$1" {redirected}; exit "${{PIPESTATUS[0]}}"'
    return subprocess.run(
        ["/bin/bash", "-c", shell, sys.executable, COMMAND.format(body=body)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("redirected", ["| true", "2>&1 | true"])
@pytest.mark.parametrize("code", [0, FOUND])
@pytest.mark.parametrize("printed", [LITTLE, MUCH, MANY], ids=["little", "much", "many"])
def test_a_reader_that_has_gone_is_an_exit_code_of_its_own_and_no_message(
    printed: str, code: int, redirected: str
) -> None:
    done = ended(f"{UNTIL_THE_READER_HAS_GONE}; {printed}; return {code}", redirected)
    assert (done.returncode, done.stderr) == (READER_GONE, "")
    assert READER_GONE == 141  # as docs/command-line.md says


@pytest.mark.parametrize("error", ["CommandError", "ValueError"])
def test_a_name_in_an_error_can_not_steer_the_terminal(error: str) -> None:
    done = ended(f"raise {error}('\\x1b[31mred.yaml\\x9b0m is wrong')", "")
    assert done.returncode == FAILED
    assert "[31mred.yaml0m is wrong" in done.stderr.splitlines()[-1]
    assert not {"\x1b", "\x9b"}.intersection(done.stderr)


def test_an_error_that_nobody_reads_has_the_same_code() -> None:
    done = ended(f"{UNTIL_THE_READER_HAS_GONE}; raise CommandError('wrong')", "2>&1 | true")
    assert (done.returncode, done.stderr) == (READER_GONE, "")


@pytest.mark.parametrize("printed", [LITTLE, MUCH, MANY], ids=["little", "much", "many"])
def test_a_full_disk_is_said_in_one_line(printed: str) -> None:
    done = ended(f"{printed}; return {FOUND}", "> /dev/full")
    assert done.returncode == FAILED
    assert done.stderr == "The output can't be written (No space left on device). Is its disk full?\n"


def test_a_full_disk_that_takes_no_message_either_has_the_same_code() -> None:
    assert ended(LITTLE, "> /dev/full 2>&1").returncode == FAILED


def test_a_file_of_the_command_s_own_is_not_taken_for_its_output() -> None:
    done = ended("raise OSError(28, 'No space left on device', 'notes.json')", "")
    assert done.returncode == FAILED
    assert "notes.json" in done.stderr


def test_without_any_output_a_command_works() -> None:
    done = ended(f"{LITTLE}; return {FOUND}", ">&-")
    assert (done.returncode, done.stderr) == (FOUND, "")
