import pytest
import wasmtime

from wasmbuild.cli.main import run


def test_the_environment_gives_one_grant_to_a_line(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name in ("a b", "c"):
        (tmp_path / name).mkdir()
    wat = """(module (import "wasi_snapshot_preview1" "path_open" (func))
                     (import "wasi_snapshot_preview1" "environ_get" (func)))"""
    (tmp_path / "files.wasm").write_bytes(wasmtime.wat2wasm(wat))
    monkeypatch.setenv("WASMBUILD_RUN_DIR", "a b:/x y\nc:/c:ro")
    monkeypatch.setenv("WASMBUILD_RUN_ENV", "MODE=very fast")
    assert run(["run", "--explain", "files.wasm"]) == 0
    out = capfd.readouterr().out
    assert f"folder /x y, to read and write: {tmp_path}/a b" in out
    assert f"folder /c, to read: {tmp_path}/c" in out
    assert "variables MODE" in out
    assert "fast" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--explain", "--dir=data"], "--dir, --explain behind the file go to the program"),
        (["--strict"], "--strict behind the file goes to the program"),
        (["--", "--strict"], None),
        (["--verbose", "explain"], None),
    ],
)
def test_an_option_behind_the_file_is_not_passed_over_quietly(arguments, told, tmp_path, capfd):
    file = tmp_path / "quiet.wasm"
    file.write_bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))
    assert run(["run", str(file), *arguments]) == 0
    err = capfd.readouterr().err
    assert (told in err) if told else ("behind the file" not in err)


def test_a_trust_policy_behind_the_file_runs_nothing(tmp_path, capfd):
    file = tmp_path / "quiet.wasm"
    file.write_bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))
    for behind in (["--trust-policy", "p.toml"], ["--trust-policy=p.toml"]):
        assert run(["run", str(file), *behind]) == 2
        assert "nothing would be verified" in " ".join(capfd.readouterr().err.split())
    assert run(["run", str(file), "--", "--trust-policy", "p.toml"]) == 0


def test_an_option_without_its_value_names_the_help_of_its_verb(capfd):
    assert run(["inspect", "a.wasm", "--html"]) == 2
    assert "hint:  wasmbuild inspect --help" in capfd.readouterr().err
