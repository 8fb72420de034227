/* snmplog.c - counters as lines of CSV, one a period, as kcptun writes them. */
#include "snmplog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gotime.h"

#define MINUTE_US (60 * 1000000ull)

/* All columns with 20 digits or the longest name are far below. */
enum { LINE_BYTES = 2048 };

/* ---- a line -------------------------------------------------------------------------- */

static size_t header_line(char line[static LINE_BYTES])
{
	size_t n = (size_t)snprintf(line, LINE_BYTES, "Unix");

	for (size_t i = 0; i < counter_count_kcptun; i++)
		n += (size_t)snprintf(line + n, LINE_BYTES - n, ",%s", counter_infos[i].name);
	line[n++] = '\n';
	return n;
}

/* Totals fall only if somebody broke the promise; then that begins anew. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static uint64_t column(const struct counters *now, const struct counters *before, size_t i)
{
	uint64_t value = counters_get(now, i);

	return counter_infos[i].kind == COUNTER ? grown(value, counters_get(before, i)) : value;
}

static size_t value_line(char line[static LINE_BYTES], const struct timespec *wall,
			 const struct counters *now, const struct counters *before)
{
	size_t n = (size_t)snprintf(line, LINE_BYTES, "%lld", (long long)wall->tv_sec);

	for (size_t i = 0; i < counter_count_kcptun; i++)
		n += (size_t)snprintf(line + n, LINE_BYTES - n, ",%" PRIu64, column(now, before, i));
	line[n++] = '\n';
	return n;
}

/* ---- the file ------------------------------------------------------------------------ */

bool snmplog_file(char *out, size_t cap, const char *path, const struct timespec *wall)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash != NULL ? (size_t)(slash + 1 - path) : 0;
	struct tm tm;

	if (folder >= cap || localtime_r(&wall->tv_sec, &tm) == NULL)
		return false;
	memcpy(out, path, folder);
	return gotime_format(out + folder, cap - folder, path + folder, &tm, wall->tv_nsec) <
	       cap - folder;
}

/* All of it or nothing: half a line, as on a full disk, would spoil the next one too. */
static int append(int fd, const char *text, size_t n, const struct stat *st)
{
	ssize_t put = write(fd, text, n);
	int error = put < 0 ? errno : ENOSPC;

	if (put == (ssize_t)n)
		return 0;
	if (put > 0 && S_ISREG(st->st_mode) && ftruncate(fd, st->st_size) != 0)
		error = errno;
	errno = error;
	return -1;
}

/* The name is the administrator's, but what it names may be anything: neither a pipe that
 * nobody reads nor a terminal may hold up the loop. */
static int write_line(const char *file, const char *line, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	char text[2 * LINE_BYTES];
	size_t header = 0;
	struct stat st;
	int rc = -1, error;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		if (st.st_size == 0)
			header = header_line(text);
		memcpy(text + header, line, n);
		rc = append(fd, text, header + n, &st);
	}
	error = errno;
	close(fd);
	errno = error;
	return rc;
}

/* ---- the period ---------------------------------------------------------------------- */

static void complain(struct snmplog *l, const char *file, const char *error)
{
	if (log_allow(&l->limit, l->reactor->now_us, MINUTE_US))
		log_warn(l->tag,
			 "snmplog: %.200s cannot be written: %s; what it misses comes with the "
			 "next line",
			 file, error);
}

void snmplog_tick(struct snmplog *l, const struct timespec *wall)
{
	char file[PATH_MAX], line[LINE_BYTES];
	struct counters now;
	size_t n;

	l->sum(l->user, &now);
	n = value_line(line, wall, &now, &l->written);
	if (!snmplog_file(file, sizeof(file), l->path, wall))
		complain(l, l->path, strerror(ENAMETOOLONG));
	else if (write_line(file, line, n) != 0)
		complain(l, file, strerror(errno));
	else
		l->written = now;
}

static void tick(struct snmplog *l)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	snmplog_tick(l, &wall);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	tick(w->data);
}

/* ---- life ---------------------------------------------------------------------------- */

void snmplog_init(struct snmplog *l, struct reactor *r, const char *tag, snmplog_sum_fn *sum,
		  void *user)
{
	*l = (struct snmplog){ .reactor = r, .tag = tag, .sum = sum, .user = user };
	ev_timer_init(&l->timer, on_timer, 0, 0);
	l->timer.data = l;
}

static bool has_news(const struct snmplog *l)
{
	struct counters now;

	l->sum(l->user, &now);
	for (size_t i = 0; i < counter_count_kcptun; i++) {
		if (counter_infos[i].kind == COUNTER && column(&now, &l->written, i) > 0)
			return true;
	}
	return false;
}

/* Lines add up to all that was counted, so the last one must not be missing. */
static void stop(struct snmplog *l)
{
	if (l->path == NULL)
		return;
	ev_timer_stop(l->reactor->loop, &l->timer);
	if (has_news(l))
		tick(l);
	free(l->path);
	l->path = NULL;
}

static void start(struct snmplog *l, const char *path, unsigned period_s)
{
	l->path = strdup(path);
	if (l->path == NULL) {
		log_err(l->tag, "snmplog: out of memory");
		return;
	}
	l->period_s = period_s;
	l->sum(l->user, &l->written);
	ev_timer_set(&l->timer, period_s, period_s);
	ev_timer_start(l->reactor->loop, &l->timer);
}

void snmplog_set(struct snmplog *l, const char *path, unsigned period_s)
{
	if (period_s == 0)
		path = NULL;
	if (l->path != NULL && path != NULL && strcmp(l->path, path) == 0 && l->period_s == period_s)
		return;
	stop(l);
	if (path != NULL)
		start(l, path, period_s);
}

void snmplog_dispose(struct snmplog *l)
{
	stop(l);
}
