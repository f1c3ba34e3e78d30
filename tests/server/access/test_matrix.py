"""Every verb, for every principal, on repositories of every visibility, over HTTP."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests

from registry.digest import Digest
from registry.server.access.accounts import add_user
from registry.server.access.api_tokens import issue_token
from registry.server.access.rules import parse_grant
from registry.server.config.access import IssuerConfig, PublisherConfig
from registry.server.storage.folder import FolderStorage

PULL, PUSH, OVERWRITE, DELETE, ADMIN = "pull", "push", "overwrite", "delete", "admin"
ALL = frozenset({PULL, PUSH, OVERWRITE, DELETE, ADMIN})
PULLING, PUSHING = frozenset({PULL}), frozenset({PULL, PUSH})
NOTHING: frozenset[str] = frozenset()

# What each may do where, written down a second time: the rules of ``closed_site`` must come to this.
MATRIX: dict[str, dict[str, frozenset[str]]] = {
    #              everyone may pull      users may pull         a group's own          nobody's
    "anonymous": {"public/app": PULLING, "team/app": NOTHING, "dev/app": NOTHING, "closed/app": NOTHING},
    "ada": {"public/app": PULLING, "team/app": PULLING, "dev/app": NOTHING, "closed/app": NOTHING},
    "dev": {
        "public/app": PUSHING,
        "team/app": PULLING,
        "dev/app": PUSHING | {OVERWRITE},
        "closed/app": NOTHING,
    },
    "cleaner": {"public/app": PULLING, "team/app": PULLING | {DELETE}, "dev/app": NOTHING, "closed/app": NOTHING},
    "blind": {"public/app": PULLING, "team/app": PULLING, "dev/app": {PUSH}, "closed/app": NOTHING},
    "root": {"public/app": ALL, "team/app": ALL, "dev/app": ALL, "closed/app": ALL},
    "dev's token to pull": {"public/app": PULLING, "team/app": PULLING, "dev/app": PULLING, "closed/app": NOTHING},
    "root's token for team": {"public/app": NOTHING, "team/app": ALL, "dev/app": NOTHING, "closed/app": NOTHING},
    "workload": {"public/app": PULLING, "team/app": NOTHING, "dev/app": PUSHING, "closed/app": NOTHING},
    "root's session to pull from team": {
        "public/app": NOTHING,
        "team/app": PULLING,
        "dev/app": NOTHING,
        "closed/app": NOTHING,
    },
}
REPOSITORIES = tuple(MATRIX["root"])
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def closed_site(tmp_path_factory: pytest.TempPathFactory, tools: Any, helpers: Any) -> Iterator[Any]:
    from registry.server.config import ServerConfig
    from registry.server.config.access import AccessConfig
    from registry.server.testing import running_server
    from tests.server.access.issuer import serving_issuer

    rule = helpers.rule
    rules = (
        rule("**", "user:root", ADMIN),
        rule("public/*", "everyone", PULL),
        rule("public/*", "group:dev", PUSH),
        rule("team/*", "users", PULL),
        rule("team/*", "user:cleaner", DELETE),
        rule("dev/*", "group:dev", PULL, PUSH, OVERWRITE),
        rule("dev/*", "user:blind", PUSH),
    )
    with serving_issuer() as issuer, requests.Session() as session:
        folder = tmp_path_factory.mktemp("matrix")
        users = folder / "htpasswd"
        users.write_text("".join(map(helpers.htpasswd_line, ("root", "ada", "cleaner", "blind"))))
        access = AccessConfig(
            htpasswd=users,
            rules=rules,
            groups={"dev": ("dev",)},
            issuers=(IssuerConfig(issuer.url, "registry"),),
            publishers=(PublisherConfig("ci", issuer.url, {"sub": "ci"}, "dev/*", (PULL, PUSH)),),
            egress_allow=("127.0.0.0/8",),
            immutable=("dev/app:fixed",),
            fail_delay=0.0,
        )
        data = folder / "data"
        with running_server(data, ServerConfig(data, access=access)) as address:
            session.trust_env = False
            yield Site(tools.Api(address, session), data, issuer, helpers)


class Site:
    def __init__(self, api: Any, data: Any, issuer: Any, helpers: Any) -> None:
        self.api = api
        self.make = type(api)
        tokens = helpers.change(data, self._accounts)
        secret = helpers.password
        self.credentials: dict[str, tuple[str, str] | None] = {
            "anonymous": None,
            **{name: (name, secret) for name in ("ada", "cleaner", "blind", "root")},
            "dev": ("dev", secret),
            "dev's token to pull": ("dev", tokens[0]),
            "root's token for team": ("token", tokens[1]),
            "workload": ("oidc", issuer.token(sub="ci")),
        }
        asked = {"scope": "repository:team/app:pull"}
        answer = api.call("GET", "/auth/token", params=asked, auth=("root", secret))
        self.bearer = {"root's session to pull from team": answer.json()["token"]}
        self.root = self.client("root")

    @staticmethod
    def _accounts(connection: Any) -> tuple[str, str]:
        from registry.server.access.passwords import hash_password

        add_user(connection, "dev", hash_password("correct horse"))
        add_user(connection, "root", None)
        return (
            issue_token(connection, "dev", grants=(parse_grant("**:pull"),), lifetime=None),
            issue_token(connection, "root", grants=(parse_grant("team/**:admin"),), lifetime=600),
        )

    def client(self, principal: str) -> Any:
        session = requests.Session()
        session.trust_env = False
        if principal in self.bearer:
            session.headers["Authorization"] = f"Bearer {self.bearer[principal]}"
        else:
            session.auth = self.credentials[principal]
        return self.make(self.api.address, session)


Verb = Callable[[Any, Any, str], requests.Response]


def image(site: Any, repository: str) -> tuple[str, str]:
    """A manifest of its own: its tag and digest, pushed by the administrator."""
    tag = f"t{next(NUMBERS)}"
    return tag, site.root.push_image(tag, repository, annotations={"n": tag})


def fresh(site: Any, repository: str, tools: Any) -> tuple[str, bytes]:
    tag = f"t{next(NUMBERS)}"
    return tag, site.root.image(repository, annotations={"n": tag})


def overwrite(site: Any, api: Any, repository: str) -> requests.Response:
    tag, _ = image(site, repository)
    return api.put_manifest(tag, site.root.image(repository, annotations={"n": f"other {tag}"}), repository)


def overwrite_by_query(site: Any, api: Any, repository: str) -> requests.Response:
    """CVE-2026-31801: several tags at once are several rights at once."""
    tag, _ = image(site, repository)
    other = site.root.push_image(f"t{next(NUMBERS)}", repository, annotations={"n": f"second {tag}"})
    body = site.root.get_manifest(other, repository).content
    return api.call(
        "PUT",
        f"/v2/{repository}/manifests/{other}?tag=new-{tag}&tag={tag}",
        data=body,
        headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
    )


def upload(site: Any, api: Any, repository: str) -> requests.Response:
    answer = api.call("POST", f"/v2/{repository}/blobs/uploads/")
    if answer.status_code != 202:
        return answer
    place = answer.headers["Location"]
    assert api.call("PATCH", place, data=b"a part").status_code == 202
    assert api.call("GET", place).status_code == 204
    return api.call("DELETE", place)


def push(site: Any, api: Any, repository: str) -> requests.Response:
    return api.put_manifest(
        f"t{next(NUMBERS)}", site.root.image(repository, annotations={"n": str(next(NUMBERS))}), repository
    )


def push_blob(site: Any, api: Any, repository: str) -> requests.Response:
    import hashlib

    data = b"blob %d" % next(NUMBERS)
    digest = hashlib.sha256(data).hexdigest()
    return api.call("POST", f"/v2/{repository}/blobs/uploads/?digest=sha256:{digest}", data=data)


def get(path: str, method: str = "GET") -> Verb:
    def run(site: Any, api: Any, repository: str) -> requests.Response:
        tag, digest = image(site, repository)
        blob = site.root.push_blob(b"layer", repository)
        return api.call(method, f"/v2/{repository}/" + path.format(tag=tag, digest=digest, blob=blob))

    return run


VERBS: dict[str, tuple[Verb, frozenset[str]]] = {
    "get a manifest by tag": (get("manifests/{tag}"), PULLING),
    "get a manifest by digest": (get("manifests/{digest}"), PULLING),
    "look at a manifest": (get("manifests/{tag}", "HEAD"), PULLING),
    "get a blob": (get("blobs/{blob}"), PULLING),
    "look at a blob": (get("blobs/{blob}", "HEAD"), PULLING),
    "list tags": (get("tags/list"), PULLING),
    "list referrers": (get("referrers/{digest}"), PULLING),
    "upload in parts": (upload, frozenset({PUSH})),
    "push a blob": (push_blob, frozenset({PUSH})),
    "push a manifest": (push, frozenset({PUSH})),
    "move a tag": (overwrite, frozenset({PUSH, OVERWRITE})),
    "move a tag among others": (overwrite_by_query, frozenset({PUSH, OVERWRITE})),
    "delete a tag": (get("manifests/{tag}", "DELETE"), frozenset({DELETE})),
    "delete a manifest": (get("manifests/{digest}", "DELETE"), frozenset({DELETE})),
    "delete a blob": (get("blobs/{blob}", "DELETE"), frozenset({DELETE})),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("principal", MATRIX)
def test_the_matrix(closed_site: Any, tools: Any, principal: str, verb: str) -> None:
    act, needed = VERBS[verb]
    api = closed_site.client(principal)
    for repository, may in MATRIX[principal].items():
        answer = act(closed_site, api, repository)
        where = (principal, verb, repository, answer.status_code, answer.text)
        if needed <= may:
            assert answer.ok, where
        elif principal == "anonymous":
            assert answer.status_code == 401, where
            assert f'scope="repository:{repository}:' in answer.headers["WWW-Authenticate"], where
        elif principal in closed_site.bearer:
            assert answer.status_code == 401, where
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"], where
        else:
            assert answer.status_code == 403, where
        if not answer.ok and answer.request.method != "HEAD":
            assert tools.codes(answer) == ["UNAUTHORIZED" if answer.status_code == 401 else "DENIED"], where
    api.session.close()


@pytest.mark.parametrize("principal", MATRIX)
def test_what_is_there_and_what_is_not_are_refused_alike(closed_site: Any, principal: str) -> None:
    image(closed_site, "closed/app")
    api = closed_site.client(principal)
    there, nowhere = (api.get_manifest("t0", name) for name in ("closed/app", "closed/none"))
    if principal != "root":
        assert there.status_code == nowhere.status_code
        assert there.text.replace("closed/app", "closed/none") == nowhere.text


@pytest.mark.parametrize("principal", [name for name in MATRIX if "session" not in name])
def test_the_catalog_lists_what_may_be_pulled(closed_site: Any, principal: str) -> None:
    for repository in REPOSITORIES:
        image(closed_site, repository)
    api = closed_site.client(principal)
    token = api.call("GET", "/auth/token?scope=registry:catalog:*").json()["token"]
    api.session.auth = None
    answer = api.call("GET", "/v2/_catalog", headers={"Authorization": f"Bearer {token}"})
    expected = sorted(name for name, may in MATRIX[principal].items() if PULL in may)
    assert [name for name in answer.json()["repositories"] if name in REPOSITORIES] == expected


@pytest.mark.parametrize("query", ["&from={source}", ""])
@pytest.mark.parametrize("principal", MATRIX)
def test_a_mount_needs_pull_where_it_comes_from(closed_site: Any, principal: str, query: str) -> None:
    api = closed_site.client(principal)
    for target, source in itertools.permutations(REPOSITORIES, 2):
        blob = closed_site.root.push_blob(b"mounted %d" % next(NUMBERS), source)
        answer = api.call("POST", f"/v2/{target}/blobs/uploads/?mount={blob}{query.format(source=source)}")
        if PUSH not in MATRIX[principal][target]:
            assert answer.status_code in {401, 403}
        elif PULL in MATRIX[principal][source]:
            assert answer.status_code == 201
        else:
            absent = "sha256:" + "0" * 64
            never = api.call("POST", f"/v2/{target}/blobs/uploads/?mount={absent}{query.format(source=source)}")
            assert answer.status_code == never.status_code == 202
            assert set(answer.headers) == set(never.headers)


def test_an_upload_is_its_principals(closed_site: Any) -> None:
    dev, root = closed_site.client("dev"), closed_site.root
    place = dev.begin("dev/app")
    assert dev.call("PATCH", place, data=b"half").status_code == 202
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert root.call(method, f"{place}?digest=sha256:{'0' * 64}").status_code == 404
        assert closed_site.client("workload").call(method, f"{place}?digest=sha256:{'0' * 64}").status_code == 404
    assert closed_site.client("dev").call("GET", place).headers["Range"] == "0-3"


@pytest.mark.parametrize("principal", ["root", "dev"])
def test_nobody_moves_or_deletes_what_is_immutable(closed_site: Any, principal: str) -> None:
    root, api = closed_site.root, closed_site.client(principal)
    body = root.image("dev/app", annotations={"fixed": "1"})
    assert root.put_manifest("fixed", body, "dev/app").status_code == 201
    assert api.put_manifest("fixed", body, "dev/app").status_code == 201  # it means the same
    digest = root.get_manifest("fixed", "dev/app").headers["Docker-Content-Digest"]
    other = root.image("dev/app", annotations={"fixed": "2"})
    assert api.put_manifest("fixed", other, "dev/app").status_code == 409
    for reference in ("fixed", digest):
        answer = api.call("DELETE", f"/v2/dev/app/manifests/{reference}")
        assert answer.status_code == (409 if principal == "root" else 403)
    assert root.get_manifest("fixed", "dev/app").content == body


def test_tokens_say_no_more_than_was_asked_and_is_allowed(closed_site: Any) -> None:
    for principal, places in MATRIX.items():
        if principal in closed_site.bearer:
            continue
        api = closed_site.client(principal)
        scopes = [f"repository:{name}:pull,push,delete" for name in REPOSITORIES]
        token = api.call("GET", "/auth/token", params={"scope": scopes}).json()["token"]
        access = jwt.decode(token, options={"verify_signature": False})["access"]
        given = {entry["name"]: set(entry["actions"]) for entry in access}
        for name, may in places.items():
            assert given.get(name, set()) == set(may) & {PULL, PUSH, DELETE}, (principal, name)


def test_what_may_not_be_pulled_is_not_looked_for(closed_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the answer to a mount takes must not tell whether somebody else has a blob."""
    looked: list[Digest] = []
    real = FolderStorage.exists

    async def exists(storage: FolderStorage, digest: Digest, key: str) -> bool:
        looked.append(digest)
        return await real(storage, digest, key)

    dev, secret = closed_site.client("dev"), closed_site.root.push_blob(b"closed to dev", "closed/app")
    shared = closed_site.root.push_blob(b"open to dev", "team/app")
    monkeypatch.setattr(FolderStorage, "exists", exists)
    for query in ("&from=closed/app", ""):
        assert dev.call("POST", f"/v2/dev/app/blobs/uploads/?mount={secret}{query}").status_code == 202
    assert looked == []
    assert dev.call("POST", f"/v2/dev/app/blobs/uploads/?mount={shared}&from=team/app").status_code == 201
    assert looked == [Digest.parse(shared)]
