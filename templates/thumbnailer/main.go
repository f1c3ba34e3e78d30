// Command {{name}} makes small pictures of large ones.
//
// It reads a PNG, JPEG or GIF from standard input and writes a PNG or JPEG to standard output.
// A picture from a stranger is opened in a sandbox that has no files and no network.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	_ "image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

const (
	maxBytes  = 64 << 20
	maxPixels = 50_000_000
)

func main() {
	size := flag.Int("size", 128, "longest side of the thumbnail, in pixels")
	format := flag.String("format", "png", "png or jpeg")
	flag.Parse()
	if flag.NArg() > 0 || *size < 1 || *size > 4096 || (*format != "png" && *format != "jpeg") {
		fmt.Fprintln(os.Stderr, "usage: {{name}} [-size 1..4096] [-format png|jpeg] < PICTURE > THUMBNAIL")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, *size, *format); err != nil {
		fmt.Fprintf(os.Stderr, "{{name}}: %v\n", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, size int, format string) error {
	picture, err := read(in)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	if err := write(buffered, shrink(picture, size), format); err != nil {
		return err
	}
	return buffered.Flush()
}

// read decodes a picture after a look at its header: a small file can claim to be a huge picture.
func read(in io.Reader) (image.Image, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("the file is larger than %d MiB", maxBytes>>20)
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if errors.Is(err, image.ErrFormat) {
		return nil, errors.New("this is not a PNG, JPEG or GIF")
	}
	if err != nil {
		return nil, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("%d x %d pixels cannot be made smaller here", config.Width, config.Height)
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	return picture, err
}

func write(out io.Writer, picture image.Image, format string) error {
	if format == "jpeg" {
		return jpeg.Encode(out, picture, &jpeg.Options{Quality: 85})
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	return encoder.Encode(out, picture)
}
