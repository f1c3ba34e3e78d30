/* Fills a megabyte, says so, and then does nothing, so that many of it can be weighed at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    volatile char *bytes = malloc(1024 * 1024);
    if (!bytes) return 3;
    memset((void *)bytes, 1, 1024 * 1024);
    puts("ready");
    fflush(stdout);
    sleep(600);
    return bytes[4096] - 1;
}
