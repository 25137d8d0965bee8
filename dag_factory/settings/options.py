"""The options of section ``[openmetadata_dag_factory]``: descriptions, defaults, and the versions that added them."""

from __future__ import annotations

SECTION = "openmetadata_dag_factory"
DEFAULT_CONFIG_STORE = "{AIRFLOW_HOME}/configs"
DEFAULT_STATE_FOLDER = "{AIRFLOW_HOME}/openmetadata_dag_factory"
DEFAULT_LONGEST_RUN = 86_400
LONGEST_SPREAD = 86_400
"""In seconds. Ticks further apart than a day never pile up by themselves."""

IN_PROCESS = "in_process"
"""In place of an interpreter's path: the task's own process runs ingestion code."""

# What `airflow config list` shows, in the form that a provider declares it.
OPTIONS: dict[str, dict[str, str | None]] = {
    "config_store": {
        "description": (
            "Folder that holds the configs of all pipelines: one JSON or YAML file each, subfolders included.\n"
            "The API server, the scheduler, the DAG processor and the workers must see the same folder, and be\n"
            "restarted after a change of this setting. Or a URL of object storage, such as\n"
            "s3://conn_id@bucket/prefix; the Airflow Connection conn_id holds the credentials.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/airflow/dag_generated_configs",
        "default": DEFAULT_CONFIG_STORE,
    },
    "host_ip": {
        "description": (
            "Address that the OpenMetadata server shows for this Airflow.\n"
            "If empty, it is the address from which the API server's machine makes connections.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "10.0.0.7",
        "default": "",
    },
    "ingestion_version": {
        "description": (
            "Version of openmetadata-ingestion that the workers have. The OpenMetadata server compares it with its\n"
            "own. If empty, it is the version that the interpreter of the setting python has on the API server's\n"
            "machine. Write at least its first two numbers.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "2.0.6.0",
        "default": "",
    },
    "python": {
        "description": (
            "Where ingestion code runs: in_process (in the task's process, where openmetadata-ingestion is installed\n"
            "beside Airflow), or the path of another environment's interpreter that has openmetadata-ingestion. It is\n"
            "started for each run, unless warm_start has it import openmetadata-ingestion once for all runs.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/ingestion/bin/python",
        "default": IN_PROCESS,
    },
    "allowed_pythons": {
        "description": (
            "Paths of further interpreters that a config may choose for its runs, separated by commas. A config that\n"
            "names any other program is refused, since a user who may deploy could start any program.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/ingestion-1.12/bin/python,/opt/ingestion-2.0/bin/python",
        "default": "",
    },
    "warm_start": {
        "description": (
            "Whether workers of LocalExecutor and CeleryExecutor import openmetadata-ingestion once, for all runs,\n"
            "instead of once for each. With LocalExecutor, the scheduler imports it, since its workers are forked\n"
            "from the scheduler.\n"
        ),
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": "True",
    },
    "warm_start_idle": {
        "description": (
            "Seconds without a run after which a worker gives back the memory of what it has imported for runs by\n"
            "another interpreter. The next run imports it again.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "900",
    },
    "allowed_applications": {
        "description": (
            "Prefixes of the Python classes that a pipeline of the type application, or a custom connector, may name,\n"
            "separated by commas. Any other class is refused: importing it runs the code of its module.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "metadata.,acme.openmetadata_apps.",
        "default": "metadata.",
    },
    "allowed_env": {
        "description": (
            "Names of the environment variables that a config may refer to by $env, separated by commas; * stands for\n"
            "any characters. No variable whose name begins with AIRFLOW_ can be allowed.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "OPENMETADATA_*,WAREHOUSE_TOKEN",
        "default": "OPENMETADATA_*",
    },
    "allowed_connections": {
        "description": (
            "Ids of the Airflow Connections that a config may refer to by $connection, separated by commas; * stands\n"
            "for any characters. The one that openmetadata_conn_id names is always allowed.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "openmetadata*,warehouse",
        "default": "openmetadata*",
    },
    "allowed_servers": {
        "description": (
            "Hosts of the OpenMetadata servers that a config may report to, separated by commas; * stands for any\n"
            "characters, and a port may follow a colon. If empty, any host is allowed.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "openmetadata.example.com,*.internal:8585",
        "default": "",
    },
    "state_folder": {
        "description": (
            "Folder on this machine in which each component remembers its config store, so that a store that is not\n"
            "mounted does not pass for an empty one.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/var/lib/airflow/openmetadata_dag_factory",
        "default": DEFAULT_STATE_FOLDER,
    },
    "last_good_folder": {
        "description": (
            "Folder for the last good version of each config of this store, which runs while the config itself is\n"
            "broken. It must exist. The DAG processor writes there, all other components read. If empty, it is a\n"
            "hidden folder of the store.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/airflow/last_good_configs",
        "default": "",
    },
    "longest_run": {
        "description": (
            "Seconds after which a run is ended, unless its pipeline has a workflowTimeout; 0 for no limit.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": str(DEFAULT_LONGEST_RUN),
    },
    "schedule_spread_seconds": {
        "description": (
            "Seconds over which the runs of pipelines with the same cron are spread, so that they don't all begin at\n"
            "once; 0 for no spread. A pipeline's own delay depends on its id alone, and is shorter than the time\n"
            "between two ticks of its cron. A config's dagFactory.spread overrides it.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": "3600",
        "default": "0",
    },
    "automation_workers": {
        "description": (
            "How many automations, such as tests of a connection, one process of the API server runs at the same\n"
            "time; [api] workers says how many processes it has.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "2",
    },
    "automation_queue": {
        "description": "How many automations may wait in one process of the API server; more are refused.\n",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "20",
    },
    "automation_timeout": {
        "description": "Seconds after which an automation is ended, and reported as failed.\n",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "300",
    },
    "watch_store": {
        "description": (
            "Whether the API server watches the config store for files that are changed by hand: auto, poll (list the\n"
            "folder about every second, since the kernel does not report all changes) or off.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "poll",
        "default": "auto",
    },
    "title_tag": {
        "description": (
            "Whether a DAG has the title of its pipeline as a tag, besides those of its type and service. Where\n"
            "[metrics] dag_tags_in_metrics is on (Airflow 3.4), each title is then a label of its own.\n"
        ),
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": "False",
    },
    "metrics_dag_id": {
        "description": (
            "Whether the metrics of runs have the DAG's id as a tag. Each DAG is then a series of its own, for each\n"
            "metric and outcome, in the system that stores them.\n"
        ),
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": "False",
    },
    "openmetadata_conn_id": {
        "description": (
            "Airflow Connection to the OpenMetadata server of all pipelines: its address (host, schema, port) and the\n"
            "token of its bot (password). It overrides the configs.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "openmetadata",
        "default": "",
    },
    "check_server_minutes": {
        "description": (
            "Minutes after which an API server compares the config store with the OpenMetadata server of\n"
            "openmetadata_conn_id again, to show and count pipelines that are missing or older here; 0 for never. On\n"
            "each machine, one process at a time does so.\n"
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": "60",
        "default": "0",
    },
    "openmetadata_url": {
        "description": (
            "Address of OpenMetadata's UI, for links from tasks, from DAGs' docs and from the page.\n"
            "If empty, the API's address without its path is used. DAG docs and the page then link only where the\n"
            "config names that address openly, not by a reference.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "https://openmetadata.example.com",
        "default": "",
    },
}
