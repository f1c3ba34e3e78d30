"""The hash by which compiled code is found and checked: BLAKE2b of 256 bits.

Straight from the module that ``hashlib`` has it from: ``hashlib`` loads OpenSSL, which takes longer than
most guests run.
"""

try:
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

__all__ = ["SIZE", "blake2b"]

SIZE = 32
"""Bytes of a digest."""
