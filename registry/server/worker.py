"""One of several processes that serve on one socket; ``supervisor`` starts it and is told how it goes.

    python -P -m registry.server.worker DESCRIPTOR

``DESCRIPTOR`` is the socket. The first line of standard input is the settings as JSON, since they
hold secrets; its end means that the supervisor is gone, and so this ends as well. Each line on
standard output is a message, also JSON: ``ready``, ``log`` or ``failure``.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

from registry.errors import ExitCode, Failure
from registry.server.config import ServerConfig
from registry.server.config.values import decode
from registry.server.runtime import serve

__all__ = ["main"]

_MARGIN = 10.0
"""Seconds that a worker without a supervisor has to end, beyond what the settings give to requests."""


def main(descriptor: int) -> ExitCode:
    """Serve until SIGTERM, or until standard input ends."""
    if hasattr(signal, "SIGHUP"):
        # It means to read certificates again, and not to end, also where there are none.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = sys.stdin.buffer.readline()
    say = _teller()
    try:
        config: ServerConfig = decode(ServerConfig, json.loads(settings), "")
        threading.Thread(target=_follow, args=(config,), name="registry-follower", daemon=True).start()
        shared = socket.socket(fileno=descriptor)
        serve(
            config, lambda address: say("ready", {"address": address}), lambda line: say("log", {"line": line}), shared
        )
    except Failure as failure:
        say("failure", {"code": failure.code, "what": failure.what, "cause": failure.cause, "hint": failure.hint})
        return failure.exit_code
    return ExitCode.OK


def _teller() -> Callable[[str, dict[str, str | None]], None]:
    # Nothing else that writes to standard output may end up among the messages.
    pipe = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(kind: str, about: dict[str, str | None]) -> None:
        left = json.dumps({"kind": kind, **about}).encode() + b"\n"
        with lock:
            try:
                while left:
                    left = left[os.write(pipe, left) :]
            except BrokenPipeError:
                return  # the supervisor is gone: this ends soon

    return say


def _follow(config: ServerConfig) -> None:
    # Not through sys.stdin, whose lock this thread would hold when the process ends.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(config.drain + config.grace + _MARGIN)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
