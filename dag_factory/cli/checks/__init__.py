"""
The checks of the command `doctor`: each looks for one fault of an installation, and says how to mend it.

Runs in a process of its own that a user starts. It may import what `cli` may, and of `cli` how a command
prints. A check leaves nothing changed, prints nothing, never shows a secret, and has a limit of time.
"""
