"""Tries to reach files that were not granted, or to change what was granted for reading."""

from .attempt import READ_ONLY, probe

FILES = (
    probe("path traversal", "open ../outside/secret.txt below its folder", "read", "../outside/secret.txt"),
    probe("path traversal", "the same with inner/../..", "read", "inner/../../outside/secret.txt"),
    probe(
        "path traversal",
        "open /data/../outside/secret.txt by name",
        "name",
        "/data/../outside/secret.txt",
        says="refused",
    ),
    probe("absolute path", "open the secret by its absolute path, below its folder", "read", "{outside}/secret.txt"),
    probe("absolute path", "the same by name", "name", "{outside}/secret.txt", says="no granted folder"),
    probe(
        "absolute path", "open /etc/passwd with no folder", "name", "/etc/passwd", options=(), says="no granted folder"
    ),
    probe("symlink", "follow a relative link that the host left there", "read", "relative-link"),
    probe("symlink", "follow an absolute link that the host left there", "read", "absolute-link"),
    probe("symlink", "go through a link to the folder above", "read", "link-up/outside/secret.txt"),
    probe("symlink", "make a relative link, and follow it", "follow", "../outside/secret.txt"),
    probe("symlink", "make an absolute link, and follow it", "follow", "{outside}/secret.txt"),
    probe("symlink", "write through a link to a file outside", "truncate", "relative-link"),
    probe("parent by descriptor", "open .. of its folder as a folder", "read", ".."),
    probe("parent by descriptor", "open .. of a folder in it, opened before", "climb", ".."),
    probe("parent by descriptor", "the same with ../..", "climb", "../.."),
    probe("rename", "move its file out", "rename-out", "../outside/stolen.txt"),
    probe("rename", "move the secret in", "rename-in", "../outside/secret.txt"),
    probe("hard link", "link its file outside", "link-out", "../outside/stolen.txt"),
    probe("hard link", "link the secret into its folder", "link-in", "../outside/secret.txt"),
    probe("change outside", "create a file", "create", "../outside/made.txt"),
    probe("change outside", "delete the secret", "unlink", "../outside/secret.txt"),
    probe("change outside", "make a folder", "mkdir", "../outside/made"),
    probe("change outside", "set the times of the secret", "times", "../outside/secret.txt"),
    probe("another guest's folder", "read it by its name", "name", "{other}/secret.txt", says="no granted folder"),
    probe("another guest's folder", "read it beside its own", "read", "../other/secret.txt"),
    probe("/proc", "read /proc/self/environ by name", "name", "/proc/self/environ", says="no granted folder"),
    probe("/proc", "read it through its folder", "read", "../../../../../../proc/self/environ"),
    probe("/proc", "list /proc/self/fd", "list", "/proc/self/fd", says="no granted folder"),
    probe("/dev", "open /dev/mem by name", "name", "/dev/mem", says="no granted folder"),
    probe("/dev", "open /dev/stdin by name", "name", "/dev/stdin", says="no granted folder"),
)

READ_ONLY_FOLDER = tuple(
    probe("read-only folder", tries, *words, options=READ_ONLY)
    for tries, words in (
        ("write to a file", ("write", "own.txt")),
        ("empty a file", ("truncate", "own.txt")),
        ("create a file", ("create", "made.txt")),
        ("delete a file", ("unlink", "own.txt")),
        ("rename a file", ("rename-out", "renamed.txt")),
        ("make a hard link", ("link-out", "linked.txt")),
        ("make a symlink", ("symlink", "own.txt")),
        ("make a folder", ("mkdir", "made")),
        ("remove a folder", ("rmdir", "inner")),
        ("set the times of a file", ("times", "own.txt")),
    )
)
