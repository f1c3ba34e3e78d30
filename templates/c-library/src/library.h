/* What the library exports. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdint.h>

/* Makes a function an export of the WebAssembly module, under its own name. */
#define EXPORT(name) __attribute__((export_name(#name))) name

int32_t EXPORT(add)(int32_t a, int32_t b);

/* The greatest common divisor; 0 when both are 0. */
uint32_t EXPORT(gcd)(uint32_t a, uint32_t b);

/* The n-th Fibonacci number, modulo 2^64; the first ones are 0 and 1. */
uint64_t EXPORT(fibonacci)(uint32_t n);

#endif
