/* log.h - one line a message, to stderr, with a level.
 *
 * Under systemd (JOURNAL_STREAM names stderr) a line starts with <priority>,
 * on a terminal or in a file with the time.  Never from lib/. */
#ifndef KT_LOG_H
#define KT_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern const char *const log_level_names[]; /* "error", "warn", "info", "debug", NULL */

void log_open(void); /* find out where stderr goes */
bool log_is_journal(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
static inline bool log_enabled(enum log_level level)
{
	return level <= log_get_level();
}

/* `tag` names the tunnel and comes first, in brackets; NULL for the daemon. */
void log_msg(enum log_level level, const char *tag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_vmsg(enum log_level level, const char *tag, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#define log_err(tag, ...) log_msg(LOG_LEVEL_ERR, tag, __VA_ARGS__)
#define log_warn(tag, ...) log_msg(LOG_LEVEL_WARN, tag, __VA_ARGS__)
#define log_info(tag, ...) log_msg(LOG_LEVEL_INFO, tag, __VA_ARGS__)
#define log_debug(tag, ...) \
	do { \
		if (log_enabled(LOG_LEVEL_DEBUG)) \
			log_msg(LOG_LEVEL_DEBUG, tag, __VA_ARGS__); \
	} while (0)

/* At most one message per `period_us` for each of these.  Zero-initialise.  When log_allow() says
 * true, `muted` is the number held back since the message before; the next call counts anew. */
struct log_limit {
	uint64_t next_us;
	uint64_t muted;
	bool shown; /* the last call said true */
};
bool log_allow(struct log_limit *l, uint64_t now_us, uint64_t period_us);

/* So many messages a minute for each of these.  Zero-initialise.  When log_quota_allow() says
 * false, `held` is the number held back in this minute, this one included: with 1 it may be announced. */
struct log_quota {
	uint64_t minute_us; /* when the minute began */
	unsigned shown, held;
};
bool log_quota_allow(struct log_quota *q, uint64_t now_us, unsigned per_minute);

#endif
