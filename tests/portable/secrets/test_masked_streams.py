"""What is printed during a run goes on line by line, rewritten, whatever stream takes it and however it comes."""

from __future__ import annotations

import io
import os
import sys
import threading
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from dag_factory.portable.secrets.masked_streams import RewrittenLines, rewritten_output

SECRET = "one\ntwo"


def hide(text: str) -> str:
    return text.replace(SECRET, "***")


def test_what_is_written_in_pieces_is_rewritten_as_a_whole() -> None:
    with redirect_stdout(io.StringIO()) as target:
        with rewritten_output(hide):
            for piece in ("before ", SECRET[:2], SECRET[2:], " after"):
                print(piece, end="", flush=True)
                assert target.getvalue() == ""
            print()
            assert target.getvalue() == "before *** after\n"
        assert target.getvalue() == "before *** after\n"


def test_a_secret_of_several_lines_is_rewritten_where_one_of_them_ends_what_is_printed() -> None:
    with redirect_stdout(io.StringIO()) as target, rewritten_output(hide):
        print(SECRET)
        print("progress", end="\r")
        assert target.getvalue() == "***\nprogress\r"


def test_what_no_end_of_a_line_has_followed_is_handed_on_at_the_end_whichever_thread_it_came_from() -> None:
    with redirect_stdout(io.StringIO()) as target:
        with rewritten_output(hide):
            print("one", end="")
            thread = threading.Thread(target=print, args=(f"another {SECRET}",), kwargs={"end": ""})
            thread.start()
            thread.join()
            print("", end="")
        assert sorted(target.getvalue().split("one")) == ["", "another ***"]


def test_the_pieces_of_threads_do_not_mix() -> None:
    barrier = threading.Barrier(8)

    def write(name: str) -> None:
        barrier.wait()
        for number in range(200):
            for piece in (name, str(number), SECRET, "\n"):
                sys.stdout.write(piece)

    with redirect_stdout(io.StringIO()) as target, rewritten_output(hide):
        threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = target.getvalue().splitlines()
    assert sorted(lines) == sorted(f"{name}{number}***" for name in "abcdefgh" for number in range(200))


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    with redirect_stdout(io.StringIO()) as target, rewritten_output(hide):
        for _ in range(1100):
            sys.stdout.write("x" * 1024)
        assert len(target.getvalue()) > 1024 * 1024


def test_bytes_are_rewritten_too() -> None:
    with redirect_stdout(io.StringIO()) as target, rewritten_output(hide):
        sys.stdout.buffer.write(f"ö {SECRET}\n".encode())
        sys.stdout.buffer.write(b"\xff\n")
        sys.stdout.buffer.flush()
    assert target.getvalue() == "ö ***\n\ufffd\n"


def test_whoever_keeps_a_stream_may_write_to_it_afterwards() -> None:
    with redirect_stdout(io.StringIO()) as target:
        with rewritten_output(hide):
            kept = sys.stdout
        print(SECRET, file=kept)
        kept.close()
        print("open", file=target)
    assert target.getvalue() == "***\nopen\n"


def test_it_says_of_itself_what_the_other_stream_does(tmp_path: Path) -> None:
    target = (tmp_path / "out").open("w", encoding="latin-1", errors="replace")
    with target, redirect_stdout(target), rewritten_output(hide):
        stream = sys.stdout
        assert isinstance(stream, RewrittenLines)
        assert (stream.encoding, stream.errors, stream.fileno()) == ("latin-1", "replace", target.fileno())
        assert (stream.isatty(), stream.writable(), stream.readable(), stream.closed) == (False, True, False, False)
        stream.reconfigure(encoding="utf-8")
        print("→")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "→\n"


class Odd:
    """A stream that can do no more than it must."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is held."""


def test_a_stream_may_be_able_to_do_little() -> None:
    odd: Any = Odd()
    with redirect_stdout(odd), rewritten_output(hide):
        print(SECRET)
        sys.stdout.buffer.write(b"b")
        assert sys.stdout.encoding == "utf-8"
        assert not sys.stdout.isatty()
    assert odd.text == "***\nb"


def test_a_process_may_have_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with rewritten_output(hide):
        print(SECRET)
        traceback.print_stack()
    assert sys.stdout is None


def test_a_stream_that_is_closed_meanwhile_ends_nothing_but_the_printing() -> None:
    target = io.StringIO()
    with redirect_stdout(target), rewritten_output(hide):
        print("held", end="")
        target.close()
        with pytest.raises(ValueError, match="closed"):
            print("more")
        print("held", end="")


def test_a_fork_prints_on(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as target, redirect_stdout(target), rewritten_output(hide):
        print("parent", end="")
        child = os.fork()
        if not child:
            print(SECRET, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    assert (tmp_path / "out").read_text() == "parent***\nparent"
