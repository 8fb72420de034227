/* test_snmplog.c - the CSV lines: columns, differences, files that change, and trouble with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "snmplog.h"

static const char header[] =
	"Unix,BytesSent,BytesReceived,MaxConn,ActiveOpens,PassiveOpens,CurrEstab,InErrs,"
	"InCsumErrors,KCPInErrors,InPkts,OutPkts,InSegs,OutSegs,InBytes,OutBytes,RetransSegs,"
	"FastRetransSegs,EarlyRetransSegs,LostSegs,RepeatSegs,FECFullShards,FECParityShards,FECErrs,"
	"FECRecovered,FECShardSet,FECShardMin,RingBufferSndQueue,RingBufferRcvQueue,"
	"RingBufferSndBuffer,OOBPackets\n";

#define ZEROS_FROM_MAXCONN "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"

/* 2026-11-23 23:59:58 UTC */
enum { EVENING = 1795478398 };

static struct {
	char folder[64];
	char text[1 << 14];
	struct reactor reactor;
	struct counters totals;
	struct snmplog log;
} w;

static void give_totals(void *user, struct counters *out)
{
	assert_ptr_equal(user, &w);
	*out = w.totals;
}

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	strcpy(w.folder, "snmplog-XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	setenv("TZ", "UTC0", 1);
	tzset();
	w.reactor.loop = ev_loop_new(0);
	w.reactor.now_us = 1000000;
	snmplog_init(&w.log, &w.reactor, "home", give_totals, &w);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snmplog_dispose(&w.log);
	ev_loop_destroy(w.reactor.loop);
	snprintf(command, sizeof(command), "rm -rf %s", w.folder);
	return system(command);
}

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", w.folder, name);
	return path;
}

static void start(const char *name, unsigned period_s)
{
	snmplog_set(&w.log, in_folder(name), period_s);
	assert_non_null(w.log.path);
}

static void tick(time_t at)
{
	struct timespec wall = { .tv_sec = at };

	snmplog_tick(&w.log, &wall);
}

/* The content of a file; NULL when there is none. */
static const char *content(const char *name)
{
	FILE *f = fopen(in_folder(name), "r");
	size_t n;

	if (f == NULL)
		return NULL;
	n = fread(w.text, 1, sizeof(w.text) - 1, f);
	w.text[n] = '\0';
	fclose(f);
	return w.text;
}

static void expect_lines(const char *name, const char *lines)
{
	char want[1 << 12];

	snprintf(want, sizeof(want), "%s%s", header, lines);
	assert_non_null(content(name));
	assert_string_equal(w.text, want);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void a_new_file_begins_with_the_names_that_kcptun_has(void **state)
{
	start("snmp.log", 60);
	tick(EVENING);
	tick(EVENING + 60);
	expect_lines("snmp.log", "1795478398,0,0," ZEROS_FROM_MAXCONN "\n"
				 "1795478458,0,0," ZEROS_FROM_MAXCONN "\n");
}

static void a_line_tells_what_was_counted_since_the_one_before(void **state)
{
	w.totals.bytes_sent = 7000; /* from before it was turned on */
	start("snmp.log", 60);
	w.totals.bytes_sent += 100;
	w.totals.bytes_received += 20;
	tick(1);
	w.totals.bytes_sent += 5;
	tick(2);
	tick(3);
	expect_lines("snmp.log", "1,100,20," ZEROS_FROM_MAXCONN "\n"
				 "2,5,0," ZEROS_FROM_MAXCONN "\n"
				 "3,0,0," ZEROS_FROM_MAXCONN "\n");
}

static void gauges_and_peaks_are_those_of_the_moment(void **state)
{
	start("snmp.log", 60);
	w.totals.max_conn = 9;
	w.totals.curr_estab = 4;
	tick(1);
	w.totals.curr_estab = 3;
	tick(2);
	expect_lines("snmp.log", "1,0,0,9,0,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n"
				 "2,0,0,9,0,0,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n");
}

static void every_column_holds_the_counter_that_its_name_says(void **state)
{
	char want[1024] = "1";

	start("snmp.log", 60);
	for (size_t i = 0; i < counter_count; i++) {
		uint64_t value = UINT64_MAX - i;

		memcpy((char *)&w.totals + counter_infos[i].offset, &value, sizeof(value));
		if (i < counter_count_kcptun)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), ",%llu",
				 (unsigned long long)value);
	}
	strcat(want, "\n");
	tick(1);
	expect_lines("snmp.log", want);
}

