"""`python -m tests.fuzz --minutes N`: every target for its share of the time, guided by coverage.

`python -m tests.fuzz TARGET FILE…` reads files once, as those that a run has kept in `build/fuzz/`.
Without Atheris, which is made for Linux, the mutations alone go on, without guidance.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.mutations import mutate

try:
    import atheris
except ImportError:
    atheris = None

if atheris is None:
    from tests.fuzz.targets import TARGETS
else:
    # What is imported here is watched: which lines and branches an input reaches.
    with atheris.instrument_imports(include=["coinpurse", "tests.fuzz.targets"]):
        from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
BUILD = Path("build/fuzz")
LONGEST = 8192


def main() -> int:
    """Run what was asked for; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="?", choices=list(TARGETS))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=6)
    asked = parser.parse_args()
    if asked.files:
        for path in asked.files:
            TARGETS[asked.target](path.read_bytes())
        return 0
    if asked.target:
        _fuzz(asked.target, asked.minutes * 60)
        return 0
    share = asked.minutes / len(TARGETS)
    found = [name for name in TARGETS if not _run_apart(name, share)]
    if found:
        print(f"Found something in: {', '.join(found)}; the inputs are in {BUILD}/")  # noqa: T201
    return 1 if found else 0


def _run_apart(name: str, minutes: float) -> bool:
    """Fuzz one target in a process of its own: libFuzzer ends the one that it runs in."""
    print(f"== {name}, {minutes:g} minutes", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "tests.fuzz", name, "--minutes", str(minutes)]
    return subprocess.run(command, check=False).returncode == 0


def _fuzz(name: str, seconds: float) -> None:
    """Fuzz one target. Does not come back where Atheris is there."""
    kept = BUILD / name
    kept.mkdir(parents=True, exist_ok=True)
    if atheris is None:
        _mutate_on(name, seconds, kept)
        return
    options = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={LONGEST}",
        "-timeout=20",
        "-print_final_stats=1",
        "-verbosity=0",
        f"-artifact_prefix={kept}/found-",
        # New inputs that reach something new are kept in the first folder; the others are only read.
        str(kept),
        str(CORPUS / name),
    ]
    atheris.Setup([sys.argv[0], *options], TARGETS[name], custom_mutator=_mutated)
    atheris.Fuzz()


def _mutated(data: bytes, most: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.4:
        return bytes(atheris.Mutate(data, most))
    return mutate(data, chance, most)


def _mutate_on(name: str, seconds: float, kept: Path) -> None:
    inputs = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    deadline, chance, runs = time.monotonic() + seconds, random.Random(), 0
    while time.monotonic() < deadline:
        data = mutate(chance.choice(inputs), chance, LONGEST)
        try:
            TARGETS[name](data)
        except BaseException:
            (kept / f"found-{runs}").write_bytes(data)
            raise
        runs += 1
    print(f"{name}: {runs} inputs")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
