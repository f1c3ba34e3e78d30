"""What a person can do when a job's identity does not log it in: each cause with the lines that mend it.

Claims are shown for debugging; the token is not. Not here: finding that out (``workload``, ``exchange``).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from registry.client.workload import ID_TOKEN, ID_TOKEN_FILE, IdentityToken, find_identity
from registry.errors import AuthenticationFailed, InvalidDocument
from registry.files import read_regular
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["expired", "forbidden", "foreign", "in_the_open", "refused", "unoffered", "why_none"]

_MAX_EVENT = 4 * 1024 * 1024
_MAX_SHOWN = 200
_MAX_GLOB = 255
"""Characters that our server's configuration takes for a claim."""

_SHOWN = (
    *("iss", "aud", "sub", "repository", "repository_id", "ref", "environment", "job_workflow_ref", "event_name"),
    *("project_path", "project_id", "pipeline_source"),
)
_MISSING = re.compile(r"may not do this to \S+: ((?:pull|push|overwrite|delete|admin)(?:, [a-z]+)*)")
"""What our server says of rights that are missing."""

_TELLING = ("repository_id", "project_id", "sub")
"""Claims that tell one workload from others; the first ones nobody can take over with a name."""

_GITHUB_LINES = "add to the job in the workflow:\npermissions:\n  contents: read\n  id-token: write"


def why_none(environment: Mapping[str, str], host: str, audience: str) -> AuthenticationFailed | None:
    """Why a job has no identity token, and what to add to its workflow; None outside of a job that could have one."""
    if environment.get("GITHUB_ACTIONS") == "true":
        if _is_forks(environment):
            return AuthenticationFailed(
                f"a pull request from a fork cannot log in to {host}",
                cause="GitHub gives such a job no identity token, so that nobody publishes by opening a pull request",
                hint="publish in a workflow that runs on a push or a tag:\non:\n  push:\n    tags: ['v*']",
            )
        cause = "the job is not allowed to have one: ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN are not set"
        return AuthenticationFailed(f"this job has no identity token for {host}", cause=cause, hint=_GITHUB_LINES)
    if environment.get("GITLAB_CI") == "true":
        cause = f"{ID_TOKEN} is not set: the job asks for none"
        return AuthenticationFailed(
            f"this job has no identity token for {host}", cause=cause, hint=_gitlab_lines(audience)
        )
    return None


def unoffered(environment: Mapping[str, str], host: str, login: str | None) -> str | None:
    """How to log in where no registry's word asks for an identity: a job that has one is told that it was not sent."""
    if find_identity(environment) is None:
        return login
    lines = [f"{host} offers no trusted publishing: the identity of this job was not sent"]
    name = environment.get(ID_TOKEN_FILE)
    if name and not environment.get(ID_TOKEN, "").strip() and not Path(name).is_file():
        lines.append(f"{ID_TOKEN_FILE} names {printable(name, _MAX_SHOWN)}, which is no file")
    return "\n".join([*lines, *([login] if login else [])])


def foreign(token: IdentityToken, host: str, audience: str, environment: Mapping[str, str]) -> AuthenticationFailed:
    """A token that was made for somebody else, and is not sent to this registry."""
    made = ", ".join(printable(each, _MAX_SHOWN) for each in token.audiences[:5]) or "nobody"
    hint = f"get a token with the audience {audience}"
    if environment.get("GITLAB_CI") == "true":
        hint = _gitlab_lines(audience)
    if len(token.audiences) == 1:
        hint += f"\nor, if {host} asks for that audience, in your configuration file:\n{_audience_lines(host, made)}"
    return AuthenticationFailed(
        f"the identity token is not for {host}",
        cause=f"it ({token.source}) was made for the audience {made}, not for {audience}: it was not sent",
        hint=hint,
    )


def expired(token: IdentityToken, environment: Mapping[str, str], audience: str) -> AuthenticationFailed:
    """A token whose time is over, where no other can be had."""
    hint = f"get a new token; {ID_TOKEN_FILE} names a file that is read again when a token ends"
    if environment.get("GITLAB_CI") == "true":
        hint = f"a token of GitLab lasts as long as the job may run:\ntimeout: 1h\n{_gitlab_lines(audience)}"
    return AuthenticationFailed(
        "the identity token has expired", cause=f"it ({token.source}) cannot be renewed from here", hint=hint
    )


