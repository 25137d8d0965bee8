"""The text of a loader file: the module that Airflow parses, in a DAGs folder or in our bundle."""

from __future__ import annotations

from dag_factory.store.shards import WHOLE, Shard

# It names DAGs and Airflow, since in its safe mode Airflow skips files that do not.
_TEXT = '''\
"""Every pipeline of {which} becomes an Airflow DAG here."""

from dag_factory import load_dags

# Under names that are no identifiers, so that no pipeline can shadow a name of this module.
globals().update({{f"dag {{dag_id}}": dag for dag_id, dag in load_dags({arguments}).items()}})
'''


def loader_text(shard: Shard = WHOLE) -> str:
    """Return the text of the loader file of a shard. That of the whole is `dags/openmetadata_loader.py`."""
    if shard == WHOLE:
        return _TEXT.format(which="the OpenMetadata config store", arguments="")
    return _TEXT.format(
        which=f"shard {shard.number} of {shard.of} of the OpenMetadata config store",
        arguments=f"shard={shard.number}, of={shard.of}",
    )
