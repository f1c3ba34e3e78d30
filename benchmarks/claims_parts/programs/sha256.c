/* SHA-256 (FIPS 180-4) of 16 MB for each round: rotations, additions and shifts of 32-bit words. */
#include "kernel.h"

#define BYTES (16 * 1024 * 1024)

static uint32_t constants[64], start[8];
static uint8_t data[BYTES];

/* The first 32 bits of the fractions of the cube roots, or square roots, of primes: computed, not listed. */
static uint32_t fraction(int prime, int degree) {
    __extension__ typedef unsigned __int128 wide;
    wide wanted = (wide)prime << (32 * degree);
    uint64_t root = 0;
    for (int bit = 35; bit >= 0; bit--) {
        uint64_t tried = root | (uint64_t)1 << bit;
        wide power = (wide)tried * tried;
        if (degree == 3) power *= tried;
        if (power <= wanted) root = tried;
    }
    return (uint32_t)root;
}

static void prepare(void) {
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)(i * 7 + i / 256);
    for (int number = 2, found = 0; found < 64; number++) {
        int prime = 1;
        for (int divisor = 2; divisor * divisor <= number; divisor++) prime &= number % divisor != 0;
        if (!prime) continue;
        if (found < 8) start[found] = fraction(number, 2);
        constants[found++] = fraction(number, 3);
    }
}

static uint32_t turned(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

static void block(uint32_t state[8], const uint8_t *from) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)from[4 * i] << 24 | (uint32_t)from[4 * i + 1] << 16 | (uint32_t)from[4 * i + 2] << 8 | from[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) + (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) s[i] = state[i];
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t one = s[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
        uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        s[7] = s[6], s[6] = s[5], s[5] = e, s[4] = s[3] + one, s[3] = s[2], s[2] = s[1], s[1] = a, s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

static uint64_t kernel(int rounds) {
    uint8_t last[64] = {0x80};
    uint32_t state[8];
    uint64_t bits = (uint64_t)BYTES * 8 * (uint64_t)rounds;
    for (int i = 0; i < 8; i++) state[i] = start[i];
    for (int n = 0; n < rounds; n++)
        for (int i = 0; i < BYTES; i += 64) block(state, data + i);
    for (int i = 0; i < 8; i++) last[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    block(state, last);
    return (uint64_t)state[0] << 32 | state[1];
}
