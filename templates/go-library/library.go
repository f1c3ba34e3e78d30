// Package main is a library: what is marked with go:wasmexport is an export of the module.
package main

//go:wasmexport add
func add(a, b int32) int32 {
	return a + b
}

// gcd is the greatest common divisor; 0 when both are 0.
//
//go:wasmexport gcd
func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// fibonacci is the n-th Fibonacci number, modulo 2^64; the first ones are 0 and 1.
//
//go:wasmexport fibonacci
func fibonacci(n uint32) uint64 {
	current, next := uint64(0), uint64(1)
	for range n {
		current, next = next, current+next
	}
	return current
}

// main is never called, and the linker wants it.
func main() {}
