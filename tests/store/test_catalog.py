import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.configs.dag_ids import MAX_DAG_ID, clean_dag_id
from dag_factory.errors import ConfigError, StoreError
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from dag_factory.store.stamps import Stamp
from tests.places import TESTS
from tests.stored import problem_of

NO_COPIES = Path("/nonexistent")
CANARY = "s3cr3t-canary"


def as_bytes(file: str | bytes | dict[str, Any]) -> bytes:
    text = json.dumps(file) if isinstance(file, dict) else file
    return text.encode() if isinstance(text, str) else text


class MemoryStore:
    """A store that counts which files are opened, and keeps its notes where a test can spoil them."""

    def __init__(
        self,
        files: Mapping[str, str | bytes | dict[str, Any]],
        notes: dict[str, Any] | None = None,
        last_good: Path = NO_COPIES,
    ) -> None:
        self.files = {key: as_bytes(file) for key, file in files.items()}
        self.notes = notes or {}
        self.times: dict[str, float] = {}
        self.opened: Counter[str] = Counter()
        self.unreadable: set[str] = set()
        self.listed_but_gone: set[str] = set()
        self.just_changed: set[str] = set()
        self.last_good = FolderLastGood(last_good)

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        return sorted(self.files.keys() | self.listed_but_gone)

    def stamps(self, unlisted: dict[str, str] | None = None) -> dict[str, Stamp]:
        texts = {key: hashlib.sha256(self.files.get(key, b"")).hexdigest() for key in self.list_keys(unlisted)}
        return {key: Stamp(text, key not in self.just_changed) for key, text in texts.items()}

    def read(self, key: str) -> bytes:
        data = self.files[key]
        self.opened[key] += 1
        if key in self.unreadable:
            raise ConfigError("can't be read")
        return data

    def size(self, key: str) -> int:
        return len(self.files[key])

    def changed(self, key: str) -> float | None:
        return self.times.get(key)

    def recall(self, dag_id: str) -> str | None:
        return self.notes.get(dag_id)

    def note(self, keys: Mapping[str, str]) -> None:
        self.notes = dict(keys)

    def prefetch(self, keys: Iterable[str]) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a catalogue asks for nothing else, and not for {name}")


class ForgetfulStore(MemoryStore):
    """A store that can't keep notes."""

    def note(self, keys: Mapping[str, str]) -> None:
        pass


class BrokenStore(MemoryStore):
    """A store that can't be listed."""

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        raise StoreError("is away")


def pipeline(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


def listing(store: ConfigStore) -> dict[str, str]:
    return {config.dag_id: config.key for config in Catalog(store).all()}


def config(store: ConfigStore, dag_id: str) -> Config | BrokenConfig:
    found = Catalog(store).find(dag_id)
    assert found is not None
    return found


def same(one: Config | BrokenConfig | None, other: Config | BrokenConfig | None) -> bool:
    def parts(config: Config | BrokenConfig) -> tuple[object, ...]:
        return (config.dag_id, config.key, config.document, str(problem_of(config)))

    return one is other or (one is not None and other is not None and parts(one) == parts(other))


# Few names, so that they collide: with one another, with file names, and once cleaned.
names = st.sampled_from(
    ["a", "b", "a b", "a_b", "a.b", "b_json", "x_a_json", "defaults", "🚀", "..", "___", "L" * 251, "L" * 241]
)
contents = st.one_of(
    names.map(lambda name: json.dumps({"name": name, "pipelineType": "metadata"})),
    st.sampled_from(
        ['{"pipelineType": "metadata"}', "{", "[]", '{"name": 1}', '{"name": ""}', '{"name": null}', "a: ["]
    ),
)
folders = st.sampled_from(["", "x/", "y/", "x/y/"])
stems = st.sampled_from(["a", "b", "a_b", "a b", "a.b", "b_json", "x_a_json", "other", "🚀", "___", "L" * 241])
keys = st.builds("".join, st.tuples(folders, stems, st.sampled_from([".json", ".yaml", ".yml"])))
defaults_keys = folders.map(lambda folder: f"{folder}defaults.yaml")
defaults = st.one_of(contents, st.just('{"enabled": false}'))
stores = st.builds(
    lambda configs, defaults: {**configs, **defaults},
    st.dictionaries(keys, contents, max_size=8),
    st.dictionaries(defaults_keys, defaults, max_size=2),
)


@given(stores)
def test_every_config_is_there_once_and_every_id_is_airflows(files: dict[str, str]) -> None:
    configs = Catalog(MemoryStore(files)).all()
    ids = [config.dag_id for config in configs]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(rf"[0-9a-zA-Z_-]{{1,{MAX_DAG_ID}}}", dag_id) for dag_id in ids)
    assert sorted(config.key for config in configs) == sorted(
        key for key in files if key.rpartition("/")[2] != "defaults.yaml"
    )
    for one in configs:
        if isinstance(one, Config):
            assert clean_dag_id(one.document["name"])[:200] == one.dag_id[:200]


