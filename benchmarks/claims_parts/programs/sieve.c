/* The sieve of Eratosthenes up to 8 million: one byte for each number, stores with a growing step. */
#include "kernel.h"

#define MOST 8000000

static uint8_t composite[MOST + 1];

static void prepare(void) {}

static uint64_t kernel(int rounds) {
    uint64_t sum = 0;
    for (int n = 0; n < rounds; n++) {
        for (int i = 0; i <= MOST; i++) composite[i] = 0;
        for (int i = 2; i * i <= MOST; i++)
            if (!composite[i])
                for (int j = i * i; j <= MOST; j += i) composite[j] = 1;
        for (int i = 2; i <= MOST; i++) sum += composite[i] ? 0 : (uint64_t)i;
    }
    return sum;
}
