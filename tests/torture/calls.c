/* System calls of a process counted beneath one folder, and ended or refused at the n-th: preloaded by calls.py.

   What writes (write, pwrite, writev …) writes half of its bytes before the process is killed; everything else is
   killed before it happens. The same library can move the wall clock (TORTURE_CLOCK: seconds, read often). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE, FSYNC, FDATASYNC, SYNCFS, RENAME, UNLINK, FTRUNCATE, NETWORK, KINDS };

static char root[4096];
static size_t root_length;
static atomic_long counts[KINDS];
static int armed_kind = -1;
static long armed_at;
static int armed_errno;
static long armed_times;

void calls_watch(const char *folder) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    for (int kind = 0; kind < KINDS; kind++) atomic_store(&counts[kind], 0);
}

/* The n-th call of a kind (from 1): number 0 kills the process, else `times` calls fail with that errno. */
void calls_arm(int kind, long n, int number, long times) {
    armed_at = n, armed_errno = number, armed_times = times, armed_kind = kind;
}

long calls_count(int kind) { return atomic_load(&counts[kind]); }

static int is_ours(const char *path) { return root_length && !strncmp(path, root, root_length); }

static int is_ours_open(int fd) {
    char link[64], path[4096];
    if (!root_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this call is the armed one: 1 means die (or fail with errno). */
static int is_now(int kind) {
    long n = atomic_fetch_add(&counts[kind], 1) + 1;
    if (kind != armed_kind) return 0;
    return armed_errno ? n >= armed_at && n < armed_at + armed_times : n == armed_at;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define SIMPLE(kind, ours, fails, call) \
    if ((ours) && is_now(kind)) { \
        if (!armed_errno) die(); \
        errno = armed_errno; \
        return fails; \
    } \
    return call

#define WRITING(size, half, call) \
    if (is_ours_open(fd) && is_now(WRITE)) { \
        if ((size) > 1) half; \
        if (!armed_errno) die(); \
        errno = armed_errno; \
        return -1; \
    } \
    return call

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    WRITING(size, real(fd, data, size / 2), real(fd, data, size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    WRITING(size, real(fd, data, size / 2, at), real(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    WRITING(size, real(fd, data, size / 2, at), real(fd, data, size, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    WRITING(count, real(fd, parts, count / 2), real(fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    REAL(pwritev);
    WRITING(count, real(fd, parts, count / 2, at), real(fd, parts, count, at));
}

int fsync(int fd) {
    REAL(fsync);
    SIMPLE(FSYNC, is_ours_open(fd), -1, real(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    SIMPLE(FDATASYNC, is_ours_open(fd), -1, real(fd));
}

int syncfs(int fd) {
    REAL(syncfs);
    SIMPLE(SYNCFS, is_ours_open(fd), -1, real(fd));
}

int msync(void *at, size_t size, int flags) {
    REAL(msync);
    SIMPLE(FSYNC, root_length != 0, -1, real(at, size, flags));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    SIMPLE(RENAME, is_ours(to), -1, real(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    SIMPLE(RENAME, is_ours(to), -1, real(from_folder, from, to_folder, to));
}

int unlink(const char *path) {
    REAL(unlink);
    SIMPLE(UNLINK, is_ours(path), -1, real(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    SIMPLE(UNLINK, is_ours(path) || is_ours_open(folder), -1, real(folder, path, flags));
}

int remove(const char *path) {
    REAL(remove);
    SIMPLE(UNLINK, is_ours(path), -1, real(path));
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    SIMPLE(FTRUNCATE, is_ours_open(fd), -1, real(fd, size));
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    SIMPLE(FTRUNCATE, is_ours_open(fd), -1, real(fd, size));
}

/* What goes over a socket, whichever, once a folder is watched. */
int connect(int fd, const struct sockaddr *to, socklen_t size) {
    REAL(connect);
    SIMPLE(NETWORK, root_length != 0, -1, real(fd, to, size));
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(send);
    SIMPLE(NETWORK, root_length != 0, -1, real(fd, data, size, flags));
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    REAL(sendto);
    SIMPLE(NETWORK, root_length != 0, -1, real(fd, data, size, flags, to, length));
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    REAL(recv);
    SIMPLE(NETWORK, root_length != 0, -1, real(fd, data, size, flags));
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    REAL(recvfrom);
    SIMPLE(NETWORK, root_length != 0, -1, real(fd, data, size, flags, from, length));
}

/* The wall clock, moved by as many seconds as the file says; looked at ten times a second. */
static long moved(void) {
    static const char *path;
    static atomic_long offset, looked;
    static atomic_int known;
    if (!atomic_load(&known)) {
        path = getenv("TORTURE_CLOCK");
        atomic_store(&known, 1);
    }
    if (!path) return 0;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long tenth = now.tv_sec * 10 + now.tv_nsec / 100000000;
    if (atomic_exchange(&looked, tenth) != tenth) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        char text[32] = {0};
        if (fd >= 0) {
            if (syscall(SYS_read, fd, text, sizeof text - 1) > 0) atomic_store(&offset, atol(text));
            syscall(SYS_close, fd);
        }
    }
    return atomic_load(&offset);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int code = (int)syscall(SYS_clock_gettime, clock, now);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += moved();
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec, now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (at) *at = found.tv_sec;
    return found.tv_sec;
}
