"""What is a config of the store, and is it good?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import Document
from dag_factory.configs.inheritance import DEFAULTS
from dag_factory.configs.problem import Problem
from dag_factory.configs.validation.validator import Verdict, examine
from dag_factory.errors import ConfigError
from dag_factory.store.copies import Version

_LIKE_DEFAULTS = frozenset({"default", "defaults"})


@dataclass(frozen=True)
class Trouble:
    """
    Why a config runs its last good version.

    :param since: when its files were last changed, in seconds since the epoch; None where unknown
    :param copy: the last good version, as it was kept
    """

    problem: ConfigError
    since: float | None = None
    copy: Version | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Config:
    """
    A config that can be read, under the DAG id that it has got.

    :param document: merged over its defaults; where the config is broken, that of its last good version
    :param trouble: what is wrong with the config, where this is its last good version
    """

    dag_id: str
    key: str
    document: Document
    trouble: Trouble | None = None

    def broken(self, problem: ConfigError) -> BrokenConfig:
        """Return the same config as one that can't run."""
        return BrokenConfig(self.dag_id, self.key, problem, self.document)


@dataclass(frozen=True)
class BrokenConfig:
    """
    A config of which no version can run, under the DAG id that it names, or one that was made up to show its problem.

    :param document: what could be read of it, empty where nothing could
    :param is_outranked: whether it is good, and only has lost the DAG id that it names to another config
    """

    dag_id: str
    key: str
    problem: ConfigError
    document: Document = field(default_factory=dict)
    is_outranked: bool = False


def is_broken(config: Config | BrokenConfig) -> bool:
    """Return whether a config's file is broken, whether or not its last good version runs."""
    if isinstance(config, Config):
        return config.trouble is not None
    return not config.is_outranked


def check(config: Config, allowed: Allowed | None = None) -> None:
    """
    Check a config.

    :param allowed: what the operator allows configs; None to read the settings
    :raises InvalidError: with all errors
    """
    examine_config(config, allowed).require_pipeline()


def examine_config(config: Config, allowed: Allowed | None = None, *, warnings: bool = False) -> Verdict:
    """
    Return the verdict on a config: on its document, and on its file's name.

    :param allowed: what the operator allows configs; None to read the settings
    :param warnings: whether to look for warnings even where there are no errors
    """
    if "name" not in config.document and PurePosixPath(config.key).stem.lower() in _LIKE_DEFAULTS:
        problem = "is named almost like the defaults of a folder, and is a pipeline without a name"
        return Verdict((Problem(None, "filename", problem, f"For defaults, rename the file to {DEFAULTS}"),), None)
    return examine(config.document, allowed, warnings=warnings, is_stored=True)
