"""What fuzzing once found is read again for ever; new texts are tried by `python -m tests.fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.readers import READERS
from tests.fuzz.running import CORPUS, limited, run
from tests.fuzz.texts import mutated

FOUND = sorted(CORPUS.glob("*/*"))
NAMES = {name.replace(" ", "-"): name for name in READERS}


@pytest.mark.parametrize("file", FOUND, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_what_was_found(file: Path) -> None:
    limited()
    run(NAMES[file.parent.name], file.read_bytes().decode(errors="surrogatepass"))


@pytest.mark.parametrize("name", READERS)
def test_a_few_texts_of_each_reader(name: str) -> None:
    limited()
    chosen = random.Random(name)
    for seed in READERS[name].seeds:
        run(name, seed)
    for _ in range(20):
        run(name, mutated(chosen, READERS[name].seeds))
