"""The files of a release: built, and built once more to see that the same comes out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from registry.files import storage_errors
from wasmbuild.errors import NotReproducible
from wasmbuild.events import Note, step
from wasmbuild.released import Made as Origin
from wasmbuild.wasm.compare.sections import compare_sections
from wasmbuild.workflows.build import Built, Setting, build
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.release.preflight import Ready

__all__ = ["Made", "make"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Made:
    """A target that was built; ``reproducible`` is None where nobody has tried."""

    built: Built
    reproducible: bool | None = None

    @property
    def origin(self) -> Origin:
        """Where the file comes from."""
        source = self.built.compiled.source
        return "compiled" if source is None else "unchanged" if source == "unchanged" else "cached"

    @property
    def seconds(self) -> float:
        """What building it took."""
        return max(self.built.making.finished - self.built.making.started, 0.0)


def make(
    folder: Path, ready: Sequence[Ready], options: BuildOptions, setting: Setting, *, twice: bool
) -> dict[str, Made]:
    """Build what is not known yet, by label. Raises NotReproducible with ``twice``, and what building raises."""
    labels = tuple(each.item.label for each in ready if each.known is None)
    if not labels:
        return {}
    wanted = replace(options, targets=labels)
    built = {each.label: each for each in build(folder, wanted, setting) if each.label in labels}
    made = {label: Made(each) for label, each in built.items()}
    return _twice(folder, made, wanted, setting) if twice else made


def _twice(folder: Path, made: Mapping[str, Made], options: BuildOptions, setting: Setting) -> dict[str, Made]:
    why = {label: each.built.compiled.planned.toolchain.reproducible for label, each in made.items()}
    for label, reason in why.items():
        if reason is not None:
            setting.sink(Note("warning", f"{label} is not built twice, as it would differ: {reason}"))
    labels = tuple(label for label, reason in why.items() if reason is None)
    if not labels:
        return dict(made)
    with _opened([made[label].built for label in labels]) as first:
        again = build(folder, replace(options, targets=labels, no_cache=True), setting)
        with step(setting.sink, "compare", "the second build"):
            for each in again:
                if each.label in labels and each.compiled.digest != made[each.label].built.compiled.digest:
                    raise _differs(each, first[each.label])
    # The first ones are packed: of the second, the time that it was made is another.
    return {label: replace(each, reproducible=True if label in labels else None) for label, each in made.items()}


@contextmanager
def _opened(built: Sequence[Built]) -> Iterator[dict[str, BinaryIO]]:
    """The files as they are now, whatever takes their names later."""
    with ExitStack() as held, storage_errors("what was built cannot be read"):
        yield {each.label: held.enter_context(each.wasm_path.open("rb")) for each in built}


def _differs(again: Built, first: BinaryIO) -> NotReproducible:
    names = compare_sections(first.read(), again.wasm_path.read_bytes()).names
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return NotReproducible(
        f"{again.label} comes out different each time",
        cause=f"two builds of the same sources differ in {shown or 'bytes between the sections'}",
        hint="--no-check-reproducibility releases it nevertheless",
    )
