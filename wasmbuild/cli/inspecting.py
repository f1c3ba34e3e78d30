"""What ``inspect`` found, as a page for a person. What a file or an artifact says of itself is made safe to show."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from registry.words import printable
from wasmbuild.cli.customwords import custom_lines
from wasmbuild.ui.words import size
from wasmbuild.wasm.anatomy import Anatomy, Extern, Part
from wasmbuild.wasm.capabilities import Asked, asked
from wasmbuild.wasm.customs.producers import Producers
from wasmbuild.wasm.model import Limits
from wasmbuild.wasm.sizes import biggest_functions, section_sizes
from wasmbuild.wasm.world import role, wasi_level
from wasmbuild.workflows.inspected import FileContent, Inspected, Published

__all__ = ["page_lines"]

_SHOWN = 40
_FOREIGN = 5
_WIDTH = 14
_EPOCH = "1970-01-01T00:00:00Z"
_UNCHECKED = "what it is, imports and exports is its config's word, which --deep compares with the file"
_ELSEWHERE = "types, sizes, features, producers and nested parts: with --deep, which fetches the file"


def page_lines(found: Inspected, *, whole: bool = False) -> Iterator[str]:
    """The lines of the page; long lists are cut unless it is to be ``whole``."""
    most = None if whole else _SHOWN
    yield printable(found.name)
    yield from _identity(found)
    if found.published is not None:
        yield from _artifact(found.published, found.world)
    if found.content is not None:
        yield from _facts(found.content)
    if found.binary is not None:
        yield from _titled("asks for", map(_asked, asked(found.binary)), none="nothing")
    yield from _interface(found, most)
    if found.content is None:
        yield from _titled("not checked", [_UNCHECKED] if found.kind else [])
        yield from _titled("not here", [_ELSEWHERE])
        return
    yield from _sizes(found.content.anatomy)
    yield from _titled("parts", _parts(found.content.anatomy), most)


def _identity(found: Inspected) -> Iterator[str]:
    if found.binary is None:
        yield from _titled("kind", [found.kind or "not said by its config"])
        yield from _titled("asks for", ["not said by its config: inspect it with --deep"])
    else:
        yield from _titled("kind", [f"{found.binary.kind}, {role(found.binary)}"])
        yield from _titled("WASI", [str(wasi_level(found.binary))])
    yield from _titled("world", [found.world] if found.world else [])
    yield from _titled("size", [f"{found.size:,} bytes"])
    yield from _titled("file", [str(found.digest)])


def _artifact(published: Published, world: str | None) -> Iterator[str]:
    config, manifest = published.config, published.manifest
    platform = "/".join(filter(None, (config.operating_system, config.architecture)))
    yield from _titled("artifact", [manifest.artifact_type] if manifest.artifact_type else [])
    yield from _titled("manifest", [f"{manifest.media_type} ({published.descriptor.size:,} bytes)"])
    yield from _titled("index", [str(published.index.digest)] if published.index else [])
    yield from _titled("config", [f"{manifest.config.media_type}{f', {platform}' if platform else ''}"])
    yield from _titled("target", [f"{config.target}, says its config"] if config.target not in (None, world) else [])
    yield from _titled("layer", [published.carrier.media_type])
    yield from _titled("author", [config.author] if config.author else [])
    yield from _titled("created", [config.created] if config.created not in (None, _EPOCH) else [])
    if manifest.subject:
        yield from _titled("refers to", [str(manifest.subject.digest)])
    yield from _titled("annotations", [f"{key}: {value}" for key, value in sorted(manifest.annotations.items())])
    yield from _titled("doubts", config.doubts)
    if published.attached is None:
        yield from _titled("signatures", ["not known: the registry does not tell"])
        return
    signing = [f"{each.words}: {each.digest}, not verified" for each in published.attached if each.signs]
    yield from _titled("signatures", signing, none="none")
    yield from _titled("attached", [f"{each.words}: {each.digest}" for each in published.attached if not each.signs])


def _interface(found: Inspected, most: int | None) -> Iterator[str]:
    if found.content is not None:
        outermost = found.content.anatomy.outermost
        yield from _titled("imports", map(_extern, outermost.imports), most, none="none")
        yield from _titled("exports", map(_extern, outermost.exports), most, none="none")
    elif found.binary is not None:
        yield from _titled("imports", found.binary.import_names, most, none="none")
        yield from _titled("exports", found.binary.export_names, most, none="none")


def _facts(content: FileContent) -> Iterator[str]:
    part, outermost = content.anatomy.outermost, content.customs[0]
    yield from _titled("name", [part.name] if part.name else [])
    yield from _titled("metadata", [f"{field}: {text}" for field, text in outermost.fields])
    yield from _titled("producers", _producers(content.producers), _SHOWN)
    yield from _titled("memories", [_memory(each) for each in part.memories])
    yield from _titled("start", [f"function {part.start}"] if part.start is not None else [])
    yield from _titled("features", _features(content.anatomy))
    yield from _titled("custom", custom_lines(content), _SHOWN)


def _producers(producers: Producers) -> Iterator[str]:
    for field in dict.fromkeys(entry.field for entry in producers.entries):
        yield f"{field}: {', '.join(str(entry) for entry in producers.of(field))}"


def _features(anatomy: Anatomy) -> Iterator[str]:
    declared = sorted(set().union(*(part.declared for part in anatomy.parts)))
    yield f"declared: {', '.join(declared) or 'none'}"
    looked = [part.used for part in anatomy.modules() if part.used is not None]
    if looked:
        yield f"used: {', '.join(sorted(set().union(*looked))) or 'none'}"


def _sizes(anatomy: Anatomy) -> Iterator[str]:
    sections = section_sizes(anatomy)
    lines = [_share(each.share, each.size, each.name + (" (custom)" if each.custom else "")) for each in sections]
    yield from _titled("sections", lines, _SHOWN)
    biggest = biggest_functions(anatomy)
    places = {part.path: _place(part) for part in anatomy.parts}
    names = [_share(each.share, each.function.size, each.name + places[each.path]) for each in biggest]
    yield from _titled("biggest", names)


def _parts(anatomy: Anatomy) -> Iterator[str]:
    for part in anatomy.parts[1:]:
        yield f"{'  ' * (len(part.path) - 1)}{_part(part)}"


def _part(part: Part) -> str:
    counts = [(len(part.imports), "import"), (len(part.exports), "export"), (len(part.functions), "function")]
    words = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    name = f" {printable(part.name, 100)}" if part.name else ""
    return ", ".join([f"{part.path[-1]}: {part.kind}{name}", size(part.size), *words])


def _extern(each: Extern) -> str:
    return f"{each} {each.type or f'({each.kind})'}"


def _asked(each: Asked) -> str:
    if each.capability is None:
        named = ", ".join(str(wanted) for wanted in each.imports[:_FOREIGN])
        return f"foreign: {each.words} ({named}{_more(each.imports, _FOREIGN)})"
    return f"{each.capability.name}: {each.words}" + (", risk high" if each.capability.risk == "high" else "")


def _more(items: Sequence[object], most: int) -> str:
    return f" and {len(items) - most:,} more" if len(items) > most else ""


def _memory(limits: Limits) -> str:
    most = "" if limits.maximum is None else f", at most {limits.maximum:,} ({size(limits.maximum * limits.page_size)})"
    shared = ", shared" if limits.shared else ""
    wide = ", 64-bit" if limits.index_bits == 64 else ""
    pages = f"{limits.minimum:,} page{'' if limits.minimum == 1 else 's'}"
    return f"{pages} ({size(limits.minimum * limits.page_size)}){most}{shared}{wide}"


def _share(share: float, count: int, words: str) -> str:
    return f"{share:6.1%} {count:>12,}  {words}"


def _place(part: Part) -> str:
    name = f", {printable(part.name, 60)}" if part.name else ""
    return f" (in part {'.'.join(map(str, part.path))}{name})" if part.path else ""


def _titled(title: str, items: Iterable[str], most: int | None = None, *, none: str | None = None) -> Iterator[str]:
    """The items, one a line, the first behind the title; with none of them, what ``none`` says, or nothing."""
    coming = iter(items)
    shown = list(islice(coming, most))
    if more := sum(1 for _ in coming):  # each may be long, and is not kept
        shown.append(f"and {more:,} more, with -v")
    if not shown and none is not None:
        shown.append(none)
    for number, item in enumerate(shown):
        yield f"  {title if number == 0 else '':<{_WIDTH}}{printable(item)}"