def in_the_open(host: str) -> AuthenticationFailed:
    """A registry that would be told over plain http, or behind any certificate."""
    return AuthenticationFailed(
        f"no identity token is sent to {host} over plain http, or where any certificate is taken",
        cause="everybody in between could use it",
        hint="leave out --plain-http and --insecure-skip-tls-verify, here and in the settings of this host; "
        "--ca-file ca.pem trusts an authority of your own",
    )


def refused(
    token: IdentityToken, host: str, audience: str, said: str, reason: str, environment: Mapping[str, str]
) -> AuthenticationFailed:
    """A registry does not take the token. ``said`` are its words, ``reason`` is its word for programs."""
    if reason == "expired":
        return expired(token, environment, audience)
    what, hint = {
        "issuer": (f"{host} does not know who issued the identity token", _issuer_lines(token, audience)),
        "audience": (
            f"{host} wants an identity token for another audience",
            f"ask its operator which one, and name it in your configuration file:\n{_audience_lines(host, 'AUDIENCE')}",
        ),
        "publisher": (
            f"no trusted publisher of {host} has the claims of this job",
            _publisher_lines(token.claims, "REPOSITORY"),
        ),
    }.get(reason, (f"{host} does not take the identity token of this job", None))
    return AuthenticationFailed(what, cause=f"{said}\n{_claims(token.claims)}", hint=hint)


def forbidden(failure: AuthenticationFailed, claims: Mapping[str, Any], repository: str) -> AuthenticationFailed:
    """A workload that is known, and may not do what it wants in a repository: the same failure, explained.

    What is forbidden for another reason, such as a quota, is left as it is. An answer to HEAD has no reason.
    """
    found = _MISSING.search(failure.cause or "")
    if found is None and failure.cause != "403 Forbidden":
        return failure
    where = repository or "the whole registry"
    known = f"this job is known there, and none of its publishers lets it do this in {where}"
    failure.cause = "\n".join(filter(None, (failure.cause, known)))
    missing = found[1].split(", ") if found else []
    failure.hint = _publisher_lines(claims, repository or "REPOSITORY", dict.fromkeys(["pull", "push", *missing]))
    return failure


def _is_forks(environment: Mapping[str, str]) -> bool:
    """Whether the event is a pull request of another repository (GitHub, "Webhook events and payloads")."""
    if not environment.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return False
    try:
        event = load_json(read_regular(Path(environment.get("GITHUB_EVENT_PATH", "")), _MAX_EVENT), "the event")
        request = event["pull_request"]
        head, base = request["head"]["repo"], request["base"]["repo"]
        return head is None or head["full_name"] != base["full_name"]
    except (OSError, InvalidDocument, KeyError, TypeError):
        return False


def _claims(claims: Mapping[str, Any]) -> str:
    said = ((name, claims.get(name)) for name in _SHOWN)
    shown = [f"{name}={_text(value)}" for name, value in said if isinstance(value, str | int | list)]
    return f"the token says (for debugging only): {', '.join(shown)}"


def _text(value: object) -> str:
    texts = [str(each) for each in value[:5]] if isinstance(value, list) else [str(value)]
    return printable(" ".join(texts), _MAX_SHOWN)


def _quoted(value: object) -> str:
    """A text of TOML: a claim may hold quotes, and what is to be pasted must not become other lines by it."""
    text = printable(str(value), _MAX_GLOB)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _gitlab_lines(audience: str) -> str:
    return f"add to the job in .gitlab-ci.yml:\nid_tokens:\n  {ID_TOKEN}:\n    aud: {audience}"


def _audience_lines(host: str, audience: str) -> str:
    return f"[registry.hosts.{_quoted(host)}]\naudience = {_quoted(audience)}"


def _issuer_lines(token: IdentityToken, audience: str) -> str:
    issuer = _quoted(token.claims.get("iss", "ISSUER"))
    return f"its operator trusts it by:\n[[access.issuers]]\nurl = {issuer}\naudience = {_quoted(audience)}"


def _publisher_lines(claims: Mapping[str, Any], repository: str, actions: Iterable[str] = ("pull", "push")) -> str:
    quoted = ", ".join(f'"{each}"' for each in actions)
    telling = next((name for name in _TELLING if isinstance(claims.get(name), str | int)), "sub")
    lines = (
        "the registry's operator lets it in by:",
        "[[access.publishers]]",
        'name = "NAME"',
        f"issuer = {_quoted(claims.get('iss', 'ISSUER'))}",
        f"claims = {{ {telling} = {_quoted(claims.get(telling, '…'))} }}",
        f"repositories = {_quoted(repository)}",
        f"actions = [{quoted}]",
    )
    return "\n".join(lines)
