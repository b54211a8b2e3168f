// Preloaded into a program, this kills it at one of its system calls: the test's way to be anywhere in it, without the
// program's help. Counts the calls by which a program leaves a trace outside (on a disk, or at another program).
//   KILL_AT=N           the N-th of them; 0 or unset: none
//   KILL_WHEN=after     after the call instead of before it
//   KILL_COUNT=FILE     how many there were so far, a 64-bit number, always up to date
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic uint64_t own_count;
static _Atomic uint64_t *count = &own_count;
static uint64_t at;
static int after;

__attribute__((constructor)) static void begin(void) {
  char const *number = getenv("KILL_AT");
  char const *when = getenv("KILL_WHEN");
  char const *path = getenv("KILL_COUNT");
  if (path != NULL) {
    int const file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0 && ftruncate(file, sizeof(uint64_t)) == 0) {
      void *const page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (page != MAP_FAILED) count = page;
    }
    if (file >= 0) close(file);
  }
  at = number != NULL ? strtoull(number, NULL, 10) : 0;
  after = when != NULL && strcmp(when, "after") == 0;
  // Programs that it starts are others.
  unsetenv("LD_PRELOAD");
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// True: die behind the call.
static int due(void) {
  uint64_t const number = atomic_fetch_add(count, 1) + 1;
  if (number != at) return 0;
  if (!after) die();
  return 1;
}

// A log is no trace, and an eventfd is a thread's own.
static int is_trace(int file) {
  struct stat what;
  return file > 2 && fstat(file, &what) == 0 && (S_ISREG(what.st_mode) || S_ISSOCK(what.st_mode));
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define COUNTED(result, condition, call) \
  int const last = (condition) && due(); \
  result const done = call;              \
  if (last) die();                       \
  return done

ssize_t write(int file, void const *bytes, size_t size) {
  COUNTED(ssize_t, is_trace(file), REAL(write)(file, bytes, size));
}
ssize_t writev(int file, struct iovec const *pieces, int number) {
  COUNTED(ssize_t, is_trace(file), REAL(writev)(file, pieces, number));
}
ssize_t send(int file, void const *bytes, size_t size, int flags) {
  COUNTED(ssize_t, is_trace(file), REAL(send)(file, bytes, size, flags));
}
ssize_t sendmsg(int file, struct msghdr const *message, int flags) {
  COUNTED(ssize_t, is_trace(file), REAL(sendmsg)(file, message, flags));
}
int connect(int file, struct sockaddr const *address, socklen_t size) {
  COUNTED(int, 1, REAL(connect)(file, address, size));
}
int fdatasync(int file) { COUNTED(int, 1, REAL(fdatasync)(file)); }
int fsync(int file) { COUNTED(int, 1, REAL(fsync)(file)); }
int ftruncate(int file, off_t size) { COUNTED(int, 1, REAL(ftruncate)(file, size)); }
int rename(char const *from, char const *to) { COUNTED(int, 1, REAL(rename)(from, to)); }
