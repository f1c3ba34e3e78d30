"""Who says what about which digest: keys, statements, signatures, and what was found of them."""
