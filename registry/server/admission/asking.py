"""Asking whether a tag may be set: on a thread, for a limited time, and refusing whenever it is not clear."""

import asyncio
import logging
import threading
from contextlib import suppress
from functools import partial
from importlib.metadata import EntryPoint, entry_points

from registry.admission import ENTRY_POINTS, Admission, OpenAdmission, Question, Verdict
from registry.errors import Failure, InvalidConfiguration
from registry.model import Descriptor
from registry.server.admission.view import RepositoryView
from registry.server.config.admission import AdmissionConfig
from registry.server.database import Database
from registry.server.storage.protocol import BlobStorage
from registry.words import printable

__all__ = ["Asking", "open_admission"]

_AT_ONCE = 4
"""Answers that are waited for at once; one that never comes keeps its place."""

_SHOWN = 1000
_UNDECIDED = "whoever decides about tags here could not decide about this one; the registry's log says why"
_LOGGER = logging.getLogger(__name__)


class Asking:
    """Asks one ``Admission``; belongs to one event loop.

    ``room`` is held by whoever asks and has a whole manifest in memory for it.
    """

    def __init__(self, admission: Admission, config: AdmissionConfig, database: Database, storage: BlobStorage) -> None:
        self._admission, self._config = admission, config
        self._database, self._storage = database, storage
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.room = asyncio.Semaphore(2 * _AT_ONCE)

    async def reason_against(
        self, repository: str, tags: tuple[str, ...], descriptor: Descriptor, content: bytes
    ) -> str | None:
        """Why tags may not mean a manifest, whose bytes are ``content``; None: they may.

        Raises OSError when database or storage could not say what whoever decides needs to know.
        """
        view = RepositoryView(
            self._database,
            self._storage,
            repository,
            descriptor,
            content,
            limit=self._config.max_read,
            patience=self._config.timeout,
        )
        try:
            async with asyncio.timeout(self._config.timeout):
                answer = await self._answer(Question(repository, tags, descriptor, view))
        except TimeoutError:
            answer = TimeoutError(f"there was no answer in {self._config.timeout:g} seconds")
        finally:
            view.close()
        if isinstance(answer, Verdict) and answer.allowed is True:
            return None
        if view.failure is not None:
            raise view.failure
        if isinstance(answer, Verdict) and answer.allowed is False and isinstance(answer.reason, str):
            return printable(answer.reason or "no reason is given", _SHOWN)
        _LOGGER.warning("%s:%s was refused: %s", repository, tags[0], _fault(answer))
        return _UNDECIDED

    async def _answer(self, question: Question) -> object:
        """What comes back, or what is raised."""
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[object] = loop.create_future()

        def finish(answer: object) -> None:
            self._turns.release()
            if not done.done():
                done.set_result(answer)

        def work() -> None:
            try:
                answer: object = self._admission.admit(question)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is a refusal
                answer = error
            with suppress(RuntimeError):  # nobody waits any more: the server has ended
                loop.call_soon_threadsafe(partial(finish, answer))

        try:
            # Nobody can end a thread that hangs, and the process must not wait for it.
            threading.Thread(target=work, name="registry-admission", daemon=True).start()
        except RuntimeError as error:
            finish(error)
        return await done


def _fault(answer: object) -> str:
    if isinstance(answer, Failure):
        return printable(str(answer), _SHOWN)
    if isinstance(answer, BaseException):
        return printable(f"{type(answer).__name__}: {answer}", _SHOWN)
    return f"the answer is no verdict but a {type(answer).__name__}"


def open_admission(config: AdmissionConfig) -> Admission | None:
    """Whoever the settings say decides about tags; None: nobody.

    Raises InvalidConfiguration when there is no such entry point, or it does not work: a server that
    was told to ask does not start without.
    """
    if config.name is None:
        return None
    entry = _entry(config.name)
    try:
        opening: OpenAdmission = entry.load()
        admission = opening(config.policy)
        if not callable(getattr(admission, "admit", None)):
            raise TypeError("it has no method admit")  # noqa: TRY301 - one way to say it
    except Exception as error:
        said = error if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
        raise InvalidConfiguration(
            f"admission.name: {config.name} cannot decide about tags",
            cause=printable(str(said), _SHOWN),
            hint=error.hint if isinstance(error, Failure) else None,
        ) from error
    return admission


def _entry(name: str) -> EntryPoint:
    known = list(entry_points(group=ENTRY_POINTS))
    found = [entry for entry in known if entry.name == name]
    places = {entry.value for entry in found}
    if len(places) == 1:
        return found[0]
    shown, names = printable(name, 100), sorted({entry.name for entry in known})
    if found:
        raise InvalidConfiguration(f"admission.name: {shown} is what several packages offer")
    raise InvalidConfiguration(
        f"admission.name: no package that is installed offers {shown}",
        cause=f"entry points of {ENTRY_POINTS}: {', '.join(names) or 'none'}",
    )
