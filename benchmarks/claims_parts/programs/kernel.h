/* A kernel prepares its data, and then works and returns a checksum. The time of the work alone goes to stderr, so
   that the start of a process or of an engine is not in it; the checksum goes to stdout, and must be the same
   everywhere. No C library may have a part in the work, but to clear memory: it is other code natively, and would be
   what is measured. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void prepare(void);
static uint64_t kernel(int rounds);

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **words) {
    int rounds = count > 1 ? atoi(words[1]) : 1;
    prepare();
    double began = seconds();
    uint64_t sum = kernel(rounds);
    fprintf(stderr, "%.6f\n", seconds() - began);
    printf("%016llx\n", (unsigned long long)sum);
    return 0;
}
