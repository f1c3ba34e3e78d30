"""The program that starts a command, and stays with it: in namespaces of its own, or as who adopts its orphans.

The interpreter runs it alone, as fast as it can start: it imports nothing of ours but itself.
"""
