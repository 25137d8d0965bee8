"""Every pipeline of the OpenMetadata config store becomes an Airflow DAG here."""

from dag_factory import load_dags

# Under names that are no identifiers, so that no pipeline can shadow a name of this module.
globals().update({f"dag {dag_id}": dag for dag_id, dag in load_dags().items()})
