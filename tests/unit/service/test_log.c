/* test_log.c - what a line looks like, and what it can never look like. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

/* stderr is a socket that keeps each write apart while a test runs. */
static int saved_stderr, ends[2];

static int catch_stderr(void **state)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	log_set_level(LOG_LEVEL_DEBUG);
	return dup2(ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int release_stderr(void **state)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(ends[0]);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	log_open();
	return 0;
}

static char written[8192];

/* What one write(2) brought; NULL when there was none. */
static const char *next_write(void)
{
	ssize_t n = read(ends[0], written, sizeof(written) - 1);

	if (n < 0)
		return NULL;
	written[n] = '\0';
	return written;
}

/* The same behind its time. */
static const char *next_text(void)
{
	const char *line = next_write();

	assert_non_null(line);
	assert_true(strlen(line) > 24);
	return line + 24;
}

static void become_journal(void)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open();
}

static void a_line_has_time_level_and_tag(void **state)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddd info [home] 3 streams\n";
	const char *line;

	log_info("home", "%d streams", 3);
	line = next_write();
	assert_non_null(line);
	assert_int_equal(strlen(line), strlen(shape));
	for (size_t i = 0; i < 23; i++) {
		if (shape[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], shape[i]);
	}
	assert_string_equal(line + 23, shape + 23);
	assert_null(next_write());
}

static void the_daemon_itself_has_no_tag(void **state)
{
	log_err(NULL, "out of memory");
	assert_string_equal(next_text(), "error out of memory\n");
	log_warn(NULL, "careful");
	assert_string_equal(next_text(), "warn careful\n");
}

static void journald_gets_priorities_and_no_time(void **state)
{
	static const char *const lines[] = { "<3>[t] x\n", "<4>[t] x\n", "<6>[t] x\n", "<7>[t] x\n" };

	become_journal();
	for (unsigned level = LOG_LEVEL_ERR; level <= LOG_LEVEL_DEBUG; level++) {
		log_msg((enum log_level)level, "t", "x");
		assert_string_equal(next_write(), lines[level]);
	}
}

static void a_journal_that_is_not_stderr_is_not_believed(void **state)
{
	static const char *const streams[] = { "1:2", "", "x", "1", "1:2:3" };

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		log_open();
		log_info(NULL, "x");
		assert_string_equal(next_text(), "info x\n");
	}
	become_journal();
	setenv("JOURNAL_STREAM", strcat(strcpy(written, getenv("JOURNAL_STREAM")), "0"), 1);
	log_open();
	log_info(NULL, "x");
	assert_string_equal(next_text(), "info x\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
	log_set_level(LOG_LEVEL_WARN);
	assert_int_equal(log_get_level(), LOG_LEVEL_WARN);
	assert_true(log_enabled(LOG_LEVEL_ERR));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	log_info(NULL, "x");
	log_debug(NULL, "x");
	assert_null(next_write());
	log_warn(NULL, "x");
	assert_non_null(next_write());
}

static void a_quoted_peer_cannot_forge_a_line(void **state)
{
	log_info("t", "peer says %s", "a\n<3>forged\r\x1b[2J\x7f\tz");
	assert_string_equal(next_text(), "info [t] peer says a?<3>forged??[2J? z\n");
	assert_null(next_write());
}

static void letters_beyond_ascii_stay_but_no_controls(void **state)
{
	/* U+009B is a control that starts terminal sequences; U+00FC and U+201B are letters */
	log_info(NULL, "%s",
		 "\xc3\xbc \xe2\x80\x9b \xc2\x9b"
		 "0m");
	assert_string_equal(next_text(), "info \xc3\xbc \xe2\x80\x9b \xc2?0m\n");
}

static void a_long_message_is_cut_but_ends_its_line(void **state)
{
	char *big = malloc(10000);
	const char *line;

	memset(big, 'x', 9999);
	big[9999] = '\0';
	log_info("t", "%s", big);
	line = next_write();
	assert_int_equal(strlen(line), 2047);
	assert_int_equal(line[2046], '\n');
	assert_int_equal(line[2045], 'x');
	assert_null(next_write());
	log_info(big, "tag");
	assert_int_equal(next_write()[strlen(written) - 1], '\n');
	free(big);
}

static void errno_survives_even_a_log_that_fails(void **state)
{
	close(STDERR_FILENO);
	errno = EPERM;
	log_info(NULL, "x");
	assert_int_equal(errno, EPERM);
	dup2(ends[1], STDERR_FILENO);
}

static void a_limit_lets_one_through_a_period_and_counts_the_rest(void **state)
{
	struct log_limit l = { 0 };

	assert_true(log_allow(&l, 0, 100));
	assert_int_equal(l.muted, 0);
	assert_false(log_allow(&l, 0, 100));
	assert_false(log_allow(&l, 99, 100));
	assert_true(log_allow(&l, 100, 100));
	assert_int_equal(l.muted, 2);
	assert_true(log_allow(&l, 200, 100));
	assert_int_equal(l.muted, 0);
	assert_false(log_allow(&l, 250, 100));
	assert_int_equal(l.muted, 1);
	assert_true(log_allow(&l, 1000, UINT64_MAX)); /* for ever, not in the past */
	assert_int_equal(l.muted, 1);
	assert_false(log_allow(&l, UINT64_MAX - 1, 1));
}

static void a_quota_lets_some_through_a_minute_and_counts_the_rest(void **state)
{
	enum { MINUTE_US = 60 * 1000000 };
	struct log_quota q = { 0 };

	assert_true(log_quota_allow(&q, 5, 2));
	assert_true(log_quota_allow(&q, 6, 2));
	assert_false(log_quota_allow(&q, 7, 2));
	assert_int_equal(q.held, 1);
	assert_false(log_quota_allow(&q, MINUTE_US - 1, 2));
	assert_int_equal(q.held, 2);
	assert_true(log_quota_allow(&q, MINUTE_US, 2));
	assert_true(log_quota_allow(&q, 2 * MINUTE_US - 1, 2));
	assert_false(log_quota_allow(&q, 2 * MINUTE_US - 1, 2));
	assert_int_equal(q.held, 1);
	assert_false(log_quota_allow(&q, 3 * MINUTE_US, 0));
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, catch_stderr, release_stderr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_line_has_time_level_and_tag),
		LOG_TEST(the_daemon_itself_has_no_tag),
		LOG_TEST(journald_gets_priorities_and_no_time),
		LOG_TEST(a_journal_that_is_not_stderr_is_not_believed),
		LOG_TEST(what_is_below_the_level_is_not_written),
		LOG_TEST(a_quoted_peer_cannot_forge_a_line),
		LOG_TEST(letters_beyond_ascii_stay_but_no_controls),
		LOG_TEST(a_long_message_is_cut_but_ends_its_line),
		LOG_TEST(errno_survives_even_a_log_that_fails),
		cmocka_unit_test(a_limit_lets_one_through_a_period_and_counts_the_rest),
		cmocka_unit_test(a_quota_lets_some_through_a_minute_and_counts_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
