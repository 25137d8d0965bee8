"""``python -m tools.monitoring``"""

from __future__ import annotations

from pathlib import Path

from tools.monitoring import exporter, grafana, page, prometheus

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "metrics.md"
MAPPING = ROOT / "monitoring" / "statsd-exporter.yml"
BOARD = ROOT / "monitoring" / "grafana.json"
ALERTS = ROOT / "monitoring" / "prometheus-alerts.yml"


def texts() -> dict[Path, str]:
    """Return what each file is to hold."""
    return {
        DOCS: page.with_table(DOCS.read_text()),
        MAPPING: exporter.mapping(),
        BOARD: grafana.board(),
        ALERTS: prometheus.alerts(),
    }


def main() -> None:
    """Write the files."""
    for path, text in texts().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
