"""Fuzz one target for a while: ``python -m tests.fuzz reference --seconds 60 [FILE…]``.

Guided by coverage where atheris is installed (``--random`` does without), otherwise at random. What breaks a
promise is kept in ``build/fuzz/TARGET``; once it is mended, its file belongs into ``tests/fuzz/kept/TARGET``,
where the main suite tries it again. ``--replay`` tries the files that are named, and nothing else.
"""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

from tests.fuzz.engine import at_random, guided
from tests.fuzz.targets import NAMES, kept, load

_INSTRUMENTED = ["registry", "wasmbuild"]


def main() -> None:
    """Fuzz."""
    given = _arguments()
    if given.target == "run":
        from tests.fuzz.fuzz_run import fuzz

        ends = fuzz(given.seconds, given.seed, given.folder / "crash.wasm", given.files)
        sys.stdout.write(f"run, seed {given.seed}: {dict(ends.most_common())}, nothing found\n")
        return
    use_atheris = importlib.util.find_spec("atheris") is not None and not given.random and not given.replay
    if use_atheris:
        import atheris

        with atheris.instrument_imports(include=_INSTRUMENTED):
            target = load(given.target)
    else:
        target = load(given.target)
    files = [path.read_bytes() for path in given.files]
    if given.replay:
        for data in files:
            sys.stdout.write(f"{'taken' if target.tried(data) else 'refused'}\n")
        return
    corpus = [*target.beginning, *kept(target.name), *files]
    if use_atheris:
        guided(target, corpus, given.seconds, given.folder)
    else:
        sys.stdout.write(at_random(target, corpus, given.seconds, given.seed, given.folder) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one target.")
    parser.add_argument("target", choices=[*NAMES, "run"])
    parser.add_argument("files", nargs="*", type=Path, help="more inputs to begin with")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of what is changed at random")
    parser.add_argument("--random", action="store_true", help="do without atheris")
    parser.add_argument("--replay", action="store_true", help="try the files, and nothing else")
    given = parser.parse_intermixed_args()
    given.folder = Path("build/fuzz") / given.target
    given.folder.mkdir(parents=True, exist_ok=True)
    return given


if __name__ == "__main__":
    main()
