"""``ingestion-env``: builds an environment of its own for openmetadata-ingestion, and says the setting to write."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from pathlib import Path

from dag_factory.cli.exits import command
from dag_factory.cli.ingestion_environment.building import Built, build
from dag_factory.cli.ingestion_environment.requirements import Wanted, pins, wanted
from dag_factory.cli.output import print_json, print_lines, steps
from dag_factory.errors import CommandError
from dag_factory.portable.openmetadata.versions import minor_version
from dag_factory.settings.options import SECTION


@command
def ingestion_env(args: argparse.Namespace) -> None:
    """Build the environment, and print what it has and the setting that names it."""
    asked = wanted(args.version, args.extras)
    place = Path(args.path).expanduser().absolute()
    python = _interpreter(args.python)
    uv = None if args.pip else shutil.which("uv")
    # Then what has been begun is removed, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with steps() as step:
        if not asked.is_tried:
            step(f"openmetadata-ingestion {asked.version} has not been tried with this package")
        built = build(place, asked, python, uv, step)
    if args.output == "json":
        print_json(_as_json(built, asked, uv))
    else:
        _print(built, asked)


def _interpreter(given: str | None) -> str:
    """
    Return the path of the interpreter to build with.

    :raises CommandError: where it is missing
    """
    found = shutil.which(given or sys.executable)
    if found is None:
        raise CommandError(f"--python: '{given}' is not found. Name the path of an interpreter")
    return str(Path(found).absolute())


def _print(built: Built, asked: Wanted) -> None:
    server = _server_of(built)
    extras = f" with {', '.join(asked.extras)}" if asked.extras else ""
    has = f"{built.python} has openmetadata-ingestion {built.version}{extras}, on Python {built.python_version}."
    print_lines([has, *(f"It was held to {pin.requirement}: {pin.why}." for pin in pins(built.version))])
    print(
        f"\nTo run all pipelines by it, set on the workers and the API server:\n\n[{SECTION}]\npython = {built.python}"
    )
    print(
        "\nTo have only those run by it whose config has it as dagFactory.runner.python, name it in allowed_pythons "
        f"instead.\nIt runs pipelines of an OpenMetadata server {server}, and of no other version."
    )


def _as_json(built: Built, asked: Wanted, uv: str | None) -> dict[str, object]:
    return {
        "python": str(built.python),
        "version": built.version,
        "extras": list(asked.extras),
        "python_version": built.python_version,
        "server_version": _server_of(built),
        "requirements": asked.requirements,
        "installed_by": "uv" if uv else "pip",
        "settings": {"python": str(built.python)},
    }


def _server_of(built: Built) -> str:
    return ".".join(map(str, minor_version(built.version) or ()))
