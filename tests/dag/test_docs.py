import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.problem import InvalidError, Problem
from dag_factory.dag.docs import describe, describe_problem, owner_names, service_link
from dag_factory.errors import ConfigError
from dag_factory.store.config import BrokenConfig, Config, Trouble
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
CANARY = "s3cr3t-canary"
SERVICE = {"name": "pg", "type": "databaseService"}


def page(key: str = "orders.json", **fields: Any) -> str:
    document = {"name": "orders", "pipelineType": "metadata", "service": SERVICE, **fields}
    return describe(IngestionPipeline.from_document(document), Config("orders", key, document))


def page_of(source_config: object) -> str:
    return page(sourceConfig={"config": source_config})


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| (\w[\w ]*) \| (.*) \|$", text, re.MULTILINE))


def link(host_port: object = "https://om.example:8585/api", **service: Any) -> str | None:
    document = {
        "name": "orders",
        "pipelineType": "metadata",
        "service": {**SERVICE, **service},
        "openMetadataServerConnection": {"hostPort": host_port},
    }
    return service_link(IngestionPipeline.from_document(document), document)


def test_a_page_tells_an_operator_what_the_pipeline_is() -> None:
    text = page(
        "sales/orders.yaml",
        displayName="Orders",
        description="All *orders*.",
        owners=[{"name": "zoe"}, {"name": "anna"}],
        airflowConfig={"scheduleInterval": "@daily", "pipelineTimezone": "Europe/Berlin"},
        openMetadataServerConnection={"hostPort": "http://om:8585/api"},
        sourceConfig={"config": {"type": "DatabaseMetadata"}},
    )
    assert text.startswith("### Orders\n\n> All \\*orders\\*.  \n")
    assert rows(text) == {
        "Type": "metadata",
        "Service": "pg",
        "Service type": "databaseService",
        "Schedule": "@daily (Europe/Berlin)",
        "Owners": "anna, zoe",
        "Pipeline in OpenMetadata": "pg.orders",
        "Config": "sales/orders.yaml",
    }
    assert "[Open the service in OpenMetadata](http://om:8585/service/databaseServices/pg)" in text
    assert '```json\n{\n  "type": "DatabaseMetadata"\n}\n```' in text


def test_a_page_says_from_when_until_when_it_is_scheduled_in_the_pipeline_s_timezone() -> None:
    dates = {"startDate": "2027-03-29", "endDate": "2030-01-01T12:00:00Z"}
    scheduled = page(airflowConfig={"scheduleInterval": "@daily", "pipelineTimezone": "Europe/Berlin", **dates})
    expected = "@daily (Europe/Berlin), from 2027-03-29 00:00, until 2030-01-01 13:00"
    assert rows(scheduled)["Schedule"] == expected
    assert rows(page(airflowConfig=dates))["Schedule"] == "on demand"


def test_a_page_leaves_out_what_is_not_known() -> None:
    text = page(service=None)
    assert rows(text) == {
        "Type": "metadata",
        "Schedule": "on demand",
        "Pipeline in OpenMetadata": "orders",
        "Config": "orders.json",
    }
    assert "Open the service" not in text
    assert "Source config" not in text
    assert "None" not in text


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_page_of_a_servers_pipeline_holds_no_token(path: Path) -> None:
    document = json.loads(path.read_text())
    text = describe(IngestionPipeline.from_document(document), Config(path.stem, path.name, document))
    assert document["openMetadataServerConnection"]["securityConfig"]["jwtToken"] not in text
    assert "eyJ" not in text
    assert document["service"]["name"] in text


def test_the_same_document_in_another_order_gives_the_same_page() -> None:
    one = page(sourceConfig={"config": {"a": 1, "b": {"c": 2, "d": 3}}}, owners=[{"name": "a"}, {"name": "b"}])
    other = page(owners=[{"name": "b"}, {"name": "a"}], sourceConfig={"config": {"b": {"d": 3, "c": 2}, "a": 1}})
    assert one == other


