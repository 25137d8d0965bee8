"""The commands that set up, and keep an installation running."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

from dag_factory.cli.output import ARG_OUTPUT

# In `help`, Airflow takes text in brackets for markup, and leaves it out.
COMMANDS = (
    ActionCommand(
        name="init",
        help="Write the loader into Airflow's DAGs folder, and make the config store",
        description=(
            "Write openmetadata_loader.py into Airflow's DAGs folder and make the folder of the setting config_store, "
            "where they are missing; report what was done and what to do next. It changes nothing that is there, so it "
            "can be run again. Run it as Airflow's user, on each machine that has a DAGs folder of its own. With "
            "--shards 64, 64 loaders divide the pipelines among them, so that a change makes Airflow parse one of "
            "them; those of another number are removed once Airflow has parsed the new ones. With --settings it "
            "changes nothing, and prints settings for airflow.cfg and for the environment."
        ),
        func=lazy_load_command("dag_factory.cli.init.init"),
        args=(
            Arg(("--dags-folder",), help="Folder for the loader, in place of Airflow's own DAGs folder"),
            Arg(("--shards",), help="How many loaders divide the pipelines; 1 for a single one", type=int),
            Arg(
                ("--settings",),
                help="Only print the settings that are recommended for as many pipelines as there are",
                action="store_true",
            ),
            Arg(
                ("--force",),
                help="Overwrite a loader that differs from ours, and remove others without waiting for a parse",
                action="store_true",
            ),
        ),
    ),
    ActionCommand(
        name="bundles",
        help="Print the lines for airflow.cfg that replace the DAGs folder by bundles of ours",
        description=(
            "Print the value of dag_bundle_config_list, for airflow.cfg and for the environment, with a bundle that "
            "makes the loaders by itself; with --parts 4, four of them, for one DAG processor or several. Then report "
            "what is wrong with the bundles that are configured now. It changes nothing."
        ),
        func=lazy_load_command("dag_factory.cli.bundles.bundles"),
        args=(
            Arg(
                ("--shards",), help="How many loaders divide the pipelines, in all parts together", type=int, default=64
            ),
            Arg(
                ("--parts",),
                help="How many bundles these are in, for one DAG processor or several",
                type=int,
                default=1,
            ),
        ),
    ),
    ActionCommand(
        name="ingestion-env",
        help="Build an environment for openmetadata-ingestion alone",
        description=(
            "Build a virtual environment at PATH that has openmetadata-ingestion and not Airflow, by uv where it is on "
            "the PATH, else by pip; check that it can run pipelines, and print the setting to write. It is built "
            "beside PATH and moved in when it is complete. Nothing that exists is overwritten."
        ),
        func=lazy_load_command("dag_factory.cli.ingestion_env.ingestion_env"),
        args=(
            Arg(("path",), help="Folder of the environment; it must not exist yet", metavar="PATH"),
            Arg(
                ("--version",),
                help="Version of openmetadata-ingestion, that of the OpenMetadata server: 2.0.7.0, or 2.0 for its "
                "newest release",
                required=True,
            ),
            Arg(("--extras",), help="Extras of openmetadata-ingestion, separated by commas: postgres,snowflake"),
            Arg(("--python",), help="Interpreter to make it from, 3.10 or newer; by default the one that runs this"),
            Arg(("--pip",), help="Use pip even where uv is on the PATH", action="store_true"),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="watch",
        help="Watch the config store for files that are changed by hand",
        description=(
            "Watch the config store until stopped. What is changed there by hand is reported, one line for each file, "
            "and Airflow is asked for a parse of the loader. The API server does the same, unless the setting "
            "watch_store is off; on each machine, one process at a time watches."
        ),
        func=lazy_load_command("dag_factory.cli.watch.watch"),
        args=(),
    ),
    ActionCommand(
        name="adopt-store",
        help="Accept the config store that is there now in place of the one that this machine knows",
        description=(
            "Accept the store that config_store leads to now in place of the one that this machine knows. Run it on "
            "each machine after you have replaced the store on purpose: until then the new store counts as missing."
        ),
        func=lazy_load_command("dag_factory.cli.adopt_store.adopt_store"),
        args=(),
    ),
)
