"""A picture in SVG: panels side by side, each with lines over two logarithmic axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

WIDTH, HEIGHT = 460, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 130
LEGEND_STEP = 20
# Okabe and Ito's colours, which people tell apart however they see colours.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#000000", "#cc79a7")


class Point(NamedTuple):
    """A figure at a number of pipelines."""

    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """
    A name for the legend, and figures.

    :param beyond: figures that were not measured, but follow from those that were; drawn dashed
    """

    name: str
    points: Sequence[Point]
    beyond: Sequence[Point] = ()

    def all(self) -> list[Point]:
        """Return all that can be drawn: zero and infinity have no place on a logarithmic axis."""
        return [*_drawable(self.points), *_drawable(self.beyond)]


@dataclass(frozen=True)
class Panel:
    """A title, what the axes mean, and the lines; at most five."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]


class Axis:
    """
    A logarithmic axis over whole powers of ten, so that it holds all values; at least one power.

    :param start: where in the picture its smallest value lies
    :param end: where its largest value lies
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low = floor(log10(min(values, default=1)))
        self._high = max(ceil(log10(max(values, default=10))), self._low + 1)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return where in the picture a value lies."""
        return self._start + (log10(value) - self._low) / (self._high - self._low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Return the powers of ten."""
        return [10.0**power for power in range(self._low, self._high + 1)]


def svg(panels: Sequence[Panel], caption: str) -> str:
    """
    Return a picture of panels.

    :param caption: a line below them
    """
    width, height = WIDTH * len(panels), HEIGHT + 24
    parts = [part for number, panel in enumerate(panels) for part in _panel(panel, WIDTH * number)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif" font-size="12">',
            # Pages may have a dark background.
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *parts,
            _text(12, height - 10, caption, fill="#555555"),
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, offset: int) -> Iterator[str]:
    points = [point for line in panel.lines for point in line.all()]
    left, right, bottom = offset + LEFT, offset + WIDTH - RIGHT, HEIGHT - BOTTOM
    x = Axis([point.x for point in points], left, right)
    y = Axis([point.y for point in points], bottom, TOP)
    yield _text(offset + WIDTH / 2, 20, panel.title, anchor="middle", weight="bold")
    for tick in x.ticks():
        yield _stroke([(x.at(tick), TOP), (x.at(tick), bottom)], "#dddddd")
        yield _text(x.at(tick), bottom + 16, _number(tick), anchor="middle")
    for tick in y.ticks():
        yield _stroke([(left, y.at(tick)), (right, y.at(tick))], "#dddddd")
        yield _text(left - 6, y.at(tick) + 4, _number(tick), anchor="end")
    yield _text(right, bottom + 32, panel.x, anchor="end")
    yield _text(left, TOP - 6, panel.y)
    for number, (line, colour) in enumerate(zip(panel.lines, COLOURS, strict=False)):
        measured = [(x.at(point.x), y.at(point.y)) for point in _drawable(line.points)]
        beyond = [(x.at(point.x), y.at(point.y)) for point in _drawable(line.beyond)]
        yield _stroke(measured, colour, width=2)
        if beyond:
            yield _stroke([*measured[-1:], *beyond], colour, width=2, dash="5 4")
        for place in measured:
            yield f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3.5" fill="{colour}"/>'
        height = bottom + 36 + LEGEND_STEP * number
        yield _stroke([(left, height), (left + 24, height)], colour, width=2)
        yield _text(left + 30, height + 4, line.name)


def _drawable(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if all(isfinite(value) and value > 0 for value in point)]


def _stroke(places: Sequence[tuple[float, float]], colour: str, *, width: float = 1, dash: str = "") -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _text(  # noqa: PLR0913 - the last ones by name, each with a default
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", fill: str = "#222222"
) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
