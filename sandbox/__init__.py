"""A local environment to develop and test in: an OpenMetadata server, a source database and an Airflow."""
