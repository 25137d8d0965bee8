"""
A folder as the store: files that are replaced atomically, a version marker, a lock between writers, bounded links.

Runs in every process that opens the store. It knows nothing of what configs say.
"""
