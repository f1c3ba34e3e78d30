"""OCI content and how it moves: nouns, stores, a client and a server.

Knows nothing of WebAssembly and never imports ``wasmbuild``.
"""
