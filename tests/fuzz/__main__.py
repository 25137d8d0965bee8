"""
Fuzzes what reads documents and what finds secrets in them, by coverage: ``python -m tests.fuzz TARGET --seconds 120``.

Needs atheris (``pip install atheris``), which is too large to be installed for all tests. What it finds becomes a test
in ``tests/configs/test_document.py`` or ``tests/portable/secrets/test_redaction.py``. It ends with an error at the
first finding, whose input it writes into the working directory, and prints the seed by which a run can be repeated.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

import atheris

from tests.places import TESTS

with atheris.instrument_imports(include=["dag_factory", "yaml", "json"]):
    from tests.fuzz import targets

SAMPLES = TESTS / "samples"
# What a mutation would hardly find.
WORDS = [
    '"$env"', '"$fernet"', '"$connection"', '"field"', '"as"', '"number"', "<<: *a", "&a ", "!!int ", "!!binary ",
    "!!set ", "password", "token", "eyJhbGciOi", "-----BEGIN PRIVATE KEY-----", "://u:p@", "Bearer ", "Basic ", "AKIA",
    "?sig=", "\\\\ud83d", "NaN", "1e999", "value", "name", "headers",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=sorted(targets.TARGETS))
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 2**31))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        for path in SAMPLES.glob("*.json"):
            # The first byte says what a text is read as. Small documents are mutated to better effect.
            document = json.loads(path.read_text())
            for name, value in document.items():
                (corpus / f"{path.stem}_{name}").write_bytes(b"\x00" + json.dumps({name: value}).encode())
                (corpus / f"{path.stem}_{name}.yaml").write_bytes(b"\x01" + targets.as_yaml({name: value}))
        words.write_text("\n".join(json.dumps(word) if "\\" not in word else f'"{word}"' for word in WORDS))
        options = {
            "max_total_time": chosen.seconds,
            "seed": chosen.seed,
            "max_len": 4096,
            "timeout": 20,
            "dict": words,
            "print_final_stats": 1,
            "verbosity": 1,
        }
        arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)]
        atheris.Setup(arguments, targets.TARGETS[chosen.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
