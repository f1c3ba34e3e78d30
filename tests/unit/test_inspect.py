"""``inspect``: files, artifacts by their documents alone, and what other tools leave out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Descriptor, Manifest, describe
from registry.reference import Reference
from registry.strictjson import canonical_json
from tests.client.scripted import Answer, scripted
from tests.contract.making import push_index
from tests.unit.test_discover import BUNDLE, SIGN
from wasmbuild.artifact import WASM_CONFIG, WASM_LAYER, pack
from wasmbuild.caches import Caches
from wasmbuild.cli.inspecting import page_lines
from wasmbuild.cli.main import run
from wasmbuild.errors import UnknownArtifact
from wasmbuild.events import Note, ignore
from wasmbuild.wasm.editing.metadata import add_metadata
from wasmbuild.workflows.inspect import read_content
from wasmbuild.workflows.inspect_json import to_json
from wasmbuild.workflows.inspected import Inspected
from wasmbuild.workflows.published import fetched_file, inspect_artifact, read_config

MODULE = add_metadata(
    bytes(
        wat2wasm(
            """(module $hello
              (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "path_open"
                (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
              (import "env" "abort" (func $abort))
              (memory (export "memory") 2 16)
              (data (i32.const 0) "hello")
              (func $big (export "_start") i32.const 0 i32.const 0 i32.const 5 memory.fill call $abort)
              (func $small))"""
        )
    ),
    {"description": "Says hello", "version": "1.0.0"},
)
COMPONENT = bytes(
    wat2wasm(
        """(component
          (import "wasi:cli/stdout@0.2.3" (instance))
          (core module $inner (func $lifted (export "run") (result i32) i32.const 0))
          (core instance $i (instantiate $inner))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (instance $r (export "run" (func $run)))
          (export "wasi:cli/run@0.2.3" (instance $r)))"""
    )
)
NAMES = ("env::abort", "wasi_snapshot_preview1::fd_write", "wasi_snapshot_preview1::path_open")
LAYER = Descriptor(WASM_LAYER, Digest.of(MODULE), len(MODULE))


@pytest.fixture
def caches(tmp_path) -> Caches:
    return Caches(tmp_path / "cache")


@pytest.fixture
def repository(registry_address, repository_name):
    return Registries().repository(Reference.parse(f"{registry_address}/{repository_name}"))


def look(artifact, caches, sink=ignore, *, deep=False):
    if isinstance(artifact, Path):
        return Inspected(artifact.name, read_content(artifact, deep=deep))
    return inspect_artifact(artifact, deep=deep, caches=caches, registries=Registries(), sink=sink)


def in_file(tmp_path, data):
    file = tmp_path / "hello.wasm"
    file.write_bytes(data)
    return file


def publish(repository, data, **settings):
    packed = pack(data, "hello", **settings)
    packed.push_to(repository)
    repository.tag(packed.manifest, "1")
    return packed.manifest


def publish_with(repository, config, media_type=WASM_CONFIG):
    """An artifact of MODULE as another tool might have written it."""
    document = Manifest(config=describe(media_type, config), layers=(LAYER,)).encode()
    contents = ((describe(media_type, config), config), (LAYER, MODULE), (describe(OCI_MANIFEST, document), document))
    for descriptor, content in contents:
        push_bytes(repository, descriptor, content)
    repository.tag(describe(OCI_MANIFEST, document), "1")


def refer(repository, subject, artifact_type, **annotations):
    push_bytes(repository, EMPTY, EMPTY_BYTES)
    document = Manifest(EMPTY, (EMPTY,), artifact_type=artifact_type, subject=subject, annotations=annotations).encode()
    descriptor = describe(OCI_MANIFEST, document)
    push_bytes(repository, descriptor, document)
    return descriptor


def test_a_module_as_a_document(tmp_path, caches):
    file = in_file(tmp_path, MODULE)
    found = to_json(look(file, caches))
    assert (found["kind"], found["role"], found["world"]) == ("module", "command", None)
    assert found["wasi"] == {"levels": ["0.1"], "versions": ["wasi_snapshot_preview1"], "unknown": []}
    assert (found["size"], found["digest"]) == (len(MODULE), str(Digest.of(MODULE)))
    assert [(each["name"], each["risk"]) for each in found["capabilities"]] == [
        ("filesystem", "high"),
        ("stdio", "low"),
        (None, None),
    ]
    assert found["capabilities"][-1]["imports"] == ["env::abort"]
    assert found["imports"][2] == {"module": "env", "name": "abort", "kind": "function", "type": "(func)"}
    assert found["exports"][0] == {"name": "memory", "kind": "memory", "type": "(memory 2 16)"}
    assert sum(each["size"] for each in found["sizes"]) == len(MODULE)
    assert [(each["name"], each["index"]) for each in found["biggestFunctions"]] == [("big", 3), ("small", 4)]
    (part,) = found["parts"]
    assert (part["name"], part["functions"], part["dataBytes"]) == ("hello", 2, 5)
    assert part["memories"][0] == {
        "minimum": 2,
        "maximum": 16,
        "shared": False,
        "indexBits": 32,
        "pageSize": 65536,
    }
    assert part["customs"]["fields"] == {"description": "Says hello", "version": "1.0.0"}
    assert found["artifact"] is None
    json.dumps(found)


def test_features_that_the_code_uses_are_found_only_when_asked_for(tmp_path, caches):
    file = in_file(tmp_path, MODULE)
    assert to_json(look(file, caches))["parts"][0]["featuresUsed"] is None
    deep = look(file, caches, deep=True)
    assert "bulk-memory" in to_json(deep)["parts"][0]["featuresUsed"]
    assert any("used: " in line and "bulk-memory" in line for line in page_lines(deep))


def test_a_component_as_a_page(tmp_path, caches):
    text = "\n".join(page_lines(look(in_file(tmp_path, COMPONENT), caches)))
    for words in (
        "component, command",
        "wasi:cli/command@0.2.3",
        "stdio: reads standard input",
        "wasi:cli/stdout@0.2.3 (instance)",
        "0: module inner",
        "lifted (in part 0, inner)",
    ):
        assert words in text


def test_long_lists_are_cut_and_shown_whole_when_asked_for(tmp_path, caches):
    imports = "".join(f'(import "env" "f{number}" (func))' for number in range(60))
    found = look(in_file(tmp_path, bytes(wat2wasm(f"(module {imports})"))), caches)
    cut, whole = "\n".join(page_lines(found)), "\n".join(page_lines(found, whole=True))
    assert "env::f59 " not in cut
    assert "and 20 more, with -v" in cut
    assert "env::f59 " in whole


def test_of_an_artifact_only_the_documents_are_read(repository, caches):
    annotations = {"org.opencontainers.image.source": "https://example.org"}
    manifest = publish(repository, MODULE, annotations=annotations, created="2026-01-02T03:04:05Z")
    found = look(f"{repository}:1", caches)
    assert not caches.root.exists()  # nothing was fetched to keep
    document = to_json(found)
    assert (document["kind"], document["role"], document["size"]) == ("module", "command", len(MODULE))
    assert [each["name"] for each in document["capabilities"]] == ["filesystem", "stdio", None]
    assert document["imports"][0] == {"module": "env", "name": "abort", "kind": None}
    assert "sizes" not in document
    artifact = document["artifact"]
    assert artifact["reference"] == f"{repository}@{manifest.digest}"
    assert artifact["annotations"] == annotations
    assert artifact["config"]["created"] == "2026-01-02T03:04:05Z"
    assert (artifact["signatures"], artifact["attached"]) == ([], [])
    text = "\n".join(page_lines(found))
    assert "with --deep" in text
    assert "2026-01-02T03:04:05Z" in text
    assert "org.opencontainers.image.source: https://example.org" in text


def test_of_an_artifact_the_file_is_fetched_when_asked_for(repository, caches):
    publish(repository, COMPONENT)
    document = to_json(look(f"{repository}:1", caches, deep=True))
    assert caches.root.exists()
    assert document["artifact"]["config"]["target"] == document["world"] == "wasi:cli/command@0.2.3"
    assert [part["path"] for part in document["parts"]] == [[], [0]]
    fetched = fetched_file(f"{repository}:1", caches=caches, registries=Registries(), sink=ignore)
    assert fetched.path.read_bytes() == COMPONENT


def test_the_documents_and_the_file_agree(repository, caches):
    for data in (MODULE, COMPONENT):
        publish(repository, data)
        by_config, by_file = (to_json(look(f"{repository}:1", caches, deep=deep)) for deep in (False, True))
        for field in ("kind", "role", "world", "wasi", "size", "digest", "capabilities"):
            assert by_config[field] == by_file[field]


def test_signatures_and_what_else_is_attached(repository, caches):
    manifest = publish(repository, MODULE)
    bundle = refer(repository, manifest, BUNDLE, **SIGN)
    notation = refer(repository, manifest, "application/vnd.cncf.notary.signature")
    sbom = refer(repository, manifest, "application/spdx+json")
    tagged = refer(repository, None, "application/vnd.example.older")
    repository.tag(tagged, f"sha256-{manifest.digest.encoded}.sig")
    artifact = to_json(look(f"{repository}:1", caches))["artifact"]
    assert {(each["kind"], each["digest"]) for each in artifact["signatures"]} == {
        ("signature, sigstore bundle", str(bundle.digest)),
        ("signature of Notation", str(notation.digest)),
        ("cosign signature", str(tagged.digest)),
    }
    assert [each["digest"] for each in artifact["attached"]] == [str(sbom.digest)]
    text = "\n".join(page_lines(look(f"{repository}:1", caches)))
    assert "not verified" in text


def test_signatures_of_an_index_are_those_of_what_it_leads_to(repository, caches):
    manifest = publish(repository, MODULE)
    platform = {"platform": {"os": "wasi", "architecture": "wasm"}}
    index = push_index(repository, replace(manifest, extra=platform))
    repository.tag(index, "all")
    refer(repository, index, BUNDLE, **SIGN)
    artifact = to_json(look(f"{repository}:all", caches))["artifact"]
    assert artifact["index"]["digest"] == str(index.digest)
    assert artifact["descriptor"]["digest"] == str(manifest.digest)
    assert len(artifact["signatures"]) == 1


def test_a_registry_that_does_not_list_referrers_is_no_registry_without_signatures(repository, caches):
    packed = pack(MODULE, "hello")
    contents = {
        packed.manifest.digest: packed.manifest_bytes,
        packed.config.digest: packed.config_bytes,
    }

    def answer(asked):
        if "/referrers/" in asked.path:
            return Answer(403)
        name = asked.path.rsplit("/", 1)[-1]
        data = packed.manifest_bytes if name == "1" else contents.get(Digest.parse(name)) if ":" in name else None
        if data is None:
            return Answer(404)
        kind = packed.manifest.media_type if data is packed.manifest_bytes else "application/octet-stream"
        return Answer(200, data, {"Content-Type": kind, "Docker-Content-Digest": str(Digest.of(data))})

    events = []
    with scripted(answer) as server:
        found = look(f"{server.address}/hello:1", caches, events.append)
    assert to_json(found)["artifact"]["signatures"] is None
    assert any(isinstance(event, Note) and "not known" in event.text for event in events)
    assert any("the registry does not tell" in line for line in page_lines(found))


@pytest.mark.parametrize(
    ("config", "media_type", "kind"),
    [
        (b"{}", "application/vnd.wasm.config.v1+json", None),
        (b"{}", "application/vnd.oci.image.config.v1+json", None),
        (b'{"os":"wasip1","layerDigests":[],"component":null,"author":null}', WASM_CONFIG, "module"),
        (b'{"component":{"imports":null}}', WASM_CONFIG, "component"),
        (b"null", WASM_CONFIG, None),
        (b"{", WASM_CONFIG, None),
    ],
)
def test_what_other_tools_leave_out_is_said(repository, caches, config, media_type, kind):
    publish_with(repository, config, media_type)
    found = look(f"{repository}:1", caches)
    document, text = to_json(found), "\n".join(page_lines(found))
    assert (document["kind"], document["imports"], document["capabilities"]) == (kind, None, None)
    assert document["size"] == len(MODULE)
    assert "asks for      not said by its config: inspect it with --deep" in text
    assert to_json(look(f"{repository}:1", caches, deep=True))["kind"] == "module"


def test_what_is_no_webassembly_says_what_it_is(repository, caches):
    layer = describe("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"x")
    config = describe("application/vnd.cncf.helm.config.v1+json", b"{}")
    document = Manifest(config=config, layers=(layer,)).encode()
    for descriptor, content in ((config, b"{}"), (layer, b"x"), (describe(OCI_MANIFEST, document), document)):
        push_bytes(repository, descriptor, content)
    repository.tag(describe(OCI_MANIFEST, document), "1")
    with pytest.raises(UnknownArtifact, match="a Helm chart"):
        look(f"{repository}:1", caches)


def config_of(**settings):
    return read_config(canonical_json(settings), WASM_CONFIG, LAYER)


LIES = {
    "hides": (
        {"module": {"imports": [], "exports": ["_start", "memory"]}},
        "file imports what its config does not name",
    ),
    "invents": (
        {"module": {"imports": list(NAMES), "exports": ["_start", "memory", "x\x1b[31m"]}},
        "its config says that it exports what the file does not: x\\x1b[31m",
    ),
    "other kind": ({"component": {"imports": [], "exports": []}}, "that of a component, and the file is a module"),
    "world": (
        {"component": {"imports": [], "exports": [], "target": "wasi:cli/command@0.2.3"}},
        "its config says that it targets wasi:cli/command@0.2.3, and the file does not",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_config_that_lies_is_found_out_by_looking_into_the_file(repository, caches, lie):
    said, words = LIES[lie]
    publish_with(repository, canonical_json(said))
    events = []
    found = look(f"{repository}:1", caches, events.append, deep=True)
    warnings = [each.text for each in events if isinstance(each, Note) and each.level == "warning"]
    assert any(words in text for text in warnings)
    assert to_json(found)["artifact"]["config"]["doubts"] == warnings
    assert found.world is None
    assert [line for line in page_lines(found) if words in line]


def test_a_config_that_is_true_or_says_nothing_is_no_lie(repository, caches):
    for said in ({"module": {"imports": NAMES, "exports": ["memory", "_start"], "target": "acme:app/own"}}, {}):
        publish_with(repository, canonical_json(said))
        events = []
        found = look(f"{repository}:1", caches, events.append, deep=True)
        assert not [each for each in events if isinstance(each, Note) and each.level == "warning"]
        assert found.published.config.doubts == ()


def test_without_the_file_the_page_says_whose_word_it_is(repository, caches):
    publish(repository, MODULE)
    assert any("its config's word" in line for line in page_lines(look(f"{repository}:1", caches)))
    assert not any("its config's word" in line for line in page_lines(look(f"{repository}:1", caches, deep=True)))


def test_a_config_of_wkg_has_no_target_and_the_world_is_found_without_it(repository, caches):
    part = {"exports": ["wasi:cli/run@0.2.3"], "imports": ["wasi:cli/stdout@0.2.3"], "target": None}
    publish_with(repository, canonical_json({"created": "x", "author": None, "component": part}))
    assert to_json(look(f"{repository}:1", caches))["world"] == "wasi:cli/command@0.2.3"


def test_a_config_that_contradicts_itself_is_doubted():
    assert config_of(component={"imports": "all", "exports": []}).doubts == ("its config has a malformed 'component'",)
    assert config_of(component={"imports": [1], "exports": []}).binary is None
    assert config_of(module=[]).doubts == ("its config has a malformed 'module'",)
    (doubt,) = config_of(layerDigests=[str(Digest.of(b"other"))]).doubts
    assert "another layer" in doubt
    assert config_of(layerDigests=[str(LAYER.digest)], created=7, target=7).doubts == ()
    with pytest.raises(InvalidDocument):
        read_config(b"[]", WASM_CONFIG, LAYER)


def test_a_config_of_a_module_has_names_of_modules():
    binary = config_of(module={"imports": ["env::a::b", "odd"], "exports": ["_start"]}).binary
    assert [(each.module, each.name) for each in binary.imports] == [("env", "a::b"), (None, "odd")]
    assert binary.kind == "module"


def tell(capfd, *words):
    code = run(["inspect", *map(str, words)])
    return code, *capfd.readouterr()


def nested(levels):
    """Components in components, each in the only section of the one around it."""
    data = b"\0asm\x0d\0\1\0"
    for _ in range(levels):
        size, rest = [], len(data)
        while rest > 0x7F:
            size.append(rest & 0x7F | 0x80)
            rest >>= 7
        data = b"\0asm\x0d\0\1\0\x04" + bytes([*size, rest]) + data
    return data


BAD = {
    "nested": (nested(1000), "nested 100 deep"),
    "empty": (b"", "it is empty"),
    "text": (b"(module)", "WebAssembly text"),
    "elf": (b"\x7fELF" + bytes(20), "a native program"),
    "zip": (b"PK\x03\x04" + bytes(20), "a zip archive"),
    "html": (b"<!doctype html>", "HTML"),
    "head only": (b"\0asm", "ends within its first 8 bytes"),
    "version": (b"\0asm\x07\0\0\0", "version 7, which is not known"),
    "layer": (b"\0asm\x01\0\x09\0", "layer 9"),
    "truncated": (MODULE[:-3], "are left"),
    "truncated component": (COMPONENT[: len(COMPONENT) // 2], "are left"),
    "a lying length": (b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f", "are left"),
    "an endless number": (b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff\xff", "longer than 32 bits"),
    "an unknown section": (b"\0asm\x01\0\0\0\x63\0", "unknown kind 99"),
}


@pytest.mark.parametrize(("data", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("html", [False, True])
def test_what_cannot_be_read_says_why(tmp_path, capfd, data, words, html):
    out = tmp_path / "picture.html"
    code, stdout, stderr = tell(capfd, in_file(tmp_path, data), *(["--html", out] if html else ["--deep"]))
    assert (code, stdout) == (1, "")
    assert "error[WB601]" in stderr
    assert words in stderr
    assert not out.exists()


def custom(name, content):
    body = bytes([len(name)]) + name + content
    return b"\0" + bytes([len(body)]) + body


def test_what_a_file_says_of_itself_does_nothing_to_a_terminal(tmp_path, capfd):
    evil = "\x1b]0;owned\x07\u202e"
    escaped = "".join(f"\\{byte:02x}" for byte in evil.encode())
    wat = f"""(module (import "{escaped}" "{escaped}" (func)) (func (export "{escaped}"))
        (@custom "{escaped}" "x") (@custom "description" "{escaped}") (@custom "sourceMappingURL" "\\0e{escaped}"))"""
    file = in_file(tmp_path, bytes(wat2wasm(wat)))
    code, stdout, stderr = tell(capfd, file, "-v", "--deep")
    assert code == 0
    assert not {"\x1b", "\x07", "\u202e"} & {*stdout, *stderr}
    assert "\\x1b]0;owned\\x07\\u202e" in stdout
    assert json.loads(tell(capfd, file, "--format", "json")[1])["imports"][0]["name"] == evil


def test_a_broken_custom_section_is_said_and_breaks_nothing(tmp_path, capfd):
    data = MODULE + custom(b"producers", b"\x05") + custom(b".dep-v0", b"junk") + custom(b"build_id", b"\x02\xab\xcd")
    code, stdout, _ = tell(capfd, in_file(tmp_path, data))
    assert code == 0
    assert "producers cannot be read: " in stdout
    assert ".dep-v0 cannot be read: " in stdout
    assert "build identity abcd" in stdout


def test_a_wasi_that_nobody_knows_is_named(tmp_path, capfd):
    data = bytes(wat2wasm('(component (import "wasi:cli/stdout@7.0.0" (instance)))'))
    code, stdout, _ = tell(capfd, in_file(tmp_path, data))
    assert code == 0
    assert "7.0 (not known)" in stdout
    assert "foreign: " in stdout


def test_the_picture_is_written_where_it_was_asked_for(tmp_path, capfd):
    file, out = in_file(tmp_path, MODULE), tmp_path / "picture.html"
    assert tell(capfd, file, "--html", out) == (0, f"{out}\n", "")
    code, stdout, _ = tell(capfd, file, "--html", "-")
    assert (code, stdout) == (0, out.read_text())
    document = json.loads(tell(capfd, file, "--html", out, "--format", "json")[1])
    assert (document["file"], document["size"]) == (str(out), len(out.read_bytes()))


def test_a_picture_never_takes_the_place_of_the_file(tmp_path, capfd):
    file, other = in_file(tmp_path, MODULE), tmp_path / "other.wasm"
    other.hardlink_to(file)
    for output in (file, other):
        code, _, stderr = tell(capfd, file, "--html", output)
        assert (code, "is the file that is read" in stderr) == (2, True)
    assert file.read_bytes() == MODULE


@pytest.mark.parametrize(
    ("word", "why"), [(".", "it is a folder"), ("/dev/zero", "a device"), ("-", "stdin"), ("", "stdin")]
)
def test_what_is_no_file_says_what_it_is(capfd, word, why):
    code, _, stderr = tell(capfd, word)
    assert (code, why in stderr) == (2, True)


def test_a_picture_and_code_do_not_go_together(tmp_path, capfd):
    code, _, stderr = tell(capfd, in_file(tmp_path, MODULE), "--html", "-", "--format", "wat")
    assert code == 2
    assert "do not go together" in stderr


def test_a_module_has_no_wit(tmp_path, capfd):
    code, stdout, stderr = tell(capfd, in_file(tmp_path, MODULE), "--format", "wit")
    assert (code, stdout) == (1, "")
    assert "the file is a module" in stderr


def test_other_verbs_have_no_such_formats(tmp_path, capfd):
    assert run(["version", "--format", "wit"]) == 2
    assert "'text', 'json'" in capfd.readouterr().err.replace("\n", " ")


def test_a_file_needs_neither_configuration_nor_cache(tmp_path, capfd, monkeypatch):
    broken = tmp_path / "config.toml"
    broken.write_text("[")
    monkeypatch.setenv("WASMBUILD_CONFIG", str(broken))
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", "/dev/null")
    assert tell(capfd, in_file(tmp_path, MODULE))[0] == 0
    code, _, stderr = tell(capfd, "localhost:1/a/b:1")
    assert code == 2
    assert "config.toml" in stderr


def test_through_the_verb_an_artifact_is_the_same(repository, capfd, private_cache):
    publish(repository, COMPONENT)
    documents = [json.loads(tell(capfd, f"{repository}:1", "--format", "json", *more)[1]) for more in ([], ["--deep"])]
    assert [("parts" in each, each["world"]) for each in documents] == [
        (False, "wasi:cli/command@0.2.3"),
        (True, "wasi:cli/command@0.2.3"),
    ]
    code, stdout, _ = tell(capfd, f"{repository}:1", "--html", "-")
    assert (code, "module 0 inner" in stdout) == (0, True)


def test_what_is_nested_deeply_can_still_be_looked_at(tmp_path, capfd):
    file = in_file(tmp_path, nested(90))
    assert "0: component" in tell(capfd, file, "-v")[1]
    assert len(json.loads(tell(capfd, file, "--format", "json")[1])["parts"]) == 91
    assert tell(capfd, file, "--html", "-")[0] == 0
