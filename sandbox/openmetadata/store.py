"""The entities, in memory."""

import time
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.openmetadata import patch, schemas
from sandbox.openmetadata.collection import Collection, Document
from sandbox.openmetadata.errors import ApiError, NotFound
from sandbox.openmetadata.names import join

BOT = "ingestion-bot"
CURATED = ("description", "displayName", "owners")
"""What people write in the UI; a bot's PUT leaves it as it is."""
BOOKKEEPING = {"version", "updatedAt", "sourceHash"}
"""Fields whose change alone doesn't make a new version of an entity."""
ASSIGNED = {"version", "updatedAt", "id", "href", "fullyQualifiedName", "updatedBy", "deleted"}
"""Fields that the server gives an entity, and keeps when it is updated."""
COMMON_REFERENCES = {"domains": "domain", "dataProducts": "dataProduct"}


@dataclass
class Record:
    """An entity, and the fields that the last request to create it had: those that a PUT may take away again."""

    document: Document
    requested: frozenset[str]


class Store:
    """All entities of all collections. The documents that it returns belong to the store: don't change them."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self.collections = {collection.kind: collection for collection in collections}
        self._records: dict[str, dict[str, Record]] = {kind: {} for kind in self.collections}
        # Of each id; some may be those of entities that were removed.
        self._names: dict[str, str] = {}
        self.base_url = ""

    def all(self, kind: str) -> list[Document]:
        """Return every entity of a kind, also the deleted ones, by fully qualified name."""
        records = self._records[kind].values()
        return sorted((each.document for each in records), key=lambda entity: str(entity["fullyQualifiedName"]))

    def find(self, kind: str, key: str, *, deleted: bool = True) -> Document:
        """Return an entity by its fully qualified name or id; raise NotFound."""
        return self._record(kind, key, deleted=deleted).document

    def has(self, kind: str, fqn: str) -> bool:
        """Return whether there is an entity of a fully qualified name, deleted or not."""
        return fqn in self._records[kind]

    def find_scope(self, kind: str, fqn: str) -> Document:
        """Return an entity by its kind, for which ``service`` says enough, and its fully qualified name."""
        kinds = [each for each in self.collections if each.endswith("Service")] if kind == "service" else [kind]
        for each in kinds:
            if fqn in self._records.get(each, {}):
                return self.find(each, fqn)
        raise NotFound(kind, fqn)

    def reference(self, kind: str, key: str) -> Document:
        """Return a reference to an entity; raise NotFound."""
        return refer(kind, self.find(kind, key))

    def put(
        self, collection: Collection, request: Document, *, update: bool = True, override: bool = False
    ) -> tuple[Document, bool]:
        """
        Create an entity, or update the one of its name; return it, and whether it is new.

        Without ``update``, one that exists is an error. With ``override``, the request replaces what people wrote.
        """
        if collection.create is None:
            raise ApiError(405, f"{collection.path} can only be read")
        schemas.check(collection.create, request)
        document = self._entity(collection, request)
        record = self._records[collection.kind].get(document["fullyQualifiedName"])
        if record is None:
            # A valid request makes a valid entity: if not, it is an error of this server.
            schemas.check(collection.entity, collection.told(document), status=500)
            return self._insert(collection, document), True
        if not update:
            raise ApiError(409, "Entity already exists")
        requested = frozenset(request)
        hash_ = request.get("sourceHash")
        if not hash_ or hash_ != record.document.get("sourceHash") or record.document["deleted"] or override:
            gone = record.requested - requested - set(CURATED)
            kept = {field: value for field, value in record.document.items() if field not in gone}
            self._replace(collection, record, merge(kept, document, override=override))
            record.requested = requested
        return record.document, False

    def add(self, collection: Collection, request: Document) -> Document:
        """Create an entity that the server comes with, unchecked: the models take time to import."""
        return self._insert(collection, self._entity(collection, request))

    def update(self, collection: Collection, key: str, operations: list[dict[str, Any]]) -> Document:
        """Apply a JSON Patch to an entity."""
        record = self._record(collection.kind, key)
        self._replace(collection, record, patch.apply(record.document, operations))
        return record.document

    def set(self, collection: Collection, key: str, **fields: Any) -> Document:
        """Set fields of an entity which don't make a new version of it."""
        record = self._record(collection.kind, key)
        changed = {**record.document, **fields}
        schemas.check(collection.entity, collection.told(changed))
        record.document = changed
        return changed

    def delete(self, collection: Collection, key: str, *, recursive: bool, hard: bool) -> Document:
        """Mark an entity deleted, or remove it; what is below it too, which must be asked for."""
        document = self.find(collection.kind, key)
        below = list(self.below(document))
        if not recursive and any(hard or not each["deleted"] for _, each in below):
            raise ApiError(400, f"{collection.kind} {document['fullyQualifiedName']} is not empty")
        for each, entity in [(collection, document), *below]:
            if hard:
                del self._records[each.kind][entity["fullyQualifiedName"]]
            else:
                self._mark(each, entity["fullyQualifiedName"], deleted=True)
        return document if hard else self.find(collection.kind, key)

    def restore(self, collection: Collection, key: str) -> Document:
        """Undo the deletion of an entity and of what is below it."""
        document = self.find(collection.kind, key)
        for each, entity in [(collection, document), *self.below(document)]:
            self._mark(each, entity["fullyQualifiedName"], deleted=False)
        return self.find(collection.kind, key)

    def dump(self) -> dict[str, Any]:
        """Return all records by their kind, in the form that `load` takes."""
        return {
            kind: [{"document": each.document, "requested": sorted(each.requested)} for each in records.values()]
            for kind, records in self._records.items()
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Add records, in place of those of the same names; raise KeyError for a kind that is unknown."""
        loaded = {
            kind: {
                each["document"]["fullyQualifiedName"]: Record(each["document"], frozenset(each["requested"]))
                for each in records
            }
            for kind, records in dumped.items()
        }
        for kind, records in loaded.items():
            self._records[kind].update(records)
            self._names |= {record.document["id"]: name for name, record in records.items()}

    def below(self, document: Document) -> Iterator[tuple[Collection, Document]]:
        """Return the entities within an entity, at any depth, with their collections."""
        for collection in self.collections.values():
            ancestors = {*collection.references, *collection.inherits}
            for entity in self.all(collection.kind):
                if any(is_reference_to(entity.get(field), document["id"]) for field in ancestors):
                    yield collection, entity

    def _record(self, kind: str, key: str, *, deleted: bool = True) -> Record:
        records = self._records.get(kind, {})
        record = records.get(key) or records.get(self._names.get(key, ""))
        if record is None or (record.document["deleted"] and not deleted):
            raise NotFound(kind, key)
        return record

    def _entity(self, collection: Collection, request: Document) -> Document:
        document = deepcopy({field: value for field, value in request.items() if value is not None})
        collection.name(document)
        above = ""
        references = {**collection.references, **COMMON_REFERENCES}
        for field in [field for field in references if field in document]:
            document[field] = self._refer(references[field], document[field])
            if field in collection.references and not above and isinstance(document[field], dict):
                parent = self.find(document[field]["type"], document[field]["id"])
                above = parent["fullyQualifiedName"]
                document.update({name: parent[name] for name in collection.inherits if name in parent})
        fqn = document.setdefault("fullyQualifiedName", join(above, document["name"]))
        collection.complete(document)
        id_ = str(uuid5(NAMESPACE_URL, f"{collection.path}/{fqn}"))
        href = f"{self.base_url}/api/v1/{collection.path}/{id_}"
        return {
            **document,
            "id": id_,
            "href": href,
            "version": 0.1,
            "updatedAt": now(),
            "updatedBy": BOT,
            "deleted": False,
        }

    def _insert(self, collection: Collection, document: Document) -> Document:
        requested = frozenset(document) - ASSIGNED
        self._records[collection.kind][document["fullyQualifiedName"]] = Record(document, requested)
        self._names[document["id"]] = document["fullyQualifiedName"]
        return document

    def _refer(self, kind: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._refer(kind, each) for each in value]
        if isinstance(value, dict):
            return self.reference(value["type"], value["id"])
        return self.reference(kind, value)

    def _replace(self, collection: Collection, record: Record, document: Document) -> None:
        collection.complete(document)
        changed = {
            field for field in {*document, *record.document} if document.get(field) != record.document.get(field)
        }
        if changed - BOOKKEEPING:
            document["version"] = round(record.document["version"] + 0.1, 1)
            document["updatedAt"] = now()
        schemas.check(collection.entity, collection.told(document))
        record.document = document

    def _mark(self, collection: Collection, fqn: str, *, deleted: bool) -> None:
        record = self._record(collection.kind, fqn)
        self._replace(collection, record, {**record.document, "deleted": deleted})


def merge(old: Document, new: Document, *, override: bool) -> Document:
    """Return an entity after a bot's PUT: what people wrote stays, unless the request is to override it."""
    curated = {} if override else {field: old[field] for field in CURATED if old.get(field)}
    assigned = {field: old[field] for field in ASSIGNED}
    merged = {**old, **new, **assigned, **curated, "deleted": False}
    if "tags" in old:
        known = {tag["tagFQN"] for tag in old["tags"]}
        merged["tags"] = [*old["tags"], *(tag for tag in new.get("tags", []) if tag["tagFQN"] not in known)]
    if "columns" in old:
        columns = {column["name"]: column for column in old["columns"]}
        merged["columns"] = [
            merge_column(columns.get(column["name"], {}), column, override=override) for column in new["columns"]
        ]
    return merged


def merge_column(old: Document, new: Document, *, override: bool) -> Document:
    kept = {field: old[field] for field in ("description", "displayName", "tags") if old.get(field)}
    return {**kept, **new} if override else {**new, **kept}


def refer(kind: str, document: Document) -> Document:
    """Return a reference to an entity."""
    told = ("id", "name", "fullyQualifiedName", "displayName", "description", "deleted", "href")
    return {"type": kind, **{field: document[field] for field in told if field in document}}


def is_reference_to(value: Any, id_: str) -> bool:
    return isinstance(value, dict) and value.get("id") == id_


def now() -> int:
    """Return the time in epoch milliseconds."""
    return int(time.time() * 1000)
