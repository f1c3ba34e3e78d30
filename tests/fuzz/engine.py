"""Try many inputs: guided by what they reach (atheris), or changed at random where that is not installed.

The first input that breaks a promise is kept as a file, and what it raised is raised.
"""

import hashlib
import random
import sys
import time
from pathlib import Path

from tests.fuzz.mutate import bytes_changed
from tests.fuzz.target import Corpus, Target

__all__ = ["at_random", "guided", "mutated"]

_GROWN = 300


def mutated(target: Target, corpus: Corpus, rng: random.Random) -> bytes:
    """One of the corpus, changed as the target says; mostly, or bytes of it."""
    if target.mutate is not None and rng.random() < 0.7:
        return target.mutate(corpus, rng)[: target.largest]
    return bytes_changed(rng.choice(corpus), corpus, rng, target.words)[: target.largest]


def at_random(target: Target, corpus: Corpus, seconds: float, seed: int, folder: Path) -> str:
    """Change the corpus at random for a while; what was taken may lead on. Says how much was tried.

    Raises what the input raised that broke a promise, which is then a file in ``folder``.
    """
    rng, first = random.Random(seed), len(corpus)
    end, tried, taken = time.monotonic() + seconds, 0, 0
    for data in list(corpus):
        _try(target, data, folder)
    while time.monotonic() < end:
        data = mutated(target, corpus, rng)
        tried += 1
        if not _try(target, data, folder):
            continue
        taken += 1
        if len(data) < target.largest // 16 and rng.random() < 0.01:
            corpus.append(data)
            if len(corpus) > first + _GROWN:
                del corpus[rng.randrange(first, len(corpus))]
    return f"{target.name}, seed {seed}: {tried} inputs, {taken} of them taken, nothing found"


def _try(target: Target, data: bytes, folder: Path) -> bool:
    try:
        return target.tried(data)
    except BaseException:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
        path.write_bytes(data)
        sys.stderr.write(f"kept as {path}\n")
        raise


def guided(target: Target, corpus: Corpus, seconds: float, folder: Path) -> None:
    """Let atheris look for inputs that reach more, in ``folder``, for a while; then this process ends.

    The target must have been imported under ``atheris.instrument_imports``. What is found reaches
    ``folder/corpus``, where the next run begins; what breaks a promise is ``folder/crash-…``.
    """
    import atheris

    beginning = folder / "corpus"
    beginning.mkdir(parents=True, exist_ok=True)
    for data in corpus:
        (beginning / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    def change(data: bytes, largest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, largest))
        return mutated(target, [data, *corpus[:3]], rng)[:largest]

    def test(data: bytes) -> None:
        target.tried(data)

    options = [f"-max_total_time={int(seconds)}", f"-max_len={target.largest}", f"-artifact_prefix={folder}/"]
    if target.words:  # an empty file would be an error
        (folder / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        options.append(f"-dict={folder}/words")
    options += ["-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1", str(beginning)]
    atheris.Setup([sys.argv[0], *options], test, custom_mutator=change)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
