"""Opening a key in the background: its password is stretched for a fifth of a second, by intent, on one core."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.signer import Signatory

__all__ = ["OpenedSoon"]


class OpenedSoon:
    """A Signatory that is being made in another thread; whoever asks it for something waits, and hears why not."""

    def __init__(self, make: Callable[[], Signatory]) -> None:
        """Begin. Nobody waits at the end for what nobody has asked for."""
        self._made: Future[Signatory] = Future()
        Thread(target=self._run, args=(make,), daemon=True, name="opening a key").start()

    @property
    def public(self) -> PublicKey:
        """The public half. Raises what making it raises."""
        return self._made.result().public

    def sign(self, message: bytes, /) -> bytes:
        """The signature. Raises what making it raises."""
        return self._made.result().sign(message)

    def _run(self, make: Callable[[], Signatory]) -> None:
        try:
            self._made.set_result(make())
        except BaseException as error:  # noqa: BLE001 - told to whoever asks
            self._made.set_exception(error)
