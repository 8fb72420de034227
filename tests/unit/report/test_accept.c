/* test_accept.c - what an HTTP client prefers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accept.h"

static unsigned of(const char *request, const char *type)
{
	return accept_quality(request, strlen(request), type);
}

static void the_best_range_that_names_the_type_counts(void **state)
{
	static const char scraper[] =
		"GET /metrics HTTP/1.1\r\nHost: x\r\n"
		"Accept: application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
		"version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n\r\n";

	(void)state;
	assert_int_equal(of(scraper, "application/openmetrics-text"), 500);
	assert_int_equal(of(scraper, "text/plain"), 300);
	assert_int_equal(of(scraper, "text/html"), 0);
}

static void no_quality_is_the_best_and_case_and_blanks_are_nothing(void **state)
{
	(void)state;
	assert_int_equal(of("GET / HTTP/1.1\naccept:Text/Plain\n\n", "text/plain"), 1000);
	assert_int_equal(of("GET / HTTP/1.1\r\nACCEPT: a/b , \ttext/plain ; Q = 0.25 \r\n\r\n",
			    "text/plain"),
			 250);
	assert_int_equal(of("G\nAccept: a/b\nAccept: text/plain;q=0.7\n\n", "text/plain"), 700);
}

static void what_is_no_number_is_none(void **state)
{
	static const struct {
		const char *q;
		unsigned is;
	} table[] = { { "1", 1000 },     { "1.000", 1000 }, { "0", 0 },  { "0.001", 1 },
		      { "0.9999", 999 }, { "1.5", 1000 },   { "", 0 },   { "x", 0 },
		      { "10", 0 },       { "0.x", 0 },      { ".5", 0 }, { "-1", 0 },
		      { "0.12.3", 0 },   { "9", 1000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char request[64] = "G\nAccept: a/b;q=";

		strcat(strcat(request, table[i].q), "\n\n");
		assert_int_equal(of(request, "a/b"), table[i].is);
	}
}

static void pieces_of_a_request_do_no_harm(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nAccept: a/b;;q=0.5;=;,,;q,\r\nAccept\r\n:\r\n\r\n";

	(void)state;
	for (size_t n = 0; n <= strlen(request); n++) {
		char *piece = malloc(n > 0 ? n : 1); /* behind which nothing may be looked at */

		assert_non_null(piece);
		memcpy(piece, request, n);
		assert_in_range(accept_quality(piece, n, "a/b"), 0, 1000);
		free(piece);
	}
	assert_int_equal(of(request, "a/b"), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_range_that_names_the_type_counts),
		cmocka_unit_test(no_quality_is_the_best_and_case_and_blanks_are_nothing),
		cmocka_unit_test(what_is_no_number_is_none),
		cmocka_unit_test(pieces_of_a_request_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
