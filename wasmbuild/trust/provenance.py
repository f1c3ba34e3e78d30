"""Provenance: how an artifact was built, as SLSA's provenance v1 of a build type of ours.

Source of the fields: SLSA specification v1.2, "Build: Provenance"; those of the build type are documented
in ``docs/provenance.md``. Not here: finding out what is said (``wasmbuild.workflows.provenance``), signing it,
and building again from it (``wasmbuild.workflows.rebuild``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from wasmbuild.errors import InvalidAttestation
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.predicates import PROVENANCE
from wasmbuild.trust.resource import MAX_TEXT, Resource, texts_of
from wasmbuild.trust.statement import Predicate

__all__ = [
    "BUILD_TYPE",
    "GIT_COMMIT",
    "IDENTITY",
    "LOCAL_BUILDER",
    "Builder",
    "Parameters",
    "Provenance",
    "Run",
    "RunIdentity",
    "highest_level",
]

BUILD_TYPE = "https://wasmbuild.dev/build/v1"
"""A build by ``wasmbuild build``: an identifier, at which nothing has to be served."""

LOCAL_BUILDER = "https://wasmbuild.dev/builder/local"
"""The builder of who builds on a machine of their own."""

GIT_COMMIT = "gitCommit"
"""The algorithm of a digest that is a commit of git (in-toto, "DigestSet")."""

IDENTITY = "wasmbuild_identity"
"""The member of ``metadata`` with the run's identity (SLSA specification, "Extension fields")."""

