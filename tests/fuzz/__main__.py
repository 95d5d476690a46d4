"""`python -m tests.fuzz --seconds N`: every reader on texts made of its seeds, at random.

A finding is an exception that the reader may not raise, more than 2 s of CPU for a text, or more
memory than 400 MB beyond that of the modules. FindingErrors are saved in tests/data/fuzz, where
tests/trust/test_fuzz.py reads them again for ever.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import resource
import sys
import time
from pathlib import Path

from tests.fuzz.readers import READERS
from tests.fuzz.running import CORPUS, MEMORY, FindingError, limited, name_of, run
from tests.fuzz.texts import mutated


def _work(seed: int, seconds: float) -> int:
    chosen = random.Random(seed)
    address, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, address))
    end, count, found = time.monotonic() + seconds, 0, 0
    names = list(READERS)
    while time.monotonic() < end:
        name = names[count % len(names)]
        text = mutated(chosen, READERS[name].seeds)
        count += 1
        try:
            run(name, text)
        except FindingError as finding:
            found += 1
            place = CORPUS / name_of(name, text)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode(errors="surrogatepass"))
            print(f"{name}: {finding}\n  {place}", flush=True)
    print(f"{count} texts, {found} findings (seed {seed})", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    faulthandler.enable()
    limited()
    children = []
    for number in range(given.jobs):
        child = os.fork()
        if not child:
            os._exit(bool(_work(given.seed + number, given.seconds)))
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    for seed, status in enumerate(statuses, given.seed):
        if status not in {0, 1}:
            print(f"the one with the seed {seed} ended with {status}: a finding", flush=True)
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
