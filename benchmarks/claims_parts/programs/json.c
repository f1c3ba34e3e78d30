/* JSON: read a document of 5,000 records into a tree, and write the tree: branches, bytes, pointers. The tree is made in
   an arena of its own: malloc is not the same code natively, and would be a large part of the time. */
#include "kernel.h"

#define RECORDS 5000
#define ROOM (1024 * 1024)
#define ARENA (16 * ROOM)

enum kind { NUMBER, TEXT, LIST, OBJECT };

struct node {
    enum kind kind;
    double number;
    char *text, *name;
    struct node *first, *next;
};

static char document[ROOM], copy[ROOM];
static _Alignas(16) char arena[ARENA];
static size_t used;
static const char *at;
static char *to;

static void *room(size_t size) {
    size_t whole = (size + 15) & ~(size_t)15;
    if (whole > ARENA - used) exit(3);
    used += whole;
    return arena + used - whole;
}

static char *text(void) {
    const char *from = ++at;
    while (*at != '"') at += *at == '\\' ? 2 : 1;
    char *made = room((size_t)(at - from) + 1), *end = made;
    for (const char *each = from; each < at; each++) {
        if (*each == '\\') each++;
        *end++ = *each;
    }
    *end = 0;
    at++;
    return made;
}

static struct node *value(void) {
    struct node *made = room(sizeof *made);
    *made = (struct node){NUMBER, 0, NULL, NULL, NULL, NULL};
    if (*at == '"') {
        made->kind = TEXT;
        made->text = text();
    } else if (*at == '[' || *at == '{') {
        char end = *at == '[' ? ']' : '}';
        made->kind = *at++ == '[' ? LIST : OBJECT;
        for (struct node **last = &made->first; *at != end; last = &(*last)->next) {
            char *name = NULL;
            if (made->kind == OBJECT) name = text(), at++;
            *last = value();
            (*last)->name = name;
            if (*at == ',') at++;
        }
        at++;
    } else {
        double sign = 1, scale = 1;
        if (*at == '-') sign = -1, at++;
        while (*at >= '0' && *at <= '9') made->number = made->number * 10 + (*at++ - '0');
        if (*at == '.')
            for (at++; *at >= '0' && *at <= '9'; at++) made->number += (*at - '0') * (scale /= 10);
        made->number *= sign;
    }
    return made;
}

static void say(const char *bytes) {
    *to++ = '"';
    for (; *bytes; bytes++) {
        if (*bytes == '"' || *bytes == '\\') *to++ = '\\';
        *to++ = *bytes;
    }
    *to++ = '"';
}

static void digits(long number) {
    char back[24];
    int count = 0;
    if (number < 0) *to++ = '-', number = -number;
    do back[count++] = (char)('0' + number % 10); while (number /= 10);
    while (count) *to++ = back[--count];
}

static void show(const struct node *node) {
    if (node->kind == NUMBER) {
        digits((long)(node->number * 100));
    } else if (node->kind == TEXT) {
        say(node->text);
    } else {
        *to++ = node->kind == LIST ? '[' : '{';
        for (const struct node *each = node->first; each; each = each->next) {
            if (each->name) say(each->name), *to++ = ':';
            show(each);
            if (each->next) *to++ = ',';
        }
        *to++ = node->kind == LIST ? ']' : '}';
    }
}

static void prepare(void) {
    char *end = document;
    *end++ = '[';
    for (int i = 0; i < RECORDS; i++)
        end += sprintf(end, "%s{\"id\":%d,\"name\":\"item \\\"%d\\\"\",\"price\":%d.25,\"tags\":[\"a%d\",\"b\",%d]}",
                       i ? "," : "", i, i * 7, i % 900, i % 10, -i);
    *end++ = ']';
    *end = 0;
}

static uint64_t kernel(int rounds) {
    uint64_t sum = 0;
    for (int n = 0; n < rounds; n++) {
        at = document;
        to = copy;
        used = 0;
        show(value());
    }
    for (char *each = copy; each < to; each++) sum = sum * 31 + (uint8_t)*each;
    return sum;
}
