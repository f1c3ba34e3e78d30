"""Which token server a registry may send us to."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.client.realms import check_realm, realm_fault
from registry.errors import AuthenticationFailed


def allowed(realm, host, *, plain=False, realms=()):
    return realm_fault(realm, host, plain=plain, realms=realms) is None


@pytest.mark.parametrize(
    ("realm", "host", "plain"),
    [
        ("https://ghcr.io/token", "ghcr.io", False),
        ("https://GHCR.io/token", "ghcr.io", False),
        ("https://ghcr.io/token", "GHCR.io", False),
        ("https://ghcr.io:8443/token", "ghcr.io:443", False),
        ("https://auth.docker.io/token", "registry-1.docker.io", False),
        ("https://auth.docker.io/token", "docker.io", False),
        ("https://gitlab.com/jwt/auth", "registry.gitlab.com", False),
        ("https://api.digitalocean.com/v2/registry/auth", "registry.digitalocean.com", False),
        ("https://auth.example.co.uk/t", "registry.example.co.uk", False),
        ("https://auth.ada.github.io/t", "ada.github.io", False),
        ("http://127.0.0.1:5001/t", "127.0.0.1:5000", True),
        ("https://127.0.0.1:5000/t", "127.0.0.1:5000", True),
        ("https://[::1]:1/t", "[::1]:2", True),
        ("https://[0:0:0:0:0:0:0:1]/t", "[::1]:2", False),
        ("http://registry:5001/token", "registry:5000", True),
        ("http://auth.example.com/token", "registry.example.com", True),
    ],
)
def test_realms_that_a_registry_may_name(realm, host, plain):
    assert allowed(realm, host, plain=plain)


@pytest.mark.parametrize(
    ("realm", "host", "plain"),
    [
        ("", "ghcr.io", False),
        ("token", "ghcr.io", False),
        ("https:///t", "ghcr.io", False),
        ("file:///etc/passwd", "ghcr.io", False),
        ("ftp://ghcr.io/t", "ghcr.io", True),
        ("http://ghcr.io/token", "ghcr.io", False),
        ("https://evil.io/token", "ghcr.io", False),
        ("https://ghcr.io.evil.io/token", "ghcr.io", False),
        ("https://evilghcr.io/token", "ghcr.io", False),
        ("https://evilexample.com/t", "registry.example.com", False),
        ("https://example.com.evil.org/t", "registry.example.com", False),
        ("https://io/token", "ghcr.io", False),
        ("https://auth.docker.io/token", "ghcr.io", False),
        ("https://auth.docker.io.evil.io/token", "docker.io", False),
        # Suffixes below which strangers live side by side.
        ("https://evil.co.uk/t", "registry.co.uk", False),
        ("https://co.uk/t", "registry.co.uk", False),
        ("https://evil.github.io/t", "ada.github.io", False),
        ("https://github.io/t", "ada.github.io", False),
        ("https://auth.corp.internal/t", "registry.corp.internal", False),
        ("https://evil.ns.svc.cluster.local/t", "r.default.svc.cluster.local", False),
        ("http://auth:5001/token", "registry:5000", True),
        # The same name, spelled so that programs may disagree about it.
        ("https://ghcr.io@evil.io/token", "ghcr.io", False),
        ("https://user@ghcr.io/token", "ghcr.io", False),
        ("https://@ghcr.io/token", "ghcr.io", False),
        ("https://ghcr.io\\@evil.io/token", "ghcr.io", False),
        ("https://ghcr.io./token", "ghcr.io", False),
        ("https://.ghcr.io/token", "ghcr.io", False),
        ("https://auth..gitlab.com/t", "registry.gitlab.com", False),
        ("https://gh\tcr.io/token", "ghcr.io", False),
        ("https://ghcr.io/to\r\nken", "ghcr.io", False),
        ("https://ghcr.io /token", "ghcr.io", False),
        ("https://ghcr%2eio/token", "ghcr.io", False),
        ("https://ghcr。io/token", "ghcr.io", False),
        ("https://ghcr.io:0/token", "ghcr.io", False),
        ("https://ghcr.io:99999/token", "ghcr.io", False),
        ("https://ghcr.io:x/token", "ghcr.io", False),
        ("https://[bad/token", "ghcr.io", False),
        ("https://[::1%25eth0]/t", "[::1]", True),
        ("https://ghcr.io/" + "x" * 3000, "ghcr.io", False),
        # Addresses have no domain.
        ("http://169.254.169.254/latest", "127.0.0.1:5000", True),
        ("http://127.0.0.2/t", "127.0.0.1", True),
        ("https://0.0.1/t", "127.0.0.1", True),
        ("https://127.1/t", "127.0.0.1", True),
        ("https://2130706433/t", "127.0.0.1", True),
        ("https://0x7f.1/t", "127.0.0.1", True),
        ("https://10.0.0.1/t", "registry.example.com", False),
        ("https://[::2]/t", "[::1]", True),
        ("https://example.com/t", "1.2.3.4", False),
    ],
)
def test_realms_that_a_registry_may_not_name(realm, host, plain):
    assert not allowed(realm, host, plain=plain)


@pytest.mark.parametrize(
    ("realm", "configured", "expected"),
    [
        ("https://auth.example.org/t", "auth.example.org", True),
        ("https://auth.example.org:8443/t", "auth.example.org", True),
        ("https://auth.example.org:8443/t", "AUTH.example.org:8443", True),
        ("https://auth.example.org/t", "auth.example.org:443", True),
        ("https://10.0.0.1/t", "10.0.0.1", True),
        ("https://[::2]/t", "[::2]", True),
        ("https://auth.example.org:8443/t", "auth.example.org:443", False),
        ("https://other.example.org/t", "auth.example.org", False),
        ("https://a.auth.example.org/t", "auth.example.org", False),
        ("http://auth.example.org/t", "auth.example.org", False),
        ("https://auth.example.org/t", "auth.example.org:x", False),
        ("https://auth.example.org/t", "", False),
    ],
)
def test_what_a_user_allows(realm, configured, expected):
    assert allowed(realm, "ghcr.io", realms=(configured,)) is expected


def test_the_error_says_what_to_add():
    with pytest.raises(AuthenticationFailed, match="may not name") as caught:
        check_realm("https://auth.example.org:8443/t", "registry.example.com", plain=False)
    assert caught.value.hint.splitlines()[1:] == [
        '[registry.hosts."registry.example.com"]',
        'realms = ["auth.example.org"]',
    ]
    assert "auth.example.org and registry.example.com have no owner in common" in caught.value.cause


def test_what_is_added_is_what_helps():
    import tomllib

    for realm, host in [("https://auth.example.org/t", "docker.io"), ("https://[::2]:7/t", "[::1]:5000")]:
        with pytest.raises(AuthenticationFailed) as caught:
            check_realm(realm, host, plain=False)
        table = tomllib.loads(caught.value.hint.partition("\n")[2])
        check_realm(realm, host, plain=False, realms=table["registry"]["hosts"][host]["realms"])


@pytest.mark.parametrize(
    ("realm", "host"),
    [("https://10.0.0.1/t", "ghcr.io"), ("https://1.com/t", "127.0.0.1"), ("https://127.1/t", "127.0.0.1")],
)
def test_of_addresses_is_said_that_they_are_elsewhere(realm, host):
    assert realm_fault(realm, host, plain=False) == f"it is not on {host}"


@pytest.mark.parametrize("realm", ["http://auth.example.org/t", "https://a\x1b[31m.b/t", "https://u:s3cret@x.io/t"])
def test_nothing_is_suggested_for_what_can_never_be(realm):
    with pytest.raises(AuthenticationFailed) as caught:
        check_realm(realm, "ghcr.io", plain=False)
    assert caught.value.hint is None
    assert "\x1b" not in str(caught.value)


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda text: not text.isdigit())
# No hosting company is called like that: below its names, strangers live side by side.
domain = st.builds(lambda name, suffix: f"zq{name}.{suffix}", label, st.sampled_from(["com", "co.uk", "io", "org.au"]))


@given(domain, label, label, st.integers(1, 65535))
def test_hosts_of_one_domain_may_name_each_other(owned, one, other, port):
    assert allowed(f"https://{one}.{owned}:{port}/t", f"{other}.{owned}")
    assert allowed(f"https://{owned}/t", f"{other}.{owned}:{port}")


@given(domain, domain, label)
def test_hosts_of_two_domains_may_not(one, other, name):
    assume(one != other)
    assert not allowed(f"https://{name}.{one}/t", f"{name}.{other}")
    assert not allowed(f"https://{other}.{one}/t", other)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://ghcr.io", "https://ghcr.io/"]))
def test_any_text_is_a_realm_or_not(text, before):
    host = "ghcr.io"
    if allowed(before + text, host):
        assert (before + text).lower().startswith("https://")
        rest = (before + text)[8:]
        for end in "/?#":
            rest = rest.partition(end)[0]
        assert rest.lower().partition(":")[0] == host
