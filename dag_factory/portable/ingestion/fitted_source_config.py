"""
Fits the source config to the models of this interpreter's openmetadata-ingestion.

They refuse unknown fields, and a newer server sends some. Such a field is left out if its value is false, null or
empty. With any other value the run fails, with a sentence that names the field.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dag_factory.errors import ConfigError
from dag_factory.portable.ingestion.models import errors_of, ingestion, models_of, nearest_model, problem_of, words_of
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.openmetadata.pipeline_types import pipeline_type, source_config_of
from dag_factory.portable.secrets.shown_names import shown_field, shown_name

if TYPE_CHECKING:
    from dag_factory.configs.document import Document
    from dag_factory.portable.ingestion.models import Model

log = logging.getLogger(__name__)

_FIELD = "sourceConfig"
_CONFIG = f"{_FIELD}.config"


def fitted_source_config(document: Document, server_version: Callable[[], str | None]) -> Document:
    """
    Return the ``sourceConfig`` of a document as its workflow accepts it.

    A missing ``type`` is added: servers before 2.1 need not send it, and without it openmetadata-ingestion takes the
    first of its models that fits, which may be that of another pipeline type.

    :param server_version: returns the version of the OpenMetadata server, None where it is unknown
    :raises ConfigError: for a field that openmetadata-ingestion would refuse, checked against the right model only
    """
    from metadata.generated.schema.metadataIngestion.workflow import SourceConfig

    source_config = source_config_of(document)
    config = source_config["config"]
    model = _model(document, config.get("type"), models_of(SourceConfig.model_fields["config"].annotation))
    if model is None:
        return source_config
    if document["pipelineType"] == "application" and (unknown := sorted(config.keys() - model.model_fields.keys())):
        # The workflow of an application gets only three of the fields.
        log.warning("%s: unknown to %s and left out: %s", _CONFIG, ingestion(), ", ".join(map(shown_name, unknown)))
        config = {name: value for name, value in config.items() if name not in unknown}
    fitting = _Fitting(server_version)
    beside = {name: value for name, value in source_config.items() if name != "config"}
    fitting.fit(SourceConfig, beside, _FIELD)
    fitted = fitting.fit(model, {**config, "type": config.get("type") or _type_of(model)}, _CONFIG)
    fitting.raise_problems()
    return {"config": fitted}


def asks_for_nothing(value: object) -> bool:
    """Return whether a value is false, null or empty, or holds nothing else."""
    if isinstance(value, dict):
        return all(map(asks_for_nothing, value.values()))
    return value is None or value is False or value in ("", [])


class _Fitting:
    """Fits values to models, and collects the problems."""

    def __init__(self, server_version: Callable[[], str | None]) -> None:
        self._server_version = server_version
        self._problems: list[ConfigError] = []

    def fit(self, model: Model, value: Mapping[str, Any], field: str, among: Sequence[Model] = ()) -> Document:
        """
        Return a mapping without unknown fields whose values are false, null or empty; collect other problems.

        :param among: all models that the mapping may be of; ``model`` is the nearest of them
        """
        fitted = dict(value)
        errors = errors_of(model, value)
        for name, error in errors.items():
            known = model.model_fields.get(name or "")
            where = f"{field}.{name}" if name is not None else field
            if name is not None and known is None and error["type"] == "extra_forbidden":
                self._leave_out(where, value[name], model.model_fields)
                del fitted[name]
            elif name is not None and known is not None and (inner := models_of(known.annotation)):
                fitted[name] = self._fit_inner(inner, value.get(name), where, error)
            else:
                # No model has this value, so it may be meant for any of them.
                words = _words(name, [model] if error["type"] == "missing" else among or [model])
                self._problems.append(problem_of(where, error, words))
        if errors and not self._problems:
            # Errors of the whole mapping.
            self._problems += [problem_of(f"{field}.{name}", each) for name, each in errors_of(model, fitted).items()]
        return fitted

    def raise_problems(self) -> None:
        if self._problems:
            first, others = self._problems[0], len(self._problems) - 1
            more = f" ({others} more {'field is' if others == 1 else 'fields are'} wrong)" if others else ""
            raise ConfigError(f"{first.problem}{more}", field=first.exact_field)

    def _fit_inner(self, models: Sequence[Model], value: Any, field: str, error: Mapping[str, Any]) -> Any:
        if isinstance(value, dict):
            model = nearest_model(models, value)
            if (tag := _missing_tag(models, value)) is not None:
                # Without it the model is unknown, and nothing else can be checked.
                self._problems.append(problem_of(f"{field}.{tag}", {"type": "missing"}, _words(tag, models)))
                return value
            return self.fit(model, value, field, models)
        if isinstance(value, list) and any(isinstance(each, dict) for each in value):
            return [self._fit_inner(models, each, f"{field}.{index}", error) for index, each in enumerate(value)]
        self._problems.append(problem_of(field, error))
        return value

    def _leave_out(self, field: str, value: Any, known: Iterable[str]) -> None:
        """Log that an unknown field is left out; if its value is not false, null or empty, it is a problem."""
        if asks_for_nothing(value):
            log.warning(
                "%s is unknown to %s. It is left out, since its value is false, null or empty",
                shown_field(field),
                ingestion(),
            )
            return
        server = self._server_version()
        meanwhile = f", while the OpenMetadata server has version {server}" if server else ""
        meant = nearest(field.rpartition(".")[2], tuple(known))
        upgrade = f"Upgrade openmetadata-ingestion for {sys.executable}, or remove the field"
        way_out = f"Did you mean '{meant}'?" if meant else upgrade
        self._problems.append(ConfigError(f"is unknown to {ingestion()}{meanwhile}. {way_out}", field=field))


def _missing_tag(models: Sequence[Model], value: Mapping[str, Any]) -> str | None:
    """Return the required field that distinguishes the models, if a mapping has neither it nor other such fields."""
    if len(models) < 2 or any(value.keys() & model.model_fields.keys() for model in models):
        return None
    required = [{name for name, field in model.model_fields.items() if field.is_required()} for model in models]
    return next((name for name in sorted(set.intersection(*required)) if _words(name, models)), None)


def _words(name: str | None, models: Sequence[Model]) -> list[str]:
    """Return the values that a field may have in some models."""
    found = (words_of(model.model_fields[name].annotation) for model in models if name in model.model_fields)
    return list(dict.fromkeys(word for words in found for word in words))


def _model(document: Document, said: object, models: Sequence[Model]) -> Model | None:
    """
    Return the model of a document's source config, by its ``type``, or else by its service.

    None where this openmetadata-ingestion has no such model.

    :raises ConfigError: where ``type`` is not that of the pipeline type
    """
    ending = pipeline_type(document["pipelineType"]).source_config
    mine = [model for model in models if model.__name__.endswith(ending)]
    for_service = [model for model in mine if _is_for(model.__name__.removesuffix(ending), document)]
    if said is None:
        return for_service[0] if for_service else None
    named = [model for model in mine if _type_of(model) == said]
    if mine and not named:
        types = " or ".join(dict.fromkeys(map(_type_of, for_service or mine)))
        problem = f"is not the type of a pipeline whose pipelineType is {document['pipelineType']}"
        raise ConfigError(f"{problem}. Write {types}", field=f"{_CONFIG}.type")
    return next((model for model in named if model in for_service), named[0] if named else None)


def _is_for(kind: str, document: Document) -> bool:
    """Return whether a model is for the document's kind of service; one without a kind is for all."""
    service = document.get("service") or {}
    return not kind or f"{kind}Service".lower() == str(service.get("type")).lower()


def _type_of(model: Model) -> str:
    return words_of(model.model_fields["type"].annotation)[0]
