#include <stdio.h>
#include <stdlib.h>

/* 0 when the greeting arrived, 1 when it could not be written, 2 for a wrong call. */
int main(int argc, char *argv[]) {
    if (argc > 2) {
        fprintf(stderr, "usage: {{name}} [NAME]\n");
        return 2;
    }
    const char *name = argc == 2 ? argv[1] : "world";
    if (printf("Hello, %s, from WebAssembly!\n", name) < 0 || fflush(stdout) == EOF) {
        perror("{{name}}");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
