#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int greet(const char *name) {
    return printf("Hello, %s, from WebAssembly!\n", name);
}

/* Greets each line of standard input; negative when reading or writing fails. */
static int greet_lines(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (greet(line) < 0) {
            return -1;
        }
    }
    return ferror(stdin) ? -1 : 0;
}

/* 0 when the greetings arrived, 1 when they could not be written, 2 for a wrong call. */
int main(int argc, char *argv[]) {
    if (argc > 2) {
        fprintf(stderr, "usage: {{name}} [NAME | -]\n");
        return 2;
    }
    const char *name = argc == 2 ? argv[1] : "world";
    int result = strcmp(name, "-") == 0 ? greet_lines() : greet(name);
    if (result < 0 || fflush(stdout) == EOF) {
        perror("{{name}}");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
