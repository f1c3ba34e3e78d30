"""The door of tags: somebody else decides whether a tag may mean a manifest (``registry.admission``).

It is asked when a tag is set, and never about a push by digest: signatures come after what they sign.
"""
