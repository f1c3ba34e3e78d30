"""Backups: all rows of one moment in one portable file, and the bytes that they name, in a folder.

``folder`` is what a backup looks like on the disk, ``rows`` its file of rows, ``making`` makes one
while the registry is used, ``restoring`` and ``loading`` bring one into an empty registry, whichever
database and storage that has. ``hold`` keeps collection away meanwhile, ``lanes`` copies several things
at once.
"""
