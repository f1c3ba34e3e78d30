"""Any bytes are a module or a component, or are refused with InvalidWasm; what the engine takes for a module is taken.

Shallow and deep reading agree.
"""

import random

from tests.fuzz.corpus import COMPONENTS, MODULES, accepted, everything
from tests.fuzz.mutate import bytes_changed
from tests.fuzz.target import Corpus, Target
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.examine import examine
from wasmbuild.wasm.model import Section

_LARGEST = 1 << 16


def check(data: bytes) -> bool:
    """Whether the parser takes it."""
    try:
        deep = examine(data, deep=True)
    except InvalidWasm as error:
        if accepted(everything(), data):
            raise AssertionError(f"the engine takes what is refused: {error.cause}") from error
        return False
    shallow = examine(data)
    if read(data) != deep.binary or [part.functions for part in shallow.parts] != [
        part.functions for part in deep.parts
    ]:
        raise AssertionError("read, examine and examine deeply do not agree")
    return True


def mutated(corpus: Corpus, rng: random.Random) -> bytes:
    """One of the corpus, changed in a few places; mostly within one section, whose size is then put right."""
    data = rng.choice(corpus)
    try:
        sections = read(data).sections
    except InvalidWasm:
        sections = ()
    if not sections or rng.random() < 0.3:
        return bytes_changed(data, corpus, rng)[:_LARGEST]
    chosen = rng.choice(sections)
    before = sections.index(chosen)
    start = sections[before - 1].offset + sections[before - 1].size if before else 8
    end = chosen.offset + chosen.size
    content = bytes_changed(_content(data, chosen), corpus, rng)[:_LARGEST]
    return data[:start] + bytes([chosen.id]) + _leb128(len(content)) + content + data[end:]


def _content(data: bytes, section: Section) -> bytes:
    """What a section holds, the name of a custom one included."""
    name = section.name.encode() if section.name is not None else b""
    held = data[section.offset : section.offset + section.size]
    return held if section.name is None else _leb128(len(name)) + name + held


def _leb128(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


TARGET = Target("wasm", (*MODULES.values(), *COMPONENTS.values()), check, mutate=mutated, largest=_LARGEST)
