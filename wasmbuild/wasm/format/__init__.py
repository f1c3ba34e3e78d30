"""The bytes of the binary format: what ``wasmbuild.wasm.binary`` and ``examine`` read with."""
