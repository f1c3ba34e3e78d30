/* Tries one thing that it must not be able to do, as its first argument says, and says what came of it:
   "refused: NUMBER" with the error that WASI gave, or "DONE", which ends with 99. What it could read, it prints.
   It calls WASI itself where C's library would look at a path first, so that the engine's answer is what is seen. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

#define FOLDER 3
#define ALL ((__wasi_rights_t)0x1fffffff)

extern char **environ;

static int told(int error) {
    if (error) {
        printf("refused: %d\n", error);
        return 0;
    }
    puts("DONE");
    return 99;
}

static int show(__wasi_fd_t file) {
    char bytes[512];
    __wasi_iovec_t into = {(uint8_t *)bytes, sizeof bytes};
    __wasi_size_t count = 0;
    int error = __wasi_fd_read(file, &into, 1, &count);
    if (!error) printf("read: %.*s\n", (int)count, bytes);
    return told(error);
}

static int opened(__wasi_fd_t folder, const char *path, __wasi_oflags_t flags, __wasi_rights_t rights, __wasi_fd_t *file) {
    return __wasi_path_open(folder, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, flags, rights, rights, 0, file);
}

/* Opens below the folder that it was given, and reads. */
static int reads(const char *path) {
    __wasi_fd_t file;
    int error = opened(FOLDER, path, 0, __WASI_RIGHTS_FD_READ, &file);
    return error ? told(error) : show(file);
}

/* Opens by C's library, which looks for a granted folder that the path begins with. */
static int reads_by_name(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) return puts("refused: no granted folder has it"), 0;
    return show((__wasi_fd_t)file);
}

static int writes(const char *path, __wasi_oflags_t flags) {
    __wasi_fd_t file;
    __wasi_ciovec_t from = {(const uint8_t *)"stolen", 6};
    __wasi_size_t count;
    int error = opened(FOLDER, path, flags, ALL, &file);
    if (error) error = opened(FOLDER, path, flags, __WASI_RIGHTS_FD_WRITE, &file);
    return told(error ? error : __wasi_fd_write(file, &from, 1, &count));
}

/* Opens a folder below the one that it was given, and from there climbs. */
static int climbs(const char *path) {
    __wasi_fd_t inner, outer;
    int error = opened(FOLDER, "inner", __WASI_OFLAGS_DIRECTORY, ALL, &inner);
    if (error) error = opened(FOLDER, "inner", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_PATH_OPEN, &inner);
    if (error) return printf("no inner folder: %d\n", error), 3;
    error = opened(inner, path, __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_PATH_OPEN, &outer);
    return told(error);
}

static int makes_link_and_follows(const char *target) {
    int error = __wasi_path_symlink(target, FOLDER, "made");
    if (error) return told(error);
    return reads("made");
}

/* Every descriptor that a process could have inherited; 3 is the granted folder, if there is one. */
static int descriptors(int first) {
    int found = 0;
    for (__wasi_fd_t file = (__wasi_fd_t)first; file <= 100; file++) {
        __wasi_fdstat_t status;
        if (__wasi_fd_fdstat_get(file, &status) == 0) {
            printf("descriptor %u is open\n", file);
            show(file);
            found = 1;
        }
    }
    if (!found) puts("refused: none is open");
    return found ? 99 : 0;
}

static int sockets(void) {
    int accepted = 0;
    for (__wasi_fd_t file = 0; file <= 100; file++) {
        __wasi_fd_t connection;
        __wasi_size_t sent;
        __wasi_ciovec_t from = {(const uint8_t *)"x", 1};
        accepted |= __wasi_sock_accept(file, 0, &connection) == 0;
        accepted |= __wasi_sock_send(file, &from, 1, 0, &sent) == 0;
    }
    return told(accepted ? 0 : __WASI_ERRNO_NOTSOCK);
}

static int environment(void) {
    int count = 0;
    for (char **each = environ; each && *each; each++, count++) printf("variable: %s\n", *each);
    if (!count) puts("refused: there are 0 variables");
    return count ? 99 : 0;
}

/* Asks the host to read and to write where there is no memory of the guest's. */
static int pointers(const char *what) {
    __wasi_ciovec_t from = {(const uint8_t *)0xfffff000, 0x800};
    __wasi_size_t count;
    if (!strcmp(what, "write")) return told(__wasi_random_get((uint8_t *)0xfffff000, 0x800));
    return told(__wasi_fd_write(1, &from, 1, &count));
}

static int lists(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return puts("refused: no granted folder has it"), 0;
    for (struct dirent *each = readdir(folder); each; each = readdir(folder)) printf("entry: %s\n", each->d_name);
    return 99;
}

static int sleeps(void) {
    sleep(3600);
    return 99;
}

static int waits_for_input(void) {
    char byte;
    return read(0, &byte, 1) == 0 ? 3 : 99;
}

static int grows(void) {
    size_t total = 0;
    for (; total < 512; total++) {
        volatile char *bytes = malloc(1024 * 1024);
        if (!bytes) break;
        for (size_t place = 0; place < 1024 * 1024; place += 512) bytes[place] = 1;
    }
    printf("got %zu MiB\n", total);
    return total >= 512 ? 99 : 3;
}

static int changes(const char *verb, const char *path) {
    if (!strcmp(verb, "unlink")) return told(__wasi_path_unlink_file(FOLDER, path));
    if (!strcmp(verb, "mkdir")) return told(__wasi_path_create_directory(FOLDER, path));
    if (!strcmp(verb, "rmdir")) return told(__wasi_path_remove_directory(FOLDER, path));
    if (!strcmp(verb, "rename-out")) return told(__wasi_path_rename(FOLDER, "own.txt", FOLDER, path));
    if (!strcmp(verb, "rename-in")) return told(__wasi_path_rename(FOLDER, path, FOLDER, "taken.txt"));
    if (!strcmp(verb, "link-out")) return told(__wasi_path_link(FOLDER, 0, "own.txt", FOLDER, path));
    if (!strcmp(verb, "link-in")) return told(__wasi_path_link(FOLDER, 0, path, FOLDER, "taken.txt"));
    if (!strcmp(verb, "symlink")) return told(__wasi_path_symlink(path, FOLDER, "made"));
    if (!strcmp(verb, "times"))
        return told(__wasi_path_filestat_set_times(FOLDER, 0, path, 0, 0, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
    return 2;
}

static int without_path(const char *verb) {
    if (!strcmp(verb, "environment")) return environment();
    if (!strcmp(verb, "sockets")) return sockets();
    if (!strcmp(verb, "sleep")) return sleeps();
    if (!strcmp(verb, "input")) return waits_for_input();
    if (!strcmp(verb, "grow")) return grows();
    return 2;
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "", *path = count > 2 ? words[2] : NULL;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (!path) return without_path(verb);
    if (!strcmp(verb, "read")) return reads(path);
    if (!strcmp(verb, "name")) return reads_by_name(path);
    if (!strcmp(verb, "list")) return lists(path);
    if (!strcmp(verb, "write")) return writes(path, 0);
    if (!strcmp(verb, "create")) return writes(path, __WASI_OFLAGS_CREAT);
    if (!strcmp(verb, "truncate")) return writes(path, __WASI_OFLAGS_TRUNC);
    if (!strcmp(verb, "climb")) return climbs(path);
    if (!strcmp(verb, "follow")) return makes_link_and_follows(path);
    if (!strcmp(verb, "pointers")) return pointers(path);
    if (!strcmp(verb, "descriptors")) return descriptors(atoi(path));
    return changes(verb, path);
}
