# wasmbuild as an image, for CI jobs:  docker run --rm -v "$PWD:/work" wasmbuild build
# Not built by our tests: they have no container engine.

FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/wasmbuild \
 && /opt/wasmbuild/bin/pip install --no-cache-dir --require-hashes -r /source/requirements-runtime.lock \
 && pip wheel --no-cache-dir --no-deps -w /wheels /source \
 && /opt/wasmbuild/bin/pip install --no-cache-dir --no-index --no-deps /wheels/*.whl

FROM python:3.13-slim
COPY --from=build /opt/wasmbuild /opt/wasmbuild
ENV PATH=/opt/wasmbuild/bin:$PATH
RUN useradd --create-home wasmbuild
USER wasmbuild
WORKDIR /work
ENTRYPOINT ["wasmbuild"]
