"""
From a config to its DAG, in memory.

Runs in the DAG processor at each parse, and in a worker for the one DAG of its task. What is about loader files
(`bundle_list`, `loader_file`, `loader_folder`, `later_seconds`, `tags`), what a load has noted (`load_history`,
`load_notes`) and what texts say of a pipeline (`descriptions`) is also for the API server and commands, and imports
nothing that builds a DAG; all of Airflow's processes import `processor_start`. The room may import all but `api_server`
and `cli`. It uses no ingestion code, and no network but the store's own, where that is remote, and that of Airflow's
metrics.
"""
