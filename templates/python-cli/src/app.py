"""Greets those that it is told of."""

import sys

from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        arguments = sys.argv[1:]
        if len(arguments) > 1:
            print("usage: {{name}} [NAME | -]", file=sys.stderr)
            sys.exit(2)
        if arguments == ["-"]:
            for line in sys.stdin:
                greet(line.rstrip("\r\n"))
        else:
            greet(arguments[0] if arguments else "world")


def greet(name: str) -> None:
    print(f"Hello, {name}, from WebAssembly!")
