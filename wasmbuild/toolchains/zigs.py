"""zig, which compiles three languages, and lends its linker to a fourth."""

from wasmbuild.build.action import Argument, CacheFolder, ToolFile

__all__ = ["ZIG", "ZIG_CACHES"]

ZIG = ToolFile("zig", "ziglang/zig")

ZIG_CACHES: tuple[tuple[str, Argument], ...] = (
    ("ZIG_GLOBAL_CACHE_DIR", CacheFolder("zig/libraries")),
    ("ZIG_LOCAL_CACHE_DIR", CacheFolder("zig/objects", own=True)),
)
"""Where it keeps the libraries that it builds, and what it compiled before."""
