"""The WebAssembly binary format: what a file is, offers and asks for. Nothing here runs or compiles it."""
