"""SBOMs as documents: by their own schemas and rules, with everything in them, and the same each time."""

import json
import re

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from tests.unit.sbom.files import CRATES, RUST, WHOLE, WIT, crates, producers, said
from tests.unit.wasm.sections import MODULE
from wasmbuild.sbom import cyclonedx, spdx
from wasmbuild.sbom.gathering import Known, gather
from wasmbuild.sbom.licenses import License
from wasmbuild.sbom.locks import Package

CREATED = "2026-01-02T03:04:05Z"
KNOWN = Known("file", "pkg:oci/file@sha256:abc?repository_url=example.com/demo/file")
SCHEMA = JsonStrictValidator(SchemaVersion.V1_6)

SPDX_ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")
"""SPDX 2.3, section 7.2."""


def as_cyclonedx(wasm):
    text = cyclonedx.write(gather(wasm, KNOWN), CREATED)
    assert SCHEMA.validate_str(text) is None
    document = json.loads(text)
    keys = ["wasm", *(each["bom-ref"] for each in document["components"])]
    assert [each["ref"] for each in document["dependencies"]] == keys
    assert len(set(keys)) == len(keys)
    for entry in document["dependencies"]:
        assert {*entry.get("dependsOn", ()), *entry.get("provides", ())} <= set(keys)
    return document


def as_spdx(wasm):
    document = json.loads(spdx.write(gather(wasm, KNOWN), CREATED))
    names = [each["SPDXID"] for each in document["packages"]]
    assert len(set(names)) == len(names)
    assert all(SPDX_ID.fullmatch(name) for name in names)
    for relation in document["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= {"SPDXRef-DOCUMENT", *names}
    licenses = {each["licenseId"] for each in document.get("hasExtractedLicensingInfos", ())}
    declared = {each["licenseDeclared"] for each in document["packages"]}
    assert {each for each in declared if each.startswith("LicenseRef-")} == licenses
    return document


def component(document, name):
    (found,) = [each for each in document["components"] if each["name"] == name]
    return found


def package(document, name):
    (found,) = [each for each in document["packages"] if each["name"] == name]
    return found


def test_cyclonedx_of_the_file_itself():
    document = as_cyclonedx(WHOLE)
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert document["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    root = document["metadata"]["component"]
    assert (root["name"], root["version"], root["description"]) == ("hello", "1.2.3", "Says hello")
    assert root["licenses"] == [{"acknowledgement": "declared", "expression": "MIT OR Apache-2.0"}]
    assert root["authors"] == [{"name": "Ada"}]
    assert root["purl"] == KNOWN.purl
    assert {(each["type"], each["url"]) for each in root["externalReferences"]} == {
        ("vcs", "https://example.com/hello.git"),
        ("website", "https://example.com"),
    }
    assert [each["alg"] for each in root["hashes"]] == ["SHA-256"]


def test_cyclonedx_of_what_it_is_made_of():
    document = as_cyclonedx(WHOLE)
    serde = component(document, "serde")
    assert (serde["type"], serde["version"], serde["purl"]) == ("library", "1.0.9", "pkg:cargo/serde@1.0.9")
    assert "scope" not in serde
    assert component(document, "cc")["scope"] == "excluded"
    rustc = component(document, "rustc")
    assert (rustc["type"], rustc["scope"]) == ("application", "excluded")
    assert component(document, "kit")["type"] == "framework"
    assert component(document, "io")["group"] == "wasi"
    assert len(component(document, "inner")["hashes"][0]["content"]) == 64
    edges = {each["ref"]: each for each in document["dependencies"]}
    assert edges["wasm/1"]["provides"] == ["wit:wasi:cli:0.2.3"]
    assert {"wasm/1/0", "wit:wasi:io:0.2.3"} <= set(edges["wasm/1"]["dependsOn"])


def test_spdx_of_the_file_itself():
    document = as_spdx(WHOLE)
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert document["creationInfo"]["created"] == CREATED
    root = document["packages"][0]
    assert document["relationships"][0] == {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": root["SPDXID"],
    }
    assert (root["name"], root["versionInfo"], root["licenseDeclared"]) == ("hello", "1.2.3", "MIT OR Apache-2.0")
    assert root["externalRefs"][0]["referenceLocator"] == KNOWN.purl
    assert root["comment"].startswith("authors: Ada\nhomepage: https://example.com\n")


def test_spdx_of_what_it_is_made_of():
    document = as_spdx(WHOLE)
    names = {each["SPDXID"]: each["name"] for each in document["packages"]}
    edges = {
        (names.get(each["spdxElementId"]), each["relationshipType"], names[each["relatedSpdxElement"]])
        for each in document["relationships"]
    }
    assert {
        ("hello", "CONTAINS", "module 0"),
        ("module 0", "DEPENDS_ON", "app"),
        ("app", "DEPENDS_ON", "serde"),
        ("cc", "BUILD_DEPENDENCY_OF", "app"),
        ("rustc", "BUILD_TOOL_OF", "module 0"),
        ("component 1", "DEPENDS_ON", "wasi:io"),
        ("wasi:cli", "SPECIFICATION_FOR", "component 1"),
        ("hello", "DEPENDS_ON", "kit"),
    } <= edges
    assert package(document, "serde")["externalRefs"][0]["referenceLocator"] == "pkg:cargo/serde@1.0.9"
    assert package(document, "inner")["checksums"][0]["algorithm"] == "SHA256"
    assert package(document, "kit")["primaryPackagePurpose"] == "FRAMEWORK"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("MIT", "identifier"),
        ("MIT OR Apache-2.0", "expression"),
        ("Apache-2.0 WITH LLVM-exception", "expression"),
        ("MIT/Apache-2.0", "other"),
        ("as you like", "other"),
        ("(" * 300, "other"),
        ("MIT OR " * 200 + "MIT", "other"),
    ],
)
def test_licenses_stay_as_they_are(text, form):
    assert License.parse(text) == License(text, form)
    wasm = MODULE + said(licenses=text)
    (choice,) = as_cyclonedx(wasm)["metadata"]["component"]["licenses"]
    assert text in (choice.get("expression"), *choice.get("license", {}).values())
    document = as_spdx(wasm)
    if form == "other":
        assert [each["extractedText"] for each in document["hasExtractedLicensingInfos"]] == [text]
    else:
        assert document["packages"][0]["licenseDeclared"] == text


