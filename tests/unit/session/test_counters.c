/* test_counters.c - the counters' names, order and sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "counters.h"
#include "wire.h"

/* protocol section 9, typed from there: the list under test must not check itself. */
/* clang-format off */
static const char *const kcptun_names[] = {
	"BytesSent", "BytesReceived", "MaxConn", "ActiveOpens", "PassiveOpens", "CurrEstab",
	"InErrs", "InCsumErrors", "KCPInErrors", "InPkts", "OutPkts", "InSegs", "OutSegs",
	"InBytes", "OutBytes", "RetransSegs", "FastRetransSegs", "EarlyRetransSegs",
	"LostSegs", "RepeatSegs", "FECFullShards", "FECParityShards", "FECErrs",
	"FECRecovered", "FECShardSet", "FECShardMin", "RingBufferSndQueue",
	"RingBufferRcvQueue", "RingBufferSndBuffer", "OOBPackets",
};
/* clang-format on */

static void the_first_counters_have_the_names_of_kcptun_in_its_order(void **state)
{
	assert_int_equal(counter_count_kcptun, ARRAY_LEN(kcptun_names));
	assert_true(counter_count > counter_count_kcptun);
	for (size_t i = 0; i < ARRAY_LEN(kcptun_names); i++)
		assert_string_equal(counter_infos[i].name, kcptun_names[i]);
}

static void every_counter_has_a_name_of_its_own_and_a_help_text(void **state)
{
	for (size_t i = 0; i < counter_count; i++) {
		assert_true(counter_infos[i].help[0] != '\0');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(counter_infos[i].name, counter_infos[j].name);
	}
}

/* They are kcptun's columns in snmplog, where nothing may be inserted. */
static void our_counters_stand_behind_those_of_kcptun(void **state)
{
	static const char *const ours[] = { "SpuriousSegs", "OutCopySegs", "InCopySegs" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		size_t at = counter_count_kcptun;

		while (at < counter_count && strcmp(counter_infos[at].name, ours[i]) != 0)
			at++;
		assert_true(at < counter_count);
	}
}

/* Row i has the value base + i. */
static struct counters numbered(uint64_t base)
{
	struct counters c = { 0 };

	for (size_t i = 0; i < counter_count; i++) {
		uint64_t value = base + i;

		memcpy((char *)&c + counter_infos[i].offset, &value, sizeof(value));
	}
	return c;
}

static void rows_cover_the_whole_struct_once(void **state)
{
	struct counters c = numbered(1000);

	assert_int_equal(sizeof(c), counter_count * sizeof(uint64_t));
	for (size_t i = 0; i < counter_count; i++)
		assert_int_equal(counters_get(&c, i), 1000 + i);
	assert_int_equal(c.bytes_sent, 1000);
	assert_int_equal(c.in_pkts, 1009);
	assert_int_equal(c.oob_packets, 1000 + counter_count_kcptun - 1);
}

static void a_sum_adds_every_row(void **state)
{
	struct counters sum = numbered(5), c = numbered(100);

	counters_add(&sum, &c);
	for (size_t i = 0; i < counter_count; i++)
		assert_int_equal(counters_get(&sum, i), 105 + 2 * i);
}

static void retiring_keeps_counters_and_forgets_what_is_only_true_now(void **state)
{
	struct counters sum = numbered(5), c = numbered(100);

	counters_retire(&sum, &c);
	for (size_t i = 0; i < counter_count; i++) {
		uint64_t gone = counter_infos[i].kind == COUNTER ? 100 + i : 0;

		assert_int_equal(counters_get(&sum, i), 5 + i + gone);
	}
}

static void present_values_and_peaks_are_marked_as_such(void **state)
{
	static const char *const gauges[] = {
		"CurrEstab",          "FECShardSet",        "FECShardMin",
		"RingBufferSndQueue", "RingBufferRcvQueue", "RingBufferSndBuffer",
	};
	size_t found = 0;

	for (size_t i = 0; i < counter_count_kcptun; i++) {
		if (counter_infos[i].kind == PEAK)
			assert_string_equal(counter_infos[i].name, "MaxConn");
		if (counter_infos[i].kind != GAUGE)
			continue;
		assert_true(found < ARRAY_LEN(gauges));
		assert_string_equal(counter_infos[i].name, gauges[found++]);
	}
	assert_int_equal(found, ARRAY_LEN(gauges));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_counters_have_the_names_of_kcptun_in_its_order),
		cmocka_unit_test(our_counters_stand_behind_those_of_kcptun),
		cmocka_unit_test(every_counter_has_a_name_of_its_own_and_a_help_text),
		cmocka_unit_test(rows_cover_the_whole_struct_once),
		cmocka_unit_test(a_sum_adds_every_row),
		cmocka_unit_test(retiring_keeps_counters_and_forgets_what_is_only_true_now),
		cmocka_unit_test(present_values_and_peaks_are_marked_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
