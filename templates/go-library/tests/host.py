"""Calls what the library exports: a line "add 2 3" of standard input calls add(2, 3)."""

import sys

from wasmtime import Engine, Linker, Module, Store, WasiConfig

engine = Engine()
store = Store(engine)
store.set_wasi(WasiConfig())
linker = Linker(engine)
linker.define_wasi()
exports = linker.instantiate(store, Module.from_file(engine, sys.argv[1])).exports(store)
if "_initialize" in exports:
    exports["_initialize"](store)  # once, before anything else
for line in sys.stdin:
    name, *arguments = line.split()
    print(exports[name](store, *map(int, arguments)))
