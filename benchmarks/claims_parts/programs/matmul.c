/* The product of two 384 x 384 matrices of floats: a loop that a compiler turns into SIMD where it may. */
#include "kernel.h"

#define SIDE 384

static float a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];

static void prepare(void) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) a[i][j] = (float)(i % 17 + j % 13), b[i][j] = (float)(i % 7 - j % 11);
}

static uint64_t kernel(int rounds) {
    uint64_t sum = 0;
    for (int n = 0; n < rounds; n++) {
        a[0][0] += (float)n;
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) c[i][j] = 0;
            for (int k = 0; k < SIDE; k++)
                for (int j = 0; j < SIDE; j++) c[i][j] += a[i][k] * b[k][j];
        }
    }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) sum = sum * 31 + (uint64_t)(int64_t)c[i][j];
    return sum;
}
