import pytest

from wasmbuild.workflows.ci.check import check_text
from wasmbuild.workflows.ci.findings import MAX_FINDINGS, RULES

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"
CHECKOUT = f"actions/checkout@{SHA}"


def rules(text: str) -> list[tuple[str, int]]:
    return [(found.rule, found.line) for found in check_text(".github/workflows/w.yml", text)]


def step(lines: str, *, on: str = "push", permissions: str = "{}", more: str = "") -> str:
    """A workflow whose one job has these steps, from line 8 on."""
    head = f"on: {on}\npermissions: {{}}\njobs:\n  job:\n    runs-on: ubuntu-24.04\n    permissions: {permissions}\n"
    return (
        head
        + (f"    {more}\n" if more else "")
        + "    steps:\n"
        + "".join(f"      {each}\n" for each in lines.splitlines())
    )


@pytest.mark.parametrize(
    "uses",
    ["actions/checkout@v4", "actions/checkout@main", "a/b", f"a/b@{SHA[:12]}", f"a/b@{SHA.upper()}", f"a/b@{SHA}0"],
)
def test_an_action_without_its_commit_is_found(uses):
    assert ("unpinned-action", 8) in rules(step(f"- uses: {uses}\n  with: {{persist-credentials: false}}"))


@pytest.mark.parametrize("uses", [f"a/b@{SHA}", f"a/b/c@{SHA} # v1.2.3", "./.github/actions/ours", "./"])
def test_a_commit_and_our_own_action_pass(uses):
    assert rules(step(f"- uses: {uses}")) == []


def test_a_called_workflow_is_pinned_too_and_gets_secrets_by_name():
    text = (
        "on: push\njobs:\n  a:\n    permissions: {}\n    uses: o/r/.github/workflows/w.yml@v1\n    secrets: inherit\n"
    )
    assert rules(text) == [("unpinned-action", 5), ("secrets-everywhere", 6)]


def test_images_have_digests():
    digest = "sha256:" + "0" * 64
    assert rules(step("- uses: docker://alpine:3")) == [("unpinned-image", 8)]
    assert rules(step(f"- uses: docker://alpine@{digest}")) == []
    assert rules(step("- run: x", more="container: node:20")) == [("unpinned-image", 7)]
    assert rules(step("- run: x", more="container: {image: node:20}")) == [("unpinned-image", 7)]
    assert rules(step("- run: x", more="services: {db: {image: postgres:16}}")) == [("unpinned-image", 7)]
    assert rules(step("- run: x", more=f"container: node@{digest}")) == []


@pytest.mark.parametrize(
    "expression",
    [
        "github.event.pull_request.title",
        "github.event.issue.body",
        "github.head_ref",
        "github.ref_name",
        "github.event.commits[0].message",
        "github.event['issue']['title']",
        "inputs.version",
        "steps.a.outputs.b",
        "needs.a.outputs.b",
        "env.NAME",
        "secrets.TOKEN",
        "toJSON(github.event)",
        "format('{0}', inputs.x)",
        "inputs.x || 'y'",
        "contains(inputs.x, 'a') && inputs.x",
        "matrix.name.value || github.actor",
        "github.event.inputs.number",
        "github.event.client_payload.sha",
        "format('}}', github.head_ref)",
        "" + " " * 3000 + "github.head_ref",
    ],
)
def test_what_others_wrote_is_not_pasted_into_a_script(expression):
    assert rules(step(f"- run: |\n    echo first\n    echo ${{{{ {expression} }}}}")) == [("template-injection", 10)]


@pytest.mark.parametrize(
    "expression",
    [
        "github.sha",
        "github.run_id",
        "github.event.pull_request.number",
        "github.event.pull_request.head.sha",
        "runner.os",
        "matrix.python",
        "success()",
        "contains(inputs.x, 'github.head_ref')",
        "'inputs.x'",
        "hashFiles('**/lock')",
        "format('}}{0}', github.sha)",
    ],
)
def test_what_github_makes_may_be_pasted(expression):
    text = step(f"- run: echo ${{{{ {expression} }}}}", more="strategy: {matrix: {python: [1, 2]}}")
    assert rules(text) == []


@pytest.mark.parametrize(
    "script",
    [
        '"echo \\x24{{ github.head_ref }}"',
        '"echo ${\\u007b github.head_ref }}"',
        "echo ${{\n          github.\n          head_ref }}",
        "'echo ${{ format(''}}'', github.head_ref) }}'",
        ">-\n          echo ${{ github\n          .head_ref }}",
    ],
)
def test_an_expression_is_found_however_yaml_writes_it(script):
    assert [rule for rule, _ in rules(step(f"- run: {script}"))] == ["template-injection"]


def test_a_matrix_that_another_job_makes_is_not_ours():
    text = step("- run: echo ${{ matrix.a }}", more="strategy: {matrix: '${{ fromJSON(needs.p.outputs.m) }}'}")
    assert rules(text) == [("template-injection", 9)]


def test_a_variable_is_how_it_is_done():
    assert rules(step('- run: echo "$TITLE"\n  env: {TITLE: "${{ github.event.issue.title }}"}')) == []


