"""The commands for operators of a running Airflow."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command, positive_int

from dag_factory.cli.output import ARG_OUTPUT

_ARG_SERVICE = Arg(("--service",), help="Only pipelines of the service of this name")
_ARG_TYPE = Arg(("--type",), help="Only pipelines of this pipelineType, such as metadata")
_ARG_RUNNER = Arg(
    ("--runner",), help="Take the pipelines of this ingestionRunner as ours too; by default, those that name none"
)

COMMANDS = (
    ActionCommand(
        name="doctor",
        help="Look for what is wrong with this installation, and say the way out",
        description=(
            "Look for what is wrong, one line for each finding: ok, warn, fail, or unknown where something can't be "
            "looked at. It changes nothing. Run it as Airflow's user, on each machine. Exit code 0: nothing is wrong; "
            "1: something is; 3: something can't be looked at."
        ),
        func=lazy_load_command("dag_factory.cli.doctor.doctor"),
        args=(
            Arg(("--check",), help="Run this check alone; may be given several times", action="append"),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="diff",
        help="Compare the config store with the OpenMetadata server",
        description=(
            "List the pipelines that the OpenMetadata server has and the config store lacks, that are older here, and "
            "the reverse. The server is that of the Connection openmetadata_conn_id. It changes nothing. Exit code 1 "
            "means that something differs, 3 that the server can't be asked."
        ),
        func=lazy_load_command("dag_factory.cli.diff.diff"),
        args=(_ARG_SERVICE, _ARG_TYPE, _ARG_RUNNER, ARG_OUTPUT),
    ),
    ActionCommand(
        name="sync",
        help="Bring back what the OpenMetadata server has and the config store lacks",
        description=(
            "Have the OpenMetadata server deploy again what is missing here or older, such as after the config store "
            "was lost. A pipeline that fails is named and stops no other. Nothing is removed without --prune. Run it "
            "again if it was stopped. Exit code 1 means that a pipeline failed, 3 that it was stopped."
        ),
        func=lazy_load_command("dag_factory.cli.sync.sync"),
        args=(
            Arg(("--dry-run",), help="Only list what would be done", action="store_true"),
            _ARG_SERVICE,
            _ARG_TYPE,
            _ARG_RUNNER,
            Arg(
                ("--undeployed",),
                help="Also deploy pipelines that are neither here nor taken for deployed by the server",
                action="store_true",
            ),
            Arg(
                ("--write",),
                help="Write the configs here instead, without tokens: openmetadata_conn_id must supply these",
                action="store_true",
            ),
            Arg(
                ("--prune",),
                help="Remove configs that a deploy has written, of pipelines that the server has deleted",
                action="store_true",
            ),
            Arg(
                ("--portion",),
                help="How many pipelines one call deploys",
                type=positive_int(allow_zero=False),
                default=20,
            ),
            Arg(
                ("--at-once",),
                help="How many calls are made at the same time",
                type=positive_int(allow_zero=False),
                default=2,
            ),
            Arg(
                ("--retry-seconds",),
                help="For how long a call is retried while the server does not answer",
                type=positive_int(allow_zero=True),
                default=120,
            ),
            ARG_OUTPUT,
        ),
    ),
)
