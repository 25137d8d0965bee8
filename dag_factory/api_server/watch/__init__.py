"""
Notices changes of the store, and asks Airflow to parse the loader.

Runs in the API server, or as a command of its own. It may import all but `cli` and the
rest of `api_server`.
"""
