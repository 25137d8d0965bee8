"""
Object storage as the store: any kind that fsspec knows, one object for each config, writes that refuse to overwrite.

Runs in every process that opens the store. It knows nothing of what configs say. Clients of object storage are imported
only where a store is at a URL.
"""
