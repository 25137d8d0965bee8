from __future__ import annotations

from itertools import pairwise
from math import inf, nan
from xml.etree import ElementTree as ET

import pytest

from benchmarks.picture import Axis, Line, Panel, Point, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def drawn(*lines: Line) -> ET.Element:
    return ET.fromstring(svg([Panel("Cost", "pipelines", "seconds", lines)], "a machine & a <date>"))


def test_equal_factors_are_equal_distances() -> None:
    axis = Axis([3, 2000], start=0, end=400)

    assert axis.ticks() == [1, 10, 100, 1000, 10000]
    assert [axis.at(value) for value in axis.ticks()] == [0, 100, 200, 300, 400]


@pytest.mark.parametrize("values", [[], [1], [10], [0.5, 0.5]], ids=["none", "one", "ten", "equal"])
def test_an_axis_is_one_power_of_ten_long_at_least(values: list[float]) -> None:
    axis = Axis(values, start=0, end=100)

    assert len(axis.ticks()) >= 2
    assert all(0 <= axis.at(value) <= 100 for value in values)


def test_more_is_drawn_higher_and_further_to_the_right() -> None:
    circles = drawn(Line("ours", [Point(10, 0.1), Point(100, 1), Point(1000, 10)])).findall(f"{NAMESPACE}circle")

    places = [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in circles]
    assert len(places) == 3
    assert all(later[0] > earlier[0] and later[1] < earlier[1] for earlier, later in pairwise(places))


def test_what_was_not_measured_is_dashed_and_has_no_dots() -> None:
    picture = drawn(Line("theirs", [Point(10, 1)], beyond=[Point(100, 10)]))

    assert len(picture.findall(f"{NAMESPACE}circle")) == 1
    [dashed] = [each for each in picture.findall(f"{NAMESPACE}polyline") if "stroke-dasharray" in each.attrib]
    assert len(dashed.attrib["points"].split()) == 2


@pytest.mark.parametrize("figure", [0, inf, nan])
def test_what_a_logarithmic_axis_can_t_show_is_left_out(figure: float) -> None:
    assert len(drawn(Line("ours", [Point(10, 1), Point(100, figure)])).findall(f"{NAMESPACE}circle")) == 1


def test_names_and_caption_are_text() -> None:
    texts = [each.text for each in drawn(Line("a < b", [Point(1, 1)])).findall(f"{NAMESPACE}text")]

    assert {"Cost", "pipelines", "seconds", "a < b", "a machine & a <date>"} <= set(texts)
