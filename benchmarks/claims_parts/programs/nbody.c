/* The Sun and four planets under gravity: double arithmetic, square roots and divisions in a short loop. */
#include "kernel.h"
#include <math.h>
#include <string.h>

#define BODIES 5
#define STEPS 1000000

struct body {
    double place[3], speed[3], mass;
};

static struct body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, 39.478},
    {{4.8414, -1.1603, -0.1036}, {0.6063, 2.8119, -0.0252}, 0.0377},
    {{8.3433, 4.1247, -0.4035}, {-1.0107, 1.8256, 0.0084}, 0.0113},
    {{12.8943, -15.1111, -0.2233}, {1.0827, 0.8687, -0.0108}, 0.0017},
    {{15.3796, -25.9193, 0.1792}, {0.9790, 0.5946, -0.0347}, 0.0020},
};

static void step(double time) {
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            double apart[3], square = 0;
            for (int k = 0; k < 3; k++) {
                apart[k] = bodies[i].place[k] - bodies[j].place[k];
                square += apart[k] * apart[k];
            }
            double pull = time / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].speed[k] -= apart[k] * bodies[j].mass * pull;
                bodies[j].speed[k] += apart[k] * bodies[i].mass * pull;
            }
        }
    }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++) bodies[i].place[k] += time * bodies[i].speed[k];
}

static void prepare(void) {}

static uint64_t kernel(int rounds) {
    for (int n = 0; n < rounds * STEPS; n++) step(0.001);
    uint64_t sum = 0, bits;
    for (int i = 0; i < BODIES; i++) {
        memcpy(&bits, &bodies[i].place[0], sizeof bits);
        sum = sum * 31 + bits;
    }
    return sum;
}
