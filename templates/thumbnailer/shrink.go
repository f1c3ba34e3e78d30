package main

import (
	"image"
	"image/color"
	"image/draw"
)

// shrink returns the picture with its longest side at most size pixels; it never enlarges.
func shrink(picture image.Image, size int) image.Image {
	bounds := picture.Bounds()
	width, height := fit(bounds.Dx(), bounds.Dy(), size)
	// Premultiplied by alpha, so that what is transparent does not colour its neighbours.
	source := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(source, source.Bounds(), picture, bounds.Min, draw.Src)
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			small.SetRGBA(x, y, average(source, image.Rect(
				x*bounds.Dx()/width, y*bounds.Dy()/height,
				(x+1)*bounds.Dx()/width, (y+1)*bounds.Dy()/height,
			)))
		}
	}
	return small
}

// fit scales two sides down, in proportion, until neither is longer than size.
func fit(width, height, size int) (int, int) {
	longest := max(width, height)
	if longest <= size {
		return width, height
	}
	return max(1, width*size/longest), max(1, height*size/longest)
}

// average is the mean colour of the pixels in a box.
func average(source *image.RGBA, box image.Rectangle) color.RGBA {
	var sums [4]int
	for y := box.Min.Y; y < box.Max.Y; y++ {
		row := source.Pix[source.PixOffset(box.Min.X, y):source.PixOffset(box.Max.X, y)]
		for at, value := range row {
			sums[at%4] += int(value)
		}
	}
	count := box.Dx() * box.Dy()
	mean := func(sum int) uint8 { return uint8((sum + count/2) / count) }
	return color.RGBA{mean(sums[0]), mean(sums[1]), mean(sums[2]), mean(sums[3])}
}
