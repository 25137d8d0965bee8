"""``doctor``: looks for what is wrong with an installation, and says the way out."""

from __future__ import annotations

import argparse
from collections import Counter

from dag_factory.cli.checks.all_checks import CHECKS
from dag_factory.cli.checks.check import Level, examine
from dag_factory.cli.checks.site import Site
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FAILED, FOUND, command
from dag_factory.cli.output import print_json, print_table, progress
from dag_factory.errors import CommandError


@command
def doctor(args: argparse.Namespace) -> int:
    """Print what the checks have found; return 1 where something is wrong, 3 where something can't be looked at."""
    names = args.check or []
    known = [check.name for check in CHECKS]
    if strange := [name for name in names if name not in known]:
        raise CommandError(f"The check '{strange[0]}' is unknown. Name one of: {', '.join(known)}")
    use_database()
    results = list(progress(examine(CHECKS, Site(), names), "Looking", len(names or known)))
    levels = Counter(finding.level for result in results for finding in result.findings)
    if args.output == "json":
        print_json(
            [
                {
                    "check": result.name,
                    "seconds": round(result.seconds, 3),
                    "findings": [
                        {"level": each.level.value, "text": each.text, "way_out": each.way_out}
                        for each in result.findings
                    ],
                }
                for result in results
            ]
        )
    else:
        print_table(
            ["", "check", "found"],
            [[each.level.value, result.name, str(each)] for result in results for each in result.findings],
        )
    if levels[Level.FAIL]:
        return FOUND
    return FAILED if levels[Level.UNKNOWN] else 0
