"""Keyless: signatures by identities, verified offline from a trusted root (sigstore client specification)."""
