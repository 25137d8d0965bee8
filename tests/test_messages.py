"""
Every message, docstring and comment of the package in the words that its readers know.

`python -m tools.messages` shows all messages.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.places import ROOT
from tools.messages import Message, messages, page


@cache
def ours() -> list[Message]:
    """Return all messages of the package."""
    return messages()


# What is not to stand in a message, and what to write in its place.
WORDS = {
    r"tell|tells|told|telling": "report, send",
    r"hears?|heard": "receive, get",
    r"overrul\w+|insists?": "override",
    r"(try|tries|tried) (it |them )?again|patience": "retry, retry interval",
    r"(is|are) none|is no (?!longer|more)\w+": "is not a …, invalid",
    r"there (is|are|was|were) no": "missing, unknown, not found",
    r"whoever": "the caller, the user, the operator",
    r"beneath|upon|laid over": "below, applied on top of, merged over",
    r"hints?": "file event",
    r"mend(s|ed)?": "fix",
    r"somebody|nobody": "a user, another process, by hand",
    r"word that is known|as it should be": "known value, as expected",
}

# The same for docstrings and comments: only what is always wrong there.
PROSE_WORDS = {
    r"tells|told": "report, send, call",
    r"overrul\w+|insists?": "override",
    r"(try|tries|tried) (it |them )?again|patience": "retry, retry interval",
    r"(?<!there )(is|are) none|(?<!there )is no (?!longer|more)\w+": "is not a …, invalid",
    r"there (is|are) no such": "missing, unknown, not found",
    r"whoever": "the caller, the user, the operator",
    r"beneath|upon|laid over": "below, applied on top of, merged over",
    r"to be had": "missing",
    r"tear(s|ing)? (it|them|a log)? ?to bits": "make unreadable",
    r"an URL": "a URL",
}


def text_of(message: Message) -> str:
    """Return a message without what is filled in."""
    return re.sub(r"\{[^{}]*\}", "{}", message.text)


def wrong_words(message: Message) -> list[str]:
    found = [(re.search(rf"\b({words})\b", text_of(message), re.IGNORECASE), better) for words, better in WORDS.items()]
    return [f"'{match[0]}' (write: {better})" for match, better in found if match]


def test_messages_use_the_words_that_their_readers_know() -> None:
    lines = [
        f"{message.module}:{message.line}: {', '.join(words)}: {message.text}"
        for message in ours()
        if (words := wrong_words(message))
    ]
    assert not lines, "\n".join(lines)


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield each comment and docstring of a module, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def wrong_prose(text: str) -> list[str]:
    plain = re.sub(r"``.*?``|`.*?`", "", " ".join(text.split()))
    found = [(re.search(rf"\b({words})\b", plain, re.IGNORECASE), better) for words, better in PROSE_WORDS.items()]
    return [f"'{match[0]}' (write: {better})" for match, better in found if match]


def test_docstrings_and_comments_use_the_words_that_their_readers_know() -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{line}: {', '.join(words)}"
        for path in sorted((ROOT / "dag_factory").rglob("*.py"))
        for line, text in prose(path.read_text(encoding="utf-8"))
        if (words := wrong_prose(text))
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("# Whoever reads it", True),
        ("Return None where it is no\n    number.", True),
        ("# None where there is no limit", False),
        ("# is no longer there", False),
        ("# the settings `upon` and ``told`` are names", False),
    ],
)
def test_a_word_is_found_in_prose_and_not_in_a_name(text: str, is_wrong: bool) -> None:
    assert bool(wrong_prose(text)) is is_wrong


def test_a_refusal_of_the_api_is_a_sentence() -> None:
    refusals = [each for each in ours() if each.where.endswith(("Refused", "refusal"))]
    assert len(refusals) > 20
    wrong = [each for each in refusals if not re.match(r"[A-Z'{].*[.?}]$", " ".join(each.text.split()))]
    assert not wrong, page(wrong)


def test_what_is_wrong_with_a_config_is_a_clause_that_can_follow_the_field_s_name() -> None:
    problems = [each for each in ours() if each.where.endswith("ConfigError")]
    assert len(problems) > 50
    wrong = [each for each in problems if re.search(r"[^.]\.$", each.text)]
    assert not wrong, page(wrong)


def test_no_message_ends_or_is_put_together_with_two_full_stops() -> None:
    assert not [each for each in ours() if re.search(r"(?<!\.)\.\.(?!\.)|\. \.| {2}\S", each.text.strip())]


EXAMPLE = '''
"""A docstring of some words."""
log.warning("Can't do %s: the reason", what)
def f(x):
    """Another docstring of some words."""
    raise ConfigError(f"holds {len(x)} values, and " "{more}" f" of {x['a']}", field="name")
TEXT = "two words"
pattern = re.compile("a b c words of a pattern")
print("printed " + f"the {command} line")
'''


def test_all_that_people_read_is_found_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(EXAMPLE)
    found = [(each.line, each.where, each.text) for each in messages(tmp_path)]
    assert found == [
        (3, "log.warning", "Can't do %s: the reason"),
        (6, "raise ConfigError", "holds {len(x)} values, and {more} of {x['a']}"),
        (9, "print", "the {command} line"),
    ]


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("the server could not be told", True),
        ("is no number", True),
        ("is no longer there", False),
        ("There is no such pipeline", True),
        ("Whoever triggers it", True),
        ("{told['kind']} is fine", False),
        ("is unknown. Retry", False),
    ],
)
def test_a_word_is_found_in_a_message_and_not_in_what_is_filled_in(text: str, is_wrong: bool) -> None:
    assert bool(wrong_words(Message("module", 1, "", text))) is is_wrong


@pytest.mark.slow
def test_the_page_has_every_module_with_its_messages() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.messages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == page(ours())
    for message in ours():
        assert f"\n## {message.module}\n" in done.stdout
