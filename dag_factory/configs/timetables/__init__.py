"""
When a pipeline runs: Airflow's timetables for crons, presets and their bounds.

Runs in the DAG processor, and in the scheduler, which imports it by the names that Airflow has stored of it.
"""
