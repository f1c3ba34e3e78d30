"""Our registry, and ``zot`` and ``distribution`` where they are on PATH, under the same load.

    python benchmarks/server.py [--rounds N] [--seconds N] [--only NAME]... [--json FILE]

The servers take turns, and each round begins with another one; each has a new folder on the same
disk, with the same content pushed to it through its own API: a hundred tags of one manifest, and
five that refer to it. zot is told to sync blobs, as the other two do. What is printed are medians
over the rounds, and ratios of them. The load runs on the same machine, beside the server.

Small requests: ``wrk`` (``ab`` for HEAD), 16 connections; "bare" is Granian with an application that
answers the same bytes from memory, which is as fast as anything on it can be. ``grown``: ours alone,
a random tag, a page of 100 tags and the referrers, when the repository has 100 tags and is the only
one, and when it has 100,000 and there are 10,000 others. Large ones: 8 connections that push new blobs, in
two requests each, and then pull them; also 64 at once of 100 MB. CPU is the server's own, user and
system, per 10^9 bytes of content; the peak is that of its resident memory. ``zb``: zot's own benchmark,
where it is on PATH, against ours and zot (distribution answers its requests with errors).
"""

import argparse
import hashlib
import json
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import loads
import registries
import requests
from loads import MEGABYTE, Flow, Rate, Void
from registries import BARE, OURS, Running

REPOSITORY = "bench/app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REQUESTS = ("head-tag", "get-tag", "get-digest", "tags", "referrers")
TRANSFERS = {"1MB": (64, MEGABYTE, 8), "10MB": (32, 10 * MEGABYTE, 8), "100MB": (16, 100 * MEGABYTE, 8)}
CROWD = "64x100MB"
GROWN, ZB = "grown", "zb"
Results = dict[str, dict[str, list[Rate | Flow]]]


def sha256(content: bytes) -> str:
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(**fields: object) -> bytes:
    """A small image, or something that refers to one."""
    config, layer = (
        {"mediaType": f"application/vnd.oci.image.{kind}", "digest": sha256(content), "size": len(content)}
        for kind, content in (("config.v1+json", b"{}"), ("layer.v1.tar", b"layer" * 100))
    )
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer], **fields}
    return json.dumps(document).encode()


def seed(server: Running, tags: int = 100) -> None:
    """Push the content that small requests ask for."""
    with requests.Session() as session:
        for content in (b"{}", b"layer" * 100):
            begun = session.post(f"http://{server.address}/v2/{REPOSITORY}/blobs/uploads/")
            place = requests.compat.urljoin(begun.url, begun.headers["Location"])
            place += ("&" if "?" in place else "?") + f"digest={sha256(content)}"
            session.put(place, data=content, headers={"Content-Type": "application/octet-stream"}).raise_for_status()
        image = manifest()
        subject = {"mediaType": MANIFEST, "digest": sha256(image), "size": len(image)}
        put(session, server, image, *(f"v1.{number}" for number in range(tags)))
        for number in range(5):
            signature = manifest(subject=subject, artifactType="application/x.sig", annotations={"n": str(number)})
            put(session, server, signature, sha256(signature))


def put(session: requests.Session, server: Running, content: bytes, *references: str) -> None:
    """Push a manifest under each of these names."""
    for reference in references:
        url = f"http://{server.address}/v2/{REPOSITORY}/manifests/{reference}"
        session.put(url, data=content, headers={"Content-Type": MANIFEST}).raise_for_status()


def grow(server: Running, tags: int, repositories: int) -> None:
    """Add tags to the repository, and other repositories, in as few requests as our server takes."""
    image, here = manifest(), f"http://{server.address}/v2/{REPOSITORY}"
    digests = [sha256(content) for content in (b"{}", b"layer" * 100)]

    def add(first: int) -> None:
        with requests.Session() as session:
            names = "&".join(f"tag=t{number}" for number in range(first, min(first + 50, tags)))
            headers = {"Content-Type": MANIFEST}
            session.put(f"{here}/manifests/{sha256(image)}?{names}", data=image, headers=headers).raise_for_status()

    def found(number: int) -> None:
        other = f"http://{server.address}/v2/bench/other{number}"
        with requests.Session() as session:
            for digest in digests:
                session.post(f"{other}/blobs/uploads/?mount={digest}&from={REPOSITORY}").raise_for_status()
            answer = session.put(f"{other}/manifests/v1", data=image, headers={"Content-Type": MANIFEST})
            answer.raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(0, tags, 50)))
        list(pool.map(found, range(repositories)))


def grown(folder: Path, seconds: int) -> Iterator[tuple[str, str, Rate]]:
    """How fast ours is before and after it has grown: what is asked, how large it is, the rate."""
    with registries.running(OURS, folder) as server:
        seed(server)
        for size, tags, repositories in (("small", 100, 0), ("grown", 100_000, 10_000)):
            grow(server, tags, repositories)
            yield "random-tag", size, loads.get(server, f"/v2/{REPOSITORY}/manifests/t", seconds, tags)
            yield "tags-page", size, loads.get(server, f"/v2/{REPOSITORY}/tags/list?n=100&last=t5", seconds)
            yield "referrers", size, loads.get(server, path_of("referrers"), seconds)
    shutil.rmtree(folder)