@given(stores, st.booleans(), st.sampled_from(["a", "b", "a_b", "nobody", "defaults", "x_a_json", "../a", ""]))
def test_find_agrees_with_all(files: dict[str, str], keeps_notes: bool, any_id: str) -> None:
    store = MemoryStore(files) if keeps_notes else ForgetfulStore(files)
    configs = {config.dag_id: config for config in Catalog(store).all()}
    for dag_id in {*configs, any_id}:
        assert same(Catalog(store).find(dag_id), configs.get(dag_id))


@given(stores, st.dictionaries(names, keys | st.sampled_from(["gone.json", "../a.json", "", "\x00"]) | st.integers()))
def test_notes_of_any_kind_lead_at_worst_to_another_config_that_claims_the_same_id(
    files: dict[str, str], notes: dict[str, Any]
) -> None:
    configs = {config.dag_id: config for config in Catalog(MemoryStore(files)).all()}
    for dag_id in {*configs, *notes}:
        found = Catalog(MemoryStore(files, notes)).find(dag_id)
        if not same(found, configs.get(dag_id)):
            assert found is not None
            assert found.key == notes[dag_id]
            assert found.document is not None
            assert clean_dag_id(found.document["name"])[:200] == dag_id[:200]


@given(stores)
def test_a_second_look_finds_the_same_and_notes_the_same(files: dict[str, str]) -> None:
    store = MemoryStore(files)
    first, notes = Catalog(store).all(), store.notes
    assert all(same(*pair) for pair in zip(first, Catalog(store).all(), strict=True))
    assert store.notes == notes


@given(stores, st.randoms(use_true_random=False))
def test_the_order_in_which_files_came_does_not_matter(files: dict[str, str], order: random.Random) -> None:
    shuffled = list(files.items())
    order.shuffle(shuffled)
    assert listing(MemoryStore(dict(shuffled))) == listing(MemoryStore(files))


@given(stores, keys, st.sampled_from(["{", "", "[]"]))
def test_a_file_that_can_not_be_read_changes_no_other_pipeline(files: dict[str, str], key: str, broken: str) -> None:
    files.pop(key, None)
    before = {c.key: c for c in Catalog(MemoryStore(files)).all() if isinstance(c, Config)}
    after = {c.key: c for c in Catalog(MemoryStore({**files, key: broken})).all()}
    assert all(same(after[name], before[name]) for name in before)


