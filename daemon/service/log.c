/* log.c - format one line, write it with one call. */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 2048, /* with its newline; the rest of a longer message is cut */
};

const char *const log_level_names[] = { "error", "warn", "info", "debug", NULL };

/* As in syslog(3), which is what journald reads. */
static const char *const journal_prefix[] = { "<3>", "<4>", "<6>", "<7>" };

static struct {
	enum log_level level;
	bool journal; /* stderr is journald's: it adds the time and wants priorities */
} logger = { .level = LOG_LEVEL_INFO };

/* systemd names the socket it gave as "device:inode"; only if stderr is that very
 * file is it the journal, because the variable is inherited by every child. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	int end = 0;

	if (!stream || sscanf(stream, "%20llu:%20llu%n", &dev, &ino, &end) != 2 || stream[end])
		return false;
	if (fstat(STDERR_FILENO, &st) < 0)
		return false;
	return (unsigned long long)st.st_dev == dev && (unsigned long long)st.st_ino == ino;
}

void log_open(void)
{
	logger.journal = stderr_is_journal();
}

bool log_is_journal(void)
{
	return logger.journal;
}

void log_set_level(enum log_level level)
{
	assert(level <= LOG_LEVEL_DEBUG);
	logger.level = level;
}

enum log_level log_get_level(void)
{
	return logger.level;
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t len; /* always leaves room for the newline */
};

static void line_vadd(struct line *l, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void line_add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void line_vadd(struct line *l, const char *fmt, va_list ap)
{
	size_t room = sizeof(l->text) - 1 - l->len; /* for text and its NUL */
	int n = vsnprintf(l->text + l->len, room, fmt, ap);

	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_vadd(l, fmt, ap);
	va_end(ap);
}

static void line_add_time(struct line *l)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm))
		return;
	line_add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03ld ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

/* A message may quote a peer: it must not be able to start a line of its own or
 * to speak to the terminal.  That goes for the controls of ASCII and for those at
 * U+0080..U+009F, which UTF-8 writes as c2 80..c2 9f. */
static void line_clean(struct line *l)
{
	uint8_t before = 0;

	for (size_t i = 0; i < l->len; i++) {
		uint8_t c = (uint8_t)l->text[i];

		if (c < 0x20 || c == 0x7f || (before == 0xc2 && c >= 0x80 && c < 0xa0))
			l->text[i] = c == '\t' ? ' ' : '?';
		before = c;
	}
}

static void line_write(struct line *l)
{
	ssize_t n;

	l->text[l->len++] = '\n';
	/* There is nobody to tell that the log failed. */
	do
		n = write(STDERR_FILENO, l->text, l->len);
	while (n < 0 && errno == EINTR);
}

void log_vmsg(enum log_level level, const char *tag, const char *fmt, va_list ap)
{
	struct line l = { .len = 0 };
	int saved = errno;

	assert(level <= LOG_LEVEL_DEBUG);
	if (!log_enabled(level))
		return;
	if (logger.journal) {
		line_add(&l, "%s", journal_prefix[level]);
	} else {
		line_add_time(&l);
		line_add(&l, "%s ", log_level_names[level]);
	}
	if (tag)
		line_add(&l, "[%s] ", tag);
	line_vadd(&l, fmt, ap);
	line_clean(&l);
	line_write(&l);
	errno = saved;
}

void log_msg(enum log_level level, const char *tag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, tag, fmt, ap);
	va_end(ap);
}

bool log_allow(struct log_limit *l, uint64_t now_us, uint64_t period_us)
{
	if (l->shown)
		l->muted = 0;
	l->shown = now_us >= l->next_us;
	if (!l->shown) {
		l->muted++;
		return false;
	}
	l->next_us = period_us < UINT64_MAX - now_us ? now_us + period_us : UINT64_MAX;
	return true;
}

bool log_quota_allow(struct log_quota *q, uint64_t now_us, unsigned per_minute)
{
	if (now_us - q->minute_us >= 60 * 1000000ull)
		*q = (struct log_quota){ .minute_us = now_us };
	if (q->shown < per_minute) {
		q->shown++;
		return true;
	}
	q->held++;
	return false;
}
