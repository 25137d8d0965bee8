"""
The licences of what the wheel needs: ``python -m tools.licences`` writes docs/licences.md from what is installed.

A test compares the page with the installed packages, and refuses a licence that is unknown, or that asks more of a user
than Apache-2.0 and the licences beside it do. So a new dependency is looked at before it comes in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
DISTRIBUTION = "openmetadata-dag-factory"

ACCEPTED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"}
)
"""Licences, by their SPDX ids, of packages that may be used beside code under Apache-2.0 as they are."""

# What packages say in words. BSD without a number is one of the two, and both are accepted.
_IN_WORDS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
_LOOKED_AT = {
    # Its files say so in full; the classifiers name versions of the GPL beside it.
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
}
"""Packages whose metadata do not say it in a form that can be read."""
KNOWN_EXCEPTIONS = {
    "text-unidecode": "Airflow needs it, by python-slugify. It is used as it is, which the Artistic License allows",
}
"""Packages with another licence, each with the reason for which it may be needed."""
OF_EXTRAS = {
    "openmetadata-ingestion": "[Collate Community License 1.0](https://github.com/open-metadata/OpenMetadata/blob/main/ingestion/LICENSE)",
    "dbt-core": "Apache-2.0",
    "botocore": "Apache-2.0",
    "s3fs": "BSD-3-Clause",
    "gcsfs": "BSD-3-Clause",
    "adlfs": "BSD-3-Clause",
    "celery": "BSD-3-Clause",
}
"""What extras bring that is not Airflow's, by hand: not all of it is installed where the page is made."""

_PAGE = """\
# Licences

<!-- made by tools/licences.py -->
openmetadata-dag-factory is under the [Apache License 2.0](../LICENSE). Its wheel holds no code of others. Its texts on
the fields of source configs are those of OpenMetadata's JSON Schemas: [NOTICE](../NOTICE).

## What the wheel needs

It imports these packages. pip installs them, and Airflow brings most of them.

| package | licence |
|---|---|
{direct}

## What these need in turn

{count} packages, nearly all of them Airflow's own needs, as `constraints.txt` has them on Linux and Python {python}.
Other versions of Airflow and Python need some others.

| package | version | licence |
|---|---|---|
{closure}

Each of these licences lets the packages be used beside code under Apache-2.0 as they are. {exceptions}

## What the extras bring

Packages of extras are installed only where they are asked for. Their own needs are not listed here.

| package | licence |
|---|---|
{extras}

The Collate Community License is not an open-source licence: it excludes online services that compete with Collate's.
Workers need openmetadata-ingestion, beside Airflow or [in an environment of its own](ingestion.md). This package calls
it, and holds none of its code.
"""


@dataclass(frozen=True)
class Package:
    """
    A package that is needed.

    :param licence: an SPDX expression, None where it is unknown
    """

    name: str
    version: str
    licence: str | None


def needed() -> dict[str, Package]:
    """Return all packages that the wheel needs without an extra, by name, as they are installed."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [(DISTRIBUTION, frozenset[str]())]
    while waiting:
        name, extras = wanted = waiting.pop()
        if wanted in asked:
            continue
        asked.add(wanted)
        found[name] = distribution(name)
        waiting += requirements(found[name], extras)
    del found[DISTRIBUTION]
    return {name: Package(name, found[name].version, licence_of(found[name])) for name in sorted(found)}


def requirements(package: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a package needs here with some extras: name and extras of each."""
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def direct() -> list[str]:
    """Return the names of the packages that pyproject.toml asks for, without those of extras."""
    return sorted({name for name, _ in requirements(distribution(DISTRIBUTION), frozenset())})


def licence_of(package: Distribution) -> str | None:
    """
    Return a package's licence as an SPDX expression, None where it is unknown.

    The expression of its metadata counts first, then its field of words, then its classifiers: where these are several,
    the user may choose.
    """
    metadata = package.metadata
    name = canonicalize_name(metadata["Name"])
    if name in _LOOKED_AT:
        return _LOOKED_AT[name]
    for expression in metadata.get_all("License-Expression", []):
        return str(expression)
    (words,) = metadata.get_all("License", [""])[:1]
    if all(part in ACCEPTED for part in words.split(" OR ")):
        return str(words)
    named = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier", []) if each.startswith("License")]
    known = [_IN_WORDS.get(each.lower()) for each in named if each != "OSI Approved"] or [_IN_WORDS.get(words.lower())]
    return " OR ".join(sorted(each for each in known if each)) if all(known) else None


def is_accepted(package: Package) -> bool:
    """Return whether a package may be needed: of the licences that a user may choose from, all of one are accepted."""
    if package.name in KNOWN_EXCEPTIONS:
        return True
    choices = re.split(r"\s+OR\s+", re.sub(r"[()]", "", package.licence or ""))
    return any(all(part in ACCEPTED for part in re.split(r"\s+AND\s+", choice)) for choice in choices)


def page(packages: Mapping[str, Package]) -> str:
    """Return the page."""
    named = direct()
    rest = [package for name, package in packages.items() if name not in named]
    others = {name: reason for name, reason in KNOWN_EXCEPTIONS.items() if name in packages}
    exceptions = (f"Another one has `{name}`: {reason}." for name, reason in others.items())
    return _PAGE.format(
        direct="\n".join(f"| {name} | {packages[name].licence} |" for name in named),
        closure="\n".join(f"| {each.name} | {each.version} | {each.licence} |" for each in rest),
        count=len(rest),
        python=python(),
        exceptions=" ".join(exceptions),
        extras="\n".join(f"| {name} | {licence} |" for name, licence in OF_EXTRAS.items()),
    )


def python() -> str:
    """Return this Python's version, without its patch."""
    return ".".join(map(str, sys.version_info[:2]))


def is_the_tested_set(packages: Mapping[str, Package]) -> bool:
    """Return whether the page can be compared: with what constraints.txt has, and the Python that it was made on."""
    # A package has several lines where its version depends on Python's.
    pins = set(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    is_tested = {(each.name, each.version) for each in packages.values()} <= pins
    return is_tested and f"Python {python()}." in PAGE.read_text(encoding="utf-8")


def main() -> int:
    """Write the page; return 1 where a licence is unknown or not accepted."""
    try:
        packages = needed()
    except PackageNotFoundError as error:
        print(f"{error.name} is missing. Build the environment: make env", file=sys.stderr)
        return 1
    PAGE.write_text(page(packages), encoding="utf-8")
    refused = [f"{each.name}: {each.licence or 'unknown'}" for each in packages.values() if not is_accepted(each)]
    print("\n".join(refused) if refused else f"{len(packages)} packages, all with an accepted licence.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
