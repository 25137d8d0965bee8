"""
What notices a change of the store, and has Airflow parse the loader for it.

Runs in the API server, or as a command of its own. It may import all but `api`.
"""
