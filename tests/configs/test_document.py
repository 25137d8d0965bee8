import contextlib
import json
import math
import pickle
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dag_factory.configs.document import MAX_BYTES, MAX_CHARACTERS, MAX_INT, MAX_VALUES, check_values, merge, parse
from dag_factory.configs.yaml_loader import MAX_DEPTH
from dag_factory.errors import ConfigError
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
CANARY = "s3cr3t-canary"

names = st.text(string.ascii_letters, min_size=1, max_size=3)
scalars = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | st.text(string.printable, max_size=5)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(names, values, max_size=4)
# Bytes that look like a config more often than arbitrary ones do.
yaml_like = st.lists(
    st.sampled_from(
        ["a: ", "b: ", "- ", "? ", "\n", "  ", "{", "}", "[", "]", ",", "&x ", "*x", "<<: ", "'", '"', "|\n", "#", "%",
         "!!bool ", "!!int ", "!!float ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!merge ", "!!null ",
         "1", "-1.5e3", "2024-01-01", "12:30", "0x1f", ".nan", ".inf", "yes", "=", "~", "\x00", "\x85", "\ufeff",
         "---\n", "!t "]
    ),
    max_size=12,
).map(lambda parts: "".join(parts).encode())  # fmt: skip


def problem_of(data: bytes | str, key: str = "a.json") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(data.encode() if isinstance(data, str) else data, key)
    return caught.value


@pytest.mark.parametrize("name", ["a\nINFO all is well", "a\r\nb", "a\x1b[2Jb", "a\u202eb", "x" * 100_000])
def test_the_name_of_a_field_can_not_pass_for_another_line_and_is_cut(name: str) -> None:
    text = str(problem_of(json.dumps({name: {"$env": 1}})).within(f"{name}.json"))
    assert text.isprintable()
    assert len(text) < 1_000


TWICE = [
    ("a.json", '{"a": 1,\n "b": 2,\n  "a": 3}', "'a'", 3, 3),
    ("a.json", '{"x": [{"y": {"k": 1, "k": 1}}]}', "'k'", 1, 23),
    ("a.json", '{"a": "{,:\\"[", "b": {"a": 1}, "a": "}"}', "'a'", 1, 32),
    ("a.json", '{"\\u0061": 1, "a": 2}', "'a'", 1, 15),
    ("a.json", '{"": 1, "": 2}', "a key", 1, 9),
    ("a.json", '{"my key": 1, "my key": 2}', "a key", 1, 15),
    ("a.yaml", "a: 1\nb: 2\na: 3\n", "'a'", 3, 1),
    ("a.yaml", "a:\n  b:\n    - c: 1\n      c: 1\n", "'c'", 4, 7),
    ("a.yaml", '{"a": 1, a: 2}', "'a'", 1, 10),
    ("a.yaml", "x: &x {a: 1}\ny:\n  <<: *x\n  b: 1\n  b: 2\n", "'b'", 5, 3),
    ("a.yaml", "x: &x {a: 1, a: 2}\ny: {<<: *x}\n", "'a'", 1, 14),
    ("a.yaml", "x: &x {a: 1}\nz: &z {b: 1}\ny:\n  <<: *x\n  <<: *z\n", "a key", 5, 3),
    ("a.yaml", "&k a: 1\nb: 2\n*k : 3\n", "'a'", 1, 1),
]


@pytest.mark.parametrize(("key", "text", "name", "line", "column"), TWICE)
def test_a_key_that_stands_twice_in_a_mapping_is_refused_with_the_place_of_the_second(
    key: str, text: str, name: str, line: int, column: int
) -> None:
    assert str(problem_of(text, key)).startswith(
        f"has {name} twice in one mapping, again at line {line}, column {column}. "
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a.json", '{"a": {"a": 1}, "A": [{"a": 1}, {"a": 2}]}'),
        ("a.yaml", "a: {a: 1}\nA: 2\n"),
        ("a.yaml", "x: &x {a: 1, b: 1}\ny: {<<: *x, a: 2}\n"),
        ("a.yaml", "x: &x {a: 1}\nz: &z {<<: *x, a: 2}\ny: {<<: [*x, *z], a: 3}\nw: {<<: *z, a: 4}\n"),
        ("a.yaml", "y: &y {<<: &x {a: 1}, a: 2}\nz: {<<: *y, a: 3}\nw: {<<: *x}\n"),
    ],
)
def test_keys_that_differ_by_case_or_stand_in_different_mappings_or_override_a_merged_one_are_good(
    key: str, text: str
) -> None:
    parse(text.encode(), key)


