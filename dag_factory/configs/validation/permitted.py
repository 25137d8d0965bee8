"""What a document refers to (references, classes, servers, executors): is it permitted, and spelt right?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.pipeline import RUNNER
from dag_factory.configs.problem import WARNING, Problem, problem_of
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import (
    CONNECTION,
    FORMS,
    PARTS,
    is_part,
    is_reference,
    mappings_in,
    references_in,
)
from dag_factory.settings.airflow_versions import has_executor
from dag_factory.settings.options import SECTION

_FORMS = tuple(sorted(FORMS))
_PARTS = tuple(sorted(PARTS))
# More wrong references are left out: only a document that was made to take long has so many.
_MOST = 20


def refusals(document: Document, allowed: Allowed) -> Iterator[Problem]:
    """Yield an error for each thing that a document may not reach."""
    for error in islice(allowed.refusals(document), _MOST):
        yield problem_of(error, "allowed")


def executor(document: Document) -> Iterator[Problem]:
    """Yield an error for an executor that Airflow does not have: its DAG would stop the whole file."""
    name = (mapping_at(document, *RUNNER) or {}).get("executor")
    if isinstance(name, str) and name and not has_executor(name):
        yield Problem(
            "dagFactory.runner.executor",
            "executor",
            "is not an executor that [core] executor names",
            "Name one of those, or leave the field out",
        )


def interpreter(document: Document, allowed: Allowed) -> Iterator[Problem]:
    """Yield a warning for an interpreter that the settings here don't name: the workers' settings may differ."""
    python = (mapping_at(document, *RUNNER) or {}).get("python")
    if isinstance(python, str) and python and not allowed.versions.is_open(python):
        way_out = f"Ask Airflow's operator to add it to [{SECTION}] allowed_pythons"
        problem = "is not an interpreter that configs may choose, so the run fails unless the workers' settings differ"
        yield Problem("dagFactory.runner.python", "allowed", problem, way_out, WARNING)


def misspelt_references(document: Document) -> Iterator[Problem]:
    """Yield an error for each near miss of a reference, such as ``$conection``, which would stay a plain mapping."""
    for field, name in islice(_dollars(document), _MOST):
        if near := _reference(name):
            way_out = f"Did you mean '{near}'?"
            yield Problem(f"{field}.{name}" if field else name, "reference", "is unknown here", way_out)


def parts_of_connections(document: Document) -> Iterator[Problem]:
    """Yield an error for each reference to a part that no Connection has, such as ``passwort``."""
    parts = ((field, found.get("field")) for field, found in references_in(document) if CONNECTION in found)
    wrong = ((field, part) for field, part in parts if isinstance(part, str) and not is_part(part))
    for field, part in islice(wrong, _MOST):
        near = nearest(part, _PARTS)
        way_out = f"Did you mean '{near}'?" if near else f"Write one of {', '.join(_PARTS)}, extra.<key>"
        yield Problem(f"{field}.field", "reference", "is not a part of a Connection", way_out)


def _reference(name: str) -> str | None:
    return next((form for form in _FORMS if name.startswith(form)), None) or nearest(name, _FORMS)


def _dollars(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the keys that begin with ``$`` in mappings of one or two keys that are not references."""
    for field, mapping in mappings_in(document):
        if len(mapping) <= 2 and not is_reference(mapping):
            yield from ((field, name) for name in mapping if name.startswith("$"))
