"""The table of all metrics in docs/metrics.md."""

from __future__ import annotations

from dag_factory.reporting.metrics import METRICS

_BEGIN, _END = "<!-- metrics -->\n", "<!-- /metrics -->\n"


def with_table(text: str) -> str:
    """Return the page of metrics with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}"


def table() -> str:
    """Return the table of all metrics, in Markdown."""
    head = "| metric | kind | tags | sent by | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| `{each.name}` | {each.kind.value} | {', '.join(f'`{tag}`' for tag in each.tags)} | {each.sender} "
        f"| {each.about} |\n"
        for each in METRICS
    )