@given(documents, st.data())
def test_wherever_a_key_is_doubled_it_is_found(document: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps({"x": document, "end": 1}, indent=data.draw(st.sampled_from([None, 1])))
    keys = [found for found in re.finditer(r'"(\w*)":', text) if text.count(found[0]) == 1]
    doubled = data.draw(st.sampled_from(keys))
    text = f"{text[: doubled.start()]}{doubled[0]} 0, {text[doubled.start() :]}"
    for key in ("a.json", "a.yaml"):
        error = str(problem_of(text, key))
        before = text[: doubled.start() + len(doubled[0]) + 4]
        assert f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}." in error


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_a_server_sends_is_read_as_it_is_in_json_and_in_yaml(path: Path) -> None:
    document = json.loads(path.read_text())
    assert parse(path.read_bytes(), path.name) == document
    assert parse(yaml.safe_dump(document).encode(), "a.yaml") == document


@pytest.mark.parametrize("key", ["a.json", "a.yaml", "a.yml"])
@given(data=st.binary() | yaml_like | st.text().map(lambda text: text.encode(errors="surrogatepass")))
@example(b'{"a": ' + b"1" * 5000 + b"}")
@example(b"a: !!bool maybe")
@example(b"a: !!timestamp never")
@example(b"a: !!int ''")
@example(b"a: !!float " + b"1" + b":1" * 400)
@example(b"!!bool x: 1")
def test_any_bytes_are_a_mapping_that_json_can_carry_or_a_config_error(key: str, data: bytes) -> None:
    try:
        document = parse(data, key)
    except ConfigError:
        return
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    json.dumps(document, ensure_ascii=False).encode()


@given(documents)
def test_json_comes_back_as_it_was_written(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document).encode(), "a.json") == document


@given(documents)
@example({"a": "0e0", "b": "1e5", "c": "1.0e5", "d": "0x1", "e": "01", "f": "1:2", "g": 1e5, "h": 1e300})
def test_yaml_comes_back_as_it_was_written(document: dict[str, Any]) -> None:
    assert parse(yaml.safe_dump(document, allow_unicode=True).encode(), "a.yml") == document


@pytest.mark.slow
@given(documents)
def test_a_json_document_means_the_same_under_the_name_of_a_yaml_file(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assume(not re.search(r"\de[-+]?\d", text))  # 1e5 is a text in YAML
    # JSON escapes DEL and pairs of surrogates in ways that YAML does not: such documents are refused, not misread.
    with contextlib.suppress(ConfigError):
        assert parse(text.encode(), "a.yaml") == document


def test_the_suffix_says_whether_it_is_json_or_yaml_in_any_case_of_letters() -> None:
    assert parse(b"name: a", "sales/a.YAML") == {"name": "a"}
    assert parse(b'{"name": "a"}', "A.JSON") == {"name": "a"}
    assert "is not JSON" in problem_of(b"name: a", "a.JSON").problem


@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_a_byte_order_mark_does_no_harm(key: str) -> None:
    assert parse(b'\xef\xbb\xbf{"name": "a"}', key) == {"name": "a"}


@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
@pytest.mark.parametrize("data", ['{"a": "ä"}'.encode("latin-1"), '{"a": 1}'.encode("utf-16")], ids=["latin1", "utf16"])
def test_what_is_not_utf_8_is_refused_with_the_place(key: str, data: bytes) -> None:
    assert "is not UTF-8 (byte" in problem_of(data, key).problem


@pytest.mark.parametrize("data", ["[]", "1", "null", '"text"', '[{"name": "a"}]'])
@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_what_is_no_mapping_is_refused(data: str, key: str) -> None:
    assert "is not a mapping" in problem_of(data, key).problem


def test_an_empty_file_is_refused() -> None:
    assert "is not JSON" in problem_of(b"").problem
    assert "is not a mapping" in problem_of(b"", "a.yaml").problem


def test_a_document_that_is_a_reference_itself_is_refused() -> None:
    # Laid under others as defaults, it would turn each of them into one.
    assert "is not a mapping" in problem_of('{"$env": "NAME"}').problem


def test_broken_json_is_refused_with_line_and_column() -> None:
    assert "line 2, column 1" in problem_of('{"name":\n}').problem


def test_broken_yaml_is_refused_with_line_and_column() -> None:
    assert "line 2, column 1" in problem_of("name: [\n}", "a.yaml").problem


@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_ten_megabytes_are_refused(key: str) -> None:
    assert "larger than 1 MiB" in problem_of(b'{"a": "' + b"x" * 10_000_000 + b'"}', key).problem


def test_the_largest_size_is_still_read() -> None:
    frame = b'{"a": ""}'
    data = frame.replace(b'""', b'"' + b"x" * (MAX_BYTES - len(frame)) + b'"')
    assert len(data) == MAX_BYTES
    assert parse(data, "a.json")
    problem_of(data + b" ")


@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_a_document_may_nest_just_so_deep(key: str) -> None:
    def nested(depth: int) -> str:
        return '{"a": ' * depth + "1" + "}" * depth

    assert parse(nested(MAX_DEPTH).encode(), key)
    assert "deep" in problem_of(nested(MAX_DEPTH + 1), key).problem


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("a.json", '"{" + \'"a":{\' * 150_000'),
        ("a.json", '"[" * 900_000'),
        ("a.yaml", '"a: " + "[" * 150_000'),
        ("a.yaml", '"a: " + "{a: " * 150_000'),
        ("a.yaml", '"- " * 150_000'),
        ("a.yaml", '"? " * 150_000'),
        ("a.yaml", "''.join(' ' * i + 'a:\\n' for i in range(1300))"),
    ],
)
def test_no_nesting_brings_the_process_down(key: str, data: str) -> None:
    # In a process of its own: PyYAML in C would end it with a segmentation fault.
    code = (
        "from dag_factory.configs.document import parse\nfrom dag_factory.errors import ConfigError\n"
        f"try: parse(({data}).encode(), {key!r})\nexcept ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "deep" in done.stdout


ALIASES = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))])
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20))]
)


