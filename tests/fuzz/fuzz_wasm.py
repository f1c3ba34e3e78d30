"""Try the parser of wasm on broken files: ``python -m tests.fuzz.fuzz_wasm --seconds 60 [FILE…]``.

With atheris where it is installed, otherwise by mutating a corpus at random. Every input must be an
InvalidWasm or a result, must not take longer than its size allows, and what the engine takes for a module
must be taken. The first input that breaks this is written to ``--keep``, and its exception is raised.
"""

import argparse
import importlib.util
import random
import sys
import time
from pathlib import Path

from tests.fuzz.corpus import COMPONENTS, MODULES, accepted, everything
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.examine import examine
from wasmbuild.wasm.model import Section

_INTERESTING = (0x00, 0x01, 0x0B, 0x3F, 0x40, 0x4E, 0x60, 0x63, 0x7E, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
_SECONDS, _SECONDS_PER_BYTE = 0.5, 1e-4
_LARGEST, _KEPT = 1 << 16, 300
_BEGINNING = (*MODULES.values(), *COMPONENTS.values())


def check(data: bytes) -> bool:
    """Whether the parser takes it.

    Raises AssertionError, or whatever escapes the parser, when it does not hold what it promises.
    """
    start = time.process_time()
    try:
        deep = examine(data, deep=True)
    except InvalidWasm as error:
        if accepted(everything(), data):
            raise AssertionError(f"the engine takes what is refused: {error.cause}") from error
        return False
    taken = time.process_time() - start
    if taken > _SECONDS + _SECONDS_PER_BYTE * len(data):
        raise AssertionError(f"{taken:.1f} s for {len(data)} bytes")
    shallow = examine(data)
    if read(data) != deep.binary or [part.functions for part in shallow.parts] != [
        part.functions for part in deep.parts
    ]:
        raise AssertionError("read, examine and examine deeply do not agree")
    return True


def mutated(corpus: list[bytes], rng: random.Random) -> bytes:
    """One of the corpus, changed in a few places; mostly within one section, whose size is then put right."""
    data = rng.choice(corpus)
    sections = read(data).sections
    if not sections or rng.random() < 0.3:
        return _changed(data, corpus, rng)
    chosen = rng.choice(sections)
    before = sections.index(chosen)
    start = sections[before - 1].offset + sections[before - 1].size if before else 8
    end = chosen.offset + chosen.size
    content = _changed(_content(data, chosen), corpus, rng)
    return data[:start] + bytes([chosen.id]) + _leb128(len(content)) + content + data[end:]


def _content(data: bytes, section: Section) -> bytes:
    """What a section holds, the name of a custom one included."""
    name = section.name.encode() if section.name is not None else b""
    held = data[section.offset : section.offset + section.size]
    return held if section.name is None else _leb128(len(name)) + name + held


def _changed(old: bytes, corpus: list[bytes], rng: random.Random) -> bytes:
    data = bytearray(old)
    for _ in range(1 << rng.randrange(3)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if place < len(data):
                data[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(data):
                data[place] = rng.choice(_INTERESTING)
            case 2:
                del data[place : place + rng.randrange(1, 9)]
            case 3:
                data[place:place] = bytes(rng.choices(_INTERESTING, k=rng.randrange(1, 5)))
            case 4:
                other = rng.choice(corpus)
                start = rng.randrange(len(other))
                data[place : place + rng.randrange(9)] = other[start : start + rng.randrange(1, 33)]
            case _:
                data[place:place] = data[place : place + rng.randrange(1, 33)]
    return bytes(data[:_LARGEST])


def _leb128(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _fuzz_at_random(corpus: list[bytes], seconds: float, seed: int, keep: Path) -> str:
    rng = random.Random(seed)
    end, tried, taken = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        data = mutated(corpus, rng)
        tried += 1
        try:
            is_taken = check(data)
        except BaseException:
            keep.write_bytes(data)
            raise
        taken += is_taken
        if is_taken and len(data) < _LARGEST // 16 and rng.random() < 0.01:  # what was taken may lead on
            corpus.append(data)
            if len(corpus) > _KEPT:
                del corpus[rng.randrange(len(_BEGINNING), len(corpus))]
    return f"seed {seed}: {tried} inputs, {taken} of them taken, nothing found"


def _check_quietly(data: bytes) -> None:
    check(data)


def _fuzz_with_atheris(corpus: list[bytes], seconds: float, folder: Path) -> None:
    import atheris

    folder.mkdir(exist_ok=True)
    for place, data in enumerate(corpus):
        (folder / f"{place}.wasm").write_bytes(data)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", f"-max_len={_LARGEST}", str(folder)], _check_quietly)
    atheris.Fuzz()


def main() -> None:
    """Fuzz for a while."""
    parser = argparse.ArgumentParser(description="Fuzz the parser of wasm.")
    parser.add_argument("files", nargs="*", type=Path, help="more files to begin with")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-wasm-found.wasm"))
    arguments = parser.parse_args()
    corpus = [*_BEGINNING, *(file.read_bytes() for file in arguments.files)]
    if importlib.util.find_spec("atheris"):
        _fuzz_with_atheris(corpus, arguments.seconds, arguments.keep.with_suffix(".corpus"))
        return
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 2**32
    sys.stdout.write(_fuzz_at_random(corpus, arguments.seconds, seed, arguments.keep) + "\n")


if __name__ == "__main__":
    main()
