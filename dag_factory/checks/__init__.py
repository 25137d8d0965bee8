"""
What may be wrong with an installation, and the way out: the checks of the command `doctor`, each for itself.

Runs in a process of its own that a user starts. It may import all but `cli`, `api` and what is above them. A check
changes nothing, prints nothing, never shows a secret, and has a limit of time.
"""
