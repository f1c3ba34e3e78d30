"""Sandboxes: a command sees its inputs, its outputs and its tools, and nothing else of this machine.

What each shows, and where none works, is in ``docs/sandbox.md``.
"""

from wasmbuild.build.command import Command
from wasmbuild.build.sandbox.choose import SANDBOXES, choose_sandbox
from wasmbuild.build.sandbox.kinds import NoSandbox, Sandbox
from wasmbuild.build.sandbox.plan import Mount

__all__ = ["SANDBOXES", "Command", "Mount", "NoSandbox", "Sandbox", "choose_sandbox"]