@pytest.mark.parametrize(
    "bomb",
    [ALIASES, MERGES, "a: &a [*a, *a]", "a: &a {b: *a}", "a: &a [" + "*a," * 50_000 + "]"],
    ids=["aliases", "merge keys", "list within itself", "mapping within itself", "wide list within itself"],
)
def test_a_bomb_of_aliases_is_refused_before_it_goes_off(bomb: str) -> None:
    assert "too many" in problem_of(bomb, "a.yaml").problem


def test_anchors_aliases_and_merge_keys_work() -> None:
    assert parse(b"a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a", "a.yaml") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
    }


def test_too_many_values_are_refused() -> None:
    assert parse(json.dumps({"a": [0] * (MAX_VALUES - 2)}).encode(), "a.json")
    assert "too many values" in problem_of(json.dumps({"a": [0] * (MAX_VALUES - 1)})).problem


def test_so_are_too_many_characters_of_keys_and_texts_together() -> None:
    check_values({"key": "x" * (MAX_CHARACTERS - 3)})
    with pytest.raises(ConfigError, match="too many values"):
        check_values({"key": "x" * (MAX_CHARACTERS - 2)})


def test_a_number_in_base_sixty_of_very_many_digits_is_none() -> None:
    # PyYAML would take minutes to compute it.
    problem_of(b"a: !!int 1" + b":59" * 300_000, "a.yaml")
    assert parse(b"a: 1" + b":59" * 300_000, "a.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31",
        "2024-01-31T10:00:00Z",
        "12:30",
        "12:30:45",
        "0123",
        "0x1f",
        "0b1",
        "1_000",
        "+1",
        "1e5",
        "12e4567",
        ".5",
        ".nan",
        ".inf",
    ],
)
def test_yaml_leaves_what_json_knows_no_number_for_a_text(text: str) -> None:
    assert parse(f"a: {text}".encode(), "a.yaml") == {"a": text}


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-12", -12), ("1.50", 1.5), ("-1.0e+3", -1000.0), ("2.5E-1", 0.25)]
)
def test_yaml_reads_the_numbers_of_json(text: str, number: float) -> None:
    read = parse(f"a: {text}".encode(), "a.yaml")["a"]
    assert (read, type(read)) == (number, type(number))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_json_of_a_number_that_is_none_is_refused(constant: str) -> None:
    problem_of(f'{{"a": {{"b": [{constant}]}}}}')


