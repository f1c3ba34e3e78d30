/* The smallest program that does something: what its start costs is the cost of what starts it. */
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
