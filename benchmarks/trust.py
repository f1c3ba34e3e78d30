"""How long signing and verifying take, beside ``cosign`` where it is on PATH; and what is done within a process.

    python benchmarks/trust.py [--runs RUNS]

Each run of ``sign`` has an artifact of its own that nobody has signed, in a registry of ours on this
machine; the clients take turns, and use the same key and password. cosign writes a bundle alone, and
wasmbuild, unless told otherwise, the ``.sig`` tag as well: both are shown. The claims: ``sign`` takes
no longer than ``cosign sign``, ``verify`` at most 200 ms longer than ``cosign verify``; in a process,
checking a bundle takes at most 2 ms, and the SBOM of a component of 10 MB at most 1 s.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
CHECK_MILLISECONDS = 2
SBOM_MILLISECONDS = 1000
LATER_MILLISECONDS = 200
COMPONENT_BYTES = 10_000_000
OURS, OURS_ALIKE, COSIGN = "wasmbuild", "wasmbuild, a bundle", "cosign"
UNLOGGED = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")


def signing(key: Path) -> dict[str, list[str]]:
    """Commands that sign what is named behind them."""
    commands = {
        OURS: [WASMBUILD, "sign", "--key", str(key)],
        OURS_ALIKE: [WASMBUILD, "sign", "--signature-format", "bundle", "--key", str(key)],
    }
    return commands | ({COSIGN: ["cosign", "sign", "--key", str(key), *UNLOGGED]} if shutil.which("cosign") else {})


def verifying(key: Path) -> dict[str, list[str]]:
    """Commands that verify what is named behind them."""
    commands = {OURS: [WASMBUILD, "verify", "--key", str(key)]}
    return commands | ({COSIGN: ["cosign", "verify", "--key", str(key), *KEYED]} if shutil.which("cosign") else {})


def milliseconds(command: list[str]) -> float:
    """The wall-clock time of one process; it is waited for without looking again and again."""
    began = time.perf_counter()
    with subprocess.Popen(command, **QUIET) as process:
        watch = threading.Timer(60, process.kill)
        watch.start()
        code = process.wait()
        taken = (time.perf_counter() - began) * 1000
        watch.cancel()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return taken


def alternating(commands: dict[str, list[str]], runs: int, subject: Callable[[], str]) -> dict[str, list[float]]:
    """Times of each command; the first round fills caches and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            value = milliseconds([*command, subject()])
            if number:
                taken[name].append(value)
    return taken


def pushed(address: str, folder: Path) -> Iterator[str]:
    """Artifacts, each of its own, by digest."""
    number = 0
    while True:
        number += 1
        file = folder / "some.wasm"
        section = bytes([2, 1]) + number.to_bytes(8, "little")
        file.write_bytes(b"\0asm\1\0\0\0" + bytes([0, len(section)]) + section)
        command = [WASMBUILD, "push", f"{address}/benchmark/trust:{number}", str(file), "--sbom", "none"]
        yield subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def check_milliseconds(runs: int) -> float:
    """Judging one bundle that is in memory."""
    from registry.model import OCI_MANIFEST, describe
    from wasmbuild.trust.authority import KeyAuthority
    from wasmbuild.trust.bundle import BUNDLE
    from wasmbuild.trust.candidate import Candidate, SignatureKind
    from wasmbuild.trust.keys import PrivateKey
    from wasmbuild.trust.signer import sign
    from wasmbuild.trust.verifier import Outcome, Verifier

    key, subject = PrivateKey.generate(), describe(OCI_MANIFEST, b"{}")
    bundle = sign(subject, "registry.example/some", key, "1970-01-01T00:00:00Z").bundle_bytes
    verifier = Verifier([KeyAuthority(key.public)])

    def check() -> None:
        evidence = verifier.verify(subject, [Candidate(SignatureKind.BUNDLE, BUNDLE, bundle)])
        assert evidence.outcome is Outcome.VERIFIED

    return statistics.median(timed(check) for _ in range(runs * 50))


