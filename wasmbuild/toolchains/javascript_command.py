"""The module that stands between WASI's command world and a program in JavaScript: text, not code of ours.

It takes ``export function run()`` as well as the interface ``export const run = { run() … }``, and shows
an error that nobody caught. QuickJS has no ``console``, so it gets one on WASI's standard output.
"""

from wasmbuild.toolchains.wit import WASI_VERSION

__all__ = ["CONSOLE", "PROGRAM", "program_files"]

PROGRAM = ".wasmbuild-program.js"
CONSOLE = ".wasmbuild-console.js"


def program_files(entry: str, *, console: bool) -> tuple[tuple[str, str], ...]:
    """The files to write beside the project's, of which the first is the one to begin with."""
    first = 'import "./.wasmbuild-console.js";\n' if console else ""
    program = (PROGRAM, first + _PROGRAM.replace("ENTRY", entry.replace("\\", "\\\\").replace('"', '\\"')))
    return (program, (CONSOLE, _CONSOLE.replace("VERSION", WASI_VERSION))) if console else (program,)


_PROGRAM = """\
import * as program from "./ENTRY";

const { run: given } = { ...program };
const start = typeof given === "function" ? given : given?.run?.bind(given);
if (typeof start !== "function") {
  throw new Error("ENTRY does not export run; a command begins with: export function run() { }");
}

function failed(error) {
  if (!(error instanceof Error && "payload" in error)) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}\\n${error.stack ?? ""}`.trimEnd() : error);
  }
  return Object.assign(new Error("the program failed"), { payload: undefined });
}

export const run = {
  run() {
    try {
      const result = start();
      if (typeof result?.then === "function") {
        return result.then(() => undefined, (error) => { throw failed(error); });
      }
    } catch (error) {
      throw failed(error);
    }
  },
};
"""

_CONSOLE = """\
import { getStdout } from "wasi:cli/stdout@VERSION";
import { getStderr } from "wasi:cli/stderr@VERSION";

const MOST = 4096; // bytes that wasi:io/streams takes at once

function shown(value) {
  if (value instanceof Error) {
    return `${value.name}: ${value.message}\\n${value.stack ?? ""}`.trimEnd();
  }
  if (typeof value !== "object" || value === null) {
    return String(value);
  }
  try {
    return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part));
  } catch {
    return String(value);
  }
}

function writing(open) {
  let stream;
  return (...values) => {
    const line = `${values.map(shown).join(" ")}\\n`;
    const text = line.toWellFormed?.() ?? line;
    const bytes = Uint8Array.from(unescape(encodeURIComponent(text)), (sign) => sign.charCodeAt(0));
    stream ??= open();
    for (let start = 0; start < bytes.length; start += MOST) {
      stream.blockingWriteAndFlush(bytes.subarray(start, start + MOST));
    }
  };
}

if (typeof globalThis.console === "undefined") {
  const out = writing(getStdout);
  const error = writing(getStderr);
  globalThis.console = { log: out, info: out, debug: out, warn: error, error, trace: error };
}
"""
