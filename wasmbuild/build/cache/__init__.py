"""The action cache: what an action gave, found again by its key, here or in a cache that is shared with others."""
