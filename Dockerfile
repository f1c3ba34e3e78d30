# wasmbuild as an image: the command line and the registry server in one. docs/how-to/deploy.md says how it is
# built, run and pinned, and what of that is tested.
#
# BASE is any image with python3 (3.11 or newer, with venv). It stands here by its tag; for a release pass the digest
# that the tag means then:  make image BASE=$(wasmbuild resolve docker.io/library/python:3.13-slim)
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH=0
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
WORKDIR /source
COPY requirements-build.lock requirements-image.lock ./
RUN python3 -m venv /build \
 && python3 -m venv --without-pip /opt/wasmbuild \
 && /build/bin/python -m pip install --quiet --require-hashes -r requirements-build.lock \
 && /build/bin/python -m pip --python /opt/wasmbuild/bin/python install --quiet \
      --only-binary=:all: --require-hashes -r requirements-image.lock
COPY LICENSE README.md pyproject.toml ./
COPY docs/errors.md docs/
COPY registry registry
COPY templates templates
COPY wasmbuild wasmbuild
COPY scripts/image_sbom.py scripts/
# What is compiled ahead holds the hash of nothing and is never looked at again: the root is read-only.
RUN /build/bin/python -m pip wheel --quiet --no-deps --no-build-isolation -w /wheels . \
 && /build/bin/python -m pip --python /opt/wasmbuild/bin/python install --quiet --no-index --no-deps /wheels/*.whl \
 && rm /opt/wasmbuild/lib/python3*/site-packages/wasmbuild-*.dist-info/direct_url.json \
 && /opt/wasmbuild/bin/python scripts/image_sbom.py > /opt/wasmbuild/sbom.cdx.json \
 && /opt/wasmbuild/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/wasmbuild/lib \
 && mkdir -m 0700 /data && mkdir /work && chown 10001:10001 /data /work

FROM ${BASE}
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
COPY --from=build /opt/wasmbuild /opt/wasmbuild
COPY --from=build --chown=10001:10001 /data /data
COPY --from=build --chown=10001:10001 /work /work
LABEL org.opencontainers.image.title="wasmbuild" \
      org.opencontainers.image.description="Build, sign, push, verify and run WebAssembly artifacts, and keep them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
# HOME is where any user may write; what is written there is gone with the container.
ENV PATH=/opt/wasmbuild/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WASMBUILD_SERVE_DATA=/data \
    WASMBUILD_SERVE_LISTEN=0.0.0.0:5000
USER 10001:10001
WORKDIR /work
VOLUME ["/data"]
EXPOSE 5000
STOPSIGNAL SIGTERM
# Whether it lives, and not whether it is ready: an engine that restarts what is unhealthy must not do so for a slow
# database. An image of OCI's own form has no place for this; it is there in Docker's form.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["wasmbuild", "registry", "health", "--alive", "--retry-for", "0"]
ENTRYPOINT ["wasmbuild"]
CMD ["--help"]
