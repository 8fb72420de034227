/* test_gotime.c - layouts against what Go makes of them, and the edges of the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gotime.h"

/* The moment whose every element differs from those of Go's layouts. */
/* clang-format off */
static const struct tm moment = {
	.tm_year = 109, .tm_mon = 10, .tm_mday = 7, .tm_hour = 20, .tm_min = 8, .tm_sec = 9,
	.tm_wday = 6, .tm_yday = 310, .tm_gmtoff = 5 * 3600 + 45 * 60 + 30, .tm_zone = "NPT",
};
/* clang-format on */

static void expect(const char *layout, const char *text)
{
	char out[128];
	size_t n = gotime_format(out, sizeof(out), layout, &moment, 12345678);

	assert_string_equal(out, text);
	assert_int_equal(n, strlen(text));
}

static void every_element_shows_its_part_of_the_moment(void **state)
{
	static const struct {
		const char *layout, *text;
	} rows[] = {
		{ "2006", "2009" },
		{ "06", "09" },
		{ "01", "11" },
		{ "1", "11" },
		{ "Jan", "Nov" },
		{ "January", "November" },
		{ "02", "07" },
		{ "2", "7" },
		{ "_2", " 7" },
		{ "002", "311" },
		{ "__2", "311" },
		{ "Mon", "Sat" },
		{ "Monday", "Saturday" },
		{ "15", "20" },
		{ "03", "08" },
		{ "3", "8" },
		{ "04", "08" },
		{ "4", "8" },
		{ "05", "09" },
		{ "5", "9" },
		{ "PM", "PM" },
		{ "pm", "pm" },
		{ "MST", "NPT" },
		{ "-0700", "+0545" },
		{ "-07", "+05" },
		{ "-07:00", "+05:45" },
		{ "-070000", "+054530" },
		{ "-07:00:00", "+05:45:30" },
		{ "Z0700", "+0545" },
		{ "Z07", "+05" },
		{ "Z07:00", "+05:45" },
		{ "Z070000", "+054530" },
		{ "Z07:00:00", "+05:45:30" },
		{ ".000", ".012" },
		{ ",0", ",0" },
		{ ".999999999", ".012345678" },
		{ ".9", "" },
		{ ".99", ".01" },
		{ ".000000000000", ".012345678" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].layout, rows[i].text);
}

static void what_is_no_element_stands_for_itself(void **state)
{
	expect("", "");
	expect("snmp.log", "snmp.log");
	expect("Janitor", "Janitor");
	expect("Months", "Months");
	expect("MSTs", "NPTs");
	expect("_2006", "_2009");
	expect(".0001", ".0011"); /* no fraction, for a digit follows: "0", "0", "01" */
	expect("%Y%n%s", "%Y%n%s");
	expect("\xc3\xa9", "\xc3\xa9");
}

static void names_of_files_come_out_as_kcptun_makes_them(void **state)
{
	expect("snmp-20060102.log", "snmp-20091107.log");
	expect("snmp-2006-01-02T15.log", "snmp-2009-11-07T20.log");
	expect("home_2006_01.csv", "home_2009_11.csv");
}

/* seconds nanoseconds offset zone|layout|text */
static void expect_line(char *line)
{
	char *save, *zone, *layout, *text, out[512];
	long long seconds;
	long nsec, offset;
	struct tm tm;
	time_t local;
	int at;

	assert_int_equal(sscanf(line, "%lld %ld %ld %n", &seconds, &nsec, &offset, &at), 3);
	line[strcspn(line, "\n")] = '\0';
	zone = line + at;
	layout = strchr(zone, '|');
	*layout++ = '\0';
	text = strchr(layout, '|');
	*text++ = '\0';
	save = text;
	local = (time_t)(seconds + offset);
	if (local != seconds + offset)
		return; /* a time_t of 32 bits has no such moment */
	assert_non_null(gmtime_r(&local, &tm));
	tm.tm_gmtoff = offset;
	tm.tm_zone = strcmp(zone, "?") == 0 ? "" : zone;
	gotime_format(out, sizeof(out), layout, &tm, nsec);
	if (strcmp(out, save) != 0)
		print_message("%lld %ld %s, layout %s\n", seconds, offset, zone, layout);
	assert_string_equal(out, save);
}

static void layouts_of_all_kinds_come_out_as_in_go(void **state)
{
	const char *root = getenv("KT_SOURCE"), *other = getenv("KT_GOTIME");
	char path[4096], line[1024];
	size_t count = 0;
	FILE *f;

	assert_non_null(root);
	snprintf(path, sizeof(path), "%s/tests/unit/report/gotime.txt", root);
	f = fopen(other ? other : path, "r"); /* a longer list of gotime.go */
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		expect_line(line);
		count++;
	}
	fclose(f);
	assert_true(count > 400);
}

static void what_does_not_fit_is_no_text_at_all(void **state)
{
	char out[16], full[] = "2006-Monday";
	size_t len = strlen("2009-Saturday");

	for (size_t cap = 1; cap <= sizeof(out); cap++) {
		memset(out, 'x', sizeof(out));
		if (cap > len) {
			assert_int_equal(gotime_format(out, cap, full, &moment, 0), len);
			assert_string_equal(out, "2009-Saturday");
		} else {
			assert_int_equal(gotime_format(out, cap, full, &moment, 0), cap);
			assert_string_equal(out, "");
		}
		for (size_t i = cap; i < sizeof(out); i++)
			assert_int_equal(out[i], 'x');
	}
}

static void midnight_and_noon_are_twelve(void **state)
{
	struct tm tm = moment;
	char out[32];

	tm.tm_hour = 0;
	gotime_format(out, sizeof(out), "3PM 03pm 15", &tm, 0);
	assert_string_equal(out, "12AM 12am 00");
	tm.tm_hour = 12;
	gotime_format(out, sizeof(out), "3PM 03pm 15", &tm, 0);
	assert_string_equal(out, "12PM 12pm 12");
}

static void a_zone_without_a_name_shows_its_offset(void **state)
{
	struct tm tm = moment;
	char out[32];

	tm.tm_zone = NULL;
	tm.tm_gmtoff = -9 * 3600 - 30 * 60;
	gotime_format(out, sizeof(out), "MST Z07:00", &tm, 0);
	assert_string_equal(out, "-0930 -09:30");
	tm.tm_gmtoff = 0;
	gotime_format(out, sizeof(out), "MST Z07:00 -07:00", &tm, 0);
	assert_string_equal(out, "+0000 Z +00:00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_element_shows_its_part_of_the_moment),
		cmocka_unit_test(what_is_no_element_stands_for_itself),
		cmocka_unit_test(names_of_files_come_out_as_kcptun_makes_them),
		cmocka_unit_test(layouts_of_all_kinds_come_out_as_in_go),
		cmocka_unit_test(what_does_not_fit_is_no_text_at_all),
		cmocka_unit_test(midnight_and_noon_are_twelve),
		cmocka_unit_test(a_zone_without_a_name_shows_its_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