def sbom_milliseconds(folder: Path, runs: int) -> float:
    """Writing down what a component of 10 MB is made of: a core module, most of it code, within a component."""
    from wasmbuild.sbom import cyclonedx
    from wasmbuild.sbom.gathering import Known, gather

    file = folder / "large.wasm"
    file.write_bytes(large_component(COMPONENT_BYTES))

    def write() -> None:
        cyclonedx.write(gather(file.read_bytes(), Known("large")), "1970-01-01T00:00:00Z")

    return statistics.median(timed(write) for _ in range(max(runs // 4, 3)))


def large_component(size: int) -> bytes:
    """A component around one module of many functions, each with a body of some instructions."""
    body = b"\0" + b"\x41\x01\x1a" * 40 + b"\x0b"
    function = leb(len(body)) + body
    count = size // len(function)
    parts = [(1, b"\1\x60\0\0"), (3, leb(count) + b"\0" * count), (10, leb(count) + function * count)]
    module = b"\0asm\1\0\0\0" + b"".join(bytes([number]) + leb(len(part)) + part for number, part in parts)
    return b"\0asm\x0d\0\1\0" + b"\1" + leb(len(module)) + module


def leb(value: int) -> bytes:
    """An unsigned number as WebAssembly has it (LEB128)."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def timed(work: Callable[[], None]) -> float:
    """How long a call takes, in milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def table(title: str, taken: dict[str, list[float]]) -> dict[str, float]:
    """Print medians and least values; returns the medians."""
    medians = {name: statistics.median(values) for name, values in taken.items()}
    base = medians.get(COSIGN)
    print(f"{title:<24} {'ms':>8} {'least':>8} {'ratio':>7}")
    for name, values in taken.items():
        ratio = f"{medians[name] / base:>7.2f}" if base else "-"
        print(f"  {name:<22} {medians[name]:>8.1f} {min(values):>8.1f} {ratio}")
    return medians


def compared(folder: Path, runs: int) -> dict[str, bool]:
    """What is claimed of the commands, and whether it holds."""
    from registry.server.testing import running_server

    subprocess.run([WASMBUILD, "keys", "generate", "-o", str(folder / "key")], check=True, capture_output=True)
    with running_server(folder / "registry") as address:
        artifacts = pushed(address, folder)
        signed = table("sign", alternating(signing(folder / "key.key"), runs, lambda: next(artifacts)))
        subject = next(artifacts)
        subprocess.run([WASMBUILD, "sign", "--key", str(folder / "key.key"), subject], check=True, capture_output=True)
        verified = table("verify", alternating(verifying(folder / "key.pub"), runs, lambda: subject))
    if COSIGN not in signed:
        print("cosign is not on PATH: nothing to compare with")
        return {}
    later = verified[OURS] - verified[COSIGN]
    return {
        "sign takes no longer than cosign's": signed[OURS] <= signed[COSIGN],
        f"verify takes at most {LATER_MILLISECONDS} ms longer ({later:.0f})": later <= LATER_MILLISECONDS,
    }


def main() -> int:
    """Measure, print, and say whether the claims hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs: int = parser.parse_args().runs
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {"WASMBUILD_KEY_PASSWORD": "", "COSIGN_PASSWORD": ""}
    with tempfile.TemporaryDirectory() as name:
        claims = compared(Path(name), runs)
        check, sbom = check_milliseconds(runs), sbom_milliseconds(Path(name), runs)
    print(f"{'a bundle, in a process':<24} {check:>8.2f}\n{'an SBOM of 10 MB':<24} {sbom:>8.1f}")
    claims[f"a bundle is checked within {CHECK_MILLISECONDS} ms"] = check <= CHECK_MILLISECONDS
    claims[f"an SBOM of 10 MB takes at most {SBOM_MILLISECONDS} ms"] = sbom <= SBOM_MILLISECONDS
    for claim, holds in claims.items():
        print(f"{claim}: {'kept' if holds else 'missed'}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