def test_a_script_of_github_script_is_one_too():
    text = step(f"- uses: actions/github-script@{SHA}\n  with:\n    script: console.log('${{{{ github.head_ref }}}}')")
    assert rules(text) == [("template-injection", 10)]


def test_permissions_are_said():
    assert rules("on: push\njobs:\n  a: {runs-on: x, steps: [{run: x}]}\n") == [("missing-permissions", 3)]
    assert rules("on: push\npermissions: {}\njobs:\n  a: {runs-on: x, steps: [{run: x}]}\n") == []
    assert rules("on: push\npermissions: write-all\njobs:\n  a: {steps: [{run: x}]}\n") == [("wide-permissions", 2)]


@pytest.mark.parametrize(
    ("permissions", "run", "wide"),
    [
        ("{contents: write}", "wasmbuild release", True),
        ("{contents: write}", "git push origin main", False),
        ("{id-token: write}", "make test", True),
        ("{id-token: write}", "wasmbuild release --keyless", False),
        ("{packages: write}", "make test", True),
        ("{packages: write}", "docker push ghcr.io/a/b", False),
        ("{packages: write}", "wasmbuild release --dry-run", False),
        ("{contents: read}", "make test", False),
        ("write-all", "git push", True),
        ("{issues: write}", "make test", False),
        ("{contents: write}", 'npx semantic-release\n  env: {GITHUB_TOKEN: "${{ github.token }}"}', False),
        ("{id-token: write}", 'npx semantic-release\n  env: {GITHUB_TOKEN: "${{ github.token }}"}', True),
        ("read-all", "make test", False),
    ],
)
def test_permissions_are_used(permissions, run, wide):
    assert rules(step(f"- run: {run}", permissions=permissions)) == ([("wide-permissions", 6)] if wide else [])


@pytest.mark.parametrize(
    ("uses", "scope", "wide"),
    [
        ("o/wasmbuild", "id-token", False),
        ("o/wasmbuild", "contents", True),
        ("actions/attest", "id-token", False),
        ("actions/setup-go", "id-token", True),
        ("docker/login-action", "packages", False),
        ("docker/setup-buildx-action", "packages", True),
        ("somebody/unknown", "contents", False),
        ("./ours", "packages", False),
        ("actions/github-script", "contents", False),
        ("actions/delete-package-versions", "packages", False),
    ],
)
def test_an_action_uses_permissions(uses, scope, wide):
    name = uses if uses.startswith("./") else f"{uses}@{SHA}"
    text = step(f"- uses: {name}", permissions=f"{{{scope}: write}}")
    assert rules(text) == ([("wide-permissions", 6)] if wide else [])


def test_what_every_job_may_write_is_too_wide():
    jobs = "  a: {steps: [{run: wasmbuild push x}]}\n  b: {steps: [{run: x}]}\n"
    text = f"on: push\npermissions: {{packages: write}}\njobs:\n{jobs}"
    assert rules(text) == [("wide-permissions", 2)]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild release", True),
        (f"- uses: actions/cache/restore@{SHA}\n- run: docker push x", True),
        (f"- uses: actions/setup-node@{SHA}\n  with: {{cache: npm}}\n- run: npm publish", True),
        (f"- uses: actions/cache@{SHA}\n- uses: o/wasmbuild@{SHA}", True),
        ("- run: wasmbuild release --cache-from registry.example.com/cache", True),
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild copy a/b:1 c/b", True),
        (f"- uses: actions/cache@{SHA}\n- uses: o/wasmbuild@{SHA}\n  with: {{command: load}}", True),
        (f"- uses: actions/cache@{SHA}\n- run: oras cp a/b:1 c/b:1", True),
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild release --snapshot", False),
        (f"- uses: actions/cache@{SHA}\n- run: make test", False),
        (f"- uses: actions/cache@{SHA}\n- run: docker push localhost:5000/a/b", False),
        (f"- uses: actions/cache/save@{SHA}\n- run: wasmbuild release", False),
        (f"- uses: actions/setup-node@{SHA}\n- run: npm publish", False),
        (f"- uses: actions/cache@{SHA}\n- uses: o/wasmbuild@{SHA}\n  with: {{dry-run: 'true'}}", False),
        (f"- uses: actions/cache@{SHA}\n- uses: o/wasmbuild@{SHA}\n  with: {{command: verify}}", False),
        ("- run: wasmbuild release --cache-from x --cache-trust team.pub", False),
        (f"- uses: actions/setup-go@{SHA}\n- run: wasmbuild release", True),
        (f"- uses: actions/setup-go@{SHA}\n  with: {{cache: false}}\n- run: wasmbuild release", False),
        (f"- uses: astral-sh/setup-uv@{SHA}\n- run: uv publish", True),
        (f"- uses: astral-sh/setup-uv@{SHA}\n  with: {{enable-cache: false}}\n- run: uv publish", False),
        (f"- uses: docker/build-push-action@{SHA}\n  with: {{push: true, cache-from: type=gha}}", True),
        (f"- uses: docker/build-push-action@{SHA}\n  with: {{push: true, cache-from: 'type=registry,ref=x'}}", False),
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild release --snapshot && wasmbuild release", True),
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild verify x --key release.pub", False),
        (f"- uses: actions/cache@{SHA}\n- run: wasmbuild inspect push release", False),
        (f"- uses: actions/cache@{SHA}\n- run: .venv/bin/wasmbuild tag x@y 1.0", True),
        (
            f"- uses: actions/cache@{SHA}\n- uses: o/wasmbuild@{SHA}\n  with: {{arguments: --dry-run}}",
            False,
        ),
    ],
)
def test_a_job_that_publishes_restores_no_cache(steps, found):
    assert [rule for rule, _ in rules(step(steps))] == (["cache-in-publish"] if found else [])


