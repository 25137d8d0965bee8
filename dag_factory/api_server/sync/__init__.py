"""
Compares the config store with the pipelines of the OpenMetadata server, and brings back what is missing or older.

Runs in a command, and in the API server where it checks from time to time. It may import all but `plugin`, `page`,
`api` and `cli`. It imports no ingestion code.
"""