_MAX_DEPENDENCIES = 20_000
_MAX_PARAMETERS = 64
_TARGET = re.compile(r"(?:[a-z0-9][a-z0-9._-]{0,99}:)?[a-z0-9][a-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[a-z0-9+-]{1,40}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OPTIMIZE = ("size", "speed", "debug")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What whoever asked for the build decided: the external parameters, and there are no others.

    ``source`` is where the sources are from, ``project`` the folder in it (``.``: all of it), ``target`` the
    label of the target. ``language``, ``optimize`` and ``component`` went before what the project says;
    None, or False, where nothing was asked for.
    """

    target: str
    project: str = "."
    source: str | None = None
    language: str | None = None
    optimize: str | None = None
    component: bool = False

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (JSON, read here)
        """Read them; what is not known is refused, as SLSA asks of verifiers. Raises InvalidAttestation."""
        if not isinstance(value, dict):
            raise InvalidAttestation("the provenance has no external parameters")
        unknown = sorted(value.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise InvalidAttestation(
                f"the provenance has an external parameter that is not known: {unknown[0][:80]!r}",
                hint="a later wasmbuild may know it",
            )
        given = {"target": None, **value}
        malformed = next((name for name, said in given.items() if not _CHECKS[name](said)), None)
        if malformed is not None:
            raise InvalidAttestation(f"the provenance has a malformed external parameter: {malformed}")
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """The object; what was not asked for is left out."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in said.items() if value not in (None, False)}


@dataclass(frozen=True, slots=True)
class Builder:
    """Who is answerable for the build: a URI, and versions of what it is made of, by name."""

    id: str
    version: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Which run of a CI service it was, as claims by name.

    ``verified_by`` is the registry that took the token in which an issuer says so; None: the environment of the
    run says it, and nobody has verified that.
    """

    claims: Mapping[str, str]
    verified_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object, in which it is named where the claims come from."""
        source = {"statedBy": "environment"} if self.verified_by is None else {"verifiedBy": self.verified_by}
        return {**source, "claims": dict(self.claims)}


@dataclass(frozen=True, slots=True)
class Run:
    """One time that it was built, or found in a cache: times are RFC 3339 in UTC, ``invocation`` a URI or name."""

    invocation: str | None = None
    started: str | None = None
    finished: str | None = None
    byproducts: tuple[Resource, ...] = ()
    identity: RunIdentity | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an artifact was built; ``internal`` is what the builder decided, texts by name."""

    parameters: Parameters
    builder: Builder
    internal: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[Resource, ...] = ()
    run: Run = field(default_factory=Run)

    @property
    def source(self) -> Resource | None:
        """The commit that it was built of; None where the sources were in no repository."""
        return next((each for each in self.dependencies if GIT_COMMIT in each.digests), None)

    @property
    def definition(self) -> dict[str, Any]:
        """``buildDefinition``: all that decides the result; equal for builds that cannot be told apart."""
        return {
            "buildType": BUILD_TYPE,
            "externalParameters": self.parameters.to_json(),
            "internalParameters": dict(self.internal),
            "resolvedDependencies": [each.to_json() for each in self.dependencies],
        }

    def to_predicate(self) -> Predicate:
        """The predicate to attest."""
        said = {
            "invocationId": self.run.invocation,
            "startedOn": self.run.started,
            "finishedOn": self.run.finished,
            IDENTITY: None if self.run.identity is None else self.run.identity.to_json(),
        }
        details = {
            "builder": {"id": self.builder.id, "version": dict(self.builder.version)},
            "metadata": {name: value for name, value in said.items() if value is not None},
            "byproducts": [each.to_json() for each in self.run.byproducts],
        }
        return Predicate(PROVENANCE, {"buildDefinition": self.definition, "runDetails": details})

    @classmethod
    def parse(cls, predicate: Mapping[str, Any]) -> Self:
        """Read the predicate of a build of ours.

        Fields that SLSA does not know are passed over, but for external parameters. Raises InvalidAttestation,
        also for a build of another type.
        """
        definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
        if definition.get("buildType") != BUILD_TYPE:
            said = str(definition.get("buildType"))[:200]
            raise InvalidAttestation(
                f"the provenance is of another kind of build: {said!r}", cause=f"known is {BUILD_TYPE}"
            )
        return cls(
            Parameters.from_json(definition.get("externalParameters")),
            _builder(details),
            texts_of(definition.get("internalParameters", {}), "internalParameters", _MAX_PARAMETERS),
            _resources(definition, "resolvedDependencies"),
            _run(details),
        )


def highest_level(provenance: Provenance, signer: Signer | None) -> int:
    """The build level of SLSA that it can be of at most: 0 when nobody who is trusted signed it.

    Whoever has a key of their own can write what they like: that is level 1. Level 2 takes a hosted builder
    that signed as itself (SLSA specification v1.2, "Build: Security levels"); more is never said here.
    """
    if signer is None:
        return 0
    hosted = signer.issuer is not None and provenance.builder.id != LOCAL_BUILDER
    return 2 if hosted and signer.identity == provenance.builder.id else 1


def _builder(details: Mapping[str, Any]) -> Builder:
    said = _object(details, "builder")
    identity = said.get("id")
    if not isinstance(identity, str) or not 0 < len(identity) <= MAX_TEXT:
        raise InvalidAttestation("the provenance names no builder")
    return Builder(identity, texts_of(said.get("version", {}), "version", _MAX_PARAMETERS))


def _run(details: Mapping[str, Any]) -> Run:
    said = _object(details, "metadata") if "metadata" in details else {}
    invocation, started, finished = (said.get(name) for name in ("invocationId", "startedOn", "finishedOn"))
    if invocation is not None and not (isinstance(invocation, str) and len(invocation) <= MAX_TEXT):
        raise InvalidAttestation("the provenance has a malformed invocationId")
    if not all(moment is None or _matches(moment, _MOMENT) for moment in (started, finished)):
        raise InvalidAttestation("the provenance has a time that is not RFC 3339 in UTC")
    return Run(invocation, started, finished, _resources(details, "byproducts"))


def _resources(value: Mapping[str, Any], name: str) -> tuple[Resource, ...]:
    found = value.get(name, [])
    if not isinstance(found, list) or len(found) > _MAX_DEPENDENCIES:
        raise InvalidAttestation(f"the provenance does not have a list of at most {_MAX_DEPENDENCIES} {name}")
    resources = tuple(map(Resource.from_json, found))
    commits = [each.digests[GIT_COMMIT] for each in resources if GIT_COMMIT in each.digests]
    if len(commits) > 1 or not all(map(_COMMIT.fullmatch, commits)):
        raise InvalidAttestation("the provenance does not name one commit of git")
    return resources


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise InvalidAttestation(f"the provenance has no {name}")
    return found


def _matches(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_inside(path: str) -> bool:
    """Whether it is a folder below another, written with ``/``."""
    parts = path.split("/")
    plain = 0 < len(path) <= MAX_TEXT and path.isprintable() and not any(part in {"", ".."} for part in parts)
    return path == "." or (plain and "." not in parts)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "target": lambda said: _matches(said, _TARGET),
    "project": lambda said: isinstance(said, str) and _is_inside(said),
    "source": lambda said: isinstance(said, str) and 0 < len(said) <= MAX_TEXT,
    "language": lambda said: _matches(said, _LANGUAGE),
    "optimize": lambda said: isinstance(said, str) and said in _OPTIMIZE,
    "component": lambda said: isinstance(said, bool),
}
