/* Integers, doubles, text, sorting, the order of bytes in memory: its output is the same on every machine. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(void) {
    double values[500];
    uint64_t state = 88172645463325252ULL;
    for (int i = 0; i < 500; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        values[i] = sin((double)(state % 100000)) * exp((double)(i % 20)) / 3.0;
    }
    qsort(values, 500, sizeof *values, compare);
    for (int i = 0; i < 500; i += 7) printf("%d %.17g %a\n", i, values[i], values[i]);
    uint32_t word = 0x01020304;
    unsigned char bytes[4];
    memcpy(bytes, &word, 4);
    printf("bytes %d %d %d %d, size of a pointer %zu, of a long %zu\n", bytes[0], bytes[1], bytes[2], bytes[3],
           sizeof(void *), sizeof(long));
    printf("%lld %llu %d\n", (long long)(INT64_MIN / 3), (unsigned long long)(state * state), -7 / 2);
    return 0;
}
