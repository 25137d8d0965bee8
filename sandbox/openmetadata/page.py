"""What the server has received: a page for people, and a summary for scripts."""

from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from typing import Any

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.journal import Journal
from sandbox.openmetadata.lineage import Edges
from sandbox.openmetadata.names import split
from sandbox.openmetadata.seeds import SAMPLE_SERVICE
from sandbox.openmetadata.store import Store
from sandbox.openmetadata.style import STYLE

SHOWN_REQUESTS = 60
COUNTED = (
    ("databaseService", "Services"),
    ("database", "Databases"),
    ("databaseSchema", "Schemas"),
    ("table", "Tables"),
    ("ingestionPipeline", "Pipelines"),
)


def summary(store: Store, edges: Edges, journal: Journal) -> Document:
    """Return each collection's count and fully qualified names, each pipeline's runs, and the unserved paths."""
    fqns = {
        collection.path.rpartition("/")[2]: [
            entity["fullyQualifiedName"] for entity in store.all(collection.kind) if not entity["deleted"]
        ]
        for collection in store.collections.values()
    }
    told = ("runId", "pipelineState", "startDate", "endDate", "timestamp")
    return {
        "version": schemas.server_version(),
        "service": SAMPLE_SERVICE,
        **{name: len(names) for name, names in fqns.items()},
        "lineage": len(edges),
        "requests": len(journal.requests),
        "fqns": fqns,
        "edges": sorted(
            f"{each['fromEntity']['fullyQualifiedName']} -> {each['toEntity']['fullyQualifiedName']}"
            for each in edges.values()
        ),
        "runs": {
            pipeline["fullyQualifiedName"]: [{field: run.get(field) for field in told} for run in runs_of(pipeline)]
            for pipeline in store.all("ingestionPipeline")
        },
        "unserved": sorted(journal.unserved),
    }


def render(store: Store, edges: Edges, journal: Journal) -> str:
    """Return the page."""
    living = {kind: [each for each in store.all(kind) if not each["deleted"]] for kind in store.collections}
    cards = [(label, len(living[kind])) for kind, label in COUNTED]
    cards += [("Runs", sum(len(runs_of(each)) for each in living["ingestionPipeline"])), ("Lineage edges", len(edges))]
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>OpenMetadata sandbox</title>
<style>{STYLE}</style></head>
<body>
<header><h1>OpenMetadata sandbox</h1>
<p>Version {text(schemas.server_version())} · all that it has received since it started · times in UTC</p></header>
<main>
<section class="cards">{"".join(card(*each) for each in cards)}</section>
<section><h2>Pipelines</h2>{pipelines(living["ingestionPipeline"])}</section>
<section><h2>Services</h2>{services(living["databaseService"])}</section>
<section><h2>Databases</h2>{databases(living)}</section>
<section><h2>Lineage</h2>{lineage(edges)}</section>
<section><h2>Last requests</h2>{requests(journal)}</section>
</main>
</body>
</html>
"""


def card(label: str, count: int) -> str:
    return f'<div class="card"><b>{count}</b><span>{text(label)}</span></div>'


def pipelines(found: list[Document]) -> str:
    return "".join(map(pipeline, found)) or nothing("No workflow has registered a pipeline yet.")


def pipeline(entity: Document) -> str:
    rows = [
        (
            f"<code>{text(run.get('runId'))}</code>",
            state(run.get("pipelineState")),
            moment(run.get("startDate") or run.get("timestamp")),
            moment(run.get("endDate")),
            duration(run),
        )
        for run in runs_of(entity)
    ]
    history = table(("Run", "State", "Started", "Ended", "Took"), rows) if rows else nothing("No run has reported yet.")
    kind = f'<span class="tag">{text(entity["pipelineType"])}</span>'
    return f"<h3>{text(entity['fullyQualifiedName'])} {kind}</h3>{history}"


def services(found: list[Document]) -> str:
    rows = [
        (f"<b>{text(each['fullyQualifiedName'])}</b>", text(each["serviceType"]), text(each.get("description")))
        for each in found
    ]
    return table(("Name", "Type", "Description"), rows) if rows else nothing("There is no database service.")


def databases(living: dict[str, list[Document]]) -> str:
    parts = []
    for database in living["database"]:
        parts.append(f"<h3>{text(database['fullyQualifiedName'])}</h3>")
        for schema in living["databaseSchema"]:
            if schema["database"]["id"] == database["id"]:
                tables = [each for each in living["table"] if each["databaseSchema"]["id"] == schema["id"]]
                parts.append(f"<h4>{text(schema['name'])} <small>{len(tables)} tables</small></h4>")
                parts += map(table_of_columns, tables)
    return "".join(parts) or nothing("No metadata has arrived yet.")


def table_of_columns(entity: Document) -> str:
    targets = foreign_keys(entity)
    primary = primary_key(entity)
    rows = []
    for column in entity["columns"]:
        name = column["name"]
        keys = ['<span class="tag key">PK</span>'] if name in primary else []
        keys += [f'<span class="tag">FK</span> → {text(target)}' for target in targets.get(name, ())]
        tags = "".join(f' <span class="tag">{text(tag["tagFQN"])}</span>' for tag in column.get("tags") or [])
        shown_type = column.get("dataTypeDisplay") or column["dataType"]
        rows.append(
            (text(name) + tags, f"<code>{text(shown_type)}</code>", " ".join(keys), text(column.get("description")))
        )
    kind = "" if entity["tableType"] == "Regular" else f'<span class="tag">{text(entity["tableType"])}</span>'
    names = ", ".join(column["name"] for column in entity["columns"])
    heading = f"<b>{text(entity['name'])}</b> {kind} <small>{text(names)}</small>"
    columns = table(("Column", "Type", "Keys", "Description"), rows)
    return f"<details><summary>{heading}</summary>{columns}</details>"


def primary_key(entity: Document) -> set[str]:
    """Return the columns of a table's primary key: one column says so itself, several are a constraint of the table."""
    names = {column["name"] for column in entity["columns"] if column.get("constraint") == "PRIMARY_KEY"}
    for constraint in entity.get("tableConstraints") or []:
        if constraint["constraintType"] == "PRIMARY_KEY":
            names.update(constraint["columns"])
    return names


