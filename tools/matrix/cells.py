"""The cells: which Airflow is tried on which Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

EVERYWHERE = {"tenacity<9.2": "What the extra gcs needs does not get along with newer ones."}
"""Further requirements of all constraints files, each with the reason."""


@dataclass(frozen=True)
class Cell:
    """
    An Airflow on a Python.

    :param constraints: what pins its packages, from the root of the repository
    :param pins: further requirements of its constraints, each with the reason
    :param is_main: whether CI runs all tests in it, by ``make test``
    :param is_in_ci: whether ``.ci/run`` runs all but the real Airflow in it: on the Python that its machines have
    :param may_fail: why its failures are shown and fail nothing; empty where they do
    """

    airflow: str
    python: str
    ingestion: str
    constraints: str = ""
    pins: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_main: bool = False
    is_in_ci: bool = False
    may_fail: str = ""

    @property
    def name(self) -> str:
        return f"{self.airflow}/{self.python}"

    @property
    def folder(self) -> Path:
        """Its environment, which Git ignores."""
        return ROOT / ".cells" / f"airflow-{self.airflow}-python-{self.python}"

    @property
    def constraints_file(self) -> Path:
        return ROOT / (self.constraints or f"constraints/airflow-{self.airflow}-python-{self.python}.txt")


# constraints.txt holds for Python 3.10 too. The newest Airflow of each minor version, on the Pythons in turn.
CELLS = (
    Cell("3.1.8", "3.11", "2.0.7.0", is_in_ci=True),
    Cell("3.1.8", "3.12", "2.0.7.0"),
    Cell("3.2.2", "3.11", "2.0.7.0", is_in_ci=True),
    Cell(
        "3.2.2", "3.13", "2.0.7.0",
        pins={
            "fastapi<0.137": "With 0.137, Airflow 3.2.2 does not start on Python 3.13, though it allows it.",
            "cadwyn<8": "The same holds for cadwyn 8.",
        },
    ),
    Cell("3.3.2", "3.10", "2.0.6.0", "constraints.txt"),
    Cell("3.3.2", "3.11", "2.0.6.0", "constraints.txt", is_main=True),
    Cell("3.4.0b2", "3.12", "2.0.7.0", may_fail="a beta: what fails is known before the release"),
)  # fmt: skip


MAIN = next(cell for cell in CELLS if cell.is_main)


def named(names: list[str]) -> list[Cell]:
    """
    Return the cells of these names, all of them where there is none.

    :raises ValueError: where a name is unknown
    """
    known = {cell.name: cell for cell in CELLS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"Unknown cells: {', '.join(unknown)}. These are known: {', '.join(known)}")
    return [known[name] for name in names] if names else list(CELLS)
