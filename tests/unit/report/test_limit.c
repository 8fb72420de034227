/* test_limit.c - what holds a sender back, as documents and metrics tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "limit.h"
#include "openmetrics.h"

static void a_controller_is_the_path_where_it_measures_one(void **state)
{
	struct kcp_info k = { .limit = KCP_LIMIT_CONTROLLER, .cc_name = "model", .snd_wnd = 100 };

	assert_string_equal(limit_words[limit_of(&k)], "path");
	k.limit = KCP_LIMIT_APPLICATION;
	assert_string_equal(limit_words[limit_of(&k)], "application");
}

static void without_a_controller_the_smaller_window_holds_back(void **state)
{
	struct kcp_info k = { .limit = KCP_LIMIT_CONTROLLER,
			      .cc_name = kcp_cc_none.name,
			      .snd_wnd = 100,
			      .rmt_wnd = 1024 };

	assert_string_equal(limit_words[limit_of(&k)], "sndwnd");
	k.rmt_wnd = 50;
	assert_string_equal(limit_words[limit_of(&k)], "peer-window");
	k.limit = KCP_LIMIT_RATE;
	assert_string_equal(limit_words[limit_of(&k)], "ratelimit");
}

static void write_limit(struct text *out, const char *word)
{
	json_t *document = json_pack("{s:s, s:[{s:s, s:s}]}", "type", "sessions", "sessions",
				     "tunnel", "t", "limit", word);
	struct openmetrics m = { 0 };

	while (!openmetrics_write(&m, out, document, 1000))
		;
	json_decref(document);
}

/* The number of the point of that word, or -1. */
static int point_of(const char *text, const char *word)
{
	const char *p = text;
	char label[64];

	snprintf(label, sizeof(label), ",limit=\"%s\"} ", word);
	while ((p = strstr(p, "\nkcptun_session_limit{")) != NULL) {
		const char *found = strstr(++p, label);

		if (found != NULL && memchr(p, '\n', (size_t)(found - p)) == NULL)
			return found[strlen(label)] - '0';
	}
	return -1;
}

static void metrics_have_a_point_for_each_word(void **state)
{
	for (size_t i = 0; i < LIMITS; i++) {
		struct text out = { 0 };

		write_limit(&out, limit_words[i]);
		for (size_t j = 0; j < LIMITS; j++)
			assert_int_equal(point_of(out.p, limit_words[j]), i == j);
		text_dispose(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_controller_is_the_path_where_it_measures_one),
		cmocka_unit_test(without_a_controller_the_smaller_window_holds_back),
		cmocka_unit_test(metrics_have_a_point_for_each_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
