from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.portable.secrets.detection import is_plain_words, secrets_in

printable = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=12, max_size=60)


@given(printable)
def test_the_base64_of_a_text_is_a_secret_wherever_it_stands_alone(text: str) -> None:
    encoded = b64encode(text.encode()).decode()
    assert encoded in secrets_in(encoded)
    assert encoded.rstrip("=") in secrets_in(encoded.rstrip("="))


@given(st.binary(min_size=24, max_size=48))
def test_a_random_key_is_a_secret_as_hex(key: bytes) -> None:
    encoded = key.hex()
    assert encoded in secrets_in(encoded) or encoded.isdecimal() or encoded.isalpha()


@given(
    st.lists(st.sampled_from(["sales", "Orders", "customer", "REGION", "2024", "by", "v2"]), max_size=6),
    st.sampled_from("_-. "),
)
def test_a_name_made_of_words_and_numbers_is_none(words: list[str], separator: str) -> None:
    assert list(secrets_in(separator.join(words))) == []


@given(st.uuids())
def test_a_uuid_is_none(uuid: object) -> None:
    assert list(secrets_in(str(uuid))) == []


@pytest.mark.parametrize(("value", "is_secret"), [("a1b2c", False), ("a1b2c3", True), ("abcdef", False)])
def test_a_code_in_a_query_is_a_secret_unless_it_is_short_or_a_word(value: str, is_secret: bool) -> None:
    assert list(secrets_in(f"https://host/?code={value}")) == [value] * is_secret


def test_the_shortest_token_is_one() -> None:
    shortest = "eyJabcdefgh.i"
    assert list(secrets_in(shortest)) == [shortest]


@pytest.mark.parametrize(
    ("text", "is_secret"), [("a1B2c3D4e5F6g7H8-x-y-z-w", True), ("a1B2c3D4e5F6g7H-x-y-z-w-u", False)]
)
def test_a_key_is_told_by_sixteen_characters_that_nothing_breaks(text: str, is_secret: bool) -> None:
    assert list(secrets_in(text)) == [text] * is_secret


@pytest.mark.parametrize(
    "text",
    [
        "require",
        "verify-full",
        "databaseService",
        "OpenMetadata",
        "TLS",
        "READ_COMMITTED",
        "UTC",
        "read only",
        "a" * 32,
    ],
)
def test_these_are_words(text: str) -> None:
    assert is_plain_words(text)


@pytest.mark.parametrize(
    "text", ["", "hunter2", "s3cr3t", "pass!word", "a" * 33, "wJalrXUtnFEMIKMDENGbPxRfiCY", "12345678"]
)
def test_these_are_not(text: str) -> None:
    assert not is_plain_words(text)
