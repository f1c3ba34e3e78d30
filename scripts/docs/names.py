"""Pages of names: media types, annotations, predicates of attestations, environment variables, exit codes.

The names are read from the sources; what they mean is said here, and by the code where that knows it.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from scripts.docs.commands import variables
from scripts.docs.markdown import code, table, text
from wasmbuild.kinds import kind_of_type
from wasmbuild.trust.predicates import PREDICATE_TYPES

__all__ = [
    "ANNOTATIONS",
    "MEDIA_TYPES",
    "VARIABLES",
    "annotations_in",
    "environment_page",
    "found_in",
    "names_page",
    "variables_in",
]

_MEDIA_TYPE = re.compile(r"application/[A-Za-z0-9.+-]*[A-Za-z0-9](?:;version=[0-9.]+)?")
_ANNOTATION = re.compile(
    r"(?:org\.opencontainers|dev\.sigstore|dev\.cosignproject|io\.cncf|vnd\.wasmbuild)\.[A-Za-z0-9./#-]+"
    r"|(?:[a-z0-9-]+\.)+[a-z]+/(?:variant|predicate-type)"
)
_VARIABLE = re.compile(r"WASMBUILD_[A-Z_]*[A-Z]")
_ABOUT_NAMES = (
    "All names that wasmbuild and its server write or know, from their sources. "
    "[What wasmbuild writes](formats.md) puts them together.\n"
)
_ABOUT_VARIABLES = (
    "An option of the command line goes before its variable. A flag takes `1` or `true`; what may be given "
    "several times is separated by spaces, paths by `:`.\n"
)
_TEXT = re.compile(r'"([^"\\\n]{3,200})"')
_NO_ANNOTATIONS = re.compile(r"io\.cncf\.notary(\.[A-Za-z]+)?|org\.opencontainers\.image|vnd\.wasmbuild\.action\.v1")
"""What looks like annotations: headers of Notation's envelopes, and beginnings of names."""
_EVERYDAY = frozenset({"application/json", "application/octet-stream", "application/vnd.cyclonedx"})

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "application/wasm": "a WebAssembly file: the one layer of an artifact",
        "application/vnd.wasm.config.v0+json": "the config of an artifact (CNCF Wasm OCI Artifact layout)",
        "application/vnd.wasm.content.layer.v1+wasm": "a WebAssembly file of an older tool; read",
        "application/vnd.bytecodealliance.component.v1+wasm": "a component of an older tool; read",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm": "a component in an image; read and written",
        "application/vnd.module.wasm.content.layer.v1+wasm": "a module of wasmCloud and others; read",
        "application/vnd.oci.image.manifest.v1+json": "a manifest (OCI image-spec)",
        "application/vnd.oci.image.index.v1+json": "an index (OCI image-spec)",
        "application/vnd.oci.empty.v1+json": "a config that says nothing: `{}` (OCI image-spec)",
        "application/vnd.oci.descriptor.v1+json": "what containerd asks a verifier about",
        "application/vnd.oci.image.config.v1+json": "the config of a container image",
        "application/vnd.oci.image.layer.v1.tar+gzip": "a layer of a container image",
        "application/vnd.docker.distribution.manifest.v2+json": "a manifest of Docker; kept as it is",
        "application/vnd.docker.distribution.manifest.list.v2+json": "an index of Docker; kept as it is",
        "application/vnd.docker.container.image.v1+json": "the config of an image of Docker; read",
        "application/vnd.docker.image.rootfs.diff.tar.gzip": "a layer of an image of Docker; read",
        "application/vnd.docker.distribution.events.v2+json": "what webhooks are sent (CNCF Distribution)",
        "application/vnd.dev.sigstore.bundle.v0.3+json": "a signature or attestation (sigstore bundle)",
        "application/vnd.dev.sigstore.bundle+json;version=0.3": "the same, as older writers call it; read",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json": "a trusted root; read",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json": "a trusted root; read",
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1": "a trusted root, as older writers call it",
        "application/vnd.dev.cosign.artifact.sig.v1+json": "a manifest with signatures of cosign 2; read",
        "application/vnd.cncf.notary.payload.v1+json": "what Notation signs",
        "application/jose+json": "an envelope of Notation: JWS",
        "application/cose": "an envelope of Notation: COSE",
        "application/vnd.wasmbuild.action.v1": "an entry of a shared build cache",
        "application/vnd.wasmbuild.action.description.v1+json": "what an entry of a build cache was made of",
        "application/vnd.wasmbuild.action.result.v1+json": "what an entry of a build cache has become",
        "application/vnd.wasmbuild.trust.v1+json": "what an archive brings along to be verified with",
        "application/vnd.wasmbuild.trust.key.v1+pem": "a public key in such an archive",
        "application/vnd.wasmbuild.trust.certificates.v1+pem": "certificates in such an archive",
        "application/vnd.wasmbuild.trust.policy.v1+toml": "a trust policy in such an archive",
    }
)
"""What types are, beside those that ``wasmbuild.kinds`` knows."""