@pytest.mark.parametrize("source", ["not a url", "https://exa mple.com", "javascript:alert(1)", "https://e.com/\u202e"])
def test_what_is_no_url_is_no_reference(source):
    wasm = MODULE + said(source=source, homepage=source)
    assert "externalReferences" not in as_cyclonedx(wasm)["metadata"]["component"]
    as_spdx(wasm)


@pytest.mark.parametrize("write", [cyclonedx.write, spdx.write])
def test_the_same_file_gives_the_same_document(write):
    first = write(gather(WHOLE, KNOWN), CREATED)
    assert first == write(gather(bytes(WHOLE), Known(KNOWN.name, KNOWN.purl)), CREATED)
    other = write(gather(WHOLE + said(x="1"), KNOWN), CREATED)
    field = "serialNumber" if write is cyclonedx.write else "documentNamespace"
    assert json.loads(first)[field] != json.loads(other)[field]


def test_the_order_of_the_crates_does_not_matter():
    plain = [{**each, "dependencies": []} for each in CRATES]
    turned = list(reversed(plain))
    items = [gather(MODULE + crates(*order), KNOWN).items for order in (plain, turned)]
    assert items[0] == items[1]


@pytest.mark.parametrize("wasm", [MODULE, RUST, WIT])
def test_small_files(wasm):
    as_cyclonedx(wasm)
    as_spdx(wasm)