def path_of(name: str) -> str:
    """What a small request asks for."""
    digest = sha256(manifest())
    return (
        f"/v2/{REPOSITORY}/"
        + {
            "head-tag": "manifests/v1.42",
            "get-tag": "manifests/v1.42",
            "get-digest": f"manifests/{digest}",
            "tags": "tags/list",
            "referrers": f"referrers/{digest}",
        }[name]
    )


def remember_answers(server: Running, folder: Path) -> None:
    """Write down what the bare server is to say."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {}
    for name in REQUESTS:
        answer = requests.get(f"http://{server.address}{path_of(name)}", timeout=30)
        headers = [pair for pair in answer.headers.items() if pair[0].lower() not in ("date", "server")]
        answers[path_of(name)] = (headers, answer.text)
    (folder / "answers.json").write_text(json.dumps(answers))


def small(server: Running, names: list[str], seconds: int) -> Iterator[tuple[str, Rate]]:
    """Measure small requests; one that a server does not know is left out."""
    for name in names:
        try:
            yield name, (loads.head if name == "head-tag" else loads.get)(server, path_of(name), seconds)
        except Void as why:
            print(f"void: {name} of {server.name}: {why}", flush=True)


def large(server: Running, names: list[str], folder: Path) -> Iterator[tuple[str, Flow]]:
    """Measure pushes and pulls."""
    for name, (count, size, connections) in {**TRANSFERS, CROWD: (64, 100 * MEGABYTE, 64)}.items():
        if f"push-{name}" not in names and f"pull-{name}" not in names:
            continue
        files = loads.make_files(folder, count, size)
        try:
            yield f"push-{name}", loads.push(server, "bench/blobs", files, connections)
            yield f"pull-{name}", loads.pull(server, "bench/blobs", files, connections)
        except Void as why:
            print(f"void: {name} of {server.name}: {why}", flush=True)
        shutil.rmtree(folder)


def one_round(name: str, wanted: list[str], seconds: int, folder: Path) -> Iterator[tuple[str, Rate | Flow]]:
    """Everything, with one server."""
    with registries.running(name, folder / name) as server:
        requested = [each for each in wanted if each in REQUESTS]
        if requested and name != BARE:
            seed(server)
        if name == OURS:
            remember_answers(server, folder / BARE) if requested else None
        yield from small(server, requested, seconds)
        if name != BARE:
            yield from large(server, wanted, folder / "files")
        program = registries.find("zb")
        if ZB in wanted and program is not None and name in (OURS, "zot"):
            yield from loads.zb(server, program, folder / "zb")
    shutil.rmtree(folder / name)


def show(results: Results) -> None:
    """Print medians, and how many times as good ours is."""
    for name, taken in results.items():
        middle = {server: median(samples) for server, samples in taken.items()}
        for server, value in middle.items():
            print(f"{name:<36} {server:<13} {line(value)} {compared(middle[OURS], value) if OURS in middle else ''}")


def median(samples: list[Rate | Flow]) -> Rate | Flow:
    """Field by field."""
    fields = {name: statistics.median(asdict(sample)[name] for sample in samples) for name in asdict(samples[0])}
    return type(samples[0])(**fields)


def line(value: Rate | Flow) -> str:
    """One row, with units."""
    if isinstance(value, Rate):
        return f"{value.requests:>8.0f} /s    p50 {value.p50:>6.2f} ms  p99 {value.p99:>6.2f} ms"
    return f"{value.rate:>8.0f} MB/s  CPU {value.cpu:>5.2f} s/GB  peak {value.peak / 1e6:>5.0f} MB"


def compared(ours: Rate | Flow, other: Rate | Flow) -> str:
    """How many times as fast ours is; and how much of its processor time it takes."""
    if isinstance(ours, Rate) and isinstance(other, Rate):
        return f"  ours: {ours.requests / other.requests:.2f} x"
    assert isinstance(ours, Flow)
    assert isinstance(other, Flow)
    return f"  ours: {ours.rate / other.rate:.2f} x, CPU {ours.cpu / max(other.cpu, 0.001):.2f}"


def main() -> None:
    """Measure and print."""
    transfers = [f"{way}-{name}" for name in (*TRANSFERS, CROWD) for way in ("push", "pull")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each small request")
    parser.add_argument("--only", action="append", choices=[*REQUESTS, *transfers, GROWN, ZB], metavar="NAME")
    parser.add_argument("--json", type=Path, help="write every measurement to this file, too")
    options = parser.parse_args()
    wanted = options.only or [*REQUESTS, *transfers, GROWN, ZB]
    servers = registries.here()
    results: Results = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="wasmbuild-bench-") as temporary:
        for number in range(options.rounds):
            turn = number % len(servers)
            order = [*servers[turn:], *servers[:turn]] + ([BARE] if set(wanted) & set(REQUESTS) else [])
            if set(wanted) == {GROWN}:
                break
            for server in order:
                for name, sample in one_round(server, wanted, options.seconds, Path(temporary)):
                    results[name][server].append(sample)
    if GROWN in wanted:
        with tempfile.TemporaryDirectory(prefix="wasmbuild-bench-") as temporary:
            for name, size, rate in grown(Path(temporary) / "data", options.seconds):
                print(f"{name:<14} {size:<13} {line(rate)}", flush=True)
    show(results)
    if options.json:
        plain = {
            name: {each: [asdict(s) for s in samples] for each, samples in row.items()} for name, row in results.items()
        }
        options.json.write_text(json.dumps(plain, indent=2) + "\n")


if __name__ == "__main__":
    main()
