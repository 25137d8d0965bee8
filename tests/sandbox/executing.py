"""``python -m tests.sandbox.executing CODE ARGUMENT...`` is ``python -c CODE ARGUMENT...`` as a module's run."""

import sys

if __name__ == "__main__":
    del sys.argv[0]
    exec(sys.argv[0])