@given(files=stores)
def test_a_folder_of_files_gives_the_same_as_the_same_files_in_memory(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("configs")
    for key, text in files.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    store = FolderStore(root)
    expected = Catalog(MemoryStore(files)).all()
    assert all(same(*pair) for pair in zip(Catalog(store).all(), expected, strict=True))
    assert all(same(Catalog(store).find(config.dag_id), config) for config in expected)


@pytest.mark.parametrize("key", ["orders.json", "x/orders.yaml", "x/y/orders.yml", "orders.yaml"])
def test_find_opens_one_config_where_the_file_is_named_after_the_id(key: str) -> None:
    others = {f"other{n}.json": pipeline(f"other{n}") for n in range(5)}
    store = MemoryStore({**others, key: pipeline("orders"), "defaults.yaml": "{}", "z/defaults.yaml": "{}"})
    assert config(store, "orders").key == key
    assert store.opened == {key: 1, "defaults.yaml": 1}


@pytest.mark.parametrize("key", ["any.json", "x/any.yaml"])
def test_find_opens_one_config_once_the_name_of_its_file_is_noted(key: str) -> None:
    others = {f"other{n}.json": pipeline(f"other{n}") for n in range(5)}
    store = MemoryStore({**others, key: pipeline("orders"), "defaults.yaml": "{}"})
    assert config(store, "orders").key == key
    assert len(store.opened) == 7  # nothing was noted yet
    store.opened.clear()
    assert config(store, "orders").key == key
    assert store.opened == {key: 1, "defaults.yaml": 1}


def test_a_look_up_of_an_unknown_id_opens_no_file_so_a_first_deploy_costs_as_little_among_many() -> None:
    store = MemoryStore({f"other{n}.json": pipeline(f"other{n}") for n in range(50)})
    assert Catalog(store).look_up("orders") is None
    assert not store.opened


def test_a_look_up_misses_a_config_of_another_name_until_the_index_has_noted_it() -> None:
    store = MemoryStore({f"other{n}.json": pipeline(f"other{n}") for n in range(5)} | {"any.json": pipeline("orders")})
    assert Catalog(store).look_up("orders") is None
    Catalog(store).all()
    store.opened.clear()
    found = Catalog(store).look_up("orders")
    assert found is not None
    assert found.key == "any.json"
    assert store.opened == {"any.json": 1}


def test_every_config_is_noted_that_is_not_where_a_look_at_its_name_finds_it() -> None:
    store = MemoryStore({"a.json": pipeline("a"), "x/b.yaml": pipeline("b"), "c.json": pipeline("d"), "e.json": "{"})
    Catalog(store).all()
    assert store.notes == {"b": "x/b.yaml", "d": "c.json"}


def test_all_opens_each_file_once() -> None:
    store = MemoryStore({f"{folder}{n}.json": pipeline(f"n{n}") for folder in ("", "x/", "x/y/") for n in range(3)})
    store.files |= {"defaults.yaml": b"a: 1", "x/defaults.yaml": b"b: ["}
    Catalog(store).all()
    assert set(store.opened) == set(store.files)
    assert set(store.opened.values()) == {1}


def test_an_id_that_no_config_claims_is_not_found() -> None:
    assert Catalog(MemoryStore({"a.json": pipeline("a")})).find("b") is None
    assert Catalog(MemoryStore({})).find("b") is None
    assert Catalog(MemoryStore({})).all() == []


def test_an_id_is_the_cleaned_name_and_not_the_file() -> None:
    assert listing(MemoryStore({"a.json": pipeline("My Orders!")})) == {"My_Orders_": "a.json"}


WINNERS = [
    "o_1.json",  # <dag_id>.json of the root
    "o 1.json",  # then a file named after the id, nearest first, then by name
    "o_1.yaml",
    "o_1.yml",
    "a/o_1.json",
    "b/o_1.json",
    "a/a/o_1.json",
    "a.json",  # then any file, nearest first, then by name
    "b.json",
    "a/a.json",
    "b/a.json",
    "a/a/a.json",
]


@pytest.mark.parametrize("position", range(len(WINNERS)))
def test_the_config_that_wins_an_id_is_found_by_these_rules(position: int) -> None:
    store = MemoryStore({key: pipeline("o 1") for key in WINNERS[position:]})
    configs = Catalog(store).all()
    assert {c.dag_id: c.key for c in configs}["o_1"] == WINNERS[position]
    assert config(store, "o_1").key == WINNERS[position]
    assert len(configs) == len(WINNERS) - position
    for loser in configs:
        if loser.dag_id != "o_1":
            assert isinstance(loser, BrokenConfig)
            assert f"taken by config '{WINNERS[position]}'" in str(loser.problem)
            assert loser.problem.config == loser.key


def test_the_loser_of_an_id_shows_under_the_name_of_its_file() -> None:
    store = MemoryStore({"orders.json": pipeline("orders"), "x/copy.yaml": pipeline("orders")})
    assert listing(store) == {"orders": "orders.json", "copy": "x/copy.yaml"}


def test_a_config_that_can_not_be_read_shows_under_the_name_of_its_file() -> None:
    store = MemoryStore({"orders 1.json": "{"})
    store.unreadable.add("orders 2.json")
    store.files["orders 2.json"] = b""
    configs = {c.dag_id: c for c in Catalog(store).all()}
    assert configs.keys() == {"orders_1", "orders_2"}
    assert str(problem_of(configs["orders_1"])).startswith("config 'orders 1.json': is not JSON")
    assert str(problem_of(configs["orders_2"])) == "config 'orders 2.json': can't be read"


def test_a_problem_never_takes_the_id_of_a_pipeline() -> None:
    files: dict[str, Any] = {"a.json": "{", "b.json": pipeline("a"), "c.json": pipeline("a_json")}
    ids = listing(MemoryStore(files))
    assert (ids["a"], ids["a_json"]) == ("b.json", "c.json")
    assert next(dag_id for dag_id, key in ids.items() if key == "a.json").startswith("a_json_")


def test_a_problem_finds_an_id_however_many_are_taken() -> None:
    files: dict[str, Any] = {"a.json": "{"}
    for number in range(6):
        [taken] = [dag_id for dag_id, key in listing(MemoryStore(files)).items() if key == "a.json"]
        files[f"z{number}.json"] = pipeline(taken)
    ids = listing(MemoryStore(files))
    assert len(ids) == 7


@pytest.mark.parametrize("document", [{}, {"name": None}, {"name": ""}, {"name": 1}, {"name": {"$env": "A"}}])
def test_a_config_without_a_name_says_so(document: dict[str, Any]) -> None:
    [found] = Catalog(MemoryStore({"a.json": document})).all()
    assert isinstance(found, BrokenConfig)
    assert (found.dag_id, found.problem.field, found.problem.config) == ("a", "name", "a.json")


@pytest.mark.parametrize("name", ["🚀", "..", "___", "-", "数据"])
def test_names_that_leave_nothing_of_a_dag_id_show_under_their_files_names(name: str) -> None:
    configs = Catalog(MemoryStore({"a.json": {"name": name}, "_.json": {"name": name}})).all()
    assert [(config.dag_id, config.key) for config in configs] == [("_", "_.json"), ("a", "a.json")]
    for config in configs:
        assert isinstance(config, BrokenConfig)
        assert config.problem.field == "name"
        assert "so no DAG id can be made from it" in str(config.problem)


def test_ids_that_are_too_long_are_cut_and_stay_apart() -> None:
    long = "x" * MAX_DAG_ID
    store = MemoryStore({"a.json": pipeline(long), "b.json": pipeline(f"{long}1"), "c.json": pipeline(f"{long}2")})
    ids = listing(store)
    assert len(ids) == 3
    assert ids[long] == "a.json"
    assert all(len(dag_id) == MAX_DAG_ID for dag_id in ids)
    assert all(config(store, dag_id).key == key for dag_id, key in ids.items())


def test_the_longest_id_still_fits_into_a_file_name(tmp_path: Path) -> None:
    name = "x" * MAX_DAG_ID
    (tmp_path / f"{name}.json").write_text(json.dumps(pipeline(name)))
    assert config(FolderStore(tmp_path), name).key == f"{name}.json"
    assert Catalog(FolderStore(tmp_path)).find("x" * 10_000) is None


def test_defaults_lie_beneath_every_document_of_their_folder_and_those_below() -> None:
    store = MemoryStore(
        {
            "defaults.yaml": "{a: root, b: {c: root, d: root}, l: [1]}",
            "x/defaults.yaml": "b: {d: x}",
            "x/y/z/defaults.yaml": "a: z",
            "one.json": pipeline("one"),
            "x/two.json": pipeline("two", b={"c": "two"}),
            "x/y/z/three.yaml": "{name: three, l: []}",
            "w/four.json": pipeline("four", a=None),
        }
    )
    documents = {c.dag_id: c.document for c in Catalog(store).all()}
    assert documents == {
        "one": {"name": "one", "a": "root", "b": {"c": "root", "d": "root"}, "l": [1]},
        "two": {"name": "two", "a": "root", "b": {"c": "two", "d": "x"}, "l": [1]},
        "three": {"name": "three", "a": "z", "b": {"c": "root", "d": "x"}, "l": []},
        "four": {"name": "four", "a": None, "b": {"c": "root", "d": "root"}, "l": [1]},
    }
    for dag_id, document in documents.items():
        assert config(store, dag_id).document == document


def test_a_reference_in_defaults_is_not_merged_into() -> None:
    store = MemoryStore({"defaults.yaml": "s: {$env: A}", "a.json": pipeline("a", s={"t": 1}), "b.json": pipeline("b")})
    assert config(store, "a").document == {"name": "a", "s": {"t": 1}}
    assert config(store, "b").document == {"name": "b", "s": {"$env": "A"}}


def test_defaults_that_are_broken_stop_the_pipelines_of_their_folder_only_and_empty_ones_are_none() -> None:
    store = MemoryStore(
        {
            "a.json": pipeline("a"),
            "x/defaults.yaml": f"password: @{CANARY}",
            "x/b.json": pipeline("b"),
            "x/y/c.json": pipeline("c"),
            "y/defaults.yaml": "",
            "y/d.json": pipeline("d"),
            "z/e.json": pipeline("e"),
        }
    )
    configs = {c.dag_id: c for c in Catalog(store).all()}
    assert {dag_id for dag_id, c in configs.items() if isinstance(c, Config)} == {"a", "d", "e"}
    for dag_id, where in {"b": "x/defaults.yaml", "c": "x/defaults.yaml"}.items():
        problem = problem_of(configs[dag_id])
        assert problem is not None
        assert problem.config == where
        assert CANARY not in str(problem)
        assert configs[dag_id].document == {"name": dag_id}


def test_defaults_that_can_not_be_read_are_named() -> None:
    store = MemoryStore({"defaults.yaml": "{}", "a.json": pipeline("a")})
    store.unreadable.add("defaults.yaml")
    assert str(problem_of(config(store, "a"))) == "config 'defaults.yaml': can't be read"


def test_a_tag_that_yaml_trips_over_does_not_make_defaults_disappear() -> None:
    store = MemoryStore({"defaults.yaml": "enabled: !!bool maybe", "a.json": pipeline("a")})
    assert problem_of(config(store, "a")) is not None


def test_a_broken_config_is_told_before_broken_defaults() -> None:
    store = MemoryStore({"defaults.yaml": "[", "a.json": "["})
    assert str(problem_of(config(store, "a"))).startswith("config 'a.json'")


def test_a_name_from_defaults_is_claimed_by_all_and_goes_to_one() -> None:
    store = MemoryStore({"x/defaults.yaml": "name: n", "x/a.json": "{}", "x/b.json": "{}"})
    assert listing(store) == {"n": "x/a.json", "b": "x/b.json"}


def test_a_config_that_goes_while_it_is_listed_is_left_out() -> None:
    store = MemoryStore({"a.json": pipeline("a")})
    store.listed_but_gone = {"b.json", "x/a.json"}
    assert listing(store) == {"a": "a.json"}
    assert Catalog(store).find("b") is None


@pytest.mark.parametrize(
    "note", ["b.json", "gone.json", "../secret.json", "/etc/passwd", "a\x00.json", 5, None, [], {}]
)
def test_a_note_that_leads_nowhere_is_harmless(tmp_path: Path, note: object) -> None:
    (tmp_path / "x.json").write_text(json.dumps(pipeline("a")))
    (tmp_path / "b.json").write_text(json.dumps(pipeline("b")))
    (tmp_path / ".dag_ids.json").write_text(json.dumps({"a": note}))
    assert config(FolderStore(tmp_path), "a").key == "x.json"


def test_a_note_leads_to_no_file_outside_the_store(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(pipeline("a")))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".dag_ids.json").write_text(json.dumps({"a": "../outside.json"}))
    assert Catalog(FolderStore(tmp_path / "store")).find("a") is None