ANNOTATIONS: Mapping[str, str] = MappingProxyType(
    {
        "org.opencontainers.image.title": "the name of a file, on a layer",
        "org.opencontainers.image.created": "when a signature or attestation was attached, unless the time is fixed",
        "org.opencontainers.image.version": "`version` of the project; policies compare it",
        "org.opencontainers.image.ref.name": "a tag, in the index of a layout; or the name in a signature",
        "dev.sigstore.bundle.content": "which kind of a bundle a manifest holds: `dsse-envelope`",
        "dev.sigstore.bundle.predicateType": "the predicate's type, beside a bundle",
        "dev.cosignproject.cosign/signature": "a signature of cosign's older form, on its layer",
        "dev.sigstore.cosign/certificate": "who signed, in that form",
        "dev.sigstore.cosign/chain": "the authorities of that certificate",
        "dev.sigstore.cosign/bundle": "the entry of a transparency log, in that form",
        "dev.sigstore.cosign/rfc3161timestamp": "a timestamp, in that form",
        "in-toto.io/predicate-type": "the predicate's type, on a statement that nobody signed, as BuildKit writes it",
        "io.cncf.notary.x509chain.thumbprint#S256": "the SHA-256 of each certificate, on a signature of Notation",
        "module.wasm.image/variant": "`compat`, on an [image](images.md): crun knows it by that",
        "vnd.wasmbuild.action.signature": "who vouches for an entry of a shared build cache",
    }
)

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "WASMBUILD_CONFIG": "the user's `config.toml`, in place of the usual one; `/dev/null` for none",
        "WASMBUILD_CACHE_DIR": "the folder of all caches and compilers",
        "WASMBUILD_STATE_DIR": "the folder of what was accepted before, for policies",
        "WASMBUILD_KEY_PASSWORD": "the password of a private key; may be empty",
        "COSIGN_PASSWORD": "the same, where `WASMBUILD_KEY_PASSWORD` is not set",
        "WASMBUILD_KEYS": "the folder that `wasmbuild keys list` looks into",
        "WASMBUILD_MESSAGE, WASMBUILD_ANSWER, WASMBUILD_ZIG": "set by wasmbuild itself for programs that it starts",
        "WASMBUILD_LEFT_OUT": "in GitLab's dotenv report: which values did not fit into it",
        "WASMBUILD_REGISTRY_…": "[the server's settings](server-settings.md), one variable for each",
        "WASMBUILD_REGISTRY_HOST_USERNAME, …_PASSWORD, …_IDENTITY_TOKEN, …_REGISTRY_TOKEN": "credentials for "
        "one registry; [how its host is written](registries.md#credentials)",
        "WASMBUILD_ID_TOKEN": "a token of a workload, to log in without a secret",
        "WASMBUILD_ID_TOKEN_FILE": "a file with such a token",
        "SIGSTORE_ID_TOKEN": "a token of a workload, for keyless signatures",
        "DOCKER_CONFIG": "the folder of `config.json`, where credentials are",
        "NETRC": "a file of credentials for what compilers fetch",
        "REGISTRY_AUTH_FILE": "podman's file of credentials",
        "SOURCE_DATE_EPOCH": "the time of what is made, in seconds; 0 by default",
        "NO_COLOR": "if it is not empty, nothing is coloured",
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "proxies, for registries and for what compilers fetch",
        "REQUESTS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE": "authorities to trust",
        "WASI_SDK_PATH": 'an SDK of WASI, for `toolchain = "system"` of C and C++',
        "XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_STATE_HOME": "the folders in which ours are, where nothing else is said",
        "XDG_RUNTIME_DIR": "where podman's credentials are looked for, too",
        "PIP_INDEX_URL and pip's others": "from where compilers come, as pip reads them",
        "GITHUB_ACTIONS, GITLAB_CI": "`true`: [a job of that CI system](ci-output.md)",
        "GITHUB_WORKSPACE, CI_PROJECT_DIR": "the checkout of a job, from which paths are written",
        "GITHUB_OUTPUT, GITHUB_STEP_SUMMARY": "the files that a job's [results](ci-output.md) are added to",
        "GITHUB_REF_TYPE, GITHUB_REF_NAME, CI_COMMIT_TAG": "the tag that a job runs for, to [release](release.md)",
        "ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN": "where GitHub gives a job its "
        "[identity](trusted-publishing.md)",
        "GITHUB_…, CI_…": "what [provenance](provenance.md) says of a job",
    }
)
"""Variables that are no option's."""