def test_owners_are_sorted_and_named_once_and_those_without_a_name_are_left_out() -> None:
    owners = [{"name": "b"}, {"displayName": "A"}, {"name": "b"}, {"id": 1}, {"name": "c", "displayName": "z"}]
    document = {"name": "orders", "pipelineType": "metadata", "owners": owners}
    assert owner_names(IngestionPipeline.from_document(document)) == ["A", "b", "c"]


@pytest.mark.parametrize(
    "source_config",
    [
        {"password": CANARY},
        {"dbtConfigSource": {"dbtCloudAuthToken": CANARY}},
        {"dbtConfigSource": {"dbtSecurityConfig": {"awsSecretAccessKey": CANARY, "awsAccessKeyId": CANARY}}},
        {"a": [{"b": [{"apiKey": CANARY}]}]},
        {"credentials": {"gcpConfig": {"type": CANARY}}},
        {"appPrivateConfig": {"anything": [CANARY]}},
        {"headers": {"X-Custom": CANARY}},
        {"httpHeaders": [CANARY]},
        {"a": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"},
        {"a": f"postgresql://user:{CANARY}@host/db"},
        {"a": f"https://{CANARY}@github.com/org/repo.git"},
        {"a": f"eyJhbGciOiJSUzI1NiJ9.{CANARY}.sig"},
        {"a": f"Server=s;Password={CANARY}"},
        {"a": {"$fernet": CANARY}},
        {"a": {"$fernet": CANARY, "as": "number"}},
        {"a": f"https://b.blob.core.windows.net/c?sv=2022-11-02&sig={CANARY}"},
        {"a": f"Bearer {CANARY}"},
        {"headersOfEach": [{"name": "X-Api-Key", "value": CANARY}]},
        {"$fernet": CANARY},
        [{"token": CANARY}],
        f"a://b:{CANARY}@c",
    ],
    ids=json.dumps,
)
def test_no_secret_of_the_source_config_is_shown(source_config: object) -> None:
    text = page_of(source_config)
    assert CANARY not in text
    assert "***" in text


def test_a_number_that_is_a_secret_is_not_shown_either() -> None:
    text = page_of({"type": "DatabaseMetadata", "password": 90210123, "n": 90210123, "threads": 5})
    assert "90210123" not in text
    assert '"threads": 5' in text


def test_a_description_that_holds_a_secret_is_not_shown_at_all() -> None:
    assert CANARY not in page(description=f"Ask https://host/?access_token={CANARY} for more")


def test_a_filter_is_shown_and_a_text_that_may_be_anything_is_not() -> None:
    text = page_of({"type": "DatabaseLineage", "tableFilterPattern": {"includes": ["^a$"]}, "filterCondition": CANARY})
    assert '  "tableFilterPattern": {\n    "includes": [\n      "^a$"\n    ]\n  },' in text
    assert '"filterCondition": "***"' in text


def test_nothing_but_the_source_config_is_shown_of_the_rest() -> None:
    text = page(
        openMetadataServerConnection={"hostPort": "http://om", "securityConfig": {"x": CANARY}},
        sourceConfig={"config": {"type": "a"}, "other": CANARY},
        futureField=CANARY,
        service={**SERVICE, "connection": {"config": {"x": CANARY}}},
    )
    assert CANARY not in text


def test_a_reference_is_shown_as_it_is() -> None:
    assert '"$connection": "c"' in page_of({"password": {"$connection": "c", "field": "password"}})


@pytest.mark.parametrize(
    ("count", "listed", "heading", "last"),
    [
        (1, 0, "", ""),
        (2, 2, "#### All 2 problems", "is wrong. Mend it 1"),
        (50, 50, "#### All 50 problems", "is wrong. Mend it 49"),
        (51, 50, "#### All 51 problems", "- and 1 more"),
    ],
)
def test_several_problems_are_listed_and_very_many_are_counted(
    count: int, listed: int, heading: str, last: str
) -> None:
    problems = [Problem(f"field.{number}", "value", "is wrong", f"Mend it {number}") for number in range(count)]
    text = describe_problem(BrokenConfig("orders", "orders.json", InvalidError(problems, config="orders.json")))
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert len([line for line in lines if line.startswith("- **field")]) == listed
    assert "".join(line for line in text.splitlines() if line.startswith("####")) == heading
    assert "".join(lines[-1:]).endswith(last)


@pytest.mark.parametrize("source_config", [None, {}, {"config": None}, {"config": {}}, {"$env": "A"}, "text", [1]])
def test_without_a_source_config_none_is_shown(source_config: object) -> None:
    assert "Source config" not in page(sourceConfig=source_config)


def test_a_large_source_config_is_shortened_after_it_was_redacted() -> None:
    text = page_of({"type": "DBT", "tagFilterPattern": {"includes": ["x" * 1_000] * 100}, "password": CANARY})
    assert len(text) < 25_000
    assert "(shortened)\n```\n" in text
    assert CANARY not in text


def test_one_that_just_fits_is_whole() -> None:
    def shown(length: int) -> str:
        return page_of({"type": "DBT", "tagFilterPattern": {"includes": ["ab " * 6_000 + "a" * length]}})

    code = re.search(r"^```json\n(.*)\n```$", shown(0), re.MULTILINE | re.DOTALL)
    assert code is not None
    room = 20_000 - len(code[1])
    assert "(shortened)" not in shown(room)
    assert "(shortened)" in shown(room + 1)


@given(st.text("`\n a"))
def test_no_text_ends_the_code_that_shows_the_source_config(value: str) -> None:
    text = page_of({"type": "DBT", "tagFilterPattern": {"includes": [value]}})
    fence = re.search(r"^(`{3,})json$", text, re.MULTILINE)
    assert fence is not None
    assert text.endswith(f"\n{fence[1]}\n")
    assert f"{fence[1]}" not in text[fence.end() : -len(fence[1]) - 1]


NASTY = "\n# x | y\n\n[click](http://evil) <script>alert(1)</script> ![i](u) `c` *b* _e_ ~s~ \\"


@pytest.mark.parametrize("field", ["displayName", "pipelineType", "fullyQualifiedName"])
def test_a_name_is_shown_as_it_is_and_is_no_markdown(field: str) -> None:
    assert_harmless(page(**{field: NASTY}))


def test_names_of_services_owners_schedules_and_files_are_no_markdown_either() -> None:
    assert_harmless(page(service={"name": NASTY, "type": NASTY}))
    assert_harmless(page(owners=[{"name": NASTY}]))
    assert_harmless(page(airflowConfig={"scheduleInterval": NASTY, "pipelineTimezone": NASTY}))
    assert_harmless(page(key=NASTY))
    assert_harmless(describe_problem(BrokenConfig("a", NASTY, ConfigError(NASTY, field=NASTY))))


def assert_harmless(text: str) -> None:
    [line] = [line for line in text.splitlines() if "click" in line][:1]
    plain = re.sub(r"\\.", "", line)
    assert "<script" not in text
    assert not re.search(r"[\[\]`*_~]", plain)
    assert "\n# x" not in text
    if line.startswith("|"):
        assert plain.count("|") == 3


@given(st.text())
def test_a_table_stays_a_table_whatever_it_shows(name: str) -> None:
    text = describe_problem(BrokenConfig("a", f"{name}x", ConfigError(f"{name}y", field="z")))
    table = [line for line in text.split("\n") if line.startswith("|")]
    assert len(table) == 5
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in table)


