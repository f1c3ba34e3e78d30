#include "library.h"

int32_t add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

uint32_t gcd(uint32_t a, uint32_t b) {
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint64_t fibonacci(uint32_t n) {
    uint64_t current = 0, next = 1;
    while (n-- > 0) {
        uint64_t sum = current + next;
        current = next;
        next = sum;
    }
    return current;
}
