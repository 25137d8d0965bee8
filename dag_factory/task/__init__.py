"""
A task of ours: the operator, the run of its pipeline, its links.

Runs in a worker, which imports it by the names that Airflow has stored of it. It may import what stands below `dag`.
"""
