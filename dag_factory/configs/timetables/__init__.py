"""
When a pipeline runs: timetables for crons and presets, with start and end.

Runs in the DAG processor, and in the scheduler, which imports the timetables by the names that Airflow has stored.
"""
