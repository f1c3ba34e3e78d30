"""What an action that fetches may see of the user's environment: the way to the network, and no more."""

__all__ = ["NETWORK_VARIABLES"]

NETWORK_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Proxies (in capitals or not) and certificates."""
