def get_provider_info() -> dict[str, object]:
    return {"package-name": "openmetadata-dag-factory", "name": "OpenMetadata DAG Factory", "description": "x"}
