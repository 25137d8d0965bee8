"""A trigger's ``conf``, merged over the pipeline's document for one run."""

from __future__ import annotations

import logging
import re
import uuid
from typing import TYPE_CHECKING, Any

from dag_factory.configs.inheritance import check_override
from dag_factory.configs.validation.kinds import booleans_of_source
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.shown_names import shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dag_factory.configs.document import Document


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_uuid(value: object) -> bool:
    try:
        return value == "" or bool(isinstance(value, str) and uuid.UUID(value))
    except ValueError:
        return False


# Each with the check of its value, and what the value must be, in words.
KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "appConfigOverride": (_is_object, "an object"),
    "sourceConfigOverride": (_is_object, "an object"),
    "testCases": (_is_list_of_names, "a list of names"),
    "pipelineRunId": (_is_uuid, "a UUID"),
}
# The one type of pipeline that a key is for.
_ONLY_FOR = {"appConfigOverride": "application", "testCases": "TestSuite"}

log = logging.getLogger(__name__)

_PART = re.compile(r'"[^"]*"|[^."]+')


def overridden(document: Document, conf: Mapping[str, Any]) -> Document:
    """
    Return the document for one run. Null or empty values in ``conf`` change nothing.

    ``sourceConfigOverride``: its top-level keys replace those of ``sourceConfig.config``; ``appConfigOverride``: its
    keys replace those of an application's ``appConfig``; ``testCases``: the only test cases that a run of a TestSuite
    runs, by name or fully qualified name.

    :param conf: the conf of Airflow's run, from the trigger
    :raises ConfigError: for an invalid value; names its key in ``conf``
    """
    given = _given(document, conf)
    source_config = document.get("sourceConfig")
    if not given or not isinstance(source_config, dict) or not isinstance(source_config.get("config"), dict):
        return document
    for key in given.keys() & {"sourceConfigOverride", "appConfigOverride"}:
        # Logged, since ingestion's errors do not say that a value came from the conf.
        names = ", ".join(f"'{shown_name(name)}'" for name in sorted(given[key]))
        log.info("For this run alone, conf.%s replaces %s", key, names)
    check_override(source_config["config"], given.get("sourceConfigOverride", {}), "conf.sourceConfigOverride")
    config = {**source_config["config"], **given.get("sourceConfigOverride", {})}
    # The document's own booleans have already been checked.
    for problem in booleans_of_source(config, "conf.sourceConfigOverride"):
        raise ConfigError(problem.text, field=problem.exact_field)
    if "appConfigOverride" in given:
        stored = config.get("appConfig")
        app_config = stored if isinstance(stored, dict) else {}
        check_override(app_config, given["appConfigOverride"], "conf.appConfigOverride")
        config["appConfig"] = {**app_config, **given["appConfigOverride"]}
    if "testCases" in given:
        config["testCases"] = [_name(case, config.get("entityFullyQualifiedName")) for case in given["testCases"]]
    return {**document, "sourceConfig": {**source_config, "config": config}}


def check_kinds(conf: Mapping[str, Any]) -> None:
    """
    Check the kinds of a conf's values, as far as they don't depend on the pipeline.

    :raises ConfigError: for a wrong one; names its key
    """
    for key, (is_one, kind) in KEYS.items():
        value = conf.get(key)
        if value is not None and not is_one(value):
            raise _misfit(key, f"is not {kind}. Trigger the pipeline with {kind} there, or leave the key out")


def _given(document: Document, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a conf, checked."""
    check_kinds(conf)
    given = {key: value for key, value in conf.items() if value}
    for key in given:
        only_for = _ONLY_FOR.get(key)
        if key not in KEYS:
            # A newer server may send more keys, which must not fail its runs.
            log.warning("conf.%s is unknown, so it changes nothing. Known: %s", shown_name(key), ", ".join(KEYS))
        elif only_for not in (None, document.get("pipelineType")):
            raise _misfit(key, f"works for pipelines of type {only_for} alone. Leave it out")
    return given


def _name(test_case: str, tested: object) -> str:
    """Return the name of a test case, given by its name or its fully qualified name, which begins with its table's."""
    if tested and isinstance(tested, str) and test_case.startswith(f"{tested}."):
        return str(_PART.findall(test_case)[-1]).strip('"')
    return test_case


def _misfit(key: str, problem: str) -> ConfigError:
    return ConfigError(problem, field=f"conf.{key}")
