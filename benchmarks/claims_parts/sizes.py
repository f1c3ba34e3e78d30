"""Claim: an artifact is smaller than a container image of the same program."""

import gzip

from .compilers import Pair
from .containers import debian, image_bytes
from .report import Bars, Section, Table, sized, times
from .workspace import Missing, Workspace, layout_bytes

_SYSTEM = {"C": (), "Go": (), "Python": ("python3-minimal",)}
"""Debian's packages that a program needs beside the smallest Debian."""


_HOW = """\
The bytes of manifest, config and layers. The artifact is what `wasmbuild build` packs; its layer is not \
compressed, as the format demands, and what gzip would make of the file stands beside it. The static image holds \
one statically linked program, in a gzipped layer, and nothing else. The Debian image has the files of `debootstrap \
--variant=minbase` without documentation in a gzipped layer below the program, for Python with `python3-minimal`. \
Nothing was cached before."""
_LIMITS = """\
Images share layers: whoever has the Debian layer already pulls the program alone. The artifact is for every \
processor, an image for one. Compiled to native code in the cache, WebAssembly takes about two to three times its \
size on the disk."""


def measure(workspace: Workspace, pairs: list[Pair]) -> Section:
    """Weigh what a client pulls of each program."""
    missing: list[str] = []
    rows, bars, verdicts = [], [], []
    for pair in pairs:
        ours = layout_bytes(pair.layout)
        packed = len(gzip.compress(pair.wasm.read_bytes()))
        images = {"static image": _static(pair), "Debian image": _slim(workspace, pair, missing)}
        others = (_beside(size, ours) for size in images.values())
        rows.append((f"{pair.language} hello", sized(ours), sized(packed), *others))
        known = {name: size for name, size in images.items() if size is not None}
        values = (("Wasm artifact", ours / 1e6, True), *((name, size / 1e6, False) for name, size in known.items()))
        bars.append(Bars(f"Pulled: {pair.language} hello", "MB", values))
        verdicts += [f"the {name} in {pair.language} is {_against(size, ours)}" for name, size in known.items()]
    return Section(
        "Size of what is pulled",
        "An artifact holds the program and nothing else, so it is smaller than an image with a system in it.",
        _HOW,
        f"For the program that says hello: {'; '.join(verdicts)}.",
        (Table(("program", "Wasm artifact", "its file, gzipped", "static image", "Debian image"), tuple(rows)),),
        _LIMITS,
        tuple(bars),
        tuple(missing),
    )


def _beside(size: int | None, ours: int) -> str:
    return "-" if size is None else f"{sized(size)} ({times(size / ours)})"


def _against(size: int, ours: int) -> str:
    """An image beside the artifact, in words."""
    if size >= ours:
        return f"{times(size / ours)} the artifact"
    return f"smaller than the artifact, which is {times(ours / size)} as large"


def _static(pair: Pair) -> int | None:
    """An image of one static program; Python's needs a system."""
    return None if pair.language == "Python" else image_bytes(pair.native, None)


def _slim(workspace: Workspace, pair: Pair, missing: list[str]) -> int | None:
    if workspace.quick:
        missing.append(f"{pair.language}: the Debian image is left out by --quick")
        return None
    try:
        return image_bytes(pair.native, debian(*_SYSTEM[pair.language]))
    except Missing as reason:
        missing.append(str(reason))
        return None