@given(st.sampled_from(["README.md", "x.md", "\\x.md", "/etc/passwd.md", ".md"]))
def test_no_text_is_taken_for_the_name_of_a_file(name: str) -> None:
    # Airflow opens the file that a text ends with.
    for text in (
        page(displayName=name, description=name),
        page_of(name),
        page(key=name),
        page(description=f"a\n{name}"),
    ):
        assert not text.endswith(".md")
    assert not describe_problem(BrokenConfig("a", name, ConfigError(name, field=name))).endswith(".md")


@pytest.mark.parametrize(
    ("host_port", "start"),
    [
        ("https://om.example:8585/api", "https://om.example:8585/"),
        ("http://om.example/api", "http://om.example/"),
        ("http://om.example", "http://om.example/"),
        ("HTTP://om.example", "http://om.example/"),
        ("http://[::1]:8585/api", "http://[::1]:8585/"),
    ],
)
def test_the_link_leads_to_the_service_on_the_documents_server(host_port: str, start: str) -> None:
    assert link(host_port) == f"{start}service/databaseServices/pg"


@pytest.mark.parametrize(
    "host_port",
    [
        None, "", 1, ["http://om"], {"$env": "OM"}, "om.example:8585", "//om.example", "ftp://om",
        "javascript:alert(1)", "http://", "http:///api", "http://[om", "file:///etc/passwd",
        f"https://user:{CANARY}@om.example", f"https://{CANARY}@om.example", f"https://:{CANARY}@om.example",
    ],
)  # fmt: skip
def test_there_is_no_link_without_an_address_or_to_one_with_credentials(host_port: object) -> None:
    assert link(host_port) is None


