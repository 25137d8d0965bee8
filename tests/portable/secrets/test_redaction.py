import importlib.util
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.portable.secrets.redaction import HIDDEN, encrypt, is_secret, redact, redact_beginning, secret_values
from dag_factory.portable.secrets.references import FERNET, decrypted, encrypted, resolve
from dag_factory.portable.secrets.sealing import Keys
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
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
    "slackWebhook",
    "webhookUrl",
    "creds",
    "keytab",
    "keytabFile",
    "keyfile_dict",
    "passcode",
]

SECRET_ENDINGS = [
    "pass", "dbPass", "AccountKey", "shared_key", "sig", "licenseKey", "pin", "userPin", "USER_PIN", "access", "auth",
    "http-auth", "salt", "passwordSalt", "session", "userSession", "pat", "githubPAT", "gitlab_pat", "otp", "psk",
    "dsn", "http_proxy", "proxies",
]  # fmt: skip
SECRET_PLACES = ["securityConfig", "dbtSecurityConfig", "connectionOptions", "connection_arguments", "appPrivateConfig"]

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
    "passThrough",
    "design",
    "mapping",
    "authProvider",
    "authType",
    "sessionTimeout",
    "accessType",
    "format",
    "patterns",
    "spinner",
    "assault",
]

# Each with what is secret in it, where that is not all of it.
SECRET_TEXTS = {
    # Tokens and keys that are known by their looks.
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln": None,
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----": None,
    "-----BEGIN CERTIFICATE-----": None,
    "AKIAIOSFODNN7EXAMPLE": None,
    "ASIAIOSFODNN7EXAMPLE": None,
    "ghp_0123456789abcdefABCDEF0123456789abcd": None,
    "clone with github_pat_11ABCDEFG0123456789_abcdef": "github_pat_11ABCDEFG0123456789_abcdef",
    "glpat-0123456789abcdefghij": None,
    "xoxb-123456789012-abcdefghijkl": None,
    "sk-proj-0123456789abcdefghij": None,
    "sk-0123456789abcdefghijABCDEFGHIJ": None,
    "AIzaSyA-0123456789abcdefghijklmnopqrstu": None,
    "dapi0123456789abcdef0123456789abcdef": None,
    "hvs.CAESIJ0123456789abcdef": None,
    # Headers.
    "Bearer s3cr3t-canary": "s3cr3t-canary",
    "bearer abcdefghijklmnopqrstuvwx": "abcdefghijklmnopqrstuvwx",
    "Authorization: Bearer 0a1b2c3d4e5f": "0a1b2c3d4e5f",
    "Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "curl -H 'Authorization: Basic dXNlcjpww7ZyZA=='": "dXNlcjpww7ZyZA==",
    # Addresses with a user, so maybe with a password or a token.
    "postgresql://user:pw@host/db": "pw",
    "postgresql+psycopg2://user:p/w@host/db": "p/w",
    "postgresql://user:p@w@host/db": "p@w",
    "postgresql://user:12345@host/db": "12345",
    "postgresql://user:pw@host/db?mail=a@b": "pw",
    "postgresql://user:p%40w@host/db": "p@w",
    "postgresql://user:pw@[::1]:5432/db": "pw",
    "mongodb://user:pw@h1:27017,h2:27017/db": "pw",
    "redis://:pw@host": "pw",
    "see https://user:pw@host/path for more": "pw",
    "https://host/a and https://user:pw@host/b": "pw",
    "https://ghp_token@github.com/org/repo": None,
    # Names with values: queries of addresses, connection strings, properties, arguments, JSON.
    "https://host/path?token=b4": "b4",
    "https://a.blob.core.windows.net/c?sv=2022-11-02&sr=c&sig=Zm9v%2Bb4%3D": "Zm9v+b4=",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=0123abcd": "0123abcd",
    "https://b.s3.amazonaws.com/k?X-Amz-Credential=a%2Fb": "a/b",
    "https://host/cb#access_token=b4&state=x": "b4",
    "grant_type=x&client_id=y&client_secret=b4": "b4",
    "https://host?api_key=b4": "b4",
    "https://host?a=1&amp;apikey=b4": "b4",
    "url=https://host?a=1&auth_token=b4": "b4",
    "Server=a;Password=b4": "b4",
    "server=a;pwd = b4": "b4",
    "Password = b4;server=a": "b4",
    "db_password=b4": "b4",
    "DefaultEndpointsProtocol=https;AccountName=n;AccountKey=Zm9vYg==;EndpointSuffix=x": "Zm9vYg==",
    "Endpoint=sb://n/;SharedAccessKeyName=Root;SharedAccessKey=b4": "b4",
    "host=h user=u password=b4": "b4",
    "host=h password='b4 and more'": "b4 and more",
    'org.apache.kafka.PlainLoginModule required username="u" password="b4";': "b4",
    "# properties\nssl.truststore.password = b4\n": "b4",
    "export DB_PASSWORD=b4": "b4",
    "-Xmx1g -Djavax.net.ssl.trustStorePassword=b4": "b4",
    '{"user": "u", "password": "b4"}': "b4",
    "{'user': 'u', 'private_key_id': 'x', 'secret': 'b4'}": "b4",
    r"{\"password\": \"b4\"}": "b4",
    '{"pass":9021}': "9021}",
    # Queries whose names say little elsewhere.
    "https://host/path?key=s3cr3t-canary": "s3cr3t-canary",
    "https://app.azurewebsites.net/api/f?code=b4Zm9v%3D%3D": "b4Zm9v==",
    "https://host/path?a=1&pin=90210123": "90210123",
    "https://host/path?sid=0a1b2c3d4e5f": "0a1b2c3d4e5f",
    # Addresses that anybody who knows them can call.
    "https://hooks.slack.com/services/T0000/B0000/XXXXcanary": "services/T0000/B0000/XXXXcanary",
    "post to https://hooks.slack.com/workflows/T0/A0/17/s3cr3t, please": "workflows/T0/A0/17/s3cr3t,",
    "https://discord.com/api/webhooks/123456/s3cr3t_canary-X": "123456/s3cr3t_canary-X",
    "https://acme.webhook.office.com/webhookb2/1a-2b@3c/IncomingWebhook/4d/5e": "1a-2b@3c/IncomingWebhook/4d/5e",
    "https://chat.example/hooks/xf3kq8b7ijb9dm": "xf3kq8b7ijb9dm",
    "https://hooks.zapier.com/hooks/catch/123/0a1b2c": "hooks/catch/123/0a1b2c",
    "https://api.telegram.org/bot123456:AAs3cr3t/sendMessage": "123456:AAs3cr3t",
    "https://events.pagerduty.com/integration/0a1b2c3d4e5f/enqueue": "0a1b2c3d4e5f",
    # Oracle's user and password.
    "jdbc:oracle:thin:scott/t1ger@//host:1521/service": "t1ger",
    "jdbc:oracle:oci8:scott/t1ger@sid": "t1ger",
    'jdbc:oracle:thin:scott/"t1/g@r"@host:1521:sid': "t1/g@r",
    "jdbc:oracle:thin:scott/t1%40ger@host": "t1@ger",
    # What is encoded, and stands alone.
    "c2NvdHQ6dGlnZXI=": None,
    "dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI": None,
    "0123456789abcdef0123456789abcdef": None,
    "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08": None,
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8wLk3vTd": None,
    " 3q2+7wB8dK0pXv5zQmYtR4nLc1Jh9GsE ": None,
    "Zx8Kq2Lm9Vb4Nc7Wd1Rt6Yp3": None,
    "gAAAAABk0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0u1v2w3x4y5z": None,
}

