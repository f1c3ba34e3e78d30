"""What is fuzzed: a check, what it begins with, and how long it may take."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Corpus", "Target"]

Corpus = list[bytes]
Mutate = Callable[[Corpus, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """``check`` tells whether an input is taken, and raises when a promise is broken: AssertionError, or what escaped.

    ``words`` are put into inputs; ``mutate`` is how one of the corpus is changed, bytes by default (``mutate.py``).
    An input may take ``seconds`` and ``seconds_per_byte`` of this process's time; ``largest`` is in bytes.
    """

    name: str
    beginning: tuple[bytes, ...]
    check: Callable[[bytes], bool]
    words: tuple[bytes, ...] = ()
    mutate: Mutate | None = None
    largest: int = 1 << 16
    seconds: float = 0.5
    seconds_per_byte: float = 1e-4

    def tried(self, data: bytes) -> bool:
        """Whether an input is taken. Raises AssertionError for a broken promise, too long a time among them."""
        start = time.process_time()
        taken = self.check(data)
        spent = time.process_time() - start
        if spent > self.seconds + self.seconds_per_byte * len(data):
            raise AssertionError(f"{spent:.1f} s for {len(data)} bytes")
        return taken
