from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.portable.plain_text import cut, json_with_escapes, without_terminal_codes


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain [31m text]", "plain [31m text]"),
        ("\x1b[32mgreen\x1b[0m and \x1b[1;38;5;208mbold\x1b[m", "green and bold"),
        ("\x1b[2K\rprogress\x1b[1A", "\rprogress"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]8;;https://example.com\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b(Btext\x1b=", "text"),
        ("half \x1b[31", "half [31"),
        ("\x1b]0;without end", "]0;without end"),
        ("\x1b\x1b[31mtwice", "twice"),
    ],
    ids=repr,
)
def test_nothing_is_left_of_what_a_terminal_takes_for_a_command(text: str, plain: str) -> None:
    assert without_terminal_codes(text) == plain


@given(st.text("\x1b\x9b[]0;m a\x07\\"))
def test_no_code_is_left_and_none_is_made_of_what_is_left(text: str) -> None:
    plain = without_terminal_codes(text)
    assert not {"\x1b", "\x9b"} & set(plain)


@pytest.mark.parametrize("part", ["\x1b]", "\x1b[0;", "\x9b", "\x1b[ ", "\x1b "])
def test_a_text_of_beginnings_alone_takes_no_longer_than_its_length(part: str) -> None:
    assert "\x1b" not in without_terminal_codes(part * 200_000)


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abcd", "abcd"), ("abcde", "abc…")])
def test_a_text_is_cut_where_it_is_longer_than_there_is_room(text: str, shown: str) -> None:
    assert cut(text, 4) == shown


@given(st.text('\x1b\x9b\x7f\u202e\ufeff\n\\"a\u00e9\U0001f600'))
def test_json_that_a_terminal_may_show_means_the_same(text: str) -> None:
    escaped = json_with_escapes(json.dumps([text], ensure_ascii=False, indent=2))
    assert json.loads(escaped) == [text]
    assert not set("\x1b\x9b\x7f\u202e\ufeff").intersection(escaped)
