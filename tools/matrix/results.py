"""The table of results in docs/versions.md: a row for each cell, with the day since which all of it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from tools.matrix.cells import CELLS, ROOT, Cell
from tools.matrix.looks import LOOKS, Outcome

PAGE = ROOT / "docs" / "versions.md"
BEGIN, END = "<!-- matrix: .ci/matrix writes this table -->", "<!-- matrix: end -->"
NOT_RUN = "not run"
# The page stays readable where all fails; the command prints all of them.
MOST_NAMED = 20
Results = Mapping[str, Outcome]


def write(results: Mapping[Cell, Results], day: date, page: Path = PAGE) -> None:
    """
    Write what was found into the page; what was not looked at now stays as it was there.

    So does its day where anything of the row stays: no result is shown as newer than it is.
    """
    before, _, rest = page.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    rows, failures = _kept(old)
    for cell, outcomes in results.items():
        if not outcomes:
            continue
        kept = rows.get(cell.name) or [*_of(cell), *[NOT_RUN] * len(LOOKS), ""]
        found = [
            _shown(outcomes[look.title]) if look.title in outcomes else was
            for look, was in zip(LOOKS, kept[3:-1], strict=True)
        ]
        stays = any(was != NOT_RUN for look, was in zip(LOOKS, kept[3:-1], strict=True) if look.title not in outcomes)
        rows[cell.name] = [*_of(cell), *found, kept[-1] if stays else day.isoformat()]
        for title, outcome in outcomes.items():
            failures[cell.name, title] = _failed(cell, title, outcome)
    titles = ["Airflow", "Python", "openmetadata-ingestion", *(look.title for look in LOOKS), "on"]
    lines = [_row(titles), _row(["---"] * len(titles))]
    lines += [_row(rows.get(cell.name) or [*_of(cell), *[NOT_RUN] * len(LOOKS), ""]) for cell in CELLS]
    wrong = [failures.get((cell.name, look.title), "") for cell in CELLS for look in LOOKS]
    if any(wrong):
        lines += ["", "What failed:", "", *filter(None, wrong)]
    page.write_text(before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after)


def _of(cell: Cell) -> list[str]:
    return [cell.airflow, cell.python, cell.ingestion]


def _failed(cell: Cell, title: str, outcome: Outcome) -> str:
    """Return the line that names what failed, empty where nothing did."""
    if not outcome.failed:
        return ""
    named = ", ".join(f"`{_one_line(name)}`" for name in outcome.failed[:MOST_NAMED])
    others = len(outcome.failed) - MOST_NAMED
    may = f" ({cell.may_fail})" if cell.may_fail else ""
    return f"- {cell.name}, {title}{may}: {named}" + (f" and {others} others" if others > 0 else "")


def shown_cells(text: str) -> list[tuple[str, ...]]:
    """Return Airflow, Python and openmetadata-ingestion of each row of the page's table."""
    return [tuple(row[:3]) for row in _rows(text)]


def shown_results(text: str, title: str) -> dict[str, str]:
    """Return what the page's table has in the column of a look, by the names of the cells."""
    column = 3 + [look.title for look in LOOKS].index(title)
    return {f"{row[0]}/{row[1]}": row[column] for row in _rows(text)}


def _rows(text: str) -> list[list[str]]:
    _, _, rest = text.partition(BEGIN)
    table, _, _ = rest.partition(END)
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    return [[part.strip() for part in row.strip("|").split("|")] for row in rows]


def _kept(table: str) -> tuple[dict[str, list[str]], dict[tuple[str, str], str]]:
    """Return the rows of the page by cell, and its lines of failures by cell and look."""
    rows: dict[str, list[str]] = {}
    failures: dict[tuple[str, str], str] = {}
    for line in table.splitlines():
        if (
            line.startswith("| ")
            and len(parts := [part.strip() for part in line.strip("|").split("|")]) == len(LOOKS) + 4
        ):
            rows[f"{parts[0]}/{parts[1]}"] = parts
        elif match := re.match(r"- ([^ ,]+), ([^:(]+?)(?: \(.*?\))?: ", line):
            failures[match[1], match[2]] = line
    return rows, failures


def _shown(outcome: Outcome | None) -> str:
    if outcome is None:
        return NOT_RUN
    return f"**{outcome.summary}**" if outcome.failed else outcome.summary


def _one_line(name: str) -> str:
    return " ".join(name.split()).replace("`", "'")[:160]


def _row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(part.replace('|', '/') for part in parts)} |"
