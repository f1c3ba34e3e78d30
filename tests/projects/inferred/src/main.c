#include <stdio.h>

#include "words.h"

int main(void) {
    puts(GREETING);
    return 3;
}
