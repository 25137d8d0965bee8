"""`diff` and `sync` as a person calls them: what they print, and their exit codes."""

from __future__ import annotations

import json
import shutil

import pytest

from dag_factory.cli.__main__ import main
from dag_factory.store import configured_memory, open_store
from dag_factory.store.folder.folder_store import FolderStore
from tests.api_server.sync.conftest import SECTION
from tests.api_server.sync.servers import Document, Failure, Server
from tests.api_server.sync.test_difference import deploy_all


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def lost(server: Server, store: FolderStore) -> Server:
    """A server whose pipelines were deployed, and then lost with the volume."""
    for name in ("a", "b", "c"):
        server.add(name, service="sales" if name == "c" else "pg_svc")
    deploy_all(server)
    assert run("diff") == 0
    for path in store.root.iterdir():
        if not path.name.startswith(".store"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    server.requests.clear()
    server.deployed.clear()
    return server


def test_a_lost_store_is_named_brought_back_by_one_command_and_then_the_same(
    lost: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert run("diff") == 1
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["STATE", "PIPELINE", "TYPE", "SERVICE", "WHY"]
    assert "only on the server" in out
    assert out.endswith("3 pipelines of the server compared: 3 only on the server.\n")
    assert run("sync") == 0
    assert capsys.readouterr().out == "3 of 3 pipelines deployed.\n"
    assert sorted(path.name for path in store.root.glob("*.json")) == ["a.json", "b.json", "c.json"]
    assert run("diff") == 0
    assert capsys.readouterr().out == "3 pipelines of the server compared: no difference.\n"


def test_a_program_reads_json(lost: Server, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("diff", "--output", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["dag_id"] for each in found["differing"]] == ["a", "b", "c"]
    assert found["is_complete"] is True
    assert run("sync", "--dry-run", "--output", "json") == 1
    assert len(json.loads(capsys.readouterr().out)["would_deploy"]) == 3
    assert run("sync", "--output", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["deployed"] == ["a", "b", "c"]
    # What the server deploys, Airflow's API server has parsed.
    assert found["parsed"] is None


def test_a_program_reads_whether_airflow_has_parsed_what_was_written(
    lost: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("sync", "--write", "--output", "json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["parsed"] is False
    # No Airflow has a database here.
    assert said.err == "Airflow's database can't be read, so whether another DAG has one of the ids is unknown.\n"


def test_a_dry_run_does_nothing(lost: Server, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("sync", "--dry-run") == 1
    assert capsys.readouterr().out.endswith("3 pipelines would be deployed.\n")
    assert lost.deployed == []


def test_only_a_service_s_pipelines_are_brought_back(lost: Server) -> None:
    assert run("sync", "--service", "sales") == 0
    assert lost.deployed == ["c"]


def test_one_that_fails_is_named_and_the_others_are_back(
    lost: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deploy = lost.deploys

    def refuse(document: Document) -> None:
        if document["name"] == "b":
            raise Failure("Airflow says no.")
        deploy(document)

    lost.deploys = refuse
    capsys.readouterr()
    assert run("sync") == 1
    said = capsys.readouterr()
    assert said.out == "2 of 3 pipelines deployed.\n"
    assert said.err == "Pipeline 'b' failed: Airflow says no.\n"
    assert sorted(path.name for path in store.root.glob("*.json")) == ["a.json", "c.json"]


def test_a_server_that_dies_midway_leaves_what_is_done_and_says_to_run_it_again(
    lost: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deploy = lost.deploys

    def die(document: Document) -> None:
        deploy(document)
        lost.is_dead = lost.is_dead or document["name"] == "b"

    lost.deploys = die
    capsys.readouterr()
    assert run("sync", "--portion", "1", "--at-once", "1", "--retry-seconds", "0") == 3
    assert "What is done is done: run it again for the rest." in capsys.readouterr().err
    assert (store.root / "a.json").exists()
    lost.is_dead, lost.deploys = False, deploy
    assert run("sync") == 0
    assert len(list(store.root.glob("*.json"))) == 3


def test_configs_are_written_here_without_the_server_s_help(
    lost: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert run("sync", "--write") == 0
    said = capsys.readouterr()
    assert said.out == "3 of 3 pipelines written.\n"
    # No Airflow runs here, and so nobody has waited for it.
    assert "Airflow was asked for a parse, but its DAG processor does not seem to be running." in said.err
    assert lost.deployed == []
    assert run("diff") == 0


def test_nothing_is_removed_unless_asked_for(
    server: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("a", "b", "c"):
        server.add(name)
    deploy_all(server)
    del server.pipelines[next(iter(server.pipelines))]
    assert run("sync") == 0
    assert (store.root / "a.json").exists()
    capsys.readouterr()
    assert run("sync", "--prune", "--dry-run") == 1
    assert capsys.readouterr().out.endswith("1 configs would be removed: a.\n")
    assert run("sync", "--prune") == 0
    assert "Removed 'a.json'.\n" in capsys.readouterr().out
    assert not (store.root / "a.json").exists()


def test_pruning_by_a_wrong_server_is_refused_before_anything_is_done(
    server: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("a", "b"):
        server.add(name)
    deploy_all(server)
    server.pipelines.clear()
    server.deployed.clear()
    server.add("another")
    assert run("sync", "--prune") == 3
    assert "nothing is pruned" in capsys.readouterr().err
    assert server.deployed == []
    assert len(list(store.root.glob("*.json"))) == 2


def test_pipelines_that_the_server_takes_for_undeployed_are_brought_back_on_demand(
    server: Server,
    store: FolderStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.add("a", deployed=False)
    assert run("diff") == 0
    assert "1 have no config here, and the server doesn't count them as deployed.\n" in capsys.readouterr().out
    assert run("sync") == 0
    assert server.deployed == []
    capsys.readouterr()
    assert run("sync", "--undeployed") == 0
    assert server.deployed == ["a"]
    assert capsys.readouterr().out == "1 of 1 pipelines deployed.\n"


@pytest.mark.parametrize("command", ["diff", "sync"])
@pytest.mark.parametrize(
    ("status", "says"), [(401, "Renew the token"), (403, "Give the user"), (404, "whose API is at /api")]
)
def test_a_server_that_refuses_ends_a_command_with_the_way_out(
    server: Server,
    command: str,
    status: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answers = lambda line: status
    assert run(command) == 3
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("command", ["diff", "sync"])
def test_without_a_connection_there_is_nobody_to_ask(
    server: Server,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"{SECTION}OPENMETADATA_CONN_ID", "")
    assert run(command) == 3
    assert "openmetadata_conn_id is empty" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["diff", "sync"])
def test_a_store_that_is_not_mounted_is_not_taken_for_a_lost_one(
    server: Server,
    store: FolderStore,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.add("a")
    deploy_all(server)
    assert run("diff") == 0
    server.deployed.clear()
    shutil.rmtree(store.root)
    assert run(command) == 3
    assert "config_store" in capsys.readouterr().err
    assert server.deployed == []


def test_an_empty_store_in_place_of_the_lost_one_is_filled_once_it_is_adopted(
    server: Server, store: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        server.add(name)
    deploy_all(server)
    # As a load of the loader does.
    open_store(str(store.root), configured_memory(str(store.root))).remember()
    shutil.rmtree(store.root)
    store.root.mkdir()
    assert run("sync") == 3
    assert server.deployed == ["a", "b"]
    assert run("adopt-store") == 0
    assert run("sync") == 0
    assert sorted(path.name for path in store.root.glob("*.json")) == ["a.json", "b.json"]
    assert run("diff") == 0


def test_a_name_can_not_steer_the_terminal(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.add("a", service="\x1b[31mred\x1b]8;;http://evil\x07")
    assert run("diff") == 1
    assert "\x1b" not in capsys.readouterr().out
