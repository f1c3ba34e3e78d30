"""``wasmbuild.toml``: what a project is, and what is built of it."""

from wasmbuild.project.model import Kind, Optimize, Project, Settings, Target
from wasmbuild.project.names import MAX_NAME, make_name, valid_name, valid_version
from wasmbuild.project.parsing import PROJECT_FILE, infer, load, no_project, parse

__all__ = [
    "MAX_NAME",
    "PROJECT_FILE",
    "Kind",
    "Optimize",
    "Project",
    "Settings",
    "Target",
    "infer",
    "load",
    "make_name",
    "no_project",
    "parse",
    "valid_name",
    "valid_version",
]
