"""
Writes the package's digest of openmetadata-ingestion's schemas, and the texts on their fields:
``python -m tools.schema_digest``.

Run it once for each supported version of openmetadata-ingestion, where that is installed, so that no process of Airflow
has to import it. The same version always makes the same text. `dag_factory.configs.schemas` describes the digest.
"""

from __future__ import annotations

import json
import types
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from enum import Enum
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import walk_packages
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AwareDatetime, BaseModel, RootModel, SecretStr
from pydantic.fields import FieldInfo

from dag_factory.configs.schemas import ANY_SERVICE
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from dag_factory.portable.openmetadata.source_configs import in_server_spelling

PACKAGE = Path(__file__).parents[1] / "dag_factory"
DISTRIBUTION = "openmetadata-ingestion"

_APPLICATIONS = "metadata.generated.schema.entity.applications.configuration"
_PIPELINE = "metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline"
# The connections of services make up most of the schemas, and a pipeline hardly ever holds one.
_LEFT_OUT = frozenset({"ServiceConnection"})
_PLAIN = {
    bool: "boolean",
    int: "integer",
    float: "number",
    date: "moment",
    timedelta: "moment",
    AwareDatetime: "moment",
}


class Digest:
    """Collects the types in a pipeline, each under a name of its own."""

    def __init__(self) -> None:
        self._names: dict[type, str] = {}
        self.types: dict[str, Any] = {}
        self.required: dict[str, list[str]] = {}
        self.bounds: dict[str, dict[str, list[float | None]]] = {}
        self.open: list[str] = []
        self.texts: dict[str, dict[str, dict[str, Any]]] = {}

    def kind(self, annotation: Any) -> Any:
        """Return the kind of a value, in the form that `dag_factory.configs.schemas` describes."""
        origin, inner = get_origin(annotation), get_args(annotation)
        found: Any = "any"
        if origin is Annotated:
            found = self.kind(inner[0])
        elif origin in (Union, types.UnionType):
            found = _one_of([self.kind(each) for each in inner if each is not type(None)])
        elif origin in (list, set):
            found = {"list": self.kind(inner[0])}
        elif origin is dict:
            found = {"map": self.kind(inner[1])}
        elif origin is Literal:
            found = "text"
        elif isinstance(annotation, type) and annotation is not Any:
            found = self._kind_of_class(annotation)
        return found

    def _kind_of_class(self, kind: type) -> Any:
        is_free = issubclass(kind, BaseModel) and not kind.model_fields and kind.model_config.get("extra") != "forbid"
        found: Any = next((name for plain, name in _PLAIN.items() if issubclass(kind, plain)), "text")
        if kind.__name__ in _LEFT_OUT or kind in (object, dict, list):
            found = "any"
        elif is_free:
            found = {"map": "any"}
        elif issubclass(kind, SecretStr):
            found = "secret"
        elif issubclass(kind, RootModel):
            found = self.kind(kind.model_fields["root"].annotation)
        elif issubclass(kind, Enum):
            found = self._named(kind, lambda: [each.value for each in kind])
        elif issubclass(kind, BaseModel):
            found = self._named(kind, lambda: self._fields(kind))
        return found

    def _named(self, kind: type, describe: Any) -> str:
        if kind not in self._names:
            name = kind.__name__
            if name in self.types:
                name = f"{kind.__module__.rpartition('.')[2]}.{name}"
            assert name not in self.types, name
            self._names[kind] = name
            self.types[name] = None  # it may hold itself
            self.types[name] = describe()
        return self._names[kind]

    def _fields(self, kind: type[BaseModel]) -> dict[str, Any]:
        name_here = self._names[kind]
        if kind.model_config.get("extra") != "forbid":
            self.open.append(name_here)
        found = {}
        for name, field in sorted(kind.model_fields.items()):
            said = field.alias or name
            if text := _text(field):
                self.texts.setdefault(name_here, {})[said] = text
            if field.is_required():
                self.required.setdefault(name_here, []).append(said)
            lowest = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
            highest = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
            if lowest is not None or highest is not None:
                self.bounds.setdefault(name_here, {})[said] = [lowest, highest]  # type: ignore[list-item]
            if get_origin(field.annotation) is Literal:
                # A constant is described as an enum, and named after its field.
                self.types[f"{name_here}.{said}"] = list(get_args(field.annotation))
                found[said] = f"{name_here}.{said}"
            else:
                found[said] = self.kind(field.annotation)
        return found


