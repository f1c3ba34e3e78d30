"""``inspect`` as a JSON document; ``docs/inspect.md`` has its fields."""

from typing import Any

from wasmbuild.wasm.anatomy import Extern, Part
from wasmbuild.wasm.capabilities import Asked, asked
from wasmbuild.wasm.customs.dependencies import Dependency
from wasmbuild.wasm.customs.sections import Customs
from wasmbuild.wasm.model import Limits, WasmBinary
from wasmbuild.wasm.sizes import biggest_functions, section_sizes
from wasmbuild.wasm.world import role, wasi_level
from wasmbuild.workflows.inspected import Attached, FileContent, Inspected, Published

__all__ = ["asked_to_json", "dependency_to_json", "to_json"]


def to_json(found: Inspected) -> dict[str, Any]:
    """The document of the command; what is not known is null or left out, as the documentation says."""
    binary = found.binary
    return {
        "name": found.name,
        "kind": found.kind,
        "role": role(binary) if binary else None,
        "world": found.world,
        "wasi": _wasi(binary) if binary else None,
        "size": found.size,
        "digest": str(found.digest) if found.digest else None,
        "capabilities": [asked_to_json(each) for each in asked(binary)] if binary else None,
        **(_of_file(found.content) if found.content else _of_config(binary)),
        "artifact": _published(found.published) if found.published else None,
    }


def _wasi(binary: WasmBinary) -> dict[str, Any]:
    level = wasi_level(binary)
    return {"levels": list(level.levels), "versions": list(level.versions), "unknown": list(level.unknown)}


def asked_to_json(each: Asked) -> dict[str, Any]:
    """A capability that a file asks for; of what is foreign, name and risk are null."""
    return {
        "name": each.capability.name if each.capability else None,
        "risk": each.capability.risk if each.capability else None,
        "words": each.words,
        "imports": [str(wanted) for wanted in each.imports],
    }


def _of_config(binary: WasmBinary | None) -> dict[str, Any]:
    """Names are all that a config has."""
    if binary is None:
        return {"imports": None, "exports": None}
    imports = [{"module": each.module, "name": each.name, "kind": None} for each in binary.imports]
    return {"imports": imports, "exports": [{"name": each.name, "kind": None} for each in binary.exports]}


def _of_file(content: FileContent) -> dict[str, Any]:
    anatomy = content.anatomy
    outermost = anatomy.outermost
    return {
        "imports": [_extern(each, imported=True) for each in outermost.imports],
        "exports": [_extern(each, imported=False) for each in outermost.exports],
        "sections": [
            {"id": each.id, "name": each.name or each.kind, "offset": each.offset, "size": each.size}
            for each in outermost.sections
        ],
        "sizes": [
            {"name": each.name, "custom": each.custom, "size": each.size, "share": round(each.share, 6)}
            for each in section_sizes(anatomy)
        ],
        "biggestFunctions": [
            {
                "part": list(each.path),
                "index": each.function.index,
                "name": each.function.name,
                "shown": each.name,
                "size": each.function.size,
                "share": round(each.share, 6),
            }
            for each in biggest_functions(anatomy)
        ],
        "parts": [
            {**_part(part), "customs": _customs(customs)}
            for part, customs in zip(anatomy.parts, content.customs, strict=True)
        ],
    }


def _extern(each: Extern, *, imported: bool) -> dict[str, Any]:
    module = {"module": each.module} if imported else {}
    return {**module, "name": each.name, "kind": each.kind, "type": each.type or None}


def _part(part: Part) -> dict[str, Any]:
    return {
        "path": list(part.path),
        "kind": part.kind,
        "name": part.name,
        "offset": part.offset,
        "size": part.size,
        "imports": len(part.imports),
        "exports": len(part.exports),
        "functions": len(part.functions),
        "start": part.start,
        "memories": [_limits(each) for each in part.memories],
        "tables": list(part.tables),
        "globals": len(part.globals),
        "dataSegments": part.data_segments,
        "dataBytes": part.data_bytes,
        "elementSegments": part.element_segments,
        "featuresDeclared": sorted(part.declared),
        "featuresUsed": None if part.used is None else sorted(part.used),
    }


def _customs(customs: Customs) -> dict[str, Any]:
    library, docs, signature = customs.shared_library, customs.package_docs, customs.signature
    return {
        "fields": dict(customs.fields),
        "producers": [
            {"field": each.field, "name": each.name, "version": each.version} for each in customs.producers.entries
        ],
        "targetFeatures": list(customs.target_features),
        "buildId": customs.build_id,
        "dependencies": [dependency_to_json(each) for each in customs.dependencies],
        "componentTypes": list(customs.component_types),
        "packageDocs": docs.text if docs else None,
        "needed": list(library.needed) if library else None,
        "sourceMap": customs.source_map,
        "debugBytes": customs.debug_bytes,
        "wasmedgeBytes": customs.wasmedge_bytes,
        "signature": {"signatures": signature.signatures, "keyIds": list(signature.key_ids)} if signature else None,
        "unreadable": [{"name": each.name, "why": each.why} for each in customs.unreadable],
    }


def dependency_to_json(each: Dependency) -> dict[str, Any]:
    """A crate that a file says it was built from; ``dependencies`` are places in the same list."""
    return {
        "name": each.name,
        "version": each.version,
        "source": each.source,
        "build": each.build,
        "root": each.root,
        "dependencies": list(each.dependencies),
    }


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "minimum": limits.minimum,
        "maximum": limits.maximum,
        "shared": limits.shared,
        "indexBits": limits.index_bits,
        "pageSize": limits.page_size,
    }


def _published(published: Published) -> dict[str, Any]:
    config, attached = published.config, published.attached
    return {
        "reference": published.reference,
        "descriptor": published.descriptor.to_json(),
        "index": published.index.to_json() if published.index else None,
        "artifactType": published.manifest.artifact_type,
        "subject": published.manifest.subject.to_json() if published.manifest.subject else None,
        "annotations": dict(sorted(published.manifest.annotations.items())),
        "layer": published.carrier.to_json(),
        "config": {
            "descriptor": published.manifest.config.to_json(),
            "created": config.created,
            "author": config.author,
            "os": config.operating_system,
            "architecture": config.architecture,
            "target": config.target,
            "doubts": list(config.doubts),
        },
        "signatures": None if attached is None else [_attached(each) for each in attached if each.signs],
        "attached": None if attached is None else [_attached(each) for each in attached if not each.signs],
    }


def _attached(each: Attached) -> dict[str, Any]:
    return {"kind": each.words, "digest": str(each.digest), "tag": each.tag}
