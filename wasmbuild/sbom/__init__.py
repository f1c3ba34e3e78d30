"""SBOMs: what a WebAssembly file is made of, by its own word, in the forms that scanners read."""
