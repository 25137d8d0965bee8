"""What a trigger's ``conf`` says for its run alone, laid over the pipeline's document."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dag_factory.document import Document

# Each with the kind that its value has to be, and that kind in words.
KEYS: dict[str, tuple[type, str]] = {
    "appConfigOverride": (dict, "an object"),
    "sourceConfigOverride": (dict, "an object"),
    "testCases": (list, "a list of names"),
    "pipelineRunId": (str, "a text"),
}
# The one type of pipeline that a key is for.
_ONLY_FOR = {"appConfigOverride": "application", "testCases": "TestSuite"}

_PART = re.compile(r'"[^"]*"|[^."]+')


def overridden(document: Document, conf: Mapping[str, Any]) -> Document:
    """
    Return the document as it is for one run. What is null or empty in ``conf`` changes nothing.

    ``sourceConfigOverride``: its top-level keys replace those of ``sourceConfig.config``; ``appConfigOverride``: its
    own replace those of an application's ``appConfig``; ``testCases``: names, or fully qualified ones, to which a run
    of a TestSuite is limited.

    :param conf: the conf of Airflow's run, as the trigger gave it
    :raises ConfigError: naming the key of ``conf`` that does not fit, without its value
    """
    given = _given(document, conf)
    source_config = document.get("sourceConfig")
    if not given or not isinstance(source_config, dict) or not isinstance(source_config.get("config"), dict):
        return document
    config = {**source_config["config"], **given.get("sourceConfigOverride", {})}
    if "appConfigOverride" in given:
        beneath = config.get("appConfig")
        config["appConfig"] = {**(beneath if isinstance(beneath, dict) else {}), **given["appConfigOverride"]}
    if "testCases" in given:
        config["testCases"] = [_name(case, config.get("entityFullyQualifiedName")) for case in given["testCases"]]
    return {**document, "sourceConfig": {**source_config, "config": config}}


def requested_run_id(conf: Mapping[str, Any]) -> str | None:
    """
    Return the id under which the OpenMetadata server has recorded the run already, if it has.

    :raises ConfigError: where it is no UUID, which is all that the server takes
    """
    run_id = conf.get("pipelineRunId")
    if not run_id:
        return None
    try:
        return str(uuid.UUID(run_id))
    except (ValueError, AttributeError, TypeError):
        raise _misfit("pipelineRunId", "is not a UUID") from None


def check_kinds(conf: Mapping[str, Any]) -> None:
    """
    Check that what a conf holds is of the kind that it has to be, whatever the pipeline.

    :raises ConfigError: naming the key that is not, without its value
    """
    for key, (kind, description) in KEYS.items():
        value = conf.get(key)
        texts = not isinstance(value, list) or all(isinstance(each, str) for each in value)
        if value is not None and not (isinstance(value, kind) and texts):
            raise _misfit(key, f"is not {description}")


def _given(document: Document, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a conf sets, checked."""
    check_kinds(conf)
    for key, value in conf.items():
        if key not in KEYS:
            raise _misfit(key, f"is not known. Known are {', '.join(KEYS)}")
        only_for = _ONLY_FOR.get(key)
        if value and only_for not in (None, document.get("pipelineType")):
            raise _misfit(key, f"is for pipelines of type {only_for} alone")
    return {key: value for key, value in conf.items() if value}


def _name(test_case: str, tested: object) -> str:
    """Return the name of a test case, given by it or by its fully qualified name, which begins with what it tests."""
    if tested and isinstance(tested, str) and test_case.startswith(f"{tested}."):
        return str(_PART.findall(test_case)[-1]).strip('"')
    return test_case


def _misfit(key: str, problem: str) -> ConfigError:
    return ConfigError(problem, field=f"conf.{key}")
