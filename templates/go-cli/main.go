// Command {{name}} greets those that it is told of.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: {{name}} [NAME | -]")
		os.Exit(2)
	}
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "{{name}}: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	name := "world"
	if len(args) == 1 {
		name = args[0]
	}
	if name == "-" {
		return greetLines(in, out)
	}
	return greet(out, name)
}

func greet(out io.Writer, name string) error {
	_, err := fmt.Fprintf(out, "Hello, %s, from WebAssembly!\n", name)
	return err
}

// greetLines greets each line that it reads.
func greetLines(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := greet(out, lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}
