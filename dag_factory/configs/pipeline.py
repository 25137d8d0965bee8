"""The pipeline: what a DAG needs to know of an OpenMetadata ``IngestionPipeline``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from dag_factory.configs.dag_ids import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.problem import InvalidError
from dag_factory.configs.pydantic_problems import problems_of
from dag_factory.configs.recipients import recipients
from dag_factory.portable.openmetadata.fqn import quoted
from dag_factory.portable.plain_text import one_line
from dag_factory.portable.secrets.references import is_reference
from dag_factory.settings.options import IN_PROCESS, LONGEST_SPREAD

_MAX_INT = 2**31 - 1
# Widths of Airflow's columns.
_MAX_NAME = 256
_MAX_EXECUTOR = 1000
LONGEST_CRON = 1000
"""In characters. A list of very many minutes takes Airflow minutes to read."""


# Fields that only describe: where one is a reference, the DAG is built without it.
DESCRIPTIVE = frozenset({"display_name", "description", "fully_qualified_name", "owners"})


def _within_bounds(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        raise ValueError(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


# Timezones, crons and databases each support another range of years; these lie within all of them.
_FIRST_YEAR, _LAST_YEAR = 1970, 2900
_LAST_MILLISECOND = 1000 * int(datetime(_LAST_YEAR, 1, 1, tzinfo=timezone.utc).timestamp())

# Editors take "date-time" for a moment alone, and a date is one too.
_DATE = {"type": "string", "pattern": r"^\s*\d{4}-\d\d-\d\d", "patternErrorMessage": "Write a date like 2027-01-31"}
_ADDRESSES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

Moment = Annotated[datetime, AfterValidator(_within_bounds), WithJsonSchema(_DATE)]
Count = Annotated[int, Field(ge=1, le=_MAX_INT)]
Seconds = Annotated[int, Field(ge=0, le=_MAX_INT)]
Emails = Annotated[tuple[str, ...], BeforeValidator(recipients), WithJsonSchema(_ADDRESSES)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        # OpenMetadata's schemas let every optional field be null.
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _resolved_too_late(cls, value: object, info: ValidationInfo) -> object:
        if not is_reference(value):
            return value
        if info.field_name in DESCRIPTIVE:
            return cls.model_fields[info.field_name].default
        raise ValueError("is a reference, which is resolved only when the task runs. Write the value out")


class EntityReference(_Model):
    """OpenMetadata's pointer to another entity, such as the pipeline's service or an owner."""

    name: str | None = Field(None, description="Name of the entity in OpenMetadata.")
    type: str | None = Field(None, description="Kind of the entity, such as databaseService, team or user.")
    display_name: str | None = Field(None, description="Name to show to people.")
    fully_qualified_name: str | None = Field(
        None, description="Fully qualified name: its name after those of the entities that contain it."
    )


class AirflowConfig(_Model):
    """When and how a pipeline runs: the fields of OpenMetadata's schema, in its units."""

    schedule_interval: str | None = Field(
        None, description='When it runs: a cron such as "0 3 * * *", or a preset such as "@daily". Null: on demand.'
    )
    pipeline_timezone: str = Field("UTC", description="IANA name of the cron's timezone, such as Europe/Berlin.")
    start_date: Moment | None = Field(
        None, description="The schedule begins here. Past ticks run with pipelineCatchup."
    )
    end_date: Moment | None = Field(None, description="The schedule ends here. A run can still be triggered.")
    pipeline_catchup: StrictBool = Field(False, description="Whether each tick since startDate gets a run.")
    concurrency: Count = Field(1, description="How many of its tasks run at the same time.")
    max_active_runs: Count = Field(1, description="How many of its runs are active at the same time.")
    retries: Annotated[int, Field(ge=0, le=_MAX_INT)] = Field(0, description="How often a failed run is retried.")
    retry_delay: Seconds = Field(300, description="Seconds before a retry.")
    workflow_timeout: Seconds | None = Field(
        None, description="Seconds after which a run is ended. Without it, the setting longest_run applies."
    )
    pause_pipeline: StrictBool = Field(False, description="Whether its DAG is paused when Airflow first sees it.")
    email: Emails = Field(
        (), description="Who gets mail when a run fails: one address, several separated by commas, or a list."
    )

    @field_validator("schedule_interval", mode="after")
    @classmethod
    def _blank_is_on_demand(cls, value: str | None) -> str | None:
        cron = (value or "").strip()
        if len(cron) > LONGEST_CRON:
            raise ValueError(f"is longer than {LONGEST_CRON} characters. Write ranges and steps in place of lists")
        return cron or None