OPEN_TEXTS = [
    "",
    "text",
    "a@b.example",
    # Addresses.
    "https://host:8080/path",
    "jdbc:postgresql://host:5432/db",
    "jdbc:sqlserver://host:1433;encrypt=true;trustServerCertificate=true",
    "https://wiki.example/@team/page",
    "https://wiki.example:8080/@team/page",
    "http://[::1]:8080/@team",
    "https://wiki.example?to=a@b.example",
    "https://wiki.example#a@b.example",
    "https://wiki.example, or team@host",
    "http://host:8080, or team:x@host",
    "kafka://h1:9092,h2:9092/@x",
    "s3://bucket/folder/a:b@c",
    "https://host/list?page=2&max_tokens=100&sort_key=a&nextToken",
    "Endpoint=sb://n/;SharedAccessKeyName=Root",
    "useToken=true;password=;pwd=***",
    "secret:/bot/token",
    # Patterns and names.
    ".*token.*",
    "^(?!.*(?:password|secret)=).*$",
    r"^sig_\d+$",
    "user_tokens",
    "db.schema.api_key",
    "asiapacificsalestotal",
    "sk-learn-pipelines-and-more",
    "ghp_table",
    "eyJ.table",
    "https://host/list?key=primary&code=utf8&session=default&hash=sha",
    "https://docs.example/webhooks/introduction",
    "https://github.com/pre-commit/pre-commit-hooks",
    "oracle:thin:ing",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "customer_orders_by_region_2024",
    "DatabaseServiceMetadataPipeline",
    "metadata.ingestion.source.database.sqlite.metadata",
    "metadata/ingestion/source/Database2/sqlite",
    "tbl_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "90210123902101239021012390210123",
    "SalesOrders2024Q1ByRegionAndCustomer",
    "/tmp/query_log_2024_01",
    "arn:aws:iam::123456789012:role/Ingestion",
    "anna.maria.schmidt-mueller",
    # SQL.
    "select * from t",
    "select token, password from user_tokens where api_key is not null",
    "select * from a join b on a.token = b.token and a.secret=b.secret where sig = 1",
    "select * from a where token='x' or password=%s",
    "SELECT count(*) FROM a WHERE\n  session_token = b.session_token\n  AND token=b.token",
    "insert into t(password) values (?)",
    # Descriptions.
    "Password, token and secret: ask the team.",
    "The tables of tokens; a secret = what nobody knows.",
    "Basic information of all bearer tokens, and basic metadata",
    "Bearer authentication",
    "Bearer of the token",
    "Set password=… and token=***",
]

