"""How Go's runtime gets memory in a component: it must not believe that it alone makes memory grow.

What turns WASI preview 1 into 0.2 takes its own memory by letting the module's grow, when it is called
first. Go's runtime then hands out what is not its own, and data is destroyed
(bytecodealliance/wasm-tools issue 2289). So components are compiled with a ``sbrk`` that has it take
its part before the first byte is handed out, and that stops the program should it ever take more. Go's
own files stay as they are: ``go build -overlay`` exists for this.
"""

from wasmbuild.build.action import Argument, ToolFile

__all__ = ["MEMORY_FILE", "overlaid"]

_NAME = "sbrk.go.txt"
_SBRK = """\
package runtime

import "unsafe"

// settled says whether those who share the memory have taken their part.
var settled bool

// sbrk gives out the next n bytes, rounded to pages; the memory grows when there are not as many.
func sbrk(n uintptr) unsafe.Pointer {
	if !settled {
		settled = true
		var count, length size
		args_sizes_get(&count, &length)
		if end := memoryEnd(); end != blocMax {
			bloc, blocMax = end, end
		}
	}
	if memoryEnd() != blocMax {
		throw("others than Go's runtime have made the memory grow")
	}
	n = memRound(n)
	if missing := bloc + n; missing > blocMax {
		if growMemory(int32((missing-blocMax)/physPageSize)) < 0 {
			return nil
		}
		resetMemoryDataView()
		blocMax = missing
	}
	start := bloc
	bloc += n
	return unsafe.Pointer(start)
}

func memoryEnd() uintptr {
	return uintptr(currentMemory()) * physPageSize
}

func growMemory(pages int32) int32
func currentMemory() int32
"""

MEMORY_FILE = (_NAME, _SBRK)
"""The file to write beside the inputs, and its text."""


def overlaid(go: ToolFile) -> tuple[Argument, ...]:
    """The beginning of ``go build``, such that it compiles this in place of the runtime's own file."""
    own = ToolFile(go.tool, f"{go.path.removesuffix('bin/go')}src/runtime/mem_wasm.go")
    program = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.overlay", own, _NAME, "--")
    return (*program, go, "build", "-overlay=overlay.json")
