"""The commands for secrets in configs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

COMMANDS = (
    ActionCommand(
        name="encrypt",
        help="Encrypt a value for one config, read from standard input",
        description=(
            "Read a value from standard input, or from a prompt, and print the reference to write in its place. The "
            "reference works in the config of that DAG only."
        ),
        func=lazy_load_command("dag_factory.cli.encrypt.encrypt"),
        args=(
            Arg(("--dag-id",), help="Id of the DAG, or name of the pipeline, whose config it is for", required=True),
            Arg(("--number",), help="The value is a number, not a text", action="store_true"),
        ),
    ),
    ActionCommand(
        name="rotate-key",
        help="Encrypt the config store again with the newest Fernet key",
        description=(
            "Encrypt again, with the newest key, all values in the config store that an older key of [core] fernet_key "
            "has encrypted. After exit code 0 the store needs no older key; else the output says what does. Before "
            "you remove one, run 'airflow rotate-fernet-key' too, for Airflow's own secrets."
        ),
        func=lazy_load_command("dag_factory.cli.rotate_key.rotate_key"),
        args=(Arg(("--all-files",), help="Also change files that no deploy wrote", action="store_true"),),
    ),
)
