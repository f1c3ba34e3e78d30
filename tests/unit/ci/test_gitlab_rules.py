import pytest

from wasmbuild.workflows.ci.check import check_text

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"
GUARD = 'rules: [{if: $CI_COMMIT_TAG && $CI_COMMIT_REF_PROTECTED == "true"}]'


def rules(text: str, file: str = ".gitlab-ci.yml") -> list[tuple[str, int]]:
    return [(found.rule, found.line) for found in check_text(file, text)]


def job(lines: str, *, before: str = "") -> str:
    return before + "job:\n" + "".join(f"  {each}\n" for each in lines.splitlines())


@pytest.mark.parametrize(
    ("include", "found"),
    [
        ("{project: a/b, file: x.yml}", True),
        ("{project: a/b, ref: main, file: x.yml}", True),
        (f"{{project: a/b, ref: {SHA}, file: x.yml}}", False),
        ("{remote: 'https://x.example/y.yml'}", True),
        ("{remote: 'https://x.example/y.yml', integrity: sha256-AAAA}", False),
        ("https://x.example/y.yml", True),
        ("{component: x.example/a/b@1.0}", True),
        (f"{{component: x.example/a/b@{SHA}}}", False),
        ("{local: /x.yml}", False),
        ("/x.yml", False),
        ("{template: Jobs/Build.gitlab-ci.yml}", False),
    ],
)
def test_what_is_included_is_named_by_its_commit_or_hash(include, found):
    expected = [("unpinned-include", 1)] if found else []
    assert rules(f"include: {include}\n") == expected
    assert rules(f"include: [{include}]\n") == expected


def test_images_have_digests():
    digest = "sha256:" + "0" * 64
    assert rules(job("image: python:3.12\nscript: x")) == [("unpinned-image", 2)]
    assert rules(job("image: {name: python:3.12}\nscript: x")) == [("unpinned-image", 2)]
    assert rules(job("services: [postgres:16]\nscript: x")) == [("unpinned-image", 2)]
    assert rules(job(f"image: python@{digest}\nscript: x")) == []
    assert rules(job("script: x", before="default: {image: python:3.12}\n")) == [("unpinned-image", 1)]
    assert rules(job("image: $IMAGE\nscript: x", before="variables: {IMAGE: python:3.12}\n")) == [("unpinned-image", 1)]
    assert rules(job("image: $IMAGE\nscript: x")) == []  # a variable of the project, which is not to be seen here


def test_a_token_belongs_into_the_project_s_own_file():
    text = job("id_tokens: {A: {aud: x}}\nscript: x")
    assert rules(text) == []
    assert rules(text, "templates/release.yml") == [("included-id-token", 2)]


@pytest.mark.parametrize(
    ("guard", "found"),
    [
        (GUARD, False),
        ("only: [tags]", False),
        ("rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]", False),
        ("rules: [{if: $CI_COMMIT_BRANCH}]", True),
        ("rules: [{if: $CI_COMMIT_TAG, when: never}, {if: $CI_COMMIT_BRANCH}]", True),
        ("rules: [{if: $CI_COMMIT_TAG}, {when: always}]", True),
        ("rules: [{if: $CI_COMMIT_TAG == null}]", True),
        ("rules: [{if: $CI_COMMIT_TAG}, {when: never}]", False),
        ("only: {refs: [tags]}", False),
        ("rules: []", True),
        ("stage: deploy", True),
    ],
)
def test_a_release_comes_from_protected_tags(guard, found):
    assert rules(job(f"script: wasmbuild release\n{guard}")) == ([("unprotected-release", 1)] if found else [])


GUARDED = ".guarded: {rules: [{if: $CI_COMMIT_TAG}]}\n"
OPEN = ".open: {rules: [{if: $CI_COMMIT_BRANCH}]}\n"
PUBLISHES = ".publishes: {script: wasmbuild release}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GUARDED + "job: {extends: .guarded, script: wasmbuild release}\n", False),
        (OPEN + "job: {extends: .open, script: wasmbuild release}\n", True),
        (GUARDED + OPEN + "job: {extends: [.guarded, .open], script: wasmbuild release}\n", True),
        (PUBLISHES + GUARDED + "job: {extends: [.publishes, .guarded]}\n", False),
        (PUBLISHES + "job: {extends: .publishes}\n", True),
        (PUBLISHES, False),
        ("job: {extends: .elsewhere, script: wasmbuild release}\n", False),
        (GUARDED + "job: {script: wasmbuild release, rules: [!reference [.guarded, rules]]}\n", False),
        (GUARDED + "job: {script: wasmbuild release, rules: !reference [.guarded, rules]}\n", False),
        (OPEN + "job: {script: wasmbuild release, rules: [!reference [.open, rules]]}\n", True),
        (PUBLISHES + "job: {script: [!reference [.publishes, script]]}\n", True),
        (".a: {extends: .b}\n.b: {extends: .a}\njob: {extends: .a, script: wasmbuild release}\n", False),
    ],
)
def test_what_a_job_extends_is_its_own(text, found):
    assert [rule for rule, _ in rules(text)] == (["unprotected-release"] if found else [])


def test_a_part_of_a_pipeline_needs_no_job():
    assert rules("variables: {A: x}\n", "variables.yml") == []
    assert rules(".rules: {rules: [{if: $CI_COMMIT_TAG}]}\n", "rules.yml") == []


def test_a_release_restores_no_cache():
    release = f"script: [wasmbuild release]\n{GUARD}"
    assert rules(job(f"{release}\ncache: {{paths: [x]}}")) == [("cache-in-publish", 4)]
    assert rules(job(release, before="cache: {paths: [x]}\n")) == [("cache-in-publish", 1)]
    assert rules(job(release, before="default: {cache: {paths: [x]}}\n")) == [("cache-in-publish", 1)]
    assert rules(job(f"{release}\ncache: []", before="cache: {paths: [x]}\n")) == []
    assert rules(job(f"{release}\ncache: {{paths: [x], policy: push}}")) == []
    assert rules(job("script: make test\ncache: {paths: [x]}")) == []


def test_a_secret_is_not_written_down():
    assert rules(job("variables: {DEPLOY_TOKEN: abc}\nscript: x")) == [("secret-in-file", 2)]
    assert rules(job("variables: {DEPLOY_TOKEN: {value: abc}}\nscript: x")) == [("secret-in-file", 2)]
    merged = ".v: &v {DEPLOY_TOKEN: abc}\n" + job("variables: {<<: *v}\nscript: x")
    assert rules(merged) == [("secret-in-file", 1)]
    assert rules(job("variables: {DEPLOY_TOKEN: $CI_JOB_TOKEN, TOKENIZER: abc}\nscript: x")) == []


def test_an_input_is_not_pasted_into_a_script():
    text = "spec: {inputs: {a: {}}}\n---\njob:\n  script:\n    - echo $[[ inputs.a ]]\n"
    assert rules(text, "t.yml") == [("template-injection", 5)]
    assert (
        rules("spec: {inputs: {a: {}}}\n---\njob:\n  variables: {A: '$[[ inputs.a ]]'}\n  script: echo $A\n", "t.yml")
        == []
    )


def test_what_is_fetched_is_looked_at_before_it_runs():
    assert rules(job("before_script:\n  - [curl -s https://x.example | sh]\nscript: x")) == [("pipe-to-shell", 3)]
