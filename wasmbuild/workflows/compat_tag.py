"""``push --check-compat``: a version's tag must be as far from the one before it as its interface demands.

The one before is the newest older release that the repository has. Pre-releases promise nothing to
anybody, so no version is held against one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from semver import Version

from registry.errors import ContentNotFound
from registry.reference import Reference
from wasmbuild.artifact import Packed
from wasmbuild.errors import ChangeDenied, UsageFailed
from wasmbuild.events import Note
from wasmbuild.workflows.comparing import Bench, open_subject, subject
from wasmbuild.workflows.compat import Verdict, listed, verdict_on
from wasmbuild.workflows.push import Destination
from wasmbuild.workflows.versions import smallest_after, step_between, version_named

__all__ = ["TagCheck", "newest_before"]


@dataclass(frozen=True, slots=True)
class TagCheck:
    """Where an artifact will be pushed, the version that its tag names, and the release before it, if there is one."""

    destination: Destination
    tag: str
    version: Version
    older: tuple[str, Version] | None

    @classmethod
    def of(cls, destination: Destination) -> "TagCheck":
        """Find out, before anything is compiled, what there is to compare with.

        Raises UsageFailed when no tag, or more than one, names a version; what the client raises.
        """
        named = [(tag, version) for tag in destination.tags if (version := version_named(tag)) is not None]
        if len({version for _, version in named}) != 1:
            raise UsageFailed(
                "--check-compat needs one tag that names a version",
                cause=f"the tags are {', '.join(destination.tags)}",
                hint=f"wasmbuild push --check-compat {destination.reference.name}:1.2.0",
            )
        tag, version = named[0]
        return cls(destination, tag, version, newest_before(version, _versions(destination)))

    def check(self, source: Packed, bench: Bench) -> Verdict | None:
        """Compare what is to be pushed with the release before it, whose file is fetched and verified; None: none was.

        Raises ChangeDenied, which names the smallest version that would do; ToolchainMissing, InvalidWasm,
        UnknownArtifact, and what the client raises.
        """
        if self.older is None:
            name = self.destination.reference.name
            bench.sink(Note("info", f"{name} has no release before {self.tag}: there is nothing to compare with"))
            return None
        tag, version = self.older
        with source.fetch(source.layer) as layer:
            wasm = b"".join(layer)
        before = open_subject(str(self._reference(tag)), "push", bench)
        verdict = verdict_on(before, subject(self.tag, wasm), bench)
        bench.sink(Note("info", f"{tag} to {self.tag}: the interface demands the step {verdict.step.word}"))
        if verdict.step > step_between(version, self.version):
            raise self._denied(verdict, tag, version)
        return verdict

    def _reference(self, tag: str) -> Reference:
        return replace(self.destination.reference, tag=tag, digest=None)

    def _denied(self, verdict: Verdict, tag: str, version: Version) -> ChangeDenied:
        allowed = step_between(version, self.version)
        enough = f"{'v' if self.tag.startswith('v') else ''}{smallest_after(version, verdict.step)}"
        return ChangeDenied(
            f"{self.tag} is too small a step from {tag}: the interface demands a {verdict.step.word} one",
            cause="\n".join(listed(each for each in verdict.changes if each.step > allowed)),
            hint=f"the smallest version that would do is {enough}: push it to {self._reference(enough)}",
        )


def newest_before(version: Version, tags: Mapping[str, Version]) -> tuple[str, Version] | None:
    """The newest release that is older, by Semantic Versioning, and its tag, among tags that name versions."""
    release = version.finalize_version()
    older = [(tag, found) for tag, found in tags.items() if found.prerelease is None and found < release]
    return max(older, key=lambda each: (each[1], each[0])) if older else None


def _versions(destination: Destination) -> dict[str, Version]:
    try:
        tags = destination.repository.tags()
    except ContentNotFound:
        return {}  # a repository that nobody has pushed to
    return {tag: found for tag in tags if (found := version_named(tag)) is not None}
