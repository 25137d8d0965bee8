"""The OpenMetadata server, asked for the service of a pipeline."""

from __future__ import annotations

import json
import subprocess
import sys

# In a process of its own: the imports are heavy.
ASK = """
import json, sys
from types import SimpleNamespace
from metadata.generated.schema.entity.services.serviceType import ServiceType
from metadata.utils.class_helper import SERVICE_TYPE_REF
from dag_factory.errors import WorkflowError
from dag_factory.workflow.server import fetch_service

class Server:
    def get_by_name(self, entity, fqn):
        asked.append([entity.__name__, fqn])

asked, errors = [], []
kinds = sorted({SERVICE_TYPE_REF.get(kind.value, f"{kind.value.lower()}Service") for kind in ServiceType})
references = [{"type": kind, "name": "shop"} for kind in kinds]
references.append({"type": "databaseService", "name": "a.b", "fullyQualifiedName": '"a.b"'})
references.append({"type": "databaseService", "name": "y.dots"})
references.append({"type": "telepathyService", "name": "shop"})
for reference in references:
    try:
        fetch_service(Server(), reference)
    except WorkflowError as error:
        errors.append(str(error))
print(json.dumps([kinds, asked, errors]))
"""


def test_a_service_of_each_kind_that_openmetadata_ingestion_knows_is_asked_for_by_its_fully_qualified_name() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ASK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds, asked, errors = json.loads(done.stdout.splitlines()[-1])
    assert {"databaseService", "dashboardService", "mlmodelService", "securityService", "mcpService"} <= set(kinds)
    assert [entity.lower() for entity, _ in asked[:-2]] == [kind.lower() for kind in kinds]
    assert asked[-2:] == [["DatabaseService", '"a.b"'], ["DatabaseService", '"y.dots"']]
    assert "has no databaseService 'shop'" in " ".join(errors)
    assert errors[-1] == "service.type 'telepathyService' is unknown to openmetadata-ingestion"
