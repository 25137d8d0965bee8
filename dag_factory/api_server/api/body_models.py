"""The models of the bodies of calls. Each field has the message for an invalid value."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from dag_factory.api_server.api.json_bodies import SENTENCE, Wrong
from dag_factory.errors import ConfigError
from dag_factory.task.run_conf import check_kinds

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _checked_conf(conf: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refuse a conf that Airflow would refuse, since Airflow's refusal would quote it."""
    try:
        check_kinds(conf or {})
    except ConfigError as error:
        raise PydanticCustomError(SENTENCE, "{said}", {"said": f"The field '{error.field}' {error.problem}."}) from None
    return conf


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError
    return text


def _with_host_port(connection: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(connection.get("hostPort"), str):
        raise ValueError  # noqa: TRY004 - as pydantic takes it
    return connection


class PipelineBody(BaseModel):
    """A call about a pipeline. No value is converted to another kind; a newer server's further fields are ignored."""

    model_config = ConfigDict(strict=True)

    dag_id: Annotated[
        str,
        Field(description="The pipeline's name"),
        Wrong("is missing, or is not a text. It is the pipeline's name."),
    ]


class TriggerBody(PipelineBody):
    """A call that starts a run, with a ``conf`` for that run only."""

    conf: Annotated[
        dict[str, Any] | None,
        AfterValidator(_checked_conf),
        Wrong("is not a JSON object. Leave it out for a run as the config says."),
    ] = None


class KillBody(PipelineBody):
    """A call that ends runs: all active ones where ``run_id`` is missing or empty."""

    run_id: Annotated[
        str | None,
        Field(description="The run to end; all that are active without it"),
        BeforeValidator(lambda run_id: run_id or None),
        Wrong("is not a text. It is the id of a run."),
    ] = None


class AutomationBody(BaseModel):
    """What this API reads of an automations ``Workflow``; the rest is for openmetadata-ingestion."""

    model_config = ConfigDict(strict=True)

    id: Annotated[str, AfterValidator(_uuid), Wrong("is missing, or is not a UUID.")]
    name: Annotated[str, Field(min_length=1), Wrong("is missing, or is not a text.")]
    openMetadataServerConnection: Annotated[  # noqa: N815 - the contract's name
        dict[str, Any],
        AfterValidator(_with_host_port),
        Wrong("is missing, or its 'hostPort' is not a text."),
    ]
