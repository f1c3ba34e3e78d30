"""A remote repository as a store of content, over HTTP, on the ``oras`` package.

What that package does for us is the registry session, the finding of Docker's credentials and the
URLs. What it does not check (digests, sizes, where credentials go, what is retried) is done here.
"""
