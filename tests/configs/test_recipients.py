"""Recipients: what counts as an address, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.pipeline import AirflowConfig, IngestionPipeline
from dag_factory.configs.recipients import MAX_RECIPIENTS, recipients
from dag_factory.errors import ConfigError

RENDERED = "{{ macros.uuid.os.popen('id').read() }}"


@pytest.mark.parametrize(
    ("email", "found"),
    [
        ("team@example.com", ("team@example.com",)),
        ("  team@example.com ", ("team@example.com",)),
        ("a@example.com,b@example.com", ("a@example.com", "b@example.com")),
        ("a@example.com, b@example.com", ("a@example.com", "b@example.com")),
        (["a@example.com", "b@example.com"], ("a@example.com", "b@example.com")),
        (["a@example.com", "a@example.com"], ("a@example.com",)),
        ("o'brien+alerts.eu@mail-1.example.co.uk", ("o'brien+alerts.eu@mail-1.example.co.uk",)),
        ("team@xn--bcher-kva.example", ("team@xn--bcher-kva.example",)),
        ("", ()),
        ("  ", ()),
        ([], ()),
    ],
)
def test_one_address_several_with_commas_or_a_list(email: Any, found: tuple[str, ...]) -> None:
    assert recipients(email) == found
    assert AirflowConfig(email=email).email == found


@pytest.mark.parametrize(
    "email",
    [
        f"{RENDERED}@x.example",
        f"a@{RENDERED}.example",
        "{%raw%}@x.example",
        "a@x.example\nBcc: b@x.example",
        "a@x.example\r\n",
        "a@x.example\x00",
        "a\u202e@x.example",
        "Team <a@x.example>",
        '"a b"@x.example',
        "a(comment)@x.example",
        "a@x.example;b@x.example",
        "a@b@x.example",
        "-oProxy@x.example",
        "a@-x.example",
        "a@x..example",
        "a@[127.0.0.1]",
        "a@localhost",
        "a%b@x.example",
        "$(id)@x.example",
        "`id`@x.example",
        "ä@x.example",
        "a@x.example,",
        "a@x.example,,b@x.example",
        ["a@x.example,b@x.example"],
        ["a@x.example", 1],
        [["a@x.example"]],
        {"a@x.example": 1},
        7,
        True,
        f"{'a' * 65}@x.example",
        f"a@{'x.' * 130}example",
        [f"a{number}@x.example" for number in range(MAX_RECIPIENTS + 1)],
    ],
)
def test_what_is_not_a_plain_address_is_refused_and_not_quoted(email: Any) -> None:
    document = {"name": "p", "pipelineType": "metadata", "airflowConfig": {"email": email}}
    with pytest.raises(ConfigError) as error:
        IngestionPipeline.from_document(document)
    assert error.value.field == "airflowConfig.email"
    assert "x.example" not in str(error.value)


def test_as_many_as_may_be_named_are() -> None:
    addresses = [f"a{number}@x.example" for number in range(MAX_RECIPIENTS)]
    assert recipients(addresses) == tuple(addresses)


def test_which_of_several_is_wrong_is_said_by_its_number() -> None:
    with pytest.raises(ValueError, match=r"is not an e-mail address \(number 2 of 3\)\. Write one like"):
        recipients("a@x.example, nobody, b@x.example")


parts = st.sampled_from(["a", "ab@x.example", "@", ".", ", ", "-", *"{}%<>;:\\$`|&'\"\n\u00e9"])


@given(st.text() | st.lists(st.lists(parts, min_size=1, max_size=4).map("".join), max_size=2))
def test_whatever_is_accepted_holds_nothing_that_a_template_a_header_or_a_shell_reads(value: Any) -> None:
    try:
        found = recipients(value)
    except ValueError:
        return
    assert not {*'{}%"<>();:\\$`|&, \n\r\t'} & {*"".join(found)}
    assert all(address.isascii() and address.isprintable() and not address.startswith("-") for address in found)
