/* descriptors.c - file descriptors: as many as there may be, and some kept back. */
#include "descriptors.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KEPT_MAX = 32 };

void descriptors_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A quarter of them when there are few. */
bool descriptor_is_kept(int fd)
{
	struct rlimit limit;
	rlim_t kept;

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	kept = limit.rlim_cur / 4 < KEPT_MAX ? limit.rlim_cur / 4 : KEPT_MAX;
	return (rlim_t)fd >= limit.rlim_cur - kept;
}

bool descriptors_left(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return !descriptor_is_kept(fd);
}
