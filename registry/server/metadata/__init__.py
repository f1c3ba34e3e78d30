"""What the registry knows, as rows: plain functions over a Connection.

Each reads or writes one kind of thing; who may call it, and when bytes are safe, is decided above.
"""
