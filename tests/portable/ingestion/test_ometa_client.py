"""The OpenMetadata server, asked for the service of a pipeline."""

from __future__ import annotations

import json
import os
from importlib.metadata import version

from dag_factory.portable.openmetadata.source_configs import KINDS_OF_SERVICES
from tests.forked_python import ForkedPython

ASK = """
import json, sys
from types import SimpleNamespace
from metadata.generated.schema.entity.services.serviceType import ServiceType
from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.ometa_client import fetch_service

class Server:
    def get_by_name(self, entity, fqn):
        asked.append([entity.__name__, fqn])

asked, errors = [], []
references = [{"type": f"{kind.value}Service", "name": "shop"} for kind in ServiceType]
references.append({"type": "databaseService", "name": "a.b", "fullyQualifiedName": '"a.b"'})
references.append({"type": "databaseService", "name": "y.dots"})
references.append({"type": "telepathyService", "name": "shop"})
references.append({"type": "testSuite", "name": "shop"})
for reference in references:
    try:
        fetch_service(Server(), reference)
    except WorkflowError as error:
        errors.append(str(error))
print(json.dumps([asked, errors]))
"""


def test_a_service_of_each_kind_that_openmetadata_ingestion_asks_for_is_asked_for_by_its_fully_qualified_name(
    forked_ingestion: ForkedPython,
) -> None:
    done = forked_ingestion.run(ASK, env=os.environ)
    assert done.returncode == 0, done.stderr
    asked, errors = json.loads(done.stdout.splitlines()[-1])
    # openmetadata-ingestion has models of LLM services, and no way to ask for one.
    kinds = {kind for kind in KINDS_OF_SERVICES if kind != "llmService"}
    assert {entity.lower() for entity, _ in asked} == {kind.lower() for kind in kinds}
    assert asked[-2:] == [["DatabaseService", '"a.b"'], ["DatabaseService", '"y.dots"']]
    assert "the OpenMetadata server has no MlModelService 'shop', or the token may not read it" in errors
    runs_none = "openmetadata-ingestion {} does not support service.type '{}'. It supports {}"
    known = ", ".join(sorted(kinds))
    for kind in ("LLMService", "telepathyService", "testSuite"):
        assert runs_none.format(version("openmetadata-ingestion"), kind, known) in errors