def digest() -> str:
    """Return the digest of the version that is installed, JSON."""
    found = _collected()
    content = {
        "version": version(DISTRIBUTION),
        "pipeline": "IngestionPipeline",
        "source configs": source_configs(found.types["SourceConfig"]["config"]["one of"]),
        "required": dict(sorted(found.required.items())),
        "open": sorted(found.open),
        "bounds": dict(sorted(found.bounds.items())),
        "types": dict(sorted(found.types.items())),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def texts() -> str:
    """Return what the models of the installed version say of their fields, and their defaults, JSON."""
    return json.dumps(dict(sorted(_collected().texts.items())), indent=1, ensure_ascii=False) + "\n"


def _collected() -> Digest:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = import_module(_PIPELINE).IngestionPipeline
        applications = list(_applications())
    found = Digest()
    found.kind(pipeline)
    application = found.types["ApplicationPipeline"]
    # The models name only some of the applications there, and "any" for the others.
    known = application["appConfig"]["one of"]
    known[:0] = [kind for each in applications if (kind := found.kind(each)) not in known]
    # The models say nothing of the private part.
    application["appPrivateConfig"] = "any"
    return found


def source_configs(models: list[str]) -> dict[str, dict[str, str]]:
    """Return, by pipeline type, the models of its source config by the type of the service, ``*`` for any."""
    found: dict[str, dict[str, str]] = {}
    for name, pipeline_type in PIPELINE_TYPES.items():
        for model in models:
            kind = model.removesuffix(pipeline_type.source_config)
            if kind != model:
                service = in_server_spelling(f"{kind[0].lower()}{kind[1:]}Service") if kind else ANY_SERVICE
                found.setdefault(name, {})[service] = model
    return found


def path() -> Path:
    """Return where the digest of the installed version belongs."""
    major, minor, *_ = version(DISTRIBUTION).split(".")
    return PACKAGE / "configs" / f"ingestion_{major}_{minor}.json"


def texts_path() -> Path:
    """Return where the texts of the installed version belong: apart, since only an editor's schema needs them."""
    return path().with_name(path().name.replace("ingestion_", "ingestion_texts_"))


def _text(field: FieldInfo) -> dict[str, Any]:
    """Return a field's description and its default, as far as it has them and JSON knows them."""
    found: dict[str, Any] = {}
    if field.description:
        found["description"] = " ".join(field.description.split())
    default = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(default, (bool, int, float, str)):
        found["default"] = default
    return found


def _applications() -> Iterator[type[BaseModel]]:
    """Yield the models of all applications' configs, which are the last in their modules."""
    folders = import_module(_APPLICATIONS).__path__
    for module in sorted(each.name for each in walk_packages(folders, f"{_APPLICATIONS}.") if not each.ispkg):
        parts = module.removeprefix(f"{_APPLICATIONS}.").split(".")
        if len(parts) == 2 and parts[0] in ("external", "internal"):
            here = [each for each in vars(import_module(module)).values() if getattr(each, "__module__", "") == module]
            yield [each for each in here if isinstance(each, type) and issubclass(each, BaseModel)][-1]


def _one_of(kinds: list[Any]) -> Any:
    different = [kind for number, kind in enumerate(kinds) if kind not in kinds[:number]]
    return different[0] if len(different) == 1 else {"one of": different}


if __name__ == "__main__":
    for file, content in ((path(), digest()), (texts_path(), texts())):
        file.write_text(content, encoding="utf-8")
        print(file)
