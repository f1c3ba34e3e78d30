"""Stores of content: memory, and OCI image layouts as folders and as tar files.

The remote repository is in ``registry.client``.
"""
