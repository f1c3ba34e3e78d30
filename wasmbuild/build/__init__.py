"""How a build runs: the description of a command, its key, the runner, and provisioning of tools."""
