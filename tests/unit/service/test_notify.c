/* test_notify.c - what the service manager hears, at the other end of its socket; and the line
 * that it shows. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify.h"
#include "summary.h"

/* ---- a manager ------------------------------------------------------------------------ */

static char folder[] = "/tmp/kcptund-notify-XXXXXX";
static int manager = -1;

static int make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static int clean(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (manager >= 0)
		close(manager);
	manager = -1;
	return 0;
}

static void bind_manager(const struct sockaddr_un *addr, socklen_t len)
{
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)addr, len), 0);
}

static const char *listen_at_path(void)
{
	static struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	bind_manager(&addr, sizeof(addr));
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	return addr.sun_path;
}

static void listen_abstract(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "@kcptund-notify-%d", getpid());

	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	addr.sun_path[0] = '\0';
	bind_manager(&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n));
}

static const char *heard(void)
{
	static char text[4096];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

static void fill_queue(struct notify *n)
{
	while (notify_watchdog(n) == 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static uint64_t monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- finding the manager ------------------------------------------------------------------ */

static void without_a_manager_nothing_happens(void **state)
{
	static const char *const none[] = { NULL, "" };

	for (size_t i = 0; i < 2; i++) {
		struct notify n;

		if (none[i] != NULL)
			setenv("NOTIFY_SOCKET", none[i], 1);
		setenv("WATCHDOG_USEC", "1000000", 1);
		assert_int_equal(notify_open(&n), 0);
		assert_int_equal(n.fd, -1);
		assert_int_equal(n.watchdog_us, 0);
		notify_ready(&n, "x");
		notify_reloading(&n, NULL);
		notify_stopping(&n, NULL);
		assert_int_equal(notify_status(&n, "x"), 0);
		assert_int_equal(notify_watchdog(&n), 0);
		notify_close(&n);
	}
}

static void a_socket_in_a_folder_is_found(void **state)
{
	const char *path = listen_at_path();
	struct notify n;

	assert_int_equal(notify_open(&n), 0);
	notify_ready(&n, "1 tunnel");
	assert_string_equal(heard(), "READY=1\nSTATUS=1 tunnel\n");
	assert_null(heard());
	notify_close(&n);
	unlink(path);
}

static void a_socket_in_the_abstract_namespace_is_found(void **state)
{
	struct notify n;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	notify_ready(&n, NULL);
	assert_string_equal(heard(), "READY=1\n");
	notify_close(&n);
}

static void a_manager_that_comes_back_is_heard_by(void **state)
{
	const char *path = listen_at_path();
	struct notify n;

	assert_int_equal(notify_open(&n), 0);
	close(manager);
	assert_int_equal(notify_status(&n, "nobody"), -1);
	assert_int_equal(errno, ECONNREFUSED);
	unlink(path);
	assert_int_equal(notify_status(&n, "nobody"), -1);
	assert_int_equal(errno, ENOENT);
	listen_at_path();
	assert_int_equal(notify_status(&n, "again"), 0);
	assert_string_equal(heard(), "STATUS=again\n");
	notify_close(&n);
	unlink(path);
}

static void an_address_that_is_none_is_refused(void **state)
{
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct notify n;
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{ "relative", EAFNOSUPPORT },
		{ "vsock:2:1234", EAFNOSUPPORT },
		{ "/", EAFNOSUPPORT },
		{ "@", EAFNOSUPPORT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setenv("NOTIFY_SOCKET", rows[i].name, 1);
		assert_int_equal(notify_open(&n), -1);
		assert_int_equal(errno, rows[i].error);
		assert_int_equal(n.fd, -1);
		notify_ready(&n, NULL); /* harmless */
	}
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	assert_int_equal(notify_open(&n), 0);
	notify_close(&n);
	{
		char longer[sizeof(longest) + 1];

		memset(longer, '/', sizeof(longer) - 1);
		longer[sizeof(longer) - 1] = '\0';
		setenv("NOTIFY_SOCKET", longer, 1);
		assert_int_equal(notify_open(&n), -1);
		assert_int_equal(errno, ENAMETOOLONG);
	}
}

static void the_socket_is_not_for_children(void **state)
{
	struct notify n;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	assert_true((fcntl(n.fd, F_GETFD) & FD_CLOEXEC) != 0);
	notify_close(&n);
	assert_int_equal(n.fd, -1);
}

/* ---- the watchdog ------------------------------------------------------------------------------ */

static uint64_t watchdog(const char *usec, const char *pid)
{
	struct notify n;
	uint64_t us;

	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	else
		unsetenv("WATCHDOG_USEC");
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	else
		unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_open(&n), 0);
	us = n.watchdog_us;
	notify_close(&n);
	return us;
}

static void the_watchdog_is_ours_only_if_it_names_us(void **state)
{
	char ours[24], other[24];

	listen_abstract();
	snprintf(ours, sizeof(ours), "%d", getpid());
	snprintf(other, sizeof(other), "%d", getpid() + 1);
	assert_int_equal(watchdog(NULL, NULL), 0);
	assert_int_equal(watchdog("30000000", NULL), 30000000);
	assert_int_equal(watchdog("30000000", ours), 30000000);
	assert_int_equal(watchdog("30000000", other), 0);
	assert_int_equal(watchdog("30000000", ""), 0);
	assert_int_equal(watchdog("30000000", "garbage"), 0);
}

static void an_interval_that_is_no_number_is_none(void **state)
{
	static const char *const bad[] = { "", "0", "-1", " 5", "5s", "0x10", "18446744073709551616" };

	listen_abstract();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(watchdog(bad[i], NULL), 0);
	assert_true(watchdog("18446744073709551615", NULL) == UINT64_MAX);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void each_message_is_what_the_protocol_says(void **state)
{
	struct notify n;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(notify_watchdog(&n), 0);
	assert_string_equal(heard(), "WATCHDOG=1\n");
	assert_int_equal(notify_status(&n, "3 sessions"), 0);
	assert_string_equal(heard(), "STATUS=3 sessions\n");
	notify_stopping(&n, "bye");
	assert_string_equal(heard(), "STOPPING=1\nSTATUS=bye\n");
	notify_close(&n);
}

static void a_reload_is_told_with_the_time_it_began(void **state)
{
	uint64_t before, us;
	struct notify n;
	int end = 0;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	before = monotonic_us();
	notify_reloading(&n, "reloading");
	assert_int_equal(sscanf(heard(),
				"RELOADING=1\nMONOTONIC_USEC=%" SCNu64 "\nSTATUS=reloading\n%n",
				&us, &end),
			 1);
	assert_int_not_equal(end, 0);
	assert_in_range(us, before, monotonic_us());
	notify_close(&n);
}

static void a_status_cannot_speak_for_us(void **state)
{
	struct notify n;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	notify_status(&n, "all well\nSTOPPING=1");
	assert_string_equal(heard(), "STATUS=all well\n");
	notify_close(&n);
}

static void a_status_too_long_is_cut(void **state)
{
	char status[4000];
	struct notify n;

	memset(status, 'x', sizeof(status) - 1);
	status[sizeof(status) - 1] = '\0';
	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	notify_ready(&n, status);
	assert_memory_equal(heard(), "READY=1\nSTATUS=xxx", 18);
	assert_int_equal(notify_status(&n, "next"), 0);
	assert_string_equal(heard(), "STATUS=next\n");
	notify_close(&n);
}

static void a_manager_that_does_not_read_holds_up_nothing(void **state)
{
	uint64_t start;
	struct notify n;

	listen_abstract();
	assert_int_equal(notify_open(&n), 0);
	fill_queue(&n);
	start = monotonic_us();
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(notify_status(&n, "x"), -1);
		assert_int_equal(errno, EAGAIN);
	}
	assert_true(monotonic_us() - start < 900000);
	start = monotonic_us();
	notify_stopping(&n, NULL); /* waits, but not for ever */
	assert_in_range(monotonic_us() - start, 900000, 5000000);
	while (heard() != NULL)
		;
	assert_int_equal(notify_status(&n, "again"), 0);
	assert_string_equal(heard(), "STATUS=again\n");
	notify_close(&n);
}

/* ---- the line of status ----------------------------------------------------------------------- */

static void the_summary_reads_well(void **state)
{
	static const struct {
		struct summary s;
		const char *text;
	} rows[] = {
		{ { .tunnels = 0 }, "0 tunnels, no sessions" },
		{ { .tunnels = 1 }, "1 tunnel, no sessions" },
		{ { .tunnels = 1, .sessions = 1 }, "1 tunnel, 1 session" },
		{ { .tunnels = 3, .failed = 2, .failed_names = "home, office", .sessions = 1 },
		  "3 tunnels, 2 failed (home, office), 1 session" },
		{ { .tunnels = 1, .failed = 1, .failed_names = "home" },
		  "1 tunnel, 1 failed (home), no sessions" },
		{ { 2, 3, 17, 1200000, 340000, 41200, 41400, 0, NULL },
		  "2 tunnels, 3 sessions, 17 streams, 1.2 MB/s out, 340 kB/s in, rtt 41 ms" },
		{ { 1, 2, 1, 999, 1000, 41499, 180500, 0, NULL },
		  "1 tunnel, 2 sessions, 1 stream, 999 B/s out, 1.0 kB/s in, rtt 41 to 181 ms" },
		{ { 1, 1, 0, 999499, 999500, 80, 80, 0, NULL },
		  "1 tunnel, 1 session, 999 kB/s out, 1.0 MB/s in, rtt 1 ms" },
		{ { 1, 1, 0, 9949, 9950, 0, 0, 0, NULL },
		  "1 tunnel, 1 session, 9.9 kB/s out, 10 kB/s in" },
		{ { 1, 1, 0, 1, 2500000000, 0, 0, 0, NULL },
		  "1 tunnel, 1 session, 1 B/s out, 2.5 GB/s in" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[SUMMARY_BYTES];

		summary_text(&rows[i].s, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void the_largest_summary_fits(void **state)
{
	char names[SUMMARY_NAMES_BYTES];
	struct summary s = { SIZE_MAX, SIZE_MAX,   SIZE_MAX, UINT64_MAX, UINT64_MAX,
			     1,        UINT32_MAX, SIZE_MAX, names };
	char text[SUMMARY_BYTES];

	memset(names, 'x', sizeof(names) - 1);
	names[sizeof(names) - 1] = '\0';
	summary_text(&s, text);
	assert_non_null(strstr(text, "rtt 1 to 4294967 ms"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(without_a_manager_nothing_happens, clean),
		cmocka_unit_test_teardown(a_socket_in_a_folder_is_found, clean),
		cmocka_unit_test_teardown(a_socket_in_the_abstract_namespace_is_found, clean),
		cmocka_unit_test_teardown(a_manager_that_comes_back_is_heard_by, clean),
		cmocka_unit_test_teardown(an_address_that_is_none_is_refused, clean),
		cmocka_unit_test_teardown(the_socket_is_not_for_children, clean),
		cmocka_unit_test_teardown(the_watchdog_is_ours_only_if_it_names_us, clean),
		cmocka_unit_test_teardown(an_interval_that_is_no_number_is_none, clean),
		cmocka_unit_test_teardown(each_message_is_what_the_protocol_says, clean),
		cmocka_unit_test_teardown(a_reload_is_told_with_the_time_it_began, clean),
		cmocka_unit_test_teardown(a_status_cannot_speak_for_us, clean),
		cmocka_unit_test_teardown(a_status_too_long_is_cut, clean),
		cmocka_unit_test_teardown(a_manager_that_does_not_read_holds_up_nothing, clean),
		cmocka_unit_test(the_summary_reads_well),
		cmocka_unit_test(the_largest_summary_fits),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
