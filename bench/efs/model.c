/* A model of a file system behind a network: file operations below one folder take the time of a round trip.
 *
 * Loaded with LD_PRELOAD in front of the C library, whose names it takes. EFS_MODEL_FOLDER: the folder, absolute and
 * without symbolic links. EFS_MODEL_READ_US, EFS_MODEL_WRITE_US: what a round trip takes, in microseconds: one for what
 * the server only looks up, one for all else. EFS_MODEL_WRITE_BACK=1: data waits in the client until fsync or close.
 *
 * A call really sleeps: half of the round trip before it is carried out on the disk and the rest after that, so a lock
 * is taken when the request "arrives". The disk's own time counts as part of the trip, as long as it is shorter.
 *
 * What costs nothing costs a Linux NFS 4.1 client nothing either: fstat of an open file, reading a symbolic link again,
 * opening a directory (there is no OPEN for those) and fsync of one (the client's nfs_fsync_dir is a dummy: names are
 * synchronous). Throughput has no limit here. Descriptors that are duplicated are not followed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum kind { READS, WRITES, SYNCS, METADATA, LOCKS, KINDS };
enum pace { READ_TRIPS, WRITE_TRIPS, PACES };

#define LARGEST_TRANSFER (1L << 20) /* bytes in one READ or WRITE: rsize and wsize of an EFS mount */
#define DESCRIPTORS 65536
#define OURS 1
#define LOCKED 2
#define DIRTY 4

static const char *folder;
static size_t folder_length;
static long read_us, write_us;
static int write_back;
static atomic_ulong operations[KINDS], trips_made[PACES];
static atomic_uchar descriptors[DESCRIPTORS];

static long number(const char *name) {
    const char *value = getenv(name);
    return value ? atol(value) : 0;
}

__attribute__((constructor)) static void begin(void) {
    folder = getenv("EFS_MODEL_FOLDER");
    folder_length = folder ? strlen(folder) : 0;
    read_us = number("EFS_MODEL_READ_US");
    write_us = number("EFS_MODEL_WRITE_US");
    write_back = (int)number("EFS_MODEL_WRITE_BACK");
}

/* Operations below the folder so far in this process, by kind, and the trips that they took. For ctypes. */
void efs_model_counts(unsigned long into[KINDS + PACES]) {
    for (int kind = 0; kind < KINDS; kind++) into[kind] = atomic_load(&operations[kind]);
    for (int pace = 0; pace < PACES; pace++) into[KINDS + pace] = atomic_load(&trips_made[pace]);
}

static int below(const char *path) {
    return folder_length && path && !strncmp(path, folder, folder_length) &&
           (path[folder_length] == '/' || !path[folder_length]);
}

static int has(int fd, int flag) {
    return fd >= 0 && fd < DESCRIPTORS && (atomic_load(&descriptors[fd]) & flag);
}

static void set(int fd, int flag, int on) {
    if (fd < 0 || fd >= DESCRIPTORS) return;
    if (on) atomic_fetch_or(&descriptors[fd], flag);
    else atomic_fetch_and(&descriptors[fd], (unsigned char)~flag);
}

/* --- the trip --- */

struct trip { struct timespec left; long ns; };

static void sleep_until(struct timespec from, long ns) {
    from.tv_nsec += ns;
    from.tv_sec += from.tv_nsec / 1000000000L;
    from.tv_nsec %= 1000000000L;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &from, NULL) == EINTR) {}
}

/* Counts one operation, if it is ours, and goes half of the way. */
static struct trip leave(enum kind kind, int ours, long trips) {
    struct trip trip = {.ns = 0};
    if (!ours) return trip;
    atomic_fetch_add(&operations[kind], 1);
    atomic_fetch_add(&trips_made[kind == READS ? READ_TRIPS : WRITE_TRIPS], (unsigned long)trips);
    trip.ns = 1000L * trips * (kind == READS ? read_us : write_us);
    if (!trip.ns) return trip;
    clock_gettime(CLOCK_MONOTONIC, &trip.left);
    sleep_until(trip.left, trip.ns / 2);
    return trip;
}

static void arrive(struct trip trip) {
    int error = errno;
    if (trip.ns) sleep_until(trip.left, trip.ns);
    errno = error;
}

static long transfers(size_t bytes) {
    return bytes ? ((long)bytes + LARGEST_TRANSFER - 1) / LARGEST_TRANSFER : 1;
}

static long writing(int fd, size_t bytes) {
    if (write_back && has(fd, OURS)) set(fd, DIRTY, 1);
    return write_back ? 0 : transfers(bytes);
}

/* With write_back: all that waits leaves together and is answered once, wherever in the file it belongs. */
static long flushing(int fd) {
    long trips = !write_back || has(fd, DIRTY);
    set(fd, DIRTY, 0);
    return trips;
}

/* --- the C library's names --- */

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

#define DEFINE(kind, ours, trips, result, name, parameters, arguments) \
    result name parameters {                                           \
        struct trip trip = leave(kind, ours, trips);                   \
        result answer = REAL(name) arguments;                          \
        arrive(trip);                                                  \
        return answer;                                                 \
    }
