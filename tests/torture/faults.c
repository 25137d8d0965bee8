/*
 * Preloaded into a process, it makes the n-th system call of a kind on a file below a folder fail, or kills the process
 * before or after it, or unmounts the folder. Everything else is done as asked.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { OPEN, WRITE, FSYNC, RENAME, UNLINK, FLOCK, CLOSE, TRUNCATE, MKDIR, STAT, LIST, READ, KINDS };
enum action { NONE, KILL_BEFORE, KILL_AFTER, FAIL_BEFORE, FAIL_AFTER, UNMOUNT };

#define FILES 4096

static char folder[PATH_MAX];
static size_t length;
static int armed, kind, nth, action, error, lasting, broken;
static int counts[KINDS];
static char ours[FILES];

void faults_disarm(void) { armed = 0; }

void faults_arm(const char *below, int a_kind, int n, int an_action, int an_error, int is_lasting)
{
    snprintf(folder, sizeof folder, "%s", below);
    length = strlen(folder);
    kind = a_kind, nth = n, action = an_action, error = an_error, lasting = is_lasting, broken = 0;
    memset(counts, 0, sizeof counts);
    armed = 1;
}

int faults_count(int a_kind) { return counts[a_kind]; }

int faults_happened(void) { return broken; }

static int below(const char *path) { return armed && path && !strncmp(path, folder, length); }

static int is_ours(int file) { return armed && file >= 0 && file < FILES && ours[file]; }

/* What a disk does from then on: a full one takes nothing new, a read-only one no change, a lost one nothing at all. */
static int stays_broken(int a_kind, int flags)
{
    if (!broken || !lasting || a_kind == CLOSE)
        return 0;
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return a_kind == WRITE || a_kind == MKDIR || (a_kind == OPEN && flags & O_CREAT && flags & O_EXCL);
    case EROFS:
        return a_kind == WRITE || a_kind == MKDIR || a_kind == RENAME || a_kind == UNLINK || a_kind == TRUNCATE ||
               (a_kind == OPEN && (flags & O_ACCMODE) != O_RDONLY);
    default:
        return 1;
    }
}

static int begin(int a_kind, int is_one, int flags)
{
    if (!is_one)
        return NONE;
    counts[a_kind]++;
    if (stays_broken(a_kind, flags)) {
        errno = error;
        return FAIL_BEFORE;
    }
    if (a_kind != kind || counts[a_kind] != nth)
        return NONE;
    broken = 1;
    if (action == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    if (action == FAIL_BEFORE)
        errno = error;
    if (action == UNMOUNT)
        umount2(folder, MNT_DETACH);
    return action;
}

static long end(int an_action, long result)
{
    if (an_action == KILL_AFTER)
        kill(getpid(), SIGKILL);
    if (an_action == FAIL_AFTER) {
        errno = error;
        return -1;
    }
    return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAULTY(a_kind, is_one, flags, call)                                                                            \
    int what = begin(a_kind, is_one, flags);                                                                           \
    if (what == FAIL_BEFORE)                                                                                           \
        return -1;                                                                                                     \
    return end(what, call)

static int opened(int file, int is_one)
{
    if (file >= 0 && file < FILES)
        ours[file] = is_one;
    return file;
}

#define OPENER(name)                                                                                                   \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                      \
        va_end(rest);                                                                                                  \
        int is_one = below(path);                                                                                      \
        FAULTY(OPEN, is_one, flags, opened(REAL(name)(path, flags, mode), is_one));                                    \
    }

#define OPENER_AT(name)                                                                                                \
    int name(int at, const char *path, int flags, ...)                                                                 \
    {                                                                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                      \
        va_end(rest);                                                                                                  \
        int is_one = below(path);                                                                                      \
        FAULTY(OPEN, is_one, flags, opened(REAL(name)(at, path, flags, mode), is_one));                                \
    }

OPENER(open)
OPENER(open64)
OPENER_AT(openat)
OPENER_AT(openat64)

ssize_t write(int file, const void *data, size_t size)
{
    /* A disk that is filling up takes a part, and a process may be killed with half of it written. */
    int what = begin(WRITE, is_ours(file), 0);
    if (what == FAIL_BEFORE)
        return -1;
    if (what == KILL_AFTER || what == FAIL_AFTER)
        size = (size + 1) / 2;
    return end(what, REAL(write)(file, data, size));
}

ssize_t read(int file, void *data, size_t size) { FAULTY(READ, is_ours(file), 0, REAL(read)(file, data, size)); }

int close(int file)
{
    int is_one = is_ours(file);
    if (file >= 0 && file < FILES)
        ours[file] = 0;
    int what = begin(CLOSE, is_one, 0);
    /* An error of close says that the file is closed, and what was written to it may be lost. */
    int result = REAL(close)(file);
    if (what == FAIL_BEFORE) {
        errno = error;
        return -1;
    }
    return end(what, result);
}

int fsync(int file) { FAULTY(FSYNC, is_ours(file), 0, REAL(fsync)(file)); }
int fdatasync(int file) { FAULTY(FSYNC, is_ours(file), 0, REAL(fdatasync)(file)); }
int flock(int file, int how) { FAULTY(FLOCK, is_ours(file), 0, REAL(flock)(file, how)); }
int ftruncate(int file, off_t size) { FAULTY(TRUNCATE, is_ours(file), 0, REAL(ftruncate)(file, size)); }
int ftruncate64(int file, off64_t size) { FAULTY(TRUNCATE, is_ours(file), 0, REAL(ftruncate64)(file, size)); }
int rename(const char *from, const char *to) { FAULTY(RENAME, below(to), 0, REAL(rename)(from, to)); }
int renameat(int one, const char *from, int other, const char *to)
{
    FAULTY(RENAME, below(to), 0, REAL(renameat)(one, from, other, to));
}
int unlink(const char *path) { FAULTY(UNLINK, below(path), 0, REAL(unlink)(path)); }
int unlinkat(int at, const char *path, int flags) { FAULTY(UNLINK, below(path), 0, REAL(unlinkat)(at, path, flags)); }
int mkdir(const char *path, mode_t mode) { FAULTY(MKDIR, below(path), 0, REAL(mkdir)(path, mode)); }
int stat(const char *path, struct stat *found) { FAULTY(STAT, below(path), 0, REAL(stat)(path, found)); }
int stat64(const char *path, struct stat64 *found) { FAULTY(STAT, below(path), 0, REAL(stat64)(path, found)); }
int lstat(const char *path, struct stat *found) { FAULTY(STAT, below(path), 0, REAL(lstat)(path, found)); }
int lstat64(const char *path, struct stat64 *found) { FAULTY(STAT, below(path), 0, REAL(lstat64)(path, found)); }
int fstatat(int at, const char *path, struct stat *found, int flags)
{
    FAULTY(STAT, below(path), 0, REAL(fstatat)(at, path, found, flags));
}
int fstatat64(int at, const char *path, struct stat64 *found, int flags)
{
    FAULTY(STAT, below(path), 0, REAL(fstatat64)(at, path, found, flags));
}

DIR *opendir(const char *path)
{
    int what = begin(LIST, below(path), 0);
    if (what == FAIL_BEFORE)
        return NULL;
    return (DIR *)(end(what, 0) ? NULL : REAL(opendir)(path));
}
