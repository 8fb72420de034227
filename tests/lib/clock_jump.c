/* clock_jump.c - preloaded into a program, puts its wall clock off by the seconds in a file.
 *
 * The file that CLOCK_JUMP names holds one int64_t, which may change while the program runs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jump_s;

__attribute__((constructor)) static void open_jump(void)
{
	int fd = open(getenv("CLOCK_JUMP"), O_RDONLY | O_CLOEXEC);

	jump_s = mmap(NULL, sizeof(*jump_s), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (jump_s == MAP_FAILED)
		abort();
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *jump_s;
	return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	int r = (int)syscall(SYS_gettimeofday, tv, tz);

	if (r == 0)
		tv->tv_sec += *jump_s;
	return r;
}

time_t time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