@pytest.mark.parametrize("service_type", [None, "", "testSuite", "pipeline"])
def test_there_is_no_link_to_what_is_no_service(service_type: str | None) -> None:
    assert link(type=service_type) is None


@pytest.mark.parametrize(
    "document", [{}, {"openMetadataServerConnection": None}, {"openMetadataServerConnection": "x"}]
)
def test_there_is_no_link_without_a_server(document: dict[str, Any]) -> None:
    assert (
        service_link(IngestionPipeline.from_document({"name": "a", "pipelineType": "b", "service": SERVICE}), document)
        is None
    )


@pytest.mark.parametrize("host_port", [{"$env": "OM"}, "http://internal:8585/api"], ids=["a reference", "another"])
def test_the_operator_s_address_of_the_ui_makes_the_link_whatever_the_config_says(host_port: object) -> None:
    document = {"name": "a", "pipelineType": "metadata", "service": SERVICE}
    config = Config("a", "a.json", {**document, "openMetadataServerConnection": {"hostPort": host_port}})
    text = describe(IngestionPipeline.from_document(document), config, openmetadata_url="https://om.example/ui")
    assert "[Open the service in OpenMetadata](https://om.example/ui/service/databaseServices/pg)" in text


def test_a_name_in_a_link_is_quoted_and_the_full_one_preferred() -> None:
    assert link(name="a b/c?)") == "https://om.example:8585/service/databaseServices/a%20b%2Fc%3F%29"
    assert link(name="a", fullyQualifiedName='"a.b"') == "https://om.example:8585/service/databaseServices/%22a.b%22"


@pytest.mark.parametrize("host", ["om)[x](http://evil", "om) <b>", "om\n\n# x", "om|x", "öm", "om\\"])
@pytest.mark.parametrize("service_type", ["databaseService", "x) [y](http://evil) Service", "../../Service"])
def test_no_address_ends_its_link(host: str, service_type: str) -> None:
    address = link(f"http://{host}/api", type=service_type)
    assert address is None or re.fullmatch(r"http://[\w.:%\[\]-]+/service/[\w.%-]+/pg", address, re.ASCII)


def test_the_page_of_a_broken_config_says_what_is_wrong_and_where() -> None:
    text = describe_problem(BrokenConfig("a", "x/a.json", ConfigError("is missing", field="service.name")))
    assert rows(text) == {"Config": "x/a.json", "Field": "service.name", "Problem": "is missing"}
    assert "nothing runs" in text
    assert "No other pipeline is affected" in text


