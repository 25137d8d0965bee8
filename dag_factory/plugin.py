from airflow.plugins_manager import AirflowPlugin


class OpenMetadataDagFactoryPlugin(AirflowPlugin):
    name = "openmetadata_dag_factory"
