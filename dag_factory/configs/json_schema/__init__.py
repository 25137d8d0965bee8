"""
The JSON Schema of a config and of a `defaults.yaml`, from which an editor completes, explains and checks one.

Runs in a command. It is made from the same models and digests as the validation, and
accepts what that accepts, but for two things on purpose: it refuses every field that is unknown, and every value that
is not written in its own kind. `docs/editor.md` lists what only the validation sees.
"""