def foreign_keys(entity: Document) -> dict[str, list[str]]:
    """Return the columns that each column of a table refers to, as table.column."""
    targets: dict[str, list[str]] = {}
    for constraint in entity.get("tableConstraints") or []:
        if constraint["constraintType"] == "FOREIGN_KEY":
            for column, target in zip(constraint["columns"], constraint.get("referredColumns") or [], strict=False):
                targets.setdefault(column, []).append(".".join(split(target)[-2:]))
    return targets


def lineage(edges: Edges) -> str:
    rows = [
        (
            text(each["fromEntity"]["fullyQualifiedName"]),
            text(each["toEntity"]["fullyQualifiedName"]),
            text(each["lineageDetails"].get("source")),
        )
        for each in edges.values()
    ]
    return table(("From", "To", "Source"), rows) if rows else nothing("No lineage has arrived yet.")


def requests(journal: Journal) -> str:
    rows = [
        (
            f'<span class="whole">{moment(each.time * 1000)}</span>',
            text(each.method),
            f"<code>{text(each.path)}</code>",
            f'<span class="{"good" if each.status < 400 else "bad"}">{each.status}</span>',
            f'<span class="whole">{each.milliseconds:.0f} ms</span>',
        )
        for each in list(journal.requests)[: -SHOWN_REQUESTS - 1 : -1]
    ]
    return table(("Time", "Method", "Path", "Status", "Took"), rows) if rows else nothing("No request yet.")


def runs_of(entity: Document) -> list[Document]:
    runs: list[Document] = entity.get("pipelineStatuses", [])
    return runs


def duration(run: Document) -> str:
    start, end = run.get("startDate"), run.get("endDate")
    return f"{(end - start) / 1000:.1f} s" if start and end else ""


def state(name: Any) -> str:
    colour = {"success": "good", "failed": "bad", "partialSuccess": "fair", "stopped": "bad"}.get(str(name), "busy")
    return f'<span class="state {colour}">{text(name)}</span>'


def moment(milliseconds: float | None) -> str:
    if not milliseconds:
        return ""
    return f"{datetime.fromtimestamp(milliseconds / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}"


def table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; headings are text, cells are HTML."""
    head = "".join(f"<th>{text(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def nothing(message: str) -> str:
    return f'<p class="nothing">{text(message)}</p>'


def text(value: Any) -> str:
    """Return any value as text that is safe in HTML."""
    return "" if value is None else escape(str(value))