@pytest.mark.parametrize("text", ["!!float .nan", "!!float nan", "!!float -inf", "1.0e+999"])
def test_yaml_of_a_number_that_is_none_is_refused(text: str) -> None:
    problem_of(f"a: {text}", "a.yaml")


def test_a_number_that_is_not_finite_is_named() -> None:
    assert problem_of('{"a": {"b": [0, 1e999]}}').field == "a.b.1"
    assert math.isinf(json.loads("1e999"))


@pytest.mark.parametrize("digits", ["9" * 21, "9" * 5000])
@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_an_integer_that_no_database_takes_is_refused(digits: str, key: str) -> None:
    problem_of(f'{{"a": {digits}}}', key)
    problem_of(f'{{"a": -{digits}}}', key)


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udfff", "x\\udc00\\ud800"])
@pytest.mark.parametrize("key", ["a.json", "a.yaml"])
def test_characters_that_no_database_takes_are_refused_in_values_and_in_keys(escape: str, key: str) -> None:
    in_value = problem_of(f'{{"a": ["", "{escape}"]}}', key)
    in_key = problem_of(f'{{"a": {{"{escape}": 1}}}}', key)
    for problem in (in_value, in_key):
        str(problem).encode()
        assert "\x00" not in str(problem)
    if key == "a.json":  # YAML's own reader is stricter, and quotes nothing
        assert (in_value.field, in_key.field) == ("a.1", "a")


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'{"a": "\\ud83d\\ude00"}', "a.json") == {"a": "\U0001f600"}


@pytest.mark.parametrize("key", ["1", "true", "~", "1.5", "? !!binary aGk="])
def test_a_key_that_is_not_a_text_is_refused_with_its_place(key: str) -> None:
    problem = problem_of(f"a:\n  {key}: x" if not key.startswith("?") else f"a:\n  {key}\n  : x", "a.yaml")
    assert problem.field == "a"
    assert "key that is not a text" in problem.problem


@pytest.mark.parametrize(
    "value", ["!!binary aGk=", "!!set {x}", "!!omap [x: 1]", "!!pairs [x: 1]", "!!timestamp 2024-01-31"]
)
def test_a_value_of_a_kind_that_json_does_not_know_is_refused(value: str) -> None:
    assert "kind that JSON does not know" in problem_of(f"a: {value}", "a.yaml").problem


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system ''", "!custom x"])
def test_tags_that_make_objects_are_refused(tag: str) -> None:
    assert "is not YAML" in problem_of(f"a: {tag}", "a.yaml").problem


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("a:\n\tb: 1\n", "Indent with spaces"),
        ("a: 1\nb: [{c: d", "is it complete"),
        ("a: 'b\n", "is it complete"),
        ("a: @b\n", "need quotes"),
    ],
)
def test_what_is_not_yaml_says_what_most_likely_helps(text: str, way_out: str) -> None:
    assert way_out in problem_of(text, "a.yaml").problem


def test_several_yaml_documents_in_one_file_are_refused() -> None:
    error = problem_of("a: 1\n---\nb: 2", "a.yaml")
    assert str(error) == "holds several documents (line 2, column 1). Write one pipeline per file"


@pytest.mark.parametrize("reference", [{"$env": 1}, {"$env": ""}, {"$env": "A", "more": 1}, {"$connection": "a"}])
def test_a_malformed_reference_is_refused_where_it_stands(reference: dict[str, Any]) -> None:
    assert problem_of(json.dumps({"a": [{"b": reference}]})).field == "a.0.b"


SPOILED = {
    "json": [
        '{"password": "%s", }',
        '{"password": "%s"',
        '{"password": %s}',
        '{"password": "%s\\q"}',
        '{"password": "%s\n"}',
        '{"password": "%s\\u0000"}',
        '{"password": {"$env": "%s", "x": 1}}',
        '{"password": {"$connection": "%s"}}',
        '{"password": {"$fernet": ["%s"]}}',
        '{"password": ["%s", NaN, 1]}',
        '["%s"]',
        '"%s"',
    ],
    "yaml": [
        "password: @%s",
        "password: `%s",
        "password: %%%s",
        "password: !%s x",
        "password: !!%s x",
        "password: !!bool %s",
        "password: !!int %s",
        "password: !!float %s",
        "password: !!timestamp %s",
        "password: !!binary %s",
        "password: *%s",
        "password: &%s 1\nother: &x *x",
        "password: {%s",
        "password: [%s",
        'password: "%s',
        'password: "%s\\q"',
        "password: '%s",
        "password: %s: x",
        "password: %s\n  - x: [",
        "password: |%s",
        "password: >%s",
        "password: {$env: %s, x: 1}",
        "password: \x01%s",
        "password: !!set {%s}",
        "<<: %s",
        "? [%s]\n: x",
        "%%%s",
        "%%YAML %s",
        "%s",
        "- %s",
    ],
}