def found_in(sources: Path, pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """The whole texts of both packages that fit a pattern, each with the modules that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, texts in _texts(sources).items():
        for text_ in filter(pattern.fullmatch, texts):
            found[text_].append(module)
    return {name: found[name] for name in sorted(found)}


@cache
def _texts(sources: Path) -> dict[str, list[str]]:
    """What stands between quotes on one line, by the module's path; ruff writes all of them in one way."""
    paths = sorted([*sources.glob("wasmbuild/**/*.py"), *sources.glob("registry/**/*.py")])
    return {str(path.relative_to(sources)): sorted(set(_TEXT.findall(path.read_text()))) for path in paths}


def variables_in(sources: Path) -> set[str]:
    """The variables of ours that the sources name."""
    return set(found_in(sources, _VARIABLE))


def annotations_in(sources: Path) -> list[str]:
    """The annotations that the sources name."""
    return [name for name in found_in(sources, _ANNOTATION) if not _NO_ANNOTATIONS.fullmatch(name)]


def names_page(sources: Path) -> str:
    """Media types, annotations and predicate types."""
    types = [name for name in found_in(sources, _MEDIA_TYPE) if name not in _EVERYDAY]
    notes = annotations_in(sources)
    short = defaultdict(list)
    for name, predicate in PREDICATE_TYPES.items():
        short[predicate].append(name)
    return "\n".join(
        [
            "# Media types, annotations, predicates\n",
            _ABOUT_NAMES,
            "## Media types\n",
            table(("media type", "is"), [(code(name), _meaning(name)) for name in types]),
            "## Annotations\n",
            "`[project]` becomes `org.opencontainers.image.*` ([the project file](project-file.md)).\n",
            table(("annotation", "is"), [(code(name), ANNOTATIONS.get(name, "")) for name in notes]),
            "## Predicate types of attestations\n",
            "`--type` takes the short names, or a whole URI ([attestations](attestations.md)).\n",
            table(("predicate type", "short names"), [(code(k), ", ".join(map(code, v))) for k, v in short.items()]),
        ]
    )


def _meaning(media_type: str) -> str:
    return MEDIA_TYPES.get(media_type) or text(kind_of_type(media_type) or "")


def environment_page() -> str:
    """Every environment variable."""
    options = sorted(variables().items())
    return "\n".join(
        [
            "# Environment variables\n",
            _ABOUT_VARIABLES,
            "## Beside the options\n",
            table(("variable", "is"), [(code(name), meaning) for name, meaning in VARIABLES.items()]),
            "## Of options\n",
            table(("variable", "stands for"), [(code(name), _of(used)) for name, used in options]),
        ]
    )


def _of(used: list[str]) -> str:
    """Where a variable is used; those of many commands stand for the option alone."""
    if len(used) <= 2:
        return ", ".join(map(code, used))
    return f"{code(used[0].rpartition(' ')[2])} of every command that has it"
