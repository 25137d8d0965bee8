"""``python -m tests.sandbox.executing CODE ARGUMENT...`` is ``python -c`` for a template, which only runs modules."""

import sys

if __name__ == "__main__":
    del sys.argv[0]
    exec(sys.argv[0])