static void totals_that_fell_never_show_as_less_than_nothing(void **state)
{
	start("snmp.log", 60);
	w.totals.bytes_sent = 1000;
	tick(1);
	w.totals.bytes_sent = 30;
	tick(2);
	expect_lines("snmp.log", "1,1000,0," ZEROS_FROM_MAXCONN "\n"
				 "2,30,0," ZEROS_FROM_MAXCONN "\n");
}

/* ---- files --------------------------------------------------------------------------------- */

static void the_file_changes_at_midnight(void **state)
{
	start("snmp-20060102.log", 1);
	for (time_t at = EVENING; at < EVENING + 4; at++)
		tick(at);
	expect_lines("snmp-20261123.log", "1795478398,0,0," ZEROS_FROM_MAXCONN "\n"
					  "1795478399,0,0," ZEROS_FROM_MAXCONN "\n");
	expect_lines("snmp-20261124.log", "1795478400,0,0," ZEROS_FROM_MAXCONN "\n"
					  "1795478401,0,0," ZEROS_FROM_MAXCONN "\n");
}

static void midnight_is_that_of_the_local_clock(void **state)
{
	setenv("TZ", "CET-1", 1);
	tzset();
	start("snmp-20060102T15-0700.log", 1);
	tick(EVENING);
	assert_non_null(content("snmp-20261124T00+0100.log"));
}

static void a_clock_that_is_set_back_goes_back_to_the_old_file(void **state)
{
	start("snmp-20060102.log", 1);
	tick(EVENING);
	tick(EVENING + 86400);
	tick(EVENING + 1);
	expect_lines("snmp-20261123.log", "1795478398,0,0," ZEROS_FROM_MAXCONN "\n"
					  "1795478399,0,0," ZEROS_FROM_MAXCONN "\n");
}

static void only_the_last_part_of_the_path_is_a_layout(void **state)
{
	struct timespec wall = { .tv_sec = EVENING };
	char out[64];

	assert_true(snmplog_file(out, sizeof(out), "/logs/2006/Jan/snmp-2006.log", &wall));
	assert_string_equal(out, "/logs/2006/Jan/snmp-2026.log");
	assert_true(snmplog_file(out, sizeof(out), "2006", &wall));
	assert_string_equal(out, "2026");
	assert_false(snmplog_file(out, 8, "/a/b/January", &wall));
	assert_false(snmplog_file(out, 3, "/a/b/January", &wall));
}

static void a_file_that_was_moved_away_is_begun_anew(void **state)
{
	start("snmp.log", 60);
	tick(1);
	assert_int_equal(unlink(in_folder("snmp.log")), 0);
	tick(2);
	expect_lines("snmp.log", "2,0,0," ZEROS_FROM_MAXCONN "\n");
}

static void a_file_of_an_earlier_run_is_gone_on_with(void **state)
{
	FILE *f = fopen(in_folder("snmp.log"), "w");

	fputs("earlier\n", f);
	fclose(f);
	start("snmp.log", 60);
	tick(5);
	assert_string_equal(content("snmp.log"), "earlier\n5,0,0," ZEROS_FROM_MAXCONN "\n");
}

/* ---- trouble -------------------------------------------------------------------------------- */

/* What goes to stderr goes to a file. */
static int saved_stderr;

static void catch_stderr(void)
{
	int fd = open(in_folder("stderr"), O_RDWR | O_CREAT | O_APPEND, 0600);

	saved_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static size_t lines_on_stderr(void)
{
	size_t count = 0;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	for (const char *at = content("stderr"); *at != '\0'; at++)
		count += *at == '\n';
	return count;
}

static void what_could_not_be_written_is_told_once_a_minute_and_written_later(void **state)
{
	start("later/snmp.log", 1);
	catch_stderr();
	for (time_t at = 0; at < 120; at++) {
		w.totals.bytes_sent += 10;
		tick(at);
		w.reactor.now_us += 1000000;
	}
	assert_int_equal(lines_on_stderr(), 2);
	assert_non_null(strstr(w.text, "[home] snmplog: "));
	assert_non_null(strstr(w.text, "later/snmp.log cannot be written: No such file"));
	assert_int_equal(mkdir(in_folder("later"), 0700), 0);
	tick(500);
	expect_lines("later/snmp.log", "500,1200,0," ZEROS_FROM_MAXCONN "\n");
}

static void a_full_disk_leaves_no_half_line(void **state)
{
	struct rlimit before, tight;
	size_t whole;

	start("snmp.log", 60);
	tick(1);
	whole = strlen(content("snmp.log"));
	signal(SIGXFSZ, SIG_IGN);
	catch_stderr();
	getrlimit(RLIMIT_FSIZE, &before);
	tight = (struct rlimit){ whole + 20, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &tight);
	w.totals.bytes_sent = 77;
	tick(2);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(lines_on_stderr(), 1);
	assert_int_equal(strlen(content("snmp.log")), whole);
	tick(3);
	expect_lines("snmp.log", "1,0,0," ZEROS_FROM_MAXCONN "\n"
				 "3,77,0," ZEROS_FROM_MAXCONN "\n");
}

static void a_pipe_that_nobody_reads_does_not_hold_it_up(void **state)
{
	int reader;

	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	start("pipe", 60);
	catch_stderr();
	tick(1);
	reader = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);
	for (time_t at = 0; at < 1000; at++) /* more than a pipe holds */
		tick(at);
	assert_int_equal(lines_on_stderr(), 1);
	close(reader);
}

