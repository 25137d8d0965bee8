"""Texts of others in Markdown: shown as they are."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dag_factory.dag.markdown import inline, quoted
from dag_factory.portable.plain_text import one_line, printable

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
texts = st.text() | st.text("\\`*_[]()|~#<>&!-+=:.)1 \n\r\ta", max_size=40)


def words(markdown: str) -> list[str]:
    """Return the words that a reader sees."""
    return html.unescape(re.sub("<[^>]*>", " ", MARKDOWN.render(markdown))).split()


@given(texts)
@example("a\n===")
@example("1. a\n2) b\n- c\n+ d")
@example("&lt;b&gt; &amp;amp; \\&")
@example("    code\n\ttab")
@example("\\\n\\")
def test_a_text_is_shown_as_it_was_written(text: str) -> None:
    assert words(quoted(text, 1_000)) == printable(text).split()
    assert words(f"### {inline(text)}") == one_line(text).split()


@given(texts)
def test_a_quotation_holds_paragraphs_and_nothing_else(text: str) -> None:
    kinds = {token.type for token in MARKDOWN.parse(f"{quoted(text, 1_000)}\n\n# end")}
    assert kinds <= {"blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close", "inline",
                     "heading_open", "heading_close"}  # fmt: skip


@given(st.text(min_size=1))
def test_a_text_is_at_most_as_long_as_it_may_be(text: str) -> None:
    assert len(words(inline(text * 50, 20))) <= 20
    assert len("".join(words(quoted(text * 50, 20)))) <= 20


@pytest.mark.parametrize("text", ["a\u202eb", "a\x1b[31mb", "\ufeffab", "a\u2066b\u2069", "\u200bab", "a\x00b"])
def test_what_turns_letters_around_or_is_no_letter_is_left_out(text: str) -> None:
    assert one_line(text) in ("ab", "a[31mb")
    assert "\u202e" not in quoted(text, 10)


@pytest.mark.parametrize("text", ["👩‍💻", "می‌خواهم", "\u200fعربي", "naïve", "数据"])
def test_what_other_scripts_need_stays(text: str) -> None:
    assert one_line(text) == text