more = st.text(string.ascii_letters, max_size=4)
secret_fields = st.tuples(st.sampled_from(SECRET_NAMES), more).map("".join) | st.sampled_from(SECRET_ENDINGS)
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


@pytest.mark.parametrize("name", SECRET_NAMES + SECRET_ENDINGS)
def test_a_field_gives_a_secret_away_by_its_name(name: str) -> None:
    assert is_secret(name)
    assert redact({name: "x"}) == {name: HIDDEN}


@pytest.mark.parametrize("name", SECRET_PLACES)
def test_what_stands_where_drivers_and_servers_read_it_is_hidden_whatever_it_is_called(name: str) -> None:
    options = {"a": [{"b": CANARY}, 1.5], "is": True, "none": None, "ref": {"$env": "A"}, "empty": ""}
    assert redact({name: options}) == {name: HIDDEN}
    assert encrypt({name: options}, lambda value: {FERNET: str(value)}) == {
        name: {**options, "a": [{"b": {FERNET: CANARY}}, {FERNET: "1.5"}]}
    }


def test_a_word_of_a_driver_s_options_is_not_hidden_in_logs_which_are_full_of_such() -> None:
    options = {"sslmode": "verify-full", "x": "hunter-2", "n": 90210123, "password": "letmein", "on": True}
    assert list(secret_values({"connectionOptions": options})) == ["hunter-2", "90210123", "letmein"]


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_other_fields_are_shown(name: str) -> None:
    assert not is_secret(name)
    assert redact({name: "x", "n": 1}) == {name: "x", "n": 1}


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_text_gives_a_secret_away_whatever_its_field_is_called(text: str) -> None:
    assert is_secret("query", text)
    assert redact({"query": text, "list": [text]}) == {"query": HIDDEN, "list": [HIDDEN]}
    assert next(secret_values({"query": text})) == text


