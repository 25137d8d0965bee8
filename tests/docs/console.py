"""
The examples of a page: its ``console`` blocks, run in a shell one after the other, and compared with what is printed.

A line that begins with ``$ `` is a command, one that begins with ``> `` goes on with it, and what follows is its
output, with that on standard error. In the output

- ``…`` stands for any characters of a line, and a line of ``…`` alone for any lines
- `/opt/airflow` is the folder in which the commands run, which is Airflow's home and holds the example
- a date with a time may be any.

A command whose exit code is not 0 is followed by ``$ echo $?``, so that readers see it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.places import ROOT, TESTS

PAGES = ROOT / "docs" / "commands"
EXAMPLE = TESTS / "docs" / "example"
# In pages, Airflow's home.
HOME = "/opt/airflow"
ASKS_FOR_CODE = "echo $?"
# Of the examples alone: `encrypt` needs one.
FERNET_KEY = "A" * 43 + "="

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?")
_END = "--- end of command"


@dataclass(frozen=True)
class Command:
    """
    A command of a page.

    :param text: as a shell reads it
    :param expected: the lines that the page shows of its output
    :param start: of the expected output in the page, in characters; `end` is the first one after it
    """

    text: str
    expected: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Done:
    """What a command has printed, with the page's names for what varies, and its exit code."""

    output: tuple[str, ...]
    code: int


def commands_in(page: str) -> list[Command]:
    """Return the commands of a page's examples."""
    found: list[Command] = []
    for block in _BLOCK.finditer(page):
        text: list[str] = []
        expected: list[str] = []
        start = end = block.start(1)
        for line in block[1].splitlines(keepends=True):
            plain = line.rstrip("\n")
            if plain.startswith("$ "):
                if text:
                    found.append(Command("\n".join(text), tuple(expected), start, end))
                text, expected, start = [plain[2:]], [], end + len(line)
            elif not expected and text and (plain == ">" or plain.startswith("> ")):
                text.append(plain[2:])
                start = end + len(line)
            else:
                expected.append(plain)
            end += len(line)
        if text:
            found.append(Command("\n".join(text), tuple(expected), start, end))
    return found


def run(commands: Sequence[Command], folder: Path, program: Path, env: Mapping[str, str]) -> list[Done]:
    """Run the commands of a page in one shell, in a folder; return what each has printed."""
    script = "".join(
        f"{command.text}\n__code=$?\nprintf '\\n%s %s\\n' '{_END}' $__code\n(exit $__code)\n" for command in commands
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            "PATH": f"{program}:{folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(folder / "configs"),
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": str(folder / "state"),
            **env,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    parts = re.split(rf"\n{_END} (\d+)\n", done.stdout)
    assert len(parts) == 2 * len(commands) + 1, done.stdout
    return [
        Done(tuple(line.rstrip() for line in output.replace(str(folder), HOME).splitlines()), int(code))
        for output, code in zip(parts[::2], parts[1::2], strict=False)
    ]


def agree(expected: Sequence[str], output: Sequence[str]) -> bool:
    """Return whether a command has printed what a page shows, but for what may vary."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(_plain(line)).replace("…", ".*?") + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{_plain(line)}\n" for line in output)) is not None


def _plain(line: str) -> str:
    return _MOMENT.sub("<moment>", line.rstrip())


@contextmanager
def world(page: Path, folder: Path) -> Iterator[Mapping[str, str]]:
    """
    Make what the commands of a page find, and yield further variables of their environment.

    That is a copy of the example, and what ``world(folder)`` makes of it, a context manager in the module of
    `tests.docs.worlds` that is named as the page, where there is one.
    """
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    module = module_of(page)
    more: AbstractContextManager[Mapping[str, str]] = nullcontext({})
    if module is not None:
        more = import_module(module).world(folder)
    with more as env:
        yield env


def module_of(page: Path) -> str | None:
    """Return the name of the module that makes the world of a page, None where it needs none."""
    name = f"tests.docs.worlds.{page.stem.replace('-', '_')}"
    try:
        return name if find_spec(name) is not None else None
    except ModuleNotFoundError:
        return None


def is_shown(commands: Sequence[Command], place: int) -> bool:
    """Return whether readers see the exit code of a command."""
    return place + 1 < len(commands) and commands[place + 1].text == ASKS_FOR_CODE


def within(folder: Path) -> Path:
    """Return a folder for the commands of a page, whose path is not part of another one."""
    made = folder / f"home{os.getpid()}"
    made.mkdir(parents=True)
    return made
