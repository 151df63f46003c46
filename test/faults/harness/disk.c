/*
 * A disk that fails: loaded before libc (LD_PRELOAD), it stands in for the calls by which a program writes to files whose path
 * contains FAULT_PATH. What to do is read from the file FAULT_CONTROL at each call, so it can change while the program
 * runs: "<write|sync> <eio|enospc|short|kill> <n>" acts from the n-th such call on, an empty file does nothing.
 * `short` and `kill` let half of the bytes through; then the disk is full, or the process dies by its own SIGKILL.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char last[64];
static long calls;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int concerns(int fd) {
  const char *part = getenv("FAULT_PATH");
  char link[64], path[4096];
  if (part == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, part) != NULL;
}

/* What is to be done at this call of kind `op`: "" = nothing. */
static const char *action(int fd, const char *op) {
  static char wanted_op[16], wanted[16];
  char text[64] = "";
  long from = 1;
  if (!concerns(fd)) return "";
  int control = open(getenv("FAULT_CONTROL"), O_RDONLY | O_CLOEXEC);
  if (control < 0) return "";
  ssize_t length = read(control, text, sizeof text - 1);
  close(control);
  text[length > 0 ? length : 0] = 0;
  if (strcmp(text, last) != 0) {
    strcpy(last, text);
    calls = 0;
  }
  if (sscanf(text, "%15s %15s %ld", wanted_op, wanted, &from) < 2 || strcmp(wanted_op, op) != 0) return "";
  return ++calls >= from ? wanted : "";
}

/* -1 with errno, or how many of the bytes to let through. */
static ssize_t allowed(int fd, size_t size) {
  const char *what = action(fd, "write");
  if (strcmp(what, "eio") == 0) return errno = EIO, -1;
  if (strcmp(what, "enospc") == 0) return errno = ENOSPC, -1;
  if (strcmp(what, "short") == 0) return size > 512 ? (ssize_t)(size / 2) : (errno = ENOSPC, -1);
  if (strcmp(what, "kill") == 0) return (ssize_t)(size / 2);
  return (ssize_t)size;
}

static void die_if_told(int fd, size_t asked, size_t let) {
  if (let < asked && strstr(last, "kill") != NULL && concerns(fd)) kill(getpid(), SIGKILL);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  ssize_t let = allowed(fd, size);
  if (let < 0) return -1;
  ssize_t (*real)(int, const void *, size_t, off64_t) = next("pwrite64");
  ssize_t done = real(fd, bytes, (size_t)let, at);
  die_if_told(fd, size, (size_t)let);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

ssize_t write(int fd, const void *bytes, size_t size) {
  ssize_t (*real)(int, const void *, size_t) = next("write");
  ssize_t let = allowed(fd, size);
  if (let < 0) return -1;
  ssize_t done = real(fd, bytes, (size_t)let);
  die_if_told(fd, size, (size_t)let);
  return done;
}

static int sync_by(const char *name, int fd) {
  const char *what = action(fd, "sync");
  if (strcmp(what, "eio") == 0) return errno = EIO, -1;
  if (strcmp(what, "enospc") == 0) return errno = ENOSPC, -1;
  if (strcmp(what, "kill") == 0) kill(getpid(), SIGKILL);
  int (*real)(int) = next(name);
  return real(fd);
}

int fsync(int fd) { return sync_by("fsync", fd); }
int fdatasync(int fd) { return sync_by("fdatasync", fd); }