@pytest.mark.parametrize(("text", "part"), SECRET_TEXTS.items())
def test_what_is_secret_within_a_text_is_a_secret_of_its_own(text: str, part: str | None) -> None:
    found = list(secret_values({"query": text}))
    assert found[-1] == (part or text)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "text",
    [
        "a://b:c",
        "a://b@",
        "://a@b",
        "?token=",
        "eyJ",
        "-eyJ-",
        "sk-",
        ";  ",
        "bearer ",
        "a@b:c",
        "'secret': ",
        "?key=",
        "://hooks.",
        "/hooks/",
        ":thin:a/b",
        "thin:",
        "aA1+",
        "abcd",
        "0f",
        "a-",
    ],
)
def test_a_long_text_that_may_be_full_of_secrets_is_judged_too(text: str) -> None:
    """And soon enough: a pattern that tries each beginning with each end would take many minutes."""
    long = text * (256 * 1024 // len(text))
    assert is_secret("query", f"{long} https://h/?token={CANARY}")


@pytest.mark.parametrize(
    "pair",
    [
        {"name": "X-Api-Key", "value": CANARY},
        {"key": "password", "value": CANARY},
        {"Name": "DB_PASSWORD", "Value": CANARY},
        {"value": CANARY, "description": "x", "key": "client.secret"},
        {"name": "cookie", "values": [CANARY, {"a": CANARY}]},
        {"key": 1, "name": "token", "value": CANARY},
    ],
    ids=json.dumps,
)
def test_the_value_beside_a_name_is_a_secret_if_that_name_is_one_of_a_secret(pair: dict[str, Any]) -> None:
    shown = redact({"properties": [pair]})["properties"][0]
    assert CANARY not in json.dumps(shown)
    assert {**shown, **pair} == pair
    assert set(secret_values([pair])) == {CANARY}
    assert CANARY not in json.dumps(encrypt([pair], lambda _: {FERNET: "x"}))


@pytest.mark.parametrize(
    "pair",
    [
        {"name": "columnName", "value": "password"},
        {"name": "user_tokens", "type": "table", "description": "x"},
        {"key": ["token"], "value": "x"},
        {"value": "x"},
    ],
    ids=json.dumps,
)
def test_other_pairs_are_shown(pair: dict[str, Any]) -> None:
    assert redact([pair]) == [pair]
    assert list(secret_values([pair])) == []


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


@pytest.mark.parametrize(
    "document",
    [
        {"password": 90210123, "headers": {"X-Pin": 1.5}, "tokens": [0, -1, 2**64], "n": 5},
        {"password": "90210123", "pin": {"name": "pass", "value": 1e22}, "a": ["Bearer s3cr3t-canary", 7]},
        {"password": None, "useToken": True, "secret": "", "headers": [False, {"a": None}]},
    ],
    ids=json.dumps,
)
def test_what_is_encrypted_is_a_text_or_a_number_and_comes_back_as_it_was(document: dict[str, Any]) -> None:
    keys = Keys("A" * 43 + "=")
    kept: list[str | float] = []

    def keep(value: str | float) -> dict[str, str]:
        kept.append(value)
        return encrypted(value, "orders", keys)

    at_rest = encrypt(document, keep)
    told: list[str] = []
    assert (
        repr(resolve(at_rest, "orders", keys=keys, permit=lambda *_: None, on_secret=told.append))
        == repr(decrypted(at_rest, "orders", keys))
        == repr(document)
    )
    assert {str(value) for value in kept} == {*secret_values(document)} - {"s3cr3t-canary"} == set(told)
    assert redact(at_rest).keys() == document.keys()
    assert not any(f'"{value}"' in json.dumps(redact(at_rest)) for value in kept)
    assert encrypt(at_rest, keep) == at_rest


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


def test_all_texts_and_numbers_within_a_secret_are_masked_and_nothing_else() -> None:
    document = {"credentials": {"type": "t", "more": ["u", {"v": "w"}], "n": 1, "none": None, "is": True}, "a": "b"}
    assert list(secret_values(document)) == ["t", "u", "w", "1"]


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


def test_of_a_long_text_only_the_beginning_is_judged_and_more_of_it_than_is_shown() -> None:
    secret = " password=hunter2hunter2"
    assert redact_beginning("a" * 150 + secret, 100) == HIDDEN
    assert redact_beginning("a" * 200 + secret, 100) == "a" * 200