def test_a_description_keeps_what_it_leaves_open_to_itself() -> None:
    text = page(description="```\nopen | fence\n\n# title\n- a\n1. b\n===")
    lines = ["\\`\\`\\`", "open \\| fence", "", "\\# title", "\\- a", "1\\. b", "\\==="]
    assert "\n".join(f"> {line}  " if line else ">" for line in lines) + "\n\n| | |" in text


IMAGES = [
    "![i](http://evil.example/i.png)",
    "![i][x]\n\n[x]: http://evil.example/i.png",
    "![x]\n[x]: <http://evil.example>",
    "<img src=http://evil.example/i.png>",
    "<IMG\nSRC='http://evil.example'>",
    "&lt;img src=http://evil.example&gt;",
    "[![i](http://evil.example/i.png)](http://evil.example)",
    "!\\[i](http://evil.example)",
    "\\![i](http://evil.example)",
    "<svg><image href=http://evil.example></svg>",
    "<style>@import 'http://evil.example'</style>",
    "> ![i](http://evil.example)",
    "- ![i](http://evil.example)",
    "    ![i](http://evil.example)",
    "| ![i](http://evil.example) |",
    "a\r![i](http://evil.example)",
    "a\u2028![i](http://evil.example)",
    "!\u202e[i](http://evil.example)",
    "`` ![i](http://evil.example)",
    "<!-- --><iframe src=//evil.example>",
    "]]><video poster=http://evil.example>",
    "[a]: http://evil.example",
]


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    "fields",
    [
        lambda text: {"description": text},
        lambda text: {"displayName": text},
        lambda text: {"owners": [{"name": text}]},
        lambda text: {"service": {"name": text, "type": text}},
        lambda text: {"fullyQualifiedName": text},
        lambda text: {"sourceConfig": {"config": {"tagFilterPattern": {"includes": [text]}, text: [text]}}},
        lambda text: {"sourceConfig": {"config": {"testCases": [f"```\n{text}\n```\n~~~\n{text}"]}}},
    ],
    ids=["description", "name", "owner", "service", "fqn", "config", "fence"],
)
def test_the_docs_hold_no_image_and_no_html_whatever_a_document_says(image: str, fields: Any) -> None:
    text = page(**fields(image))
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inside = [token for block in shown for token in (block, *(block.children or ()))]
    assert "evil.example" in text
    assert not {"image", "html_block", "html_inline", "link_open"} & {token.type for token in inside}


def test_a_very_long_description_is_cut() -> None:
    assert len(page(description="x" * 100_000)) < 10_000


def test_a_placeholder_names_the_defaults_that_are_broken() -> None:
    text = describe_problem(BrokenConfig("a", "sales/a.yaml", ConfigError("is bad", config="sales/defaults.yaml")))
    assert rows(text) == {"Config": "sales/defaults.yaml", "Problem": "is bad"}


def test_a_last_good_version_says_first_what_is_wrong() -> None:
    document = {"name": "orders", "pipelineType": "metadata", "service": SERVICE, "version": 0.3}
    pipeline = IngestionPipeline.from_document(document)
    problem = ConfigError("is | not *JSON*", field="a.b", config="sales/defaults.yaml")
    good = Config("orders", "orders.json", document)
    text = describe(pipeline, replace(good, trouble=Trouble(problem, 1764147600.9)))
    assert text.startswith("### The config is broken, so its last good version runs\n")
    assert text.endswith(describe(pipeline, good))
    found = rows(text)
    assert found["Since"] == "2025-11-26 09:00:00 UTC"
    assert found["Version that runs"].startswith("version 0.3, digest ")
    assert found["Field"] == "a.b"
    assert "*JSON*" not in found["Problem"]


@pytest.mark.parametrize("since", [None, 1e300, float("nan"), -1e300])
def test_a_time_that_is_not_known_is_left_out(since: float | None) -> None:
    document = {"name": "orders", "pipelineType": "metadata", "service": SERVICE}
    config = Config("orders", "orders.json", document, trouble=Trouble(ConfigError("is bad"), since))
    assert "Since" not in rows(describe(IngestionPipeline.from_document(document), config))
