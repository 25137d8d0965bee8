"""
What Airflow's API server runs for us: the API, the page, the check against OpenMetadata, the watcher of files.

Runs in the API server, where `plugin` mounts it. `sync` and `watch` also run in commands; `plugin` in all of Airflow's
processes, for which it names what each needs of us. `doctor` uses `daemon_threads` too. It may import all but `cli`.
"""