def test_a_store_that_can_not_be_listed_is_not_an_empty_one() -> None:
    with pytest.raises(StoreError):
        Catalog(BrokenStore({})).all()
    with pytest.raises(StoreError):
        Catalog(BrokenStore({})).find("a")


def test_no_problem_quotes_a_value() -> None:
    files: dict[str, Any] = {
        "a.json": f'{{"name": "a", "password": "{CANARY}", }}',
        "b.yaml": f"name: b\npassword: @{CANARY}",
        "c.json": {"name": "a", "password": CANARY},
        "d.json": {"name": "a", "password": CANARY},
        "e.json": {"password": CANARY},
    }
    problems = [c.problem for c in Catalog(MemoryStore(files)).all() if isinstance(c, BrokenConfig)]
    assert len(problems) == 4
    assert CANARY not in "".join(map(str, problems))


def test_the_samples_of_a_server_are_a_store() -> None:
    samples = TESTS / "samples"
    configs = Catalog(ForgetfulStore({path.name: path.read_bytes() for path in samples.glob("*.json")})).all()
    assert len(configs) >= 10
    assert all(isinstance(c, Config) and c.key == f"{c.dag_id}.json" for c in configs)


def test_one_config_is_judged_as_among_all_of_them_and_few_others_are_opened() -> None:
    files: dict[str, str | bytes | dict[str, Any]] = {
        f"{number}.json": {"name": f"other {number}"} for number in range(50)
    }
    files |= {
        "orders.json": {"name": "orders"},
        "sales/orders.yaml": "name: orders",
        "aa.json": {"name": "orders"},
        "any name.json": {"name": "first"},
        "x/late.json": {"name": "first"},
        "nameless.json": {},
        "torn.json": "{",
        "bad/defaults.yaml": "[",
        "bad/orders.json": {"name": "below"},
    }
    store = MemoryStore(files)
    everything = {config.key: config for config in Catalog(store).all()}
    for key, config in everything.items():
        store.opened.clear()
        judged = Catalog(store).judge(key)
        assert judged is not None
        assert str(problem_of(judged)) == str(problem_of(config)), key
        assert judged.document == config.document
        assert sum(store.opened.values()) <= 5, key


def test_a_config_that_is_gone_is_judged_by_nobody() -> None:
    assert Catalog(MemoryStore({})).judge("gone.json") is None


def test_a_config_that_names_another_dag_than_the_index_says_is_read_again_at_the_next_load(tmp_path: Path) -> None:
    index = Index(Database(tmp_path, "/store"))
    store = MemoryStore({"a.json": pipeline("new")})
    # A link was swapped while the store was read, and then swapped back.
    Catalog(store, index=index).all()
    (noted,) = index.named().values()
    index.note_named({"a.json": noted._replace(dag_id="old")})
    (changed,) = Catalog(store, index=index).all()
    assert "was changed or removed while the store was being read" in str(problem_of(changed))
    (again,) = Catalog(store, index=index).all()
    assert (again.dag_id, problem_of(again)) == ("new", None)
