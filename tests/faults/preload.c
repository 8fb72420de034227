/* preload.c - preloaded into a program, has one of its calls fail.
 *
 * The file that FAULT names holds a struct fault, which whoever tests the program changes while it runs.  Of
 * memory, "malloc" means every way to ask for some; but those of libcrypto, which asks for some ten thousand times
 * when it derives a key, are "libcrypto". */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behind.h"

struct fault {
	char call[32];       /* that fails; empty: none */
	uint64_t error;      /* errno */
	uint64_t nth, count; /* that many from the nth on */
	uint64_t asked, failed;
	uint64_t live; /* pieces of memory that the program itself asked for and did not free */
};

static struct fault *fault;

/* Where something is mapped. */
struct range {
	uintptr_t from, to;
};
static struct range program, libcrypto;

static bool is_in(const struct range *r, const void *p)
{
	return (uintptr_t)p >= r->from && (uintptr_t)p < r->to;
}

static int find_ranges(struct dl_phdr_info *info, size_t size, void *user)
{
	bool *found_program = user; /* it comes first */
	struct range *r = &program;

	if (*found_program && strstr(info->dlpi_name, "/libcrypto.so") == NULL)
		return 0;
	if (*found_program)
		r = &libcrypto;
	*found_program = true;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		if (r->from == 0 || from < r->from)
			r->from = from;
		if (from + info->dlpi_phdr[i].p_memsz > r->to)
			r->to = from + info->dlpi_phdr[i].p_memsz;
	}
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("FAULT");
	int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC);
	bool found_program = false;
	void *mem = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		abort();
	close(fd);
	dl_iterate_phdr(find_ranges, &found_program);
	fault = mem;
}

/* This call is one of those that fail. */
static bool fails(const char *call)
{
	uint64_t n;

	if (fault == NULL || strcmp(fault->call, call) != 0)
		return false;
	n = ++fault->asked;
	if (n < fault->nth || n - fault->nth >= fault->count)
		return false;
	fault->failed++;
	errno = (int)fault->error;
	return true;
}

/* ---- memory ------------------------------------------------------------------------------- */

static void note(void *mem, void *caller)
{
	if (fault == NULL || !is_in(&program, caller))
		return;
	live_note(mem, caller, (unsigned long)fault->asked);
	fault->live = live_count;
}

static void forget(void *mem)
{
	live_forget(mem);
	if (fault != NULL)
		fault->live = live_count;
}

static bool in_nss; /* libc crashes there when it gets no memory */

static bool refuses(const void *caller)
{
	return !behind_is_cxx(caller) && !in_nss &&
	       fails(is_in(&libcrypto, caller) ? "libcrypto" : "malloc");
}

#include "instead.h"

/* Here only for who asks: of libc's, that would be libc. */
char *strndup(const char *text, size_t max)
{
	size_t n = strnlen(text, max);
	char *p = get(n + 1, __builtin_return_address(0));

	if (p == NULL)
		return NULL;
	memcpy(p, text, n);
	p[n] = '\0';
	return p;
}

char *strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = get(n, __builtin_return_address(0));

	return p != NULL ? memcpy(p, text, n) : NULL;
}

struct group *getgrnam(const char *name)
{
	static struct group *(*next)(const char *);
	struct group *found;

	if (next == NULL)
		behind_find(&next, "getgrnam");
	in_nss = true;
	found = next(name);
	in_nss = false;
	return found;
}

/* ---- system calls ------------------------------------------------------------------------- */

/* Under a name of its own, because libc declares some with types of its own. */
/* clang-format off */
#define STAND_IN(type, name, parameters, arguments) \
	type stand_in_##name parameters __asm__(#name); \
	type stand_in_##name parameters \
	{ \
		static type (*next) parameters; \
		if (next == NULL) \
			behind_find(&next, #name); \
		return fails(#name) ? (type)-1 : next arguments; \
	}
/* clang-format on */

STAND_IN(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
STAND_IN(int, bind, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len))
STAND_IN(int, connect, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len))
STAND_IN(int, listen, (int fd, int backlog), (fd, backlog))
STAND_IN(int, accept, (int fd, struct sockaddr *addr, socklen_t *len), (fd, addr, len))
STAND_IN(int, getsockname, (int fd, struct sockaddr *addr, socklen_t *len), (fd, addr, len))
STAND_IN(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
	 (fd, level, name, value, len))
STAND_IN(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
	 (fd, level, name, value, len))
STAND_IN(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
STAND_IN(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
STAND_IN(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *wait),
	 (fd, m, n, flags, wait))
STAND_IN(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags), (fd, m, n, flags))
STAND_IN(ssize_t, recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags))
STAND_IN(ssize_t, send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags))
STAND_IN(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
STAND_IN(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
STAND_IN(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
STAND_IN(int, epoll_create1, (int flags), (flags))
STAND_IN(int, epoll_ctl, (int fd, int what, int of, struct epoll_event *event), (fd, what, of, event))
STAND_IN(int, epoll_wait, (int fd, struct epoll_event *events, int n, int wait), (fd, events, n, wait))
STAND_IN(int, eventfd, (unsigned value, int flags), (value, flags))
STAND_IN(ssize_t, getrandom, (void *buf, size_t n, unsigned flags), (buf, n, flags))

/* One that goes to the log would hide what the program says of the fault. */
ssize_t write(int fd, const void *buf, size_t n)
{
	static ssize_t (*next)(int, const void *, size_t);

	if (next == NULL)
		behind_find(&next, "write");
	return fd != STDERR_FILENO && fails("write") ? -1 : next(fd, buf, n);
}

int open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (next == NULL)
		behind_find(&next, "open");
	return fails("open") ? -1 : next(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	static FILE *(*next)(const char *, const char *);

	if (next == NULL)
		behind_find(&next, "fopen");
	return fails("open") ? NULL : next(path, mode);
}
