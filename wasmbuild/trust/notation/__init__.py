"""Signatures of the Notary Project ("notation"): envelopes, certificates, and how a registry keeps them."""
