"""The command line: one file per verb, each parses, calls one workflow and shows its result."""
