"""One source for what is recommended: the checks, `init --settings`, and docs/scaling.md."""

from __future__ import annotations

import configparser

import pytest

from dag_factory.cli.checks.recommended import RECOMMENDATIONS, SIZES, parse_share, parts_for, shards_for, size_of
from dag_factory.cli.recommended import recommended
from tests.places import ROOT

SCALING = (ROOT / "docs" / "scaling.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    table = SCALING.partition(heading)[2].partition("\n| ")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_settings_are_those_of_the_documentation() -> None:
    table = {cells[0]: cells[1:] for cells in rows("## Settings") if cells[0].startswith("`")}
    documented = {f"`{each.name}`": [*(str(value) for value in each.values)] for each in RECOMMENDATIONS}
    assert {name: cells[:3] for name, cells in table.items()} == documented


def test_the_number_of_loaders_is_that_of_the_documentation() -> None:
    table = [cells for cells in rows("## How many loaders") if cells[0] != "pipelines"]
    sizes = {"up to 200": 199, "1,000": 1_000, "10,000": 10_000, "20,000": 20_000, "100,000": 100_000}
    documented = {
        sizes[cells[0]]: (int(cells[1].replace(",", "")), int(cells[2].replace("no bundle", "1")))
        for cells in table
        if cells[0] in sizes
    }
    assert documented == {pipelines: (shards_for(pipelines), parts_for(pipelines)) for pipelines in sizes.values()}


@pytest.mark.parametrize(
    ("pipelines", "size"), [(0, 0), (1_999, 0), (2_000, 1), (19_999, 1), (20_000, 2), (1_000_000, 2)]
)
def test_a_recommendation_holds_until_twice_its_number_of_pipelines(pipelines: int, size: int) -> None:
    assert size_of(pipelines) == size
    assert len(SIZES) == 3


def test_parsing_all_the_time_costs_a_core_where_pipelines_are_many() -> None:
    assert parse_share(10_000, 30) == pytest.approx(2.0)
    assert parse_share(10_000, 14_400) < 0.005


@pytest.mark.parametrize("pipelines", [0, 10_000])
def test_what_is_printed_can_be_pasted_into_airflow_cfg_and_into_the_environment(
    monkeypatch: pytest.MonkeyPatch, pipelines: int
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL", "77")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "300")
    text = recommended(pipelines)
    in_file, _, rest = text.partition("# The same in the environment:\n")
    parser = configparser.ConfigParser()
    parser.read_string(in_file)
    environment = dict(line.split("=") for line in rest.partition("\n\n")[0].splitlines())
    for each in RECOMMENDATIONS:
        assert parser[each.section][each.option] == str(each.value(pipelines)) == environment[each.variable]
    assert "# now 77; each change asks for its own parse" in text
    assert "# as it is now; each refresh compares" in text
    assert ("init --shards 192" in text) is ("bundles --shards 192 --parts 8" in text) is (pipelines == 10_000)
    assert "Then restart Airflow's DAG processor and scheduler." in text
