"""The list of repositories, from registries that give it and from those that do not."""

import json

import pytest

from registry.client import catalog as module
from registry.client.catalog import catalog
from registry.client.transport import Transport
from registry.errors import (
    AuthenticationFailed,
    ContentTooLarge,
    Failure,
    RegistryRefused,
    RemoteNotFound,
    UnexpectedAnswer,
)
from tests.client.scripted import Answer, scripted


def page(*names, following=None):
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Answer(200, json.dumps({"repositories": list(names)}).encode(), headers)


def listed(script):
    with scripted(script) as server:
        return catalog(Transport(server.address))


def test_over_several_pages_each_name_once_sorted():
    pages = {
        "/v2/_catalog?n=1000": page("b", "c", following="/v2/_catalog?n=2&last=c"),
        "/v2/_catalog?n=2&last=c": page("a/x", "b"),
    }
    assert listed(lambda asked: pages[asked.path]) == ["a/x", "b", "c"]


def test_an_empty_page_is_the_last():
    assert listed(lambda _: page(following="/v2/_catalog?n=1000")) == []


@pytest.mark.parametrize(
    ("answer", "error", "hint"),
    [
        (Answer(404), RemoteNotFound, "many registries"),
        (Answer(405), RegistryRefused, "many registries"),
        (Answer(401), AuthenticationFailed, "wasmbuild login 127.0.0.1:1, unless"),
        (Answer(403), AuthenticationFailed, "many registries"),
        (Answer(200, b"<html>"), UnexpectedAnswer, "many registries"),
        (Answer(200, b"[]"), UnexpectedAnswer, "many registries"),
        (Answer(200, b'{"repositories":[1]}'), UnexpectedAnswer, "many registries"),
        (Answer(200, b'{"repositories":null}'), UnexpectedAnswer, "many registries"),
        (Answer(500), RegistryRefused, None),
    ],
)
def test_what_is_no_list(answer, error, hint):
    with scripted(lambda _: answer) as server, pytest.raises(error) as caught:
        catalog(Transport(server.address))
    assert "did not list its repositories" in caught.value.what
    if hint is None:
        assert caught.value.hint is None
    else:
        assert hint in caught.value.hint.replace(server.address, "127.0.0.1:1")


def test_a_next_page_elsewhere_is_not_followed():
    with scripted(lambda _: page("x")) as other, pytest.raises(UnexpectedAnswer, match="next page"):
        listed(lambda _: page("a", following=f"http://{other.address}/v2/_catalog"))
    assert other.asked == []


def test_it_ends(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PAGES", 5)
    numbers = iter(range(100))
    with pytest.raises(ContentTooLarge, match="5 pages"):
        listed(lambda asked: page(f"r{next(numbers)}", following=asked.path))
    monkeypatch.setattr(module, "_MOST_NAMES", 2)
    with pytest.raises(ContentTooLarge, match="more than 2"):
        listed(lambda _: page("a", "b", "c"))


def test_names_are_safe_to_show():
    assert listed(lambda _: page("a\x1b[31m")) == ["a\\x1b[31m"]


def test_a_registry_that_is_not_there():
    with pytest.raises(Failure):
        catalog(Transport("127.0.0.1:1"))
