import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import InvalidReference
from registry.reference import Reference, valid_repository, valid_tag

DIGEST = f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("ghcr.io/acme/hello:1.0.0", "ghcr.io", "acme/hello", "1.0.0", None),
        (f"ghcr.io/acme/hello@{DIGEST}", "ghcr.io", "acme/hello", None, DIGEST),
        (f"ghcr.io/acme/hello:1.0.0@{DIGEST}", "ghcr.io", "acme/hello", "1.0.0", DIGEST),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", None, None),
        ("[::1]:5000/a/b:c", "[::1]:5000", "a/b", "c", None),
        ("[::1]/a", "[::1]", "a", None, None),
        ("localhost/a:b", "localhost", "a", "b", None),
        ("GHCR.io/a:B", "ghcr.io", "a", "B", None),
        ("alpine", "docker.io", "library/alpine", None, None),
        ("alpine:3", "docker.io", "library/alpine", "3", None),
        ("acme/hello", "docker.io", "acme/hello", None, None),
        ("index.docker.io/acme/hello", "docker.io", "acme/hello", None, None),
        ("docker.io/alpine", "docker.io", "library/alpine", None, None),
        ("r.io/a__b/c-d/e.f/g---h:x", "r.io", "a__b/c-d/e.f/g---h", "x", None),
    ],
)
def test_parts(text, host, repository, tag, digest):
    expected = Reference(host, repository, tag, Digest.parse(digest) if digest else None)
    assert Reference.parse(text) == expected
    assert Reference.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("ghcr.io/", "no repository"),
        ("ghcr.io/:tag", "no repository"),
        ("https://ghcr.io/a/b", "scheme"),
        ("ghcr.io/Acme/Hello", "lower case: acme/hello"),
        ("ghcr.io/a//b", "not a repository"),
        ("ghcr.io/../b", "not a repository"),
        ("ghcr.io/a/b:", "tag"),
        ("ghcr.io/a/b:-x", "tag"),
        (f"ghcr.io/a/b:{'x' * 129}", "tag"),
        ("ghcr.io/a/b@sha256:123", "64 hex digits"),
        ("ghcr.io/a/b@", "not a digest"),
        ("ghcr.io:99999/a", "not a port"),
        ("ghcr.io:0/a", "not a port"),
        ("ghcr.io:x/a", "not a host"),
        ("[::g]/a:1", "not a host"),
        ("[1::2::3]:80/a", "At most one"),
        ("-x.io/a", "not a host"),
        ("user@host.io/a", "names no user"),
        ("ghcr.io/a/b@sha256", "not a digest"),
        ("host.io/a b", "not a repository"),
        (f"r.io/{'a' * 255}", "longer than 255"),
        ("r.io/a:b:c", "tag"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ada:hunter2@ghcr.io/acme/app:1", "ghcr.io"),
        ("https://ada:hunter2@ghcr.io:8443/acme/app", "ghcr.io:8443"),
        ("ada:hunter2@localhost:5000", "localhost:5000"),
        ("ada:hunter2@ghcr.io", "ghcr.io"),
        ("ada:p@hunter2@ghcr.io/app", "ghcr.io"),
        ("ada:hunter2/x@ghcr.io/app", "ghcr.io"),
    ],
)
def test_a_password_is_not_shown(text, host):
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.cause} {caught.value.hint}"
    assert caught.value.hint == f"wasmbuild login {host}"


def test_the_longest_name():
    assert valid_repository("a" * 255)
    assert not valid_repository("a" * 256)
    assert len(Reference.parse(f"r.io/{'a' * 250}").name) == 255
    with pytest.raises(InvalidReference, match="longer than 255"):
        Reference.parse(f"r.io/{'a' * 251}")


@given(st.text(max_size=400))
def test_any_text_is_a_reference_or_refused(text):
    try:
        reference = Reference.parse(text)
    except InvalidReference as failure:
        assert len(str(failure)) < 600
        return
    assert Reference.parse(str(reference)) == reference
    assert valid_repository(reference.repository)
    assert reference.tag is None or valid_tag(reference.tag)


def test_pinned_and_short():
    reference = Reference.parse("r.io/a:1").pinned(Digest.parse(DIGEST))
    assert str(reference) == f"r.io/a@{DIGEST}"
    assert reference.short == "r.io/a@sha256:bbbbbbbbbbbb"
    assert reference.selector == DIGEST
    assert Reference.parse("r.io/a:1").selector == "1"
    assert Reference.parse("r.io/a").selector is None


def test_the_short_form_cuts_a_digest():
    assert Reference.parse("r.io/a:b").short == "r.io/a:b"
    assert Reference.parse(f"r.io/a@{DIGEST}").short == f"r.io/a@sha256:{'b' * 12}"
