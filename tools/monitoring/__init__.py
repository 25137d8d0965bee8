"""Writes what follows from the list of metrics: the table of docs/metrics.md, and the files in `monitoring/`."""
