import importlib.util
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.secrets import HIDDEN, is_secret, redact, secret_values

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
CANARY = "s3cr3t-canary"

SECRET_NAMES = [
    "password",
    "PASSWORD",
    "dbPassword",
    "pass_word",
    "pass-word",
    "Authorization",
    "jwtToken",
    "accessToken",
    "apiKey",
    "api_key",
    "x-api-key",
    "privateKey",
    "privateKeyPassphrase",
    "awsSecretAccessKey",
    "awsAccessKeyId",
    "botSecret",
    "clientSecret",
    "connectionString",
    "credentials",
    "gcpCredentials",
    "appPrivateConfig",
    "sslKey",
    "caCertificate",
    "headers",
    "cookie",
    "pwd",
    "passwd",
]

OPEN_NAMES = [
    "name",
    "type",
    "hostPort",
    "username",
    "schemaFilterPattern",
    "includeTables",
    "markDeletedTables",
    "query",
    "email",
    "scheduleInterval",
    "keyColumn",
    "primaryKey",
    "database",
    "description",
]

SECRET_TEXTS = [
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "postgresql://user:pw@host/db",
    "postgresql+psycopg2://user:p/w@host/db",
    "postgresql://user:p@w@host/db",
    "redis://:pw@host",
    "see https://user:pw@host/path for more",
    "https://ghp_token@github.com/org/repo",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "Server=a;Password=b",
    "server=a;pwd = b",
    "https://host/path?token=b",
]

OPEN_TEXTS = ["", "text", "https://host:8080/path", "a@b.example", "select * from t", "jdbc:postgresql://host:5432/db"]

secret_fields = st.tuples(st.sampled_from(SECRET_NAMES), st.text(string.ascii_letters, max_size=4)).map("".join)
names = st.sampled_from(OPEN_NAMES)
nested_canaries = st.recursive(
    st.just(CANARY),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(names, inner, min_size=1, max_size=2),
)
secret_mappings = st.dictionaries(secret_fields, nested_canaries, min_size=1, max_size=2)
documents_with_secrets = st.recursive(
    secret_mappings | st.sampled_from([f"a://u:{CANARY}@h", f"pwd={CANARY}", f"eyJhbGciOiJSUzI1NiJ9.{CANARY}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner | st.text("xyz"), max_size=3),
)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_field_gives_a_secret_away_by_its_name(name: str) -> None:
    assert is_secret(name)
    assert redact({name: "x"}) == {name: HIDDEN}


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_other_fields_are_shown(name: str) -> None:
    assert not is_secret(name)
    assert redact({name: "x", "n": 1}) == {name: "x", "n": 1}


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_text_gives_a_secret_away_whatever_its_field_is_called(text: str) -> None:
    assert is_secret("query", text)
    assert redact({"query": text, "list": [text]}) == {"query": HIDDEN, "list": [HIDDEN]}
    assert next(secret_values({"query": text})) == text


@pytest.mark.parametrize("password", ["pw", "p@w", "p/w"])
def test_the_password_of_an_url_is_a_secret_of_its_own(password: str) -> None:
    url = f"postgresql://user:{password}@host/db"
    assert list(secret_values({"query": url})) == [url, password]


@pytest.mark.parametrize("text", OPEN_TEXTS)
def test_other_texts_are_shown(text: str) -> None:
    assert not is_secret("query", text)
    assert redact({"query": text}) == {"query": text}


@given(documents_with_secrets)
def test_nothing_secret_is_left_after_redaction(document: Any) -> None:
    assert CANARY not in json.dumps(redact(document))


@given(documents_with_secrets)
def test_redacting_twice_is_redacting_once(document: Any) -> None:
    assert redact(redact(document)) == redact(document)


@given(documents_with_secrets)
def test_what_redaction_hides_is_told_to_those_who_mask_logs(document: Any) -> None:
    text = json.dumps(document)
    for secret in sorted(secret_values(document), key=len, reverse=True):
        text = text.replace(json.dumps(secret)[1:-1], "")
    assert CANARY not in text


@pytest.mark.parametrize("value", [1, 1.5, "", [1], {"a": 1}])
def test_a_secret_is_hidden_whatever_it_is(value: object) -> None:
    assert redact({"password": value}) == {"password": HIDDEN}


@pytest.mark.parametrize("value", [None, True, False])
def test_whether_there_is_a_secret_may_be_shown(value: object) -> None:
    assert redact({"useToken": value}) == {"useToken": value}


def test_references_stay_readable_for_they_are_no_secrets() -> None:
    env, connection = {"$env": "PASSWORD"}, {"$connection": "c", "field": "password"}
    assert redact({"password": env, "a": [connection]}) == {"password": env, "a": [connection]}


def test_an_encrypted_text_is_hidden_all_the_same() -> None:
    assert redact({"password": {"$fernet": CANARY}, "a": {"$fernet": CANARY}}) == {
        "password": {"$fernet": HIDDEN},
        "a": {"$fernet": HIDDEN},
    }


def test_redaction_leaves_the_document_itself_as_it_was() -> None:
    document = {"password": CANARY, "list": [{"token": CANARY}]}
    redact(document)
    assert document == {"password": CANARY, "list": [{"token": CANARY}]}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_token_of_a_servers_document_is_hidden_and_masked(path: Path) -> None:
    document = json.loads(path.read_text())
    token = document["openMetadataServerConnection"]["securityConfig"]["jwtToken"]
    assert token not in json.dumps(redact(document))
    assert token in secret_values(document)


def test_all_texts_within_a_secret_are_masked_and_nothing_else() -> None:
    document = {"credentials": {"type": "t", "more": ["u", {"v": "w"}], "n": 1, "none": None, "empty": ""}, "a": "b"}
    assert list(secret_values(document)) == ["t", "u", "w"]


def secret_fields_of_openmetadata() -> set[str]:
    """Return every field that a generated model types as a secret, from the source: an import takes too long here."""
    spec = importlib.util.find_spec("metadata")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("openmetadata-ingestion is not installed")
    field = re.compile(r"^    (\w+): (.*?)(?=^    \w+:|^    @|^\S|\Z)", re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for location in spec.submodule_search_locations:
        for path in (Path(location) / "generated").rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            for name, definition in field.findall(source) if "CustomSecretStr" in source else ():
                if "CustomSecretStr" in definition:
                    alias = re.search(r"""\balias=['"](\w+)['"]""", definition)
                    found.add(alias[1] if alias else name)
    return found


def test_every_secret_field_of_openmetadatas_schemas_is_known_to_be_one() -> None:
    fields = secret_fields_of_openmetadata() - {"root"}
    assert len(fields) > 40
    assert {"password", "jwtToken", "awsSecretAccessKey", "privateKey"} <= fields
    assert [field for field in sorted(fields) if not is_secret(field)] == []
