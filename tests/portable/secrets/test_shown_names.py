from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs import schemas
from dag_factory.configs.schemas import VERSIONS
from dag_factory.portable.secrets.references import FORMS, PARTS
from dag_factory.portable.secrets.shown_names import HIDDEN, shown_field, shown_name
from dag_factory.settings.options import SECTION

TOKENS = [
    "hunter2",
    "hunter2hunter2secret",
    "ghp_0123456789abcdefghij",
    "AKIA0123456789ABCDEF",
    "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl",
    "c2VjcmV0IG9mIG1pbmU=",
    "postgresql://reader:s3cr3t@db.example/sales",
    "805190461277",
    "x" * 5000,
]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_each_name_of_a_field_in_the_schemas_is_shown(version: tuple[int, int]) -> None:
    digest = Path(schemas.__file__).with_name("ingestion_{}_{}.json".format(*version))
    types = json.loads(digest.read_text())["types"].values()
    names = {name for fields in types if isinstance(fields, dict) for name in fields}
    assert len(names) > 300
    assert [name for name in names if shown_name(name) != name] == []


@pytest.mark.parametrize(
    "name", ["scheduleInteval", "max_active_runs", "retry-delay", "X-Api-Key", "_note", "$conection", *FORMS, *PARTS]
)
def test_a_name_of_plain_words_is_shown(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_place_of_a_name_is_hidden(token: str) -> None:
    assert shown_name(token) in (HIDDEN, f"postgresql:{HIDDEN}")
    before, _, hidden = shown_field(f"openMetadataServerConnection.securityConfig.{token}").rpartition(".")
    assert before == "openMetadataServerConnection.securityConfig"
    assert hidden in (HIDDEN, f"postgresql:{HIDDEN}")


@pytest.mark.parametrize("value", [*TOKENS, "letmein", "let me in", "a:b", ""])
def test_of_a_field_whose_value_is_in_its_name_the_field_is_shown(value: str) -> None:
    assert shown_name(f"jwtToken:{value}") == f"jwtToken:{HIDDEN}"
    assert shown_field(f"a.jwtToken:{value}") == f"a.jwtToken:{HIDDEN}"


@pytest.mark.parametrize("name", ["jwtToken=letmein", "jwtToken letmein", "letmein2:jwtToken", ":letmein", "", "größe"])
def test_any_other_name_is_hidden_whole(name: str) -> None:
    assert shown_name(name) == HIDDEN


def test_what_follows_a_hidden_name_may_be_a_part_of_it() -> None:
    assert shown_field("a.eyJhbGciOiJub25lIn0.abc.def") == f"a.{HIDDEN}"
    assert shown_field("a.jwtToken:abc.def.ghi") == f"a.jwtToken:{HIDDEN}"


def test_the_items_of_a_list_are_counted_and_longer_numbers_are_hidden() -> None:
    assert shown_field("owners.12.name") == "owners.12.name"
    assert shown_field("owners.90210123.name") == f"owners.{HIDDEN}"


def test_a_setting_is_shown() -> None:
    assert shown_field(f"[{SECTION}] openmetadata_conn_id") == f"[{SECTION}] openmetadata_conn_id"
    assert shown_field(f"[{SECTION}] s3cr3t") == HIDDEN


@given(st.text())
def test_what_is_shown_is_shown_again_as_it_is(field: str) -> None:
    assert shown_field(shown_field(field)) == shown_field(field)
