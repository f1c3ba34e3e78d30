"""Stores of content: memory and OCI image layout. The remote repository is in ``registry.client``."""
