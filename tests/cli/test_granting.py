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
