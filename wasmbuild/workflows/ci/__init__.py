"""Files of CI systems: written for a project, and checked for what makes a release unsafe."""