static void a_layout_that_makes_too_long_a_path_is_told(void **state)
{
	char *layout = calloc(1, PATH_MAX);

	memset(layout, 'J', PATH_MAX - 1);
	catch_stderr();
	snmplog_set(&w.log, layout, 60);
	tick(1);
	free(layout);
	assert_int_equal(lines_on_stderr(), 1);
	assert_non_null(strstr(w.text, "File name too long"));
}

/* ---- life ----------------------------------------------------------------------------------- */

static void it_writes_every_so_many_seconds(void **state)
{
	start("snmp.log", 45);
	assert_true(ev_is_active(&w.log.timer));
	assert_true(ev_timer_remaining(w.reactor.loop, &w.log.timer) > 44);
	assert_true(w.log.timer.repeat == 45.);
	ev_invoke(w.reactor.loop, &w.log.timer, EV_TIMER);
	assert_non_null(strstr(content("snmp.log"), "\n"));
}

static void it_is_off_without_a_path_or_a_period(void **state)
{
	snmplog_set(&w.log, NULL, 60);
	assert_false(ev_is_active(&w.log.timer));
	snmplog_set(&w.log, in_folder("snmp.log"), 0);
	assert_false(ev_is_active(&w.log.timer));
	assert_null(w.log.path);
}

static void the_same_values_again_change_nothing(void **state)
{
	const char *path;

	start("snmp.log", 45);
	w.totals.bytes_sent = 8;
	path = w.log.path;
	start("snmp.log", 45);
	assert_ptr_equal(w.log.path, path);
	assert_null(content("snmp.log"));
}

static void another_path_begins_where_the_old_one_ended(void **state)
{
	start("old.log", 45);
	w.totals.bytes_sent = 8;
	start("new.log", 30);
	assert_non_null(strstr(content("old.log"), ",8,0," ZEROS_FROM_MAXCONN "\n"));
	w.totals.bytes_sent = 18;
	tick(9);
	expect_lines("new.log", "9,10,0," ZEROS_FROM_MAXCONN "\n");
	assert_true(w.log.timer.repeat == 30.);
}

static void the_end_writes_what_was_counted_since_the_last_line(void **state)
{
	start("snmp.log", 60);
	w.totals.in_pkts = 3;
	snmplog_dispose(&w.log);
	assert_non_null(strstr(content("snmp.log"), ",3,"));
	assert_false(ev_is_active(&w.log.timer));
}

static void the_end_writes_nothing_when_nothing_was_counted(void **state)
{
	start("snmp.log", 60);
	w.totals.curr_estab = 1;
	snmplog_dispose(&w.log);
	assert_null(content("snmp.log"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_begins_with_the_names_that_kcptun_has),
		TEST(a_line_tells_what_was_counted_since_the_one_before),
		TEST(gauges_and_peaks_are_those_of_the_moment),
		TEST(every_column_holds_the_counter_that_its_name_says),
		TEST(totals_that_fell_never_show_as_less_than_nothing),
		TEST(the_file_changes_at_midnight),
		TEST(midnight_is_that_of_the_local_clock),
		TEST(a_clock_that_is_set_back_goes_back_to_the_old_file),
		TEST(only_the_last_part_of_the_path_is_a_layout),
		TEST(a_file_that_was_moved_away_is_begun_anew),
		TEST(a_file_of_an_earlier_run_is_gone_on_with),
		TEST(what_could_not_be_written_is_told_once_a_minute_and_written_later),
		TEST(a_full_disk_leaves_no_half_line),
		TEST(a_pipe_that_nobody_reads_does_not_hold_it_up),
		TEST(a_layout_that_makes_too_long_a_path_is_told),
		TEST(it_writes_every_so_many_seconds),
		TEST(it_is_off_without_a_path_or_a_period),
		TEST(the_same_values_again_change_nothing),
		TEST(another_path_begins_where_the_old_one_ended),
		TEST(the_end_writes_what_was_counted_since_the_last_line),
		TEST(the_end_writes_nothing_when_nothing_was_counted),
	};

	log_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
