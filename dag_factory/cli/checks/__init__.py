"""
What may be wrong with an installation, and the way out: the checks of the command `doctor`, each for itself.

Runs in a process of its own that a user starts. It may import all but the commands, `api` and `page`. A check
changes nothing, prints nothing, never shows a secret, and has a limit of time.
"""
