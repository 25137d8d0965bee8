"""Benchmarks: ours beside what Airflow itself costs, and beside what we replace, in one run."""
