/* test_openmetrics.c - documents to OpenMetrics text, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openmetrics.h"

static json_t *parse(const char *text)
{
	json_t *document = json_loads(text, 0, NULL);

	assert_non_null(document);
	return document;
}

static void write_all(struct text *out, const json_t *document, size_t lines)
{
	struct openmetrics m = { 0 };
	int rounds = 0;

	while (!openmetrics_write(&m, out, document, lines))
		assert_true(++rounds < 10000);
	assert_false(out->failed);
}

static const char two_tunnels[] =
	"{\"type\": \"status\", \"version\": \"1.2\", \"uptime_s\": 7.5, \"tunnels\": ["
	"{\"tunnel\": \"a\", \"role\": \"client\", \"age_s\": 5, \"sessions\": 3,"
	" \"rates\": {\"goodput_in\": 1.5, \"goodput_out\": null}},"
	"{\"tunnel\": \"b\", \"role\": \"server\", \"age_s\": 6, \"sessions\": 4}]}";

static void a_piece_may_end_anywhere(void **state)
{
	json_t *document = parse(two_tunnels);
	struct text whole = { 0 };

	write_all(&whole, document, 100000);
	for (size_t lines = 1; lines < 40; lines++) {
		struct text pieces = { 0 };

		write_all(&pieces, document, lines);
		assert_string_equal(pieces.p, whole.p);
		text_dispose(&pieces);
	}
	text_dispose(&whole);
	json_decref(document);
}

static void points_have_labels_and_base_units(void **state)
{
	json_t *document = parse("{\"type\": \"sessions\", \"sessions\": [{\"tunnel\": \"t\", \"session\": "
				 "\"t/1\", \"peer\": \"p\", \"conv\": \"c\", \"srtt_ms\": 12.5}]}");
	struct text out = { 0 };

	write_all(&out, document, 100);
	assert_non_null(strstr(out.p, "# TYPE kcptun_session_srtt_seconds gauge\n"
				      "# UNIT kcptun_session_srtt_seconds seconds\n"
				      "# HELP kcptun_session_srtt_seconds smoothed round trip\n"
				      "kcptun_session_srtt_seconds{tunnel=\"t\",session=\"t/1\","
				      "peer=\"p\",conv=\"c\"} 0.0125\n"));
	text_dispose(&out);
	json_decref(document);
}

static void what_is_not_known_is_left_out(void **state)
{
	json_t *document = parse(two_tunnels);
	struct text out = { 0 };

	write_all(&out, document, 100);
	assert_non_null(strstr(out.p, "{tunnel=\"a\",role=\"client\",direction=\"in\"} 1.5\n"));
	assert_null(strstr(out.p, "direction=\"out\"} "));
	assert_null(strstr(out.p, "null"));
	text_dispose(&out);
	json_decref(document);
}

static void values_of_labels_are_escaped(void **state)
{
	json_t *document = parse(
		"{\"type\": \"streams\", \"streams\": [{\"tunnel\": \"t\", \"session\": \"s\", "
		"\"sid\": 3, \"peer\": \"/a\\\\b\\\"c\\nd\", \"bytes_in\": 9}]}");
	struct text out = { 0 };

	write_all(&out, document, 100);
	assert_non_null(strstr(out.p, "{tunnel=\"t\",session=\"s\",sid=\"3\",peer=\"/a\\\\b\\\"c\\nd\","
				      "direction=\"in\"} 9\n"));
	text_dispose(&out);
	json_decref(document);
}

static void large_integers_stay_whole(void **state)
{
	json_t *document = parse(
		"{\"type\": \"stats\", \"tunnels\": [{\"tunnel\": \"t\", \"role\": \"client\", "
		"\"counters\": {\"BytesSent\": 9007199254740993}}]}");
	struct text out = { 0 };

	write_all(&out, document, 100);
	assert_non_null(strstr(out.p, "kcptun_bytes_sent_total{tunnel=\"t\",role=\"client\"} "
				      "9007199254740993\n"));
	text_dispose(&out);
	json_decref(document);
}

static void the_older_format_has_the_same_points(void **state)
{
	json_t *document = parse(
		"{\"type\": \"stats\", \"version\": \"1.2\", \"tunnels\": [{\"tunnel\": \"t\", \"role\": "
		"\"client\", \"age_s\": 2, \"counters\": {\"BytesSent\": 7}}]}");
	struct openmetrics m = { .old = true };
	struct text out = { 0 };

	while (!openmetrics_write(&m, &out, document, 3))
		;
	assert_non_null(strstr(out.p, "# TYPE kcptun_build_info gauge\n# HELP kcptun_build_info the version of "
				      "the daemon\nkcptun_build_info{version=\"1.2\"} 1\n"));
	assert_non_null(strstr(
		out.p, "# TYPE kcptun_bytes_sent_total counter\n# HELP kcptun_bytes_sent_total "));
	assert_non_null(strstr(out.p, "\nkcptun_bytes_sent_total{tunnel=\"t\",role=\"client\"} 7\n"));
	assert_non_null(strstr(out.p, "# TYPE kcptun_uptime_seconds gauge\n# HELP "));
	assert_null(strstr(out.p, "# UNIT"));
	assert_null(strstr(out.p, "# EOF"));
	text_dispose(&out);
	json_decref(document);
}

static void strange_documents_do_no_harm(void **state)
{
	/* clang-format off */
	static const char *const texts[] = {
		"{}", "[]", "{\"type\": 3}", "{\"type\": \"stats\"}", "{\"type\": \"stats\", \"tunnels\": 3}",
		"{\"type\": \"stats\", \"tunnels\": [1, null, [], {\"counters\": 4}, {\"rtt_ms\": []}]}",
		"{\"type\": \"config\", \"sections\": []}",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *document = parse(texts[i]);
		struct text out = { 0 };

		write_all(&out, document, 3);
		assert_string_equal(out.p + out.len - 6, "# EOF\n");
		text_dispose(&out);
		json_decref(document);
	}
	assert_true(openmetrics_has("stats"));
	assert_false(openmetrics_has("config"));
	assert_false(openmetrics_has(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_may_end_anywhere),
		cmocka_unit_test(points_have_labels_and_base_units),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(values_of_labels_are_escaped),
		cmocka_unit_test(large_integers_stay_whole),
		cmocka_unit_test(the_older_format_has_the_same_points),
		cmocka_unit_test(strange_documents_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
