"""
A folder as the store: files replaced whole, a version marker, a lock between its writers, links that stay inside.

Runs in every process that opens the store. It imports the root and nothing of what configs say.
"""
