"""``release``: every target of a project or workspace, built, checked, signed, pushed, verified, and tagged last."""