@pytest.mark.parametrize(
    "event", ["pull_request_target", "[push, workflow_run]", "{issue_comment: {types: [created]}}"]
)
def test_a_stranger_s_head_is_not_run_with_our_rights(event):
    given = '{persist-credentials: false, ref: "${{ github.event.pull_request.head.sha }}"}'
    bad = f"- uses: {CHECKOUT}\n  with: {given}"
    assert rules(step(bad, on=event)) == [("untrusted-checkout", 8)]
    assert rules(step(bad, on="pull_request")) == []
    assert rules(step(f"- uses: {CHECKOUT}\n  with: {{persist-credentials: false}}", on=event)) == []
    script = '- run: git checkout "$HEAD"\n  env: {HEAD: "${{ github.head_ref }}"}'
    assert rules(step(script, on=event)) == [("untrusted-checkout", 8)]


def test_a_checkout_keeps_no_token():
    assert rules(step(f"- uses: {CHECKOUT}")) == [("persisted-credentials", 8)]


def test_a_secret_is_for_the_step_that_needs_it():
    text = "on: push\nenv:\n  TOKEN: ${{ secrets.TOKEN }}\n" + step("- run: x").removeprefix("on: push\n")
    assert rules(text) == [("secrets-everywhere", 3)]


@pytest.mark.parametrize(
    "run",
    [
        "curl -sSfL https://x.example | sh",
        "wget -qO- https://x.example | sudo -E bash -s -- -y",
        "bash <(curl -s https://x.example)",
        'sh -c "$(curl -fsSL https://x.example)"',
        "curl https://x.example | python3 -",
        "curl 'https://x.example?a=1&b=2' | sh",
        "curl https://x.example | gunzip | bash -s",
        "curl -sSfL https://x.example \\\n      | sh",
        "curl -sSfL https://x.example |\n      sh",
        "irm https://x.example | iex",
    ],
)
def test_what_is_fetched_is_looked_at_before_it_runs(run):
    assert [rule for rule, _ in rules(step(f"- run: |\n    {run}"))] == ["pipe-to-shell"]


@pytest.mark.parametrize(
    "run",
    [
        "curl -o x https://x.example && sha256sum -c x.sum",
        "curl -s https://x | jq .tag",
        "cat x | sh",
        "curl -s https://x | python3 -m json.tool",
        "curl -s https://x | python3 -c 'import json'",
        "# curl https://x.example | sh",
        "curl -f https://x || sh why.sh",
    ],
)
def test_fetching_alone_passes(run):
    assert rules(step(f"- run: |\n    {run}")) == []


def test_an_action_s_steps_are_looked_at():
    action = "name: x\nruns:\n  using: composite\n  steps:\n    - shell: bash\n      run: echo ${{ inputs.a }}\n"
    found = check_text("action.yml", action)
    assert [(each.rule, each.line, each.column) for each in found] == [("template-injection", 6, 17)]


def test_a_remark_lets_a_line_pass_and_no_other():
    text = step(
        "- uses: a/b@v1 # wasmbuild: ignore[unpinned-action]\n- run: x\n"
        "- uses: a/b@v1 # wasmbuild: ignore[pipe-to-shell]"
    )
    assert rules(text) == [("unpinned-action", 10)]


def test_what_is_neither_is_said():
    assert rules("a: 1\n") == [("invalid-file", 1)]
    assert rules("") == [("invalid-file", 1)]
    assert rules("on: push\njobs: {}\n")[0][0] == "invalid-file"


def test_what_is_found_is_printable_and_bounded():
    hostile = 'on: push\npermissions: {}\njobs:\n  a:\n    steps:\n      - uses: "a\\e[31m\\r%s"\n' % ("x" * 5000)
    (found,) = check_text("w.yml", hostile)
    assert found.what.isprintable()
    assert len(found.what) < 700


def test_a_long_line_takes_no_long_time():
    check_text("w.yml", step("- run: " + "curl " * 10_000))
    check_text("w.yml", step("- run: " + "${{ '" * 20_000))


def test_there_is_an_end_of_it():
    found = check_text("w.yml", step("- uses: a/b@v1\n" * 1_100))
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].what == f"there are more than {MAX_FINDINGS} findings"


def test_every_rule_says_why_and_what_mends_it():
    assert all(rule.why and rule.hint for rule in RULES.values())
