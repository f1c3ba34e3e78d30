// Command {{name}} renders Markdown as HTML.
//
// It reads CommonMark, with GitHub's tables, task lists and strikethrough, from standard input and
// writes HTML to standard output. HTML in the text is left out: what comes out is safe to show.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"html"
	"io"
	"os"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

const maxBytes = 16 << 20

func main() {
	title := flag.String("title", "", "write a whole page with this title, not only its content")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: {{name}} [-title TITLE] < TEXT > HTML")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, *title); err != nil {
		fmt.Fprintf(os.Stderr, "{{name}}: %v\n", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, title string) error {
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return err
	}
	if len(text) > maxBytes {
		return fmt.Errorf("the text is larger than %d MiB", maxBytes>>20)
	}
	page := bufio.NewWriter(out)
	if title != "" {
		fmt.Fprintf(page, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>%s</title>\n", html.EscapeString(title))
	}
	markdown := goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	if err := markdown.Convert(text, page); err != nil {
		return err
	}
	return page.Flush()
}