LOCKED = (
    Package("npm", "@scope/a", "1.0.0", "package-lock.json", license="MIT", direct=True, needs=("npm::b:2.0.0",)),
    Package("npm", "b", "2.0.0", "package-lock.json", archives=(Digest("sha512", "0" * 128),)),
    Package("npm", "t", "1.0.0", "package-lock.json", build=True, direct=True, needs=("npm::b:2.0.0",)),
    Package("golang", "example.com/m", "v1.0.0", "go.mod", sum="h1:abc=", direct=True),
    Package("cargo", "serde", "1.0.9", "Cargo.lock", "crates.io", archives=(Digest("sha256", "a" * 64),)),
)
WITH_LOCKS = Known("file", packages=LOCKED)


def test_cyclonedx_of_what_locks_name():
    text = cyclonedx.write(gather(RUST, WITH_LOCKS), CREATED)
    assert SCHEMA.validate_str(text) is None
    assert cyclonedx.write(gather(RUST, WITH_LOCKS), CREATED) == text
    document = json.loads(text)
    others = [Known("file"), Known("file", packages=LOCKED[1:])]
    serials = {json.loads(cyclonedx.write(gather(RUST, each), CREATED))["serialNumber"] for each in others}
    assert len({document["serialNumber"], *serials}) == 3
    a, b = component(document, "a"), component(document, "b")
    assert (a["group"], a["purl"], a["scope"]) == ("@scope", "pkg:npm/%40scope/a@1.0.0", "optional")
    assert a["licenses"] == [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
    assert a["evidence"] == {"occurrences": [{"location": "package-lock.json"}]}
    assert b["hashes"] == [{"alg": "SHA-512", "content": "0" * 128}]
    assert component(document, "t")["scope"] == "excluded"
    serde = component(document, "serde")
    assert serde["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert serde["evidence"]["occurrences"] == [{"location": "Cargo.lock"}]
    assert "scope" not in serde
    module = component(document, "example.com/m")
    assert {"name": "wasmbuild:go:sum", "value": "h1:abc="} in module["properties"]
    assert module["purl"] == "pkg:golang/example.com/m@v1.0.0"


def test_spdx_of_what_locks_name():
    document = json.loads(spdx.write(gather(RUST, WITH_LOCKS), CREATED))
    names = {each["SPDXID"]: each["name"] for each in document["packages"]}
    edges = {
        (names.get(each["spdxElementId"]), each["relationshipType"], names[each["relatedSpdxElement"]])
        for each in document["relationships"]
    }
    assert {
        ("@scope/a", "OPTIONAL_DEPENDENCY_OF", "file"),
        ("@scope/a", "DEPENDS_ON", "b"),
        ("t", "BUILD_DEPENDENCY_OF", "file"),
        ("t", "DEPENDS_ON", "b"),
        ("example.com/m", "OPTIONAL_DEPENDENCY_OF", "file"),
    } <= edges
    assert package(document, "b")["checksums"] == [{"algorithm": "SHA512", "checksumValue": "0" * 128}]
    assert package(document, "@scope/a")["licenseDeclared"] == "MIT"
    assert "wasmbuild:lock:file: Cargo.lock" in package(document, "serde")["comment"]


WORDS = st.text(max_size=12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["crates.io", "git", ""]), st.booleans()), max_size=4),
    st.lists(st.tuples(WORDS, WORDS), max_size=3),
    st.fixed_dictionaries({}, optional=dict.fromkeys(["authors", "licenses", "source", "homepage", "version"], WORDS)),
)
def test_whatever_a_file_says_the_documents_are_valid(packages, tools, fields):
    listed = [
        {"name": name, "version": version, "source": source, "root": root, "dependencies": [0]}
        for name, version, source, root in packages
    ]
    wasm = MODULE + crates(*listed) + producers(processed_by=tools, sdk=tools) + said(**fields)
    as_cyclonedx(wasm)
    as_spdx(wasm)
