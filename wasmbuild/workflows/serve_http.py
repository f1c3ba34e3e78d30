"""``serve-http``: a component that answers HTTP requests, opened, verified, decided on and made ready.

As ``run`` does it, with the same options. Not here: the server, which ``wasmbuild.cli`` runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from registry.client.registries import Registries
from wasmbuild.caches import Caches
from wasmbuild.errors import CapabilityDenied, EngineUnable
from wasmbuild.events import Sink
from wasmbuild.run.deciding.verdicts import Decision
from wasmbuild.run.guest import Guest
from wasmbuild.run.http.app import Application, Serving
from wasmbuild.run.http.handler import Handler, handler_export
from wasmbuild.run.http.printing import Teller
from wasmbuild.run.supervisor import supervise
from wasmbuild.workflows.run import RunRequest, prepare

__all__ = ["application"]


@contextmanager
def application(
    artifact: str,
    request: RunRequest,
    serving: Serving,
    *,
    caches: Caches,
    registries: Registries,
    sink: Sink,
    tell: Teller,
) -> Iterator[Application]:
    """An ASGI application whose requests guests answer; ``tell`` hears of each, from any thread.

    Raises what ``prepare`` raises; CapabilityDenied for an import that nothing allows, EngineUnable for a
    grant that a guest here cannot be given, GuestFailed when it does not answer requests or cannot start.
    """
    prepared = prepare(artifact, request, caches=caches, registries=registries, sink=sink)
    handler_export(prepared.program)
    _check(prepared.decision, artifact)
    for note in prepared.decision.notes:
        sink(note)
    decision = prepared.decision
    guest = Guest(prepared.program, (), decision.grants, decision.stubs, prepared.limits)
    # It may compile for long, and hears of no signal then.
    made = supervise(lambda: Handler(guest, cache=caches.root / "aot", notify=sink), None)
    with made as handler:
        handler.try_start()
        yield Application(handler, serving, tell)


def _check(decision: Decision, artifact: str) -> None:
    failure = decision.failure(artifact)
    if isinstance(failure, CapabilityDenied) and failure.hint:
        hint = failure.hint.replace("wasmbuild run ", "wasmbuild serve-http ", 1)
        raise CapabilityDenied(failure.what, cause=failure.cause, hint=hint)
    if failure is not None:
        raise failure
    if decision.grants.folders:
        raise EngineUnable(
            "a program that answers HTTP requests gets no folders here",
            cause="its world, wasi:http/proxy, has no files, and this host has none for it",
            hint="leave out --dir, and folders in the policy",
        )
    if decision.grants.http or decision.grants.hosts:
        raise EngineUnable(
            "a program that answers HTTP requests sends none from here",
            cause="this host denies each request that a guest would send",
            hint="leave out --net and --allow http, and http in the policy",
        )
