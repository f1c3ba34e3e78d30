"""The file that makes the linker of C look for ``main``: text, compiled together with a program.

wasi-libc only mentions ``main``, so that a program without it links, and traps when it is run. The file
has a weak one that needs what is nowhere: it is thrown away when there is another, and the result is the same
byte for byte, without debug information at least; when there is none, the name of what is missing is the message.
"""

from wasmbuild.project import Target

__all__ = ["main_file"]

_NAME = ".wasmbuild-main"
_KEEPS_ALL = ("gc-sections", "export-all")
"""Flags of linkers for which nothing is thrown away."""

# clang calls a main of two parameters so, and one of none __main_void: the tool conventions of WebAssembly.
_TEXT = r"""
#pragma clang diagnostic ignored "-Weverything"
#ifdef __cplusplus
extern "C" {
#endif
int missing(void) __asm__("main, with no or two parameters (if there is to be none: kind = \"library\")");
__attribute__((__weak__, __nodebug__)) int __main_argc_argv(int, char **);
int __main_argc_argv(int count, char **words) { return missing(); }
#ifdef __cplusplus
}
#endif
""".lstrip()


def main_file(target: Target, suffix: str) -> tuple[tuple[str, str], ...]:
    """Its path and text, in the language of files that end so; none for a library, or where it would not go away."""
    if target.kind == "library" or any(word in flag for flag in target.flags for word in _KEEPS_ALL):
        return ()
    return ((f"{_NAME}{suffix}", _TEXT),)
