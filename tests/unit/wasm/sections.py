"""Wasm files put together section by section, for tests."""

from wasmbuild.wasm.editing.rewrite import encode_custom, leb128, sized

MODULE = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"

custom = encode_custom


def nest(binary):
    """A section of a component, with a module or a component in it."""
    return (b"\1" if binary[4] == 1 else b"\4") + sized(binary)


def long_leb(number):
    """A number in five bytes."""
    return bytes(number >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)) + bytes([number >> 28])


def text(value):
    return sized(value.encode())


def vector(*items):
    return leb128(len(items)) + b"".join(items)
