/*
 * Faults of a disk, for a process that is started with LD_PRELOAD=injector.so:
 *
 *   INJECT="write:28:3,ftruncate:5:1"   the third write fails with errno 28, the first ftruncate with 5
 *   INJECT="write:short:2"              the second write writes half of what it was given
 *   INJECT_PATH=/tmp/runs               calls count whose path contains this
 *   INJECT_LOG=file                     gets a line per call that counts: its name, its number, its path
 *
 * Calls: open write fsync rename link unlink mkdir ftruncate.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { OPEN, WRITE, FSYNC, RENAME, LINK, UNLINK, MKDIR, FTRUNCATE, CALLS };
static const char *const names[CALLS] = {"open", "write", "fsync", "rename", "link", "unlink", "mkdir", "ftruncate"};
static int counts[CALLS];

enum outcome { PASS, FAIL, SHORT };

/* Writes past the functions below, or the log would count itself. */
static void record(enum call call, int number, const char *path) {
  const char *log = getenv("INJECT_LOG");
  if (log == NULL) return;
  char line[4200];
  int length = snprintf(line, sizeof line, "%s %d %s\n", names[call], number, path);
  int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  syscall(SYS_write, file, line, length);
  syscall(SYS_close, file);
}

/* What happens to this call; sets errno where it fails. */
static enum outcome decide(enum call call, const char *path) {
  const char *part = getenv("INJECT_PATH");
  if (path == NULL || part == NULL || strstr(path, part) == NULL) return PASS;
  int number = __sync_add_and_fetch(&counts[call], 1);
  record(call, number, path);
  const char *rules = getenv("INJECT");
  while (rules != NULL && *rules != '\0') {
    char name[16], what[16];
    int at;
    if (sscanf(rules, "%15[^:]:%15[^:]:%d", name, what, &at) == 3 && strcmp(name, names[call]) == 0 && at == number) {
      if (strcmp(what, "short") == 0) return SHORT;
      errno = atoi(what);
      return FAIL;
    }
    rules = strchr(rules, ',');
    if (rules != NULL) rules++;
  }
  return PASS;
}

/* The path of an open file; NULL for what has none. */
static const char *path_of(int file, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, buffer, 4095);
  if (length < 0) return NULL;
  buffer[length] = '\0';
  return buffer;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (real == NULL) real = dlsym(RTLD_NEXT, name)

static enum outcome decide_file(enum call call, int file) {
  char buffer[4096];
  int before = errno;
  const char *path = path_of(file, buffer);
  errno = before;
  return decide(call, path);
}

static size_t shortened(enum outcome outcome, size_t length) { return outcome == SHORT && length > 1 ? length / 2 : length; }

ssize_t write(int file, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  enum outcome outcome = file > 2 ? decide_file(WRITE, file) : PASS;
  return outcome == FAIL ? -1 : real(file, bytes, shortened(outcome, length));
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  enum outcome outcome = decide_file(WRITE, file);
  return outcome == FAIL ? -1 : real(file, bytes, shortened(outcome, length), at);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) { return pwrite64(file, bytes, length, at); }

int fsync(int file) {
  REAL(int, "fsync", int);
  return decide_file(FSYNC, file) == FAIL ? -1 : real(file);
}
int ftruncate64(int file, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  return decide_file(FTRUNCATE, file) == FAIL ? -1 : real(file, length);
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  return decide(RENAME, to) == FAIL ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  return decide(LINK, to) == FAIL ? -1 : real(from, to);
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  return decide(MKDIR, path) == FAIL ? -1 : real(path, mode);
}

/* Node removes by all three. */
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  return decide(UNLINK, path) == FAIL ? -1 : real(path);
}
int remove(const char *path) {
  REAL(int, "remove", const char *);
  return decide(UNLINK, path) == FAIL ? -1 : real(path);
}
int unlinkat(int directory, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  return decide(UNLINK, path) == FAIL ? -1 : real(directory, path, flags);
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
  return decide(OPEN, path) == FAIL ? -1 : real(path, flags, mode);
}
#define MODE va_list list; va_start(list, flags); mode_t mode = va_arg(list, int); va_end(list)
int open(const char *path, int flags, ...) { MODE; return open_as("open", path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; return open_as("open64", path, flags, mode); }
