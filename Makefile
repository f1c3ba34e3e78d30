# Two commands do everything on a fresh machine: make demo, make test. Each sets itself up first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := requirements.lock
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
  pyproject.toml --extra server

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults coverage fuzz mutation e2e e2e-cluster interop conformance image lint audit format dist self-release bench claims docs man lock clean

help:                 ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /make \1	/p' Makefile

setup: $(READY)       ## make the environment in .venv, from the lock

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "wasmbuild needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@echo "installing the locked dependencies into $(VENV): about 110 MB, half a minute"
	@$(PIP) --require-hashes -r $(LOCK) || { echo "Is a package index reachable? pip says above what it missed."; exit 1; }
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)        ## run the main job for real, every command shown
	@exec $(BIN)/python scripts/demo.py

test: $(READY)        ## pass the tests
	$(BIN)/python -m pytest -n auto --ignore tests/e2e_build --ignore tests/e2e_cluster --ignore tests/server/faults $(TESTS)

faults: $(READY)      ## pass the tests that kill the server, fill its disk, stall its clients, set its clock and attack it
	$(BIN)/python -m pytest -n auto tests/server/faults

coverage: $(READY)    ## pass the tests and the faults, and show what they reach; fails under 90 %
	rm -rf build/coverage
	$(BIN)/coverage run -m pytest -n auto --ignore tests/e2e_build --ignore tests/e2e_cluster --ignore tests/architecture \
	  --deselect tests/unit/trust/test_policy.py::test_the_interface_needs_nothing_of_others_but_cryptography \
	  --deselect tests/cli/test_completion.py::test_completing_is_light $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet --directory build/coverage/html
	$(BIN)/coverage report

fuzz: $(READY)        ## look for inputs that break a promise; TARGET=reference SECONDS=60
	$(BIN)/python -m tests.fuzz $(or $(TARGET),reference) --seconds $(or $(SECONDS),60)

mutation: $(READY)    ## change a module, and see whether its tests notice; FILE=wasmbuild/trust/dsse.py
	$(BIN)/python scripts/mutate.py $(or $(FILE),wasmbuild/trust/dsse.py)

e2e: $(READY)         ## pass the tests with every compiler; fetches those first: about 700 MB
	$(BIN)/python -m pytest -n auto tests/e2e_build

e2e-cluster: $(READY) ## start what deploy/compose.yaml says as plain processes, and kill replicas
	$(BIN)/python scripts/peers.py versitygw
	$(BIN)/python -m pytest tests/e2e_cluster

image: $(READY)       ## build the image, with buildah, podman or docker; BASE=… names another base
	$(BIN)/python -m scripts.image $(if $(BASE),--base $(BASE))

interop: $(READY)     ## pass the tests with other clients and registries; gets those first
	$(BIN)/python scripts/peers.py oras crane distribution docker-registry cosign cosign2 notation fulcio timestamp-server rekor-posix versitygw wasm-tools cosign-vectors actionlint
	$(BIN)/python -m pytest -n auto --dist loadgroup tests/interop
	TEST_S3=1 $(BIN)/python -m pytest -n auto -k s3 tests/server

conformance: $(READY) ## pass the suite of the distribution-spec; gets it first
	$(BIN)/python scripts/peers.py conformance versitygw
	$(BIN)/python -m scripts.conformance
	$(BIN)/python -m scripts.conformance --login
	$(BIN)/python -m scripts.conformance --postgres --s3
	$(BIN)/python -m scripts.conformance --postgres --s3 --login -- --workers 2

lint: $(READY)        ## style, types, and the walls between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(READY)       ## pins, licences and origins of what we depend on; ADVISORIES=1 asks pip-audit, too
	$(BIN)/python -m scripts.audit $(if $(ADVISORIES),--vulnerabilities)

format: $(READY)      ## rewrite the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(READY)        ## build the sdist and the wheel, twice, with an SBOM and SHA256SUMS, into dist-py
	$(BIN)/python scripts/dist.py dist-py

self-release: $(READY) ## release wasmbuild itself: TO=ghcr.io/acme, KEY=… or IDENTITY=… ISSUER=…, IMAGE=oci:…
	$(BIN)/python -m scripts.release_self "$(TO)" $(if $(KEY),--key "$(KEY)") $(if $(IDENTITY),--identity "$(IDENTITY)") \
	  $(if $(ISSUER),--issuer "$(ISSUER)") $(if $(IMAGE),--image "$(IMAGE)")

bench: $(READY)       ## measure what the documents claim
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/server_memory.py
	$(BIN)/python benchmarks/client.py

claims: $(READY)      ## measure what is said of WebAssembly, here: docs/claims.md; minutes, fetches compilers
	$(BIN)/python benchmarks/claims.py

docs: $(READY)        ## make the site of the documentation in build/docs; warnings are errors
	$(BIN)/python -m scripts.docs

man: $(READY)         ## make the manual pages in build/man
	$(BIN)/wasmbuild man --output build/man/man1

lock: $(READY)        ## resolve the dependencies anew: all of them, and those of a user
	$(COMPILE) --extra postgres --extra s3 --extra sigstore --extra cluster --extra watch --extra traces --extra test --extra docs --extra dev -o $(LOCK)
	$(COMPILE) -c $(LOCK) -o requirements-runtime.lock
	$(COMPILE) --extra sigstore -c $(LOCK) -o requirements-keyless.lock
	$(COMPILE) --extra postgres --extra s3 --extra sigstore -c $(LOCK) -o requirements-image.lock
	echo 'hatchling>=1.27' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	  --python-version 3.11 -c $(LOCK) -o requirements-build.lock -

clean:                ## remove the environment
	rm -rf $(VENV)
