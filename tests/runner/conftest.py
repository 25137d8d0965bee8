from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Interpreter = Callable[[str], str]


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """
    Make an interpreter in which jobs are done by the given code, the body of a function, in place of ingestion code.

    The code sees ``job`` and ``on_secret``. All else in the child is the real thing.
    """

    def make(body: str) -> str:
        path = tmp_path / "interpreter"
        function = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
        path.write_text(
            f"#!{sys.executable} -Iu\n"
            "import runpy, sys, types\n"
            "jobs = types.ModuleType('dag_factory.workflow.jobs')\n"
            f"exec({'def execute(kind, job, *, on_secret):' + chr(10) + function!r}, jobs.__dict__)\n"
            "sys.modules[jobs.__name__] = jobs\n"
            "sys.argv = sys.argv[sys.argv.index('-u') + 1 :]\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        path.chmod(0o755)
        return str(path)

    return make
