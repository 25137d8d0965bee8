"""
The way from openmetadata-managed-apis to here: what that plugin has left, and what becomes of it.

Runs in the command ``migrate``. It may import all but the API, the page and the plugin.
"""
