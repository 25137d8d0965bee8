"""How many examples hypothesis makes: all in ``make test``, a fifth of them in ``make test-fast``."""

from __future__ import annotations

from hypothesis import settings

# Chosen with `--hypothesis-profile`, before pytest imports the first module of tests.
QUICK = "quick"
# Of a test that says nothing, by hypothesis's default.
USUAL = 100


def register_profiles() -> None:
    """Make both profiles known, and use the one that makes all examples."""
    # A busy machine is slow, which must not fail the test.
    settings.register_profile("default", deadline=None)
    settings.register_profile(QUICK, deadline=None, max_examples=USUAL // 5)
    settings.load_profile("default")


def examples(number: int) -> int:
    """Return how many examples a test is to make that makes ``number`` where others make the usual number."""
    default = settings.default
    return max(1, number * (default.max_examples if default is not None else USUAL) // USUAL)
