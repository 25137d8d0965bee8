import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.references import (
    check_reference,
    decrypted,
    encrypted,
    is_reference,
    is_sealed_newly,
    references_in,
    resealed,
)
from dag_factory.portable.secrets.references import resolve as resolve_all
from dag_factory.portable.secrets.sealing import Keys
from tests.airflow_versions import BEFORE_3_2
from tests.places import TESTS

CANARY = "s3cr3t-canary"
KEYS = Keys("A" * 43 + "=")
DAG_ID = "orders"

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc$", max_size=3), inner, max_size=3),
    max_leaves=10,
)


def anything(*_: object) -> None:
    """Let every reference be followed."""


def resolve(value: Any, *, on_secret: Any, permit: Any = anything, keys: Keys = KEYS) -> Any:
    return resolve_all(value, DAG_ID, keys=keys, permit=permit, on_secret=on_secret)


class Listener:
    """Remembers what it is asked to mask."""

    def __init__(self) -> None:
        self.secrets: list[str] = []

    def __call__(self, secret: str) -> None:
        self.secrets.append(secret)


@pytest.fixture
def masked() -> Listener:
    return Listener()


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> str:
    fields = {
        "conn_type": "postgres",
        "host": "db.example",
        "login": "reader",
        "password": "p$w:rd/1@2",
        "port": 5432,
        "schema": "sales",
        "extra": {"token": "tok", "nested": {"a": 1}, "empty": ""},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SALES_DB", json.dumps(fields))
    return "sales_db"


def problem_of(value: object) -> ConfigError:
    told = Listener()
    with pytest.raises(ConfigError) as caught:
        resolve({"a": [value]}, on_secret=told)
    assert caught.value.field == "a.0"
    return caught.value


@pytest.mark.parametrize("value", [None, 1, "text", "$env", [], ["$env"], {}, {"env": "A"}, {"field": "A"}])
def test_anything_else_is_no_reference(value: object) -> None:
    assert not is_reference(value)


@pytest.mark.parametrize(
    "reference",
    [{"$env": "A"}, {"$fernet": "A"}, {"$fernet": "A", "as": "number"}, {"$connection": "A", "field": "host"}],
    ids=json.dumps,
)
def test_a_reference_of_each_form_is_right(reference: dict[str, Any]) -> None:
    assert is_reference(reference)
    check_reference(reference, field="a")


@pytest.mark.parametrize(
    "reference",
    [
        {"$env": 1},
        {"$env": None},
        {"$env": ""},
        {"$env": ["A"]},
        {"$env": {"$env": "A"}},
        {"$env": "A", "default": "B"},
        {"$env": "A", "field": "B"},
        {"$env": "A", "$fernet": "B"},
        {"$env": "A", "$connection": "B"},
        {"$env": "A", "$connection": "B", "field": "host"},
        {"$env": "A", "as": "number"},
        {"$fernet": 1},
        {"$fernet": "A", "as": "text"},
        {"$fernet": "A", "as": None},
        {"$fernet": "A", "field": "B"},
        {"$connection": "A"},
        {"$connection": "A", "field": ""},
        {"$connection": "A", "field": None},
        {"$connection": "A", "field": "host", "default": "B"},
    ],
    ids=json.dumps,
)
def test_a_malformed_reference_is_refused_with_its_field(reference: dict[str, Any]) -> None:
    assert is_reference(reference)
    with pytest.raises(ConfigError) as caught:
        check_reference(reference, field="a.b")
    assert caught.value.field == "a.b"


def test_the_error_of_a_malformed_reference_quotes_none_of_it() -> None:
    with pytest.raises(ConfigError) as caught:
        check_reference({"$env": CANARY, CANARY: CANARY}, field="a")
    assert CANARY not in str(caught.value)


@given(plain)
def test_what_holds_no_reference_is_resolved_to_itself(value: Any) -> None:
    assert resolve(value, on_secret=Listener()) == value


def test_a_reference_is_replaced_wherever_it_stands(monkeypatch: pytest.MonkeyPatch, masked: Listener) -> None:
    monkeypatch.setenv("OM_USER", "robot")
    reference = {"$env": "OM_USER"}
    document = {"a": reference, "b": {"c": [1, reference, {"d": reference}]}, "e": "$env"}
    assert resolve(document, on_secret=masked) == {
        "a": "robot",
        "b": {"c": [1, "robot", {"d": "robot"}]},
        "e": "$env",
    }
    assert document["a"] is reference


@pytest.mark.parametrize("value", ["pa$$w0rd", "${HOME}", '{"$env": "HOME"}', "%(x)s", "", " "])
def test_a_value_is_taken_literally(monkeypatch: pytest.MonkeyPatch, masked: Listener, value: str) -> None:
    monkeypatch.setenv("OM_PASSWORD", value)
    assert resolve({"$env": "OM_PASSWORD"}, on_secret=masked) == value


def test_a_missing_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OM_MISSING", raising=False)
    assert "'OM_MISSING'" in str(problem_of({"$env": "OM_MISSING"}))


def test_each_reference_is_asked_for_with_its_field_before_it_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_OPEN", "open")
    monkeypatch.setenv("OM_CLOSED", CANARY)
    asked: list[tuple[object, str]] = []

    def permit(reference: Mapping[str, Any], field: str) -> None:
        asked.append((reference, field))
        if reference != {"$env": "OM_OPEN"}:
            raise ConfigError("is closed", field=field)

    document = {"a": {"$env": "OM_OPEN"}, "b": [{"c": {"$env": "OM_CLOSED"}}]}
    with pytest.raises(ConfigError, match="is closed"):
        resolve(document, permit=permit, on_secret=pytest.fail)
    assert (
        asked
        == [({"$env": "OM_OPEN"}, "a"), ({"$env": "OM_CLOSED"}, "b.0.c")]
        == [(found, field) for field, found in references_in(document)]
    )


@pytest.mark.parametrize(
    ("part", "value", "is_masked"),
    [
        ("conn_type", "postgres", False),
        ("host", "db.example", False),
        ("login", "reader", False),
        ("port", 5432, False),
        ("schema", "sales", False),
        ("password", "p$w:rd/1@2", True),
        ("extra.token", "tok", True),
        ("extra.nested", {"a": 1}, True),
        ("uri", "postgres://reader:p%24w%3Ard%2F1%402@db.example:5432/sales", True),
    ],
)
def test_each_part_of_a_connection_can_be_asked_for(
    connection: str, masked: Listener, part: str, value: object, is_masked: bool
) -> None:
    found = resolve({"$connection": connection, "field": part}, on_secret=masked)
    if part == "uri":
        assert found.partition("?")[0] == value
    else:
        assert found == value
    assert masked.secrets == ([str(found)] if is_masked else [])


def test_the_whole_extra_of_a_connection_is_its_text(connection: str, masked: Listener) -> None:
    found = resolve({"$connection": connection, "field": "extra"}, on_secret=masked)
    assert json.loads(found)["token"] == "tok"
    assert masked.secrets == [found]


@pytest.mark.parametrize("part", ["conn_id", "description", "extra_dejson", "__dict__", "extra.", "get_uri", "hosts"])
def test_a_part_that_a_connection_has_not_is_refused_with_those_it_has(connection: str, part: str) -> None:
    problem = problem_of({"$connection": connection, "field": part})
    assert "Write one of conn_type, extra, host, login, password, port, schema, uri, extra.<key>" in problem.problem


@pytest.mark.parametrize("part", ["extra.missing", "extra.empty", "extra.nested.a", "extra.token.upper"])
def test_an_empty_part_of_a_connection_is_named(connection: str, part: str) -> None:
    assert f"'{part}' of the Connection 'sales_db', which is empty" in str(
        problem_of({"$connection": connection, "field": part})
    )


@pytest.mark.parametrize("part", ["password", "port", "schema", "login", "extra", "extra.token"])
def test_a_connection_may_leave_parts_out(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BARE", json.dumps({"conn_type": "http", "host": "h"}))
    assert "is empty" in problem_of({"$connection": "bare", "field": part}).problem


@pytest.mark.skipif(BEFORE_3_2, reason="Airflow 3.1 takes no such Connection from the environment")
@pytest.mark.parametrize("extra", ["[1, 2]", '"text"', "1", "no json"])
def test_an_extra_that_is_no_mapping_has_no_keys(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({"conn_type": "http", "extra": extra}))
    assert "is empty" in problem_of({"$connection": "odd", "field": "extra.token"}).problem


def test_a_connection_may_be_an_uri(monkeypatch: pytest.MonkeyPatch, masked: Listener) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OM", "http://:tok%40en@om.example:8585")
    assert resolve({"$connection": "om", "field": "password"}, on_secret=masked) == "tok@en"


@pytest.mark.parametrize("value", [None, f"postgres://u:{CANARY}@h:{CANARY}", f'{{"port": "{CANARY}"}}', f"{{{CANARY}"])
def test_a_connection_that_airflow_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_GONE", raising=False)
    if value is not None:  # Airflow can't make sense of it
        monkeypatch.setenv("AIRFLOW_CONN_GONE", value)
    problem = problem_of({"$connection": "gone", "field": "password"})
    assert "the Connection 'gone'" in problem.problem
    assert CANARY not in str(problem)


@pytest.mark.parametrize("text", ["secret", "ünï$code", ""])
def test_an_encrypted_text_is_decrypted(masked: Listener, text: str) -> None:
    reference = encrypted(text, DAG_ID, KEYS)
    check_reference(dict(reference), field="a")
    assert resolve(reference, on_secret=masked) == text
    assert masked.secrets == [text]


@pytest.mark.parametrize("number", [0, 90210123, -7, 1.5, 1e22, 2**64])
def test_a_number_that_was_encrypted_is_the_same_number_again(masked: Listener, number: float) -> None:
    reference = encrypted(number, DAG_ID, KEYS)
    check_reference(dict(reference), field="a")
    found = resolve(reference, on_secret=masked)
    assert (found, type(found)) == (number, type(number))
    assert decrypted({"a": [reference]}, DAG_ID, KEYS) == {"a": [number]}
    assert masked.secrets == [str(number)]


@pytest.mark.parametrize("text", [CANARY, "", "true", "null", '"1"', "[1]", "1 2", "1" * 5000])
def test_what_is_encrypted_as_a_number_and_is_not_one_is_refused_and_not_quoted(text: str) -> None:
    problem = problem_of({**encrypted(text, DAG_ID, KEYS), "as": "number"})
    assert 'is encrypted as "number", but is not a number' in problem.problem
    assert CANARY not in str(problem)


def test_what_is_encrypted_for_another_dag_is_refused_with_its_field() -> None:
    assert "for another DAG than 'orders'" in problem_of(encrypted(CANARY, "another", KEYS)).problem


def test_what_is_encrypted_is_decrypted_and_the_rest_left() -> None:
    document = {"a": [{"b": encrypted("x", DAG_ID, KEYS)}, {"$env": "A"}], "c": "$fernet"}
    assert decrypted(document, DAG_ID, KEYS) == {"a": [{"b": "x"}, {"$env": "A"}], "c": "$fernet"}


def test_what_an_older_key_has_encrypted_is_encrypted_again_and_the_rest_is_left() -> None:
    newer = Keys(f"{Fernet.generate_key().decode()},{'A' * 43}=")
    old, number, new = encrypted("old", DAG_ID, KEYS), encrypted(1.5, DAG_ID, KEYS), encrypted("new", DAG_ID, newer)
    document = {"a": [old, number], "b": new, "c": {"$env": "A"}, "d": "text"}
    assert not is_sealed_newly(document, newer)
    found = resealed(document, DAG_ID, newer)
    assert is_sealed_newly(found, newer)
    assert found["b"] is new
    assert decrypted(found, DAG_ID, newer) == decrypted(document, DAG_ID, newer)
    assert resealed(found, DAG_ID, newer) == found


def test_what_can_not_be_decrypted_is_not_encrypted_again() -> None:
    with pytest.raises(ConfigError, match=r"^field 'a\.0': was encrypted for another DAG"):
        resealed({"a": [encrypted("x", "another", KEYS)]}, DAG_ID, KEYS)


def test_the_documents_of_a_server_hold_no_references(masked: Listener) -> None:
    for path in (TESTS / "samples").glob("*.json"):
        document = json.loads(path.read_text())
        assert resolve(document, on_secret=masked) == document
    assert masked.secrets == []
