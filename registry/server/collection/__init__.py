"""What goes: content that nobody needs, tags that a rule does not keep, bytes that are damaged.

``manifests`` and ``blobs`` decide about one row at a time, ``collector`` runs them, ``retention``
removes tags, ``scrub`` reads everything back, ``background`` does all of it now and then.
"""
