from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest

from dag_factory.cli import all_commands, commands
from dag_factory.cli.__main__ import main, parser
from dag_factory.cli.exits import FAILED, FOUND, READER_GONE, command
from dag_factory.cli.output import print_json, print_table, progress
from dag_factory.errors import CommandError

PROGRAM = Path(sys.executable).with_name("openmetadata-dag-factory")


def test_the_program_has_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert PROGRAM.is_file()
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    listed = set(re.findall(r"^ +([a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert listed >= {each.name for each in all_commands()}


def test_airflow_may_ask_for_the_commands_more_than_once() -> None:
    # The folder that declares them must not take the place of a function of its name.
    assert [[each.name for each in commands()], [each.name for each in commands()]] == [
        ["openmetadata-dag-factory"]
    ] * 2


@pytest.mark.parametrize("name", [each.name for each in all_commands()])
def test_the_function_of_each_command_is_there_and_a_defect_of_it_is_nothing_found(name: str) -> None:
    # A lazy command hides where it leads: calling it with nothing gets as far as its own function.
    with pytest.raises(SystemExit) as ended:
        next(each for each in all_commands() if each.name == name).func()
    assert ended.value.code == FAILED


def test_wrong_arguments_end_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["no-such-command"], ["bundles", "--shards", "many"]):
        with pytest.raises(SystemExit) as ended:
            parser().parse_args(arguments)
        assert ended.value.code == 2
    assert "usage: openmetadata-dag-factory" in capsys.readouterr().err


def wrong() -> int:
    raise CommandError("The value is empty.")


def defective() -> int:
    raise ZeroDivisionError


def test_a_defect_does_not_pass_for_something_that_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command(defective)()
    assert ended.value.code == FAILED
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [(wrong, FAILED, "The value is empty.\n"), (lambda: FOUND, FOUND, ""), (lambda: 0, 0, ""), (lambda: None, 0, "")],
    ids=["error", "found", "done", "nothing"],
)
def test_a_command_ends_with_its_code_and_an_error_is_one_line(
    capsys: pytest.CaptureFixture[str], run: Callable[[], int | None], code: int, said: str
) -> None:
    try:
        command(run)()
    except SystemExit as ended:
        assert ended.code == code
    else:
        assert code == 0
    assert capsys.readouterr().err == said


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["bundles --shards 64 --parts 64", "bundles --help"])
def test_a_reader_that_has_gone_is_no_traceback_and_no_success(tmp_path: Path, arguments: str) -> None:
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", f"{sys.executable} -m dag_factory.cli {arguments} | true"],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == READER_GONE
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_table_for_a_file_has_each_row_on_one_line_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "problem"], [["orders", "[bold] " + "wide " * 100 + "end"], ["refunds", "\x1b[31mr\ned"]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "orders", "refunds"]
    assert "[bold] wide" in lines[1]
    assert lines[1].endswith("end")
    assert lines[2] == lines[2].rstrip()
    assert "\x1b" not in lines[2]


def test_columns_of_a_table_for_a_file_begin_where_a_reader_expects_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "name", "state"], [["a", "注文", "good"], ["bcd", "", ""]])
    assert capsys.readouterr().out == "id   name  state\na    注文  good\nbcd\n"
    print_table(["id", "name"], [])
    assert capsys.readouterr().out == "id  name\n"


def test_json_is_read_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"id": "ördérs", "where": Path("a")}])
    assert json.loads(capsys.readouterr().out) == [{"id": "ördérs", "where": "a"}]


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", "utf-8"])
@pytest.mark.parametrize("arguments", [["list"], ["show", "orders", "--store"], ["validate"]], ids=lambda each: each[0])
def test_a_terminal_that_lacks_a_character_shows_the_rest_and_json_stays_json(
    arguments: list[str], encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Łódź"
    service = {"type": "databaseService", "name": name}
    # Whose name is in a problem of the file.
    (tmp_path / f"{name}.json").write_text(json.dumps({"name": "orders", "service": service, name: 1}))

    def printed(*more: str) -> str:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        with suppress(SystemExit):
            main([*arguments, str(tmp_path), *more])
        return written.getvalue().decode(encoding)

    shown = name if encoding == "utf-8" else name.encode(encoding, "backslashreplace").decode(encoding)
    assert shown in printed()
    for form in ("json", "sarif") if arguments == ["validate"] else ("json",):
        assert name in unquote(str(json.loads(printed("--output", form))))


def test_progress_leaves_out_nothing_and_shows_nothing_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), "Reading", 3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
