"""What changed between two files, and what that means for a version number."""