#define ON_FILE(kind, trips, ...) DEFINE(kind, has(fd, OURS), trips, __VA_ARGS__)
#define ON_PATH(kind, ...) DEFINE(kind, below(path), 1, __VA_ARGS__)

ON_FILE(READS, transfers(n), ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
ON_FILE(READS, transfers(n), ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
ON_FILE(READS, transfers(n), ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))
ON_FILE(WRITES, writing(fd, n), ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
ON_FILE(WRITES, writing(fd, n), ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
ON_FILE(WRITES, writing(fd, n), ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at))
ON_FILE(SYNCS, flushing(fd), int, fsync, (int fd), (fd))
ON_FILE(SYNCS, flushing(fd), int, fdatasync, (int fd), (fd))
ON_FILE(METADATA, 1, int, ftruncate, (int fd, off_t length), (fd, length))
ON_FILE(METADATA, 1, int, ftruncate64, (int fd, off64_t length), (fd, length))
ON_FILE(METADATA, 1, int, fallocate, (int fd, int mode, off_t at, off_t length), (fd, mode, at, length))

ON_PATH(METADATA, int, stat, (const char *path, struct stat *into), (path, into))
ON_PATH(METADATA, int, stat64, (const char *path, struct stat64 *into), (path, into))
ON_PATH(METADATA, int, lstat, (const char *path, struct stat *into), (path, into))
ON_PATH(METADATA, int, lstat64, (const char *path, struct stat64 *into), (path, into))
ON_PATH(METADATA, int, access, (const char *path, int how), (path, how))
ON_PATH(METADATA, int, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(METADATA, int, rmdir, (const char *path), (path))
ON_PATH(METADATA, int, unlink, (const char *path), (path))
ON_PATH(METADATA, int, rename, (const char *from, const char *path), (from, path))
ON_PATH(METADATA, int, link, (const char *from, const char *path), (from, path))
ON_PATH(METADATA, int, linkat, (int a, const char *from, int b, const char *path, int how), (a, from, b, path, how))
ON_PATH(READS, DIR *, opendir, (const char *path), (path)) /* the READDIR that follows */

/* What stat was called before glibc 2.33; wheels for older systems still call it so. */
int __xstat(int version, const char *path, struct stat *into);
int __xstat64(int version, const char *path, struct stat64 *into);
int __lxstat(int version, const char *path, struct stat *into);
int __lxstat64(int version, const char *path, struct stat64 *into);
ON_PATH(METADATA, int, __xstat, (int version, const char *path, struct stat *into), (version, path, into))
ON_PATH(METADATA, int, __xstat64, (int version, const char *path, struct stat64 *into), (version, path, into))
ON_PATH(METADATA, int, __lxstat, (int version, const char *path, struct stat *into), (version, path, into))
ON_PATH(METADATA, int, __lxstat64, (int version, const char *path, struct stat64 *into), (version, path, into))

#define DEFINE_OPEN(name)                                        \
    int name(const char *path, int flags, ...) {                 \
        va_list list;                                            \
        va_start(list, flags);                                   \
        mode_t mode = va_arg(list, mode_t);                      \
        va_end(list);                                            \
        int ours = below(path) && (flags & O_DIRECTORY) == 0;    \
        struct trip trip = leave(METADATA, ours, 1);             \
        int fd = REAL(name)(path, flags, mode);                  \
        if (fd >= 0 && fd < DESCRIPTORS) descriptors[fd] = ours; \
        arrive(trip);                                            \
        return fd;                                               \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

int close(int fd) {
    if (write_back && has(fd, DIRTY)) arrive(leave(SYNCS, 1, flushing(fd)));
    struct trip trip = leave(LOCKS, has(fd, LOCKED), 1); /* closing unlocks */
    set(fd, OURS | LOCKED | DIRTY, 0);
    int answer = REAL(close)(fd);
    arrive(trip);
    return answer;
}

int flock(int fd, int how) {
    struct trip trip = leave(LOCKS, has(fd, OURS), 1);
    int answer = REAL(flock)(fd, how);
    if (!answer && has(fd, OURS)) set(fd, LOCKED, !(how & LOCK_UN));
    arrive(trip);
    return answer;
}

#define DEFINE_FCNTL(name)                                                                    \
    int name(int fd, int command, ...) {                                                      \
        va_list list;                                                                         \
        va_start(list, command);                                                              \
        void *argument = va_arg(list, void *);                                                \
        va_end(list);                                                                         \
        int locks = has(fd, OURS) && (command == F_SETLK || command == F_SETLKW);             \
        struct trip trip = leave(LOCKS, locks, 1);                                            \
        int answer = REAL(name)(fd, command, argument);                                       \
        if (!answer && locks) set(fd, LOCKED, ((struct flock *)argument)->l_type != F_UNLCK); \
        arrive(trip);                                                                         \
        return answer;                                                                        \
    }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)
