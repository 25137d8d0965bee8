"""``python -m tests.cli.stored_dags``: stores the DAGs of the config store in a new database, as Airflow does."""

from __future__ import annotations

import sys

BUNDLE = "dags-folder"


def store_dags(*, stale: bool) -> None:
    """Make the tables of the configured database, and store all DAGs; stale ones are those that nothing parses now."""
    from airflow import settings
    from airflow.models import DagModel, import_all_models
    from airflow.models.base import Base
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    from dag_factory import load_dags
    from tests.airflow_versions import DagSerialization

    # Faster than a migration, and the same tables.
    import_all_models()
    Base.metadata.create_all(settings.engine)
    with create_session() as session:
        session.add(DagBundleModel(name=BUNDLE))
    with create_session() as session:
        for dag_id, dag in load_dags().items():
            session.add(
                DagModel(dag_id=dag_id, bundle_name=BUNDLE, relative_fileloc="a.py", fileloc="a.py", is_stale=stale)
            )
            session.flush()
            data = DagSerialization.to_dict(dag)
            SerializedDagModel.write_dag(LazyDeserializedDAG(data=data), BUNDLE, None, session=session)


if __name__ == "__main__":
    store_dags(stale="stale" in sys.argv)
