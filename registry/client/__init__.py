"""A remote repository as a store of content, over HTTP, on the ``oras`` package.

What that package does for us is the registry session, the shape of its authentication, and lists of
tags. What it does not check (digests, sizes, where credentials go, what is retried) is done here.
"""
