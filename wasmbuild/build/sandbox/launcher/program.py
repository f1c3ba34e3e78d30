"""What the launcher does: read what it is told, start the command, wait, and leave nobody behind.

It is told by words in a pipe, each with a zero byte behind it: steps with their arguments, then
``start`` and the command. Not here: which steps there are to be (``wasmbuild.build.sandbox.plan``).
"""

import _signal as signal  # type: ignore[import-not-found]  # ``signal`` makes enums of it, which takes milliseconds
import os
import time

from .kernel import adopt_orphans, die_with_parent, enter_namespaces, furnish, leave

__all__ = ["main"]

_CANNOT_START = 127
_GRACE_SECONDS = 1.0
_CLEANING_SECONDS = 10.0
_ARGUMENTS = {"parent": 1, "env": 2, "chdir": 1, "confine": 4, "bind": 3, "tmpfs": 3, "link": 2, "proc": 1, "seal": 1}
"""Every step, and how many arguments it has."""


class _Ended(BaseException):
    """Somebody asks us to end."""


class _Task:
    """What we were told; no dataclass, because that module alone would double the time to start."""

    __slots__ = ("argv", "confine", "env", "folder", "furniture", "parent")

    def __init__(self, words: list[str]) -> None:
        self.parent = 0
        self.env: dict[str, str] = {}
        self.folder: str | None = None
        self.confine: list[str] | None = None
        self.furniture: list[list[str]] = []
        rest = iter(words)
        for word in rest:
            if word == "start":
                break
            self._add(word, [next(rest) for _ in range(_ARGUMENTS[word])])
        self.argv = list(rest)

    def _add(self, word: str, arguments: list[str]) -> None:
        if word == "parent":
            self.parent = int(arguments[0])
        elif word == "env":
            self.env[arguments[0]] = arguments[1]
        elif word == "chdir":
            self.folder = arguments[0]
        elif word == "confine":
            self.confine = arguments
        else:
            self.furniture.append([word, *arguments])


def main(handle: int) -> None:
    """Do what the pipe says, and end this process with the command's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        task = _Task(_read(handle))
        code = _supervised(task) if task.confine is None else _confined(task, task.confine)
    except OSError as error:
        _complain(error.filename or "sandbox", error)
        code = _CANNOT_START
    leave(code)


def _read(handle: int) -> list[str]:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    os.close(handle)
    return [os.fsdecode(word) for word in b"".join(parts).split(b"\0")[:-1]]


def _complain(about: object, error: OSError) -> None:
    os.write(2, os.fsencode(f"wasmbuild: {about}: {error.strerror}\n"))


def _supervised(task: _Task) -> int:
    """Run the command on this machine as it is; its orphans become our children."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, _end)
    die_with_parent(signal.SIGTERM)
    if os.getppid() != task.parent:
        return _CANNOT_START
    command = _start(task)
    try:
        code = _wait(command)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except _Ended:
        code = _wait_a_moment(command)
    _end_children()
    return code


def _confined(task: _Task, confine: list[str]) -> int:
    """Run the command in namespaces of its own; with the first process in them, all others end."""
    enter_namespaces(*confine)
    die_with_parent(signal.SIGKILL)
    if os.getppid() != task.parent:
        return _CANNOT_START
    alive, parent_holds = os.pipe()
    first = os.fork()
    if first:
        os.close(alive)
        return _wait_or_kill(first)
    os.close(parent_holds)
    die_with_parent(signal.SIGKILL)
    os.set_blocking(alive, False)
    try:
        os.read(alive, 1)
    except BlockingIOError:
        furnish(task.furniture)
        return _wait(_start(task))
    return _CANNOT_START  # the parent was gone before it could take us with it


def _end(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of a handler
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Ended


def _wait_or_kill(first: int) -> int:
    """Its end is known when all that are in its namespace have ended."""
    try:
        signal.signal(signal.SIGTERM, _end)
        return _wait(first)
    except _Ended:
        os.kill(first, signal.SIGKILL)
        return _wait(first)


def _start(task: _Task) -> int:
    command = os.fork()
    if command:
        return command
    try:
        for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):  # the interpreter ignores the last two
            signal.signal(number, signal.SIG_DFL)
        if task.folder is not None:
            os.chdir(task.folder)
        _become(task.argv, task.env)
    except OSError as error:
        _complain(task.argv[0], error)
        leave(_CANNOT_START)
    return command


def _become(argv: list[str], env: dict[str, str]) -> None:
    """As execvpe of os does, which imports a module first; by now none can be found any more."""
    program = argv[0]
    places = [program] if "/" in program else [f"{place}/{program}" for place in env.get("PATH", "").split(":")]
    problem: OSError | None = None
    for place in places:
        try:
            os.execve(place, argv, env)  # noqa: S606 - words, no shell
        except (FileNotFoundError, NotADirectoryError) as error:
            problem = problem or error
        except OSError as error:
            problem = error
    if problem is not None:
        raise problem


def _wait(command: int) -> int:
    while True:
        ended, status = os.wait()
        if ended == command:
            return _exit_code(status)


def _wait_a_moment(command: int) -> int:
    """The command has got the same signal as we have; what does not end by itself is ended."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
        try:
            ended, status = os.waitpid(command, os.WNOHANG)
        except ChildProcessError:
            break
        if ended:
            return _exit_code(status)
        time.sleep(0.01)
    return 128 + int(signal.SIGTERM)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _end_children() -> None:
    """Kill our children until there are none: those of the killed become ours."""
    deadline = time.monotonic() + _CLEANING_SECONDS
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for child in _children():
            try:
                os.kill(child, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        time.sleep(0.002)


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would be slow to import
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found
