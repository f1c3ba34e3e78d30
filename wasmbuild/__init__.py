"""wasmbuild: from source code to a WebAssembly artifact that people can trust."""

__all__ = ["__version__"]

__version__ = "0.1.0"
