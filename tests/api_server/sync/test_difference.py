"""What the server has and the store lacks, what is older here, and the reverse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dag_factory.api_server.sync.difference import (
    NEWER_HERE,
    NOT_DEPLOYED_THERE,
    OLDER_HERE,
    ONLY_HERE,
    ONLY_ON_SERVER,
    Chosen,
    Comparison,
    Difference,
)
from dag_factory.api_server.sync.server_api import ServerApi
from dag_factory.api_server.sync.server_pipelines import Listing
from dag_factory.errors import ServerError
from dag_factory.portable.openmetadata.server_address import server_address
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.database import NoDatabase
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from tests.api_server.sync.servers import Server


def compared(
    server: Server, store: FolderStore, chosen: Chosen | None = None, *, page: int = 100, keys: Keys | None = None
) -> Difference:
    comparison = Comparison(store, Index(NoDatabase()), keys or Keys(), chosen or Chosen())
    with ServerApi(server.connection, seconds=10, retry_seconds=0) as api:
        return comparison.with_server(Listing(api, page), server_address(f"{server.url}/api"))


def states(found: Difference) -> dict[str, str]:
    return {each.dag_id: each.state for each in found.differing}


def deploy_all(server: Server) -> None:
    for id_ in list(server.pipelines):
        assert server.deploy(id_)[0] == 200


def test_what_was_deployed_and_not_changed_since_is_the_same(server: Server, store: FolderStore) -> None:
    for name in ("a", "b", "c d"):
        # The first deploy makes a new version, which the store does not have.
        server.add(name, deployed=False)
    deploy_all(server)
    found = compared(server, store)
    assert (found.differing, found.compared, found.is_complete) == ([], 3, True)


def test_all_that_differs_is_named_with_what_and_why(server: Server, store: FolderStore) -> None:
    for name in ("same", "lost", "older", "gone", "unflagged", "restored"):
        server.add(name)
    deploy_all(server)
    (store.root / "lost.json").unlink()
    by_name = {each["name"]: each for each in server.pipelines.values()}
    server.change(by_name["older"], airflowConfig={"scheduleInterval": "5 * * * *"})
    server.change(by_name["unflagged"], deployed=False)
    by_name["restored"] |= {"updatedAt": by_name["restored"]["updatedAt"] - 1000, "loggerLevel": "DEBUG"}
    del server.pipelines[by_name["gone"]["id"]]
    server.add("never_deployed", deployed=False)

    found = compared(server, store)

    assert states(found) == {
        "gone": ONLY_HERE,
        "lost": ONLY_ON_SERVER,
        "older": OLDER_HERE,
        "restored": NEWER_HERE,
        "unflagged": NOT_DEPLOYED_THERE,
    }
    assert [each.dag_id for each in found.to_deploy] == ["lost", "older", "unflagged"]
    assert [each.dag_id for each in found.undeployed] == ["never_deployed"]
    assert [each.why for each in found.of(OLDER_HERE)] == ["differs in airflowConfig"]


def test_a_file_that_a_person_wrote_is_never_older_nor_missing(server: Server, store: FolderStore) -> None:
    server.add("orders", service="sales")
    own = {"name": "orders", "service": {"type": "databaseService", "name": "sales"}, "pipelineType": "metadata"}
    (store.root / "any.json").write_text(json.dumps(own))
    (store.root / "unknown.json").write_text(json.dumps({**own, "name": "unknown"}))
    found = compared(server, store)
    assert (found.differing, found.written_by_hand) == ([], 1)


def test_a_dag_id_that_belongs_to_another_pipeline_is_said_to_be_so(server: Server, store: FolderStore) -> None:
    server.add("metadata", service="one")
    deploy_all(server)
    server.add("metadata", service="two")
    (found,) = compared(server, store).differing
    assert (found.state, found.service) == (ONLY_ON_SERVER, "two")
    assert found.why == "its DAG id belongs to config 'metadata.json' here"


def test_a_pipeline_that_was_deleted_and_made_again_is_older_here(server: Server, store: FolderStore) -> None:
    pipeline = server.add("orders")
    deploy_all(server)
    del server.pipelines[pipeline["id"]]
    again = {**pipeline, "id": "11111111-2222-3333-4444-555555555555", "updatedAt": pipeline["updatedAt"] + 1}
    server.pipelines[again["id"]] = again
    (found,) = compared(server, store).differing
    assert (found.state, found.why) == (OLDER_HERE, "differs in id")


def test_a_config_that_can_not_be_read_is_older(server: Server, store: FolderStore) -> None:
    server.add("orders")
    deploy_all(server)
    (store.root / "orders.json").write_text("{")
    assert states(compared(server, store)) == {"orders": OLDER_HERE}


def test_defaults_of_the_folder_are_no_difference(server: Server, store: FolderStore) -> None:
    server.add("orders")
    deploy_all(server)
    (store.root / "defaults.yaml").write_text("airflowConfig: {retries: 7, workflowTimeout: 60}\n")
    assert states(compared(server, store)) == {}


def test_secrets_are_compared_by_value_and_without_the_key_count_as_the_same(
    server: Server, store: FolderStore
) -> None:
    config = {"type": "DatabaseMetadata", "aNewSecret": {"password": "old"}}
    pipeline = server.add("orders", sourceConfig={"config": config})
    deploy_all(server)
    assert "old" not in (store.root / "orders.json").read_text()
    server.change(pipeline, owners=[])
    assert states(compared(server, store)) == {}
    server.change(pipeline, sourceConfig={"config": {**config, "aNewSecret": {"password": "new"}}})
    assert states(compared(server, store)) == {"orders": OLDER_HERE}
    assert states(compared(server, store, keys=Keys("B" * 43 + "="))) == {}
    server.change(pipeline, sourceConfig={"config": {**config, "aNewSecret": {"password": "*********"}}})
    assert states(compared(server, store)) == {}


def test_another_runner_s_pipelines_are_not_ours_unless_named(server: Server, store: FolderStore) -> None:
    server.add("theirs", ingestionRunner={"type": "ingestionRunner", "name": "edge"})
    found = compared(server, store)
    assert (found.differing, found.elsewhere) == ([], 1)
    assert states(compared(server, store, Chosen(runner="edge"))) == {"theirs": ONLY_ON_SERVER}


def test_configs_of_another_server_are_not_this_one_s_business(server: Server, store: FolderStore) -> None:
    server.add("here")
    deploy_all(server)
    document = json.loads((store.root / "here.json").read_text())
    document |= {"id": "11111111-2222-3333-4444-555555555555", "name": "other", "fullyQualifiedName": "x.other"}
    document["openMetadataServerConnection"]["hostPort"] = "https://other.example.com/api"
    (store.root / "other.json").write_text(json.dumps(document))
    found = compared(server, store)
    assert (found.differing, found.elsewhere) == ([], 1)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Chosen(service="one"), {"a"}),
        (Chosen(pipeline_type="lineage"), {"b"}),
        (Chosen(service="one", pipeline_type="lineage"), set()),
        (Chosen(), {"a", "b", "c"}),
    ],
    ids=range(4),
)
def test_a_service_or_a_type_can_be_chosen(
    server: Server, store: FolderStore, chosen: Chosen, expected: set[str]
) -> None:
    server.add("a", service="one")
    server.add("b", service="two", pipelineType="lineage", sourceConfig={"config": {"type": "DatabaseLineage"}})
    server.add("c", service="two")
    deploy_all(server)
    del server.pipelines[next(id_ for id_, each in server.pipelines.items() if each["name"] == "c")]
    for name in ("a", "b"):
        (store.root / f"{name}.json").unlink()
    assert set(states(compared(server, store, chosen))) == expected


def test_pipelines_of_deleted_services_and_deleted_ones_are_left_out(server: Server, store: FolderStore) -> None:
    server.add("of_deleted")["service"]["deleted"] = True
    server.add("deleted", deleted=True)
    found = compared(server, store)
    assert (found.differing, found.skipped) == ([], 1)


def test_a_pipeline_that_can_not_be_deployed_is_not_only_here(server: Server, store: FolderStore) -> None:
    pipeline = server.add("of_deleted")
    server.add("same")
    deploy_all(server)
    pipeline["service"]["deleted"] = True
    found = compared(server, store)
    assert (found.differing, found.skipped, found.unknown_to_server) == ([], 1, [])
    assert sorted(each.dag_id for each in found.known_to_server) == ["of_deleted", "same"]


def test_one_that_is_listed_as_deleted_is_only_here(server: Server, store: FolderStore) -> None:
    pipeline = server.add("deleted")
    deploy_all(server)
    page = server.page
    server.page = lambda query: {**page(query), "data": [{**pipeline, "deleted": True}]}  # type: ignore[method-assign]
    found = compared(server, store)
    assert (states(found), found.skipped) == ({"deleted": ONLY_HERE}, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_of_any_size_give_the_same(server: Server, store: FolderStore, size: int) -> None:
    for number in range(7):
        server.add(f"p{number}")
    found = compared(server, store, page=size)
    assert len(found.differing) == 7
    assert found.is_complete


def test_pipelines_that_come_go_and_are_renamed_while_pages_are_read_are_each_seen_once_at_most(
    server: Server, store: FolderStore
) -> None:
    pipelines = [server.add(f"p{number}") for number in range(6)]
    pages = 0

    def change(line: str) -> None:
        nonlocal pages
        pages += 1
        if pages == 2:
            del server.pipelines[pipelines[5]["id"]]
            server.add("a_before_the_cursor")
            # It comes a second time, further down.
            pipelines[0]["fullyQualifiedName"] = "pg_svc.z"

    server.answers = change
    found = compared(server, store, page=2)
    assert sorted(each.dag_id for each in found.differing) == ["p0", "p1", "p2", "p3", "p4"]


def test_what_is_deployed_while_pages_are_read_is_not_missing(server: Server, store: FolderStore) -> None:
    pipelines = [server.add(f"p{number}") for number in range(3)]
    comparison = Comparison(store, Index(NoDatabase()), Keys(), Chosen())
    server.deploy(pipelines[1]["id"])
    with ServerApi(server.connection, retry_seconds=0) as api:
        found = comparison.with_server(Listing(api), None)
    assert sorted(states(found)) == ["p0", "p2"]


def test_a_server_that_lists_fewer_than_it_counts_is_incomplete(server: Server, store: FolderStore) -> None:
    server.add("seen")
    server.total = 5
    assert not compared(server, store).is_complete


def test_a_user_with_few_rights_is_shown_no_difference_that_is_none(server: Server, store: FolderStore) -> None:
    pipeline = server.add("orders")
    deploy_all(server)
    server.change(pipeline, sourceConfig={})
    found = compared(server, store)
    assert (found.differing, found.not_comparable) == ([], 1)


HOSTILE: list[Any] = [
    None, 7, [], "text", {}, {"id": "../../deploy", "name": "a", "service": {}}, {"id": 1, "name": "a", "service": {}},
    {"id": "11111111-2222-3333-4444-555555555555", "name": {"a": 1}, "service": {}},
    {"id": "11111111-2222-3333-4444-555555555555", "name": "...", "service": {}},
    {"id": "11111111-2222-3333-4444-555555555555", "name": "x" * 5000, "service": {}},
    {"id": "11111111-2222-3333-4444-555555555555", "name": "a", "service": "text"},
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_pipeline_is_left_out(server: Server, store: FolderStore, hostile: Any) -> None:
    server.add("good")
    page = server.page
    server.page = lambda query: {**(found := page(query)), "data": [*found["data"], hostile]}  # type: ignore[method-assign]
    found = compared(server, store)
    assert (list(states(found)), found.skipped) == (["good"], 1)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../../b", "\x1b[31mred", "a\nb", "C:\\x"])
def test_a_hostile_name_leads_to_no_other_file(server: Server, store: FolderStore, name: str) -> None:
    server.add(name)
    (found,) = compared(server, store).differing
    assert found.state == ONLY_ON_SERVER
    assert "/" not in found.dag_id
    assert "\\" not in found.dag_id


@pytest.mark.parametrize("answer", [{"data": []}, {"paging": {}}, [], {"data": {}, "paging": {}}], ids=range(4))
def test_an_answer_that_is_no_list_is_an_error(server: Server, store: FolderStore, answer: Any) -> None:
    server.page = lambda query: answer  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="does not answer with a list of pipelines"):
        compared(server, store)


def test_a_server_that_pages_without_end_is_left(server: Server, store: FolderStore) -> None:
    server.page = lambda query: {"data": [], "paging": {"total": 0, "after": "again"}}  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="without end"):
        compared(server, store)


def test_one_that_is_nested_too_deeply_ends_no_comparison_of_others(server: Server, store: FolderStore) -> None:
    nested: dict[str, Any] = {}
    for _ in range(300):
        nested = {"a": [nested]}
    server.add("deep", sourceConfig={"config": {"type": "DatabaseMetadata", "x": nested}})
    server.add("good")
    found = compared(server, store)
    assert (list(states(found)), found.skipped) == (["good"], 1)


@pytest.mark.parametrize("depth", [70, 400, 900])
def test_a_document_that_is_nested_too_deeply_ends_no_comparison_with_an_error_of_its_own(
    server: Server, store: FolderStore, depth: int
) -> None:
    pipeline = server.add("orders")
    server.add("refunds")
    deploy_all(server)
    nested: Any = {}
    for _ in range(depth):
        nested = [nested]
    server.change(pipeline, sourceConfig={"config": {"type": "DatabaseMetadata", "x": nested}})
    try:
        found = compared(server, store)
    except ServerError as error:
        # Some versions of Python read no JSON that is nested so deeply.
        assert depth == 900
        assert "is not JSON" in str(error)
    else:
        assert (found.differing, found.skipped, found.unknown_to_server) == ([], 1, [])
