"""Credentials in environment variables, each for one registry."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.environment import from_environment, variables_of, variables_set
from registry.errors import AuthenticationFailed, InvalidReference
from registry.reference import Reference

USER, PASSWORD, IDENTITY, REGISTRY = variables_of("ghcr.io")


def test_the_names_of_the_variables():
    assert variables_of("ghcr.io") == (
        "WASMBUILD_REGISTRY_GHCR_IO_USERNAME",
        "WASMBUILD_REGISTRY_GHCR_IO_PASSWORD",
        "WASMBUILD_REGISTRY_GHCR_IO_IDENTITY_TOKEN",
        "WASMBUILD_REGISTRY_GHCR_IO_REGISTRY_TOKEN",
    )
    assert (
        variables_of("my-registry.example.com:5000")[0] == "WASMBUILD_REGISTRY_MY__REGISTRY_EXAMPLE_COM___5000_USERNAME"
    )
    assert variables_of("registry-1.docker.io") == variables_of("docker.io")


@pytest.mark.parametrize(
    ("environment", "kind", "secret"),
    [
        ({USER: "ada", PASSWORD: "s3cret"}, "password", "s3cret"),
        ({IDENTITY: "refresh"}, "identity", "refresh"),
        ({REGISTRY: "bearer", USER: "", PASSWORD: ""}, "registry", "bearer"),
    ],
)
def test_each_kind(environment, kind, secret):
    found = from_environment("ghcr.io", environment)
    assert (found.kind, found.secret) == (kind, secret)
    assert "WASMBUILD_REGISTRY_GHCR_IO" in found.source
    assert secret not in repr(found)


@pytest.mark.parametrize("environment", [{}, {USER: "", PASSWORD: ""}, {"WASMBUILD_REGISTRY_GHCR__IO_USERNAME": "ada"}])
def test_none(environment):
    assert from_environment("ghcr.io", environment) is None
    assert variables_set("ghcr.io", environment) == ()


@pytest.mark.parametrize(
    "environment",
    [
        {USER: "ada"},
        {PASSWORD: "s3cret"},
        {USER: "ada", IDENTITY: "s3cret"},
        {IDENTITY: "s3cret", REGISTRY: "other"},
        {USER: "ada", PASSWORD: "s3cret", REGISTRY: "s3cret"},
    ],
)
def test_what_does_not_go_together(environment):
    with pytest.raises(AuthenticationFailed, match="do not go together") as caught:
        from_environment("ghcr.io", environment)
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
    assert all(name in str(caught.value) for name in environment)


@pytest.mark.parametrize(
    "environment",
    [
        {USER: "a:b", PASSWORD: "s3cret"},
        {USER: "ada", PASSWORD: "s3cret\r\nX-Evil: 1"},
        {IDENTITY: "s3cret\n"},
        {REGISTRY: "s3cret\r\nX-Evil: 1"},
        {REGISTRY: "s3crét"},
        {REGISTRY: "s3cret" * 10_000},
    ],
)
def test_what_cannot_be_sent(environment):
    with pytest.raises(AuthenticationFailed, match="malformed") as caught:
        from_environment("ghcr.io", environment)
    assert "s3cr" not in str(caught.value)
    assert "WASMBUILD_REGISTRY_GHCR_IO" in str(caught.value)


hosts = st.text(string.ascii_lowercase[:3] + "1.-:[]", min_size=1, max_size=12)


def _host(text):
    try:
        return Reference.parse(f"{text}/any").host
    except InvalidReference:
        return None


@given(hosts, hosts)
def test_no_two_registries_share_a_variable(one, other):
    first, second = _host(one), _host(other)
    if first and second and first != second:
        assert not set(variables_of(first)) & set(variables_of(second))


@pytest.mark.parametrize(
    ("one", "other"),
    [("a-b.io", "a.b.io"), ("a--b.io", "a-b.io"), ("a.io:1", "a.io.1"), ("a.io:1", "a.io-1"), ("[::1]", "1")],
)
def test_registries_that_look_alike(one, other):
    assert not set(variables_of(one)) & set(variables_of(other))
