"""Benchmarks: this package compared with Airflow's own cost, and with what it replaces, in one run."""