class Runner(_Model):
    """Where a pipeline's task runs. For fields that are missing, the settings apply, ours and Airflow's."""

    model_config = ConfigDict(extra="forbid")

    python: str | None = Field(
        None, description=f"The interpreter that runs openmetadata-ingestion: an absolute path, or {IN_PROCESS}."
    )
    pool: Annotated[str, Field(min_length=1, max_length=_MAX_NAME)] | None = Field(None, description="Airflow's pool.")
    queue: Annotated[str, Field(min_length=1, max_length=_MAX_NAME)] | None = Field(
        None, description="The queue whose workers run it."
    )
    priority_weight: Annotated[int, Field(ge=-_MAX_INT, le=_MAX_INT)] | None = Field(
        None, description="Which of the waiting tasks of a pool runs first: the one with the higher weight."
    )
    executor: Annotated[str, Field(min_length=1, max_length=_MAX_EXECUTOR)] | None = Field(
        None, description="One of the executors that [core] executor names."
    )

    @field_validator("python", mode="after")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        if value is not None and value != IN_PROCESS and not Path(value).is_absolute():
            raise ValueError(f"is neither {IN_PROCESS} nor the absolute path of an interpreter")
        return value


class DagFactory(_Model):
    """Our own section of a document, which OpenMetadata does not know."""

    model_config = ConfigDict(extra="forbid")

    runner: Runner = Field(Runner(), description="Where the task runs. What is missing, the settings say.")
    spread: Annotated[int, Field(ge=0, le=LONGEST_SPREAD)] | None = Field(
        None,
        description="Seconds over which the runs of one cron are spread; 0 for no spread. Without it, the setting "
        "schedule_spread_seconds applies.",
    )
    moved_at: Moment | None = Field(
        None,
        description="When the pipeline was moved here from openmetadata-managed-apis: ticks before it count as done. "
        "`migrate` writes it.",
    )


RUNNER = ("dagFactory", "runner")
"""Where a document holds its `Runner`."""


class IngestionPipeline(_Model):
    """
    An OpenMetadata ``IngestionPipeline``, as far as a DAG depends on it.

    The rest of the document (connection, log level, fields of newer servers) is kept but not modelled: the worker
    reads it when the task runs.
    """

    name: Annotated[str, Field(min_length=1)] = Field(
        description="Name of the pipeline. The DAG's id is made of it: other characters than letters, digits, - and _ "
        "become _."
    )
    display_name: str | None = Field(None, description="Name to show to people.")
    description: str | None = Field(None, description="What the pipeline is for. Shown in the DAG's docs.")
    pipeline_type: str = Field(
        description="What kind of ingestion it is. The fields of the source config depend on it."
    )
    fully_qualified_name: str | None = Field(
        None,
        description="Fully qualified name: the service's, a dot and the pipeline's. Made from the two if missing.",
    )
    owners: list[EntityReference] = Field([], description="The teams or users who own the pipeline.")
    service: EntityReference | None = Field(None, description="The service in OpenMetadata that is ingested.")
    airflow_config: AirflowConfig = Field(AirflowConfig(), description="When and how the pipeline runs.")
    dag_factory: DagFactory = Field(
        DagFactory(), description="Where the pipeline's task runs. A section of our own, unknown to OpenMetadata."
    )
    enabled: StrictBool = Field(True, description="Whether it runs by its schedule. False pauses its DAG.")
    updated_at: Annotated[int, Field(ge=0, lt=_LAST_MILLISECOND)] | None = Field(
        None, description="When it was last changed, in milliseconds since 1970. OpenMetadata sets it."
    )

    @field_validator("name", mode="after")
    @classmethod
    def _fits_a_dag_id(cls, name: str) -> str:
        if not names_a_dag(name):
            raise ValueError(NO_DAG_ID)
        if len(clean_dag_id(name)) > MAX_DAG_ID:
            raise ValueError(f"is too long: a DAG id has at most {MAX_DAG_ID} characters")
        return name

    @property
    def dag_id(self) -> str:
        return clean_dag_id(self.name)

    @property
    def starts_paused(self) -> bool:
        """Whether the pipeline's DAG is paused when Airflow first sees it."""
        return self.airflow_config.pause_pipeline or not self.enabled

    @property
    def title(self) -> str:
        """The name to show to people."""
        return one_line(self.display_name or "") or one_line(self.name)

    @property
    def fqn(self) -> str:
        """The fullyQualifiedName; where it is missing, it is made from the service's and the name."""
        if self.fully_qualified_name:
            return self.fully_qualified_name
        service = self.service or EntityReference()
        within = service.fully_qualified_name or quoted(service.name or "")
        return ".".join(filter(None, [within, quoted(self.name)]))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> IngestionPipeline:
        """
        Return the pipeline that a document describes.

        :raises InvalidError: with all wrong fields, without their values
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise InvalidError(list(problems_of(error))) from None


DAG_FIELDS = frozenset(field.alias for field in IngestionPipeline.model_fields.values())
"""The fields of a document that a DAG is built from."""
