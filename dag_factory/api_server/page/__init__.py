"""
The page "OpenMetadata" in Airflow's UI: all pipelines at a glance, and what can be done with many of them at once.

Runs in the API server, which mounts it beside `api`. It may import all but `cli` and `plugin`. It reads Airflow's REST
API as the user whose page it is, opens no config, and builds no DAG. Only what it counts comes from Airflow's database,
of the DAGs that Airflow's auth manager lets this user read.
"""