@pytest.mark.parametrize(("suffix", "text"), [(suffix, text) for suffix, texts in SPOILED.items() for text in texts])
def test_no_error_quotes_a_value(suffix: str, text: str) -> None:
    problem = problem_of(text % CANARY, f"a.{suffix}")
    assert CANARY not in str(problem)
    assert CANARY not in repr(problem)
    assert problem.__cause__ is None
    assert problem.__suppress_context__ or problem.__context__ is None


@given(documents, documents)
def test_merging_keeps_what_only_one_side_has_and_lets_the_upper_side_win(
    base: dict[str, Any], over: dict[str, Any]
) -> None:
    merged = merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    for name, value in merged.items():
        if name not in over:
            assert value == base[name]
        elif name in base and isinstance(base[name], dict) and isinstance(over[name], dict):
            assert value == merge(base[name], over[name])
        else:
            assert value == over[name]


@given(documents)
def test_merging_with_nothing_or_with_itself_changes_nothing(document: dict[str, Any]) -> None:
    assert merge({}, document) == merge(document, {}) == merge(document, document) == document


@given(documents, documents)
def test_merging_twice_is_merging_once(base: dict[str, Any], over: dict[str, Any]) -> None:
    assert merge(merge(base, over), over) == merge(base, over)


@given(documents, documents)
def test_merging_leaves_both_sides_as_they_were(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = json.dumps([base, over])
    merge(base, over)
    assert json.dumps([base, over]) == before


@pytest.mark.parametrize("reference", [{"$env": "A"}, {"$connection": "c", "field": "host"}, {"$fernet": "t"}])
def test_a_reference_is_merged_as_a_whole(reference: dict[str, Any]) -> None:
    assert merge({"a": reference}, {"a": {"b": 1}}) == {"a": {"b": 1}}
    assert merge({"a": {"b": 1}}, {"a": reference}) == {"a": reference}
    assert merge({"a": reference}, {"a": {"$env": "B"}}) == {"a": {"$env": "B"}}


def test_lists_are_replaced_and_null_replaces_as_well() -> None:
    assert merge({"a": [1, 2], "b": 1}, {"a": [3], "b": None}) == {"a": [3], "b": None}


def test_an_error_says_which_config_and_which_field() -> None:
    error = ConfigError("is wrong", field="a.b").within("x.json")
    assert str(error) == "config 'x.json', field 'a.b': is wrong"
    assert str(error.within("y.json")) == str(error)
    assert str(ConfigError("is wrong")) == "is wrong"


def test_an_error_travels_between_processes() -> None:
    error = ConfigError("is wrong", field="a.b", config="x.json")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("repeated", ["'" + "x" * 500_000 + "'", "{? '" + "k" * 900 + "' : 1}"])
def test_a_long_text_that_aliases_repeat_is_refused_before_anything_writes_it_down(repeated: str) -> None:
    text = f"big: &a {repeated}\nlist:\n"
    few, many = (text + "  - *a\n" * times for times in (2, 20_000))
    assert len(parse(few.encode(), "a.yaml")["list"]) == 2
    with pytest.raises(ConfigError, match="too many values"):
        parse(many.encode(), "a.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    ["[], ", "{a}, ", "~, ", "!!str a, ", "a: b, "],
    ids=["lists", "mappings", "nulls", "tags", "pairs"],
)
def test_yaml_of_very_many_values_is_given_up_before_all_of_it_is_read(values: str) -> None:
    # All of them took up to 5 s, at each parse. What would be refused further on is not reached.
    text = f"name: a\nx: [{values * 30_000}]\ny: 'not closed"
    with pytest.raises(ConfigError, match="more than 30000 keys and values"):
        parse(text.encode(), "a.yaml")
    assert len(parse(f"name: a\nx: [{'1, ' * 29_000}]".encode(), "a.yaml")["x"]) == 29_000
