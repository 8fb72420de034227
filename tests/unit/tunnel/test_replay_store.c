/* test_replay_store.c - what opened sessions is remembered across restarts, whatever becomes of the files. */
#include "replay_store.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "log.h"
#include "reactor.h"
#include "replay.h"
#include "wire.h"

enum { HEADER = 64 };

static struct reactor *reactor;
static char dir[] = "/tmp/kcptun-replay-XXXXXX", state[64];
static struct conf_tunnel conf;
static uint8_t key[64];
static char name[] = "t";

static void set_key(const char *text)
{
	conf.key_len = strlen(text);
	assert_true(conf.key_len <= sizeof(key));
	memcpy(key, text, conf.key_len);
	conf.key = key;
}

static struct replay_store *open_store(void)
{
	struct replay_store *s = replay_store_open(reactor, &conf);

	assert_non_null(s);
	return s;
}

static void reopen(struct replay_store **s)
{
	replay_store_close(*s);
	*s = open_store();
}

/* True: it is news. */
static bool note(struct replay_store *s, uint64_t number)
{
	uint8_t identity[16] = { 0 };

	store_le64(identity, number);
	return replay_store_note(s, identity, sizeof(identity));
}

static size_t news(struct replay_store *s, uint64_t from, uint64_t to)
{
	size_t n = 0;

	for (uint64_t i = from; i < to; i++)
		n += note(s, i);
	return n;
}

static void end_iteration(void)
{
	ev_invoke(reactor->loop, &reactor->prepare, EV_PREPARE);
}

static void path_of(char *path, size_t cap, unsigned i)
{
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/replay-????????????????.%u", state, i);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	snprintf(path, cap, "%s", found.gl_pathv[0]);
	globfree(&found);
}

static size_t read_file(const char *path, uint8_t *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

static void write_file(const char *path, const void *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	fclose(f);
}

static void run(const char *command)
{
	char text[512];

	snprintf(text, sizeof(text), "cd '%s' && %s", dir, command);
	assert_int_equal(system(text), 0);
}

/* Each test has a folder of its own, and the key "key". */
static int begin(void **unused)
{
	log_set_level(LOG_LEVEL_ERR);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(state, sizeof(state), "%s/state", dir);
	conf = (struct conf_tunnel){ .name = name, .crypt = seal_method_find("aes") };
	set_key("key");
	replay_store_set_dir(state);
	return 0;
}

static int end(void **unused)
{
	char text[64];

	replay_store_set_dir(NULL);
	snprintf(text, sizeof(text), "rm -rf '%s'", dir);
	if (system(text) != 0)
		return -1;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return 0;
}

/* ---- remembering ------------------------------------------------------------------- */

static void what_was_noted_is_known_after_a_restart(void **unused)
{
	struct replay_store *s = open_store();
	struct stat st;

	assert_int_equal(news(s, 0, 3000), 3000);
	assert_int_equal(news(s, 0, 3000), 0);
	reopen(&s);
	assert_int_equal(news(s, 0, 3000), 0);
	assert_int_equal(news(s, 3000, 4000), 1000);
	reopen(&s);
	assert_int_equal(news(s, 0, 4000), 0);
	replay_store_close(s);
	assert_int_equal(stat(state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void what_an_iteration_noted_outlasts_a_kill(void **unused)
{
	struct replay_store *s = open_store();

	news(s, 0, 10);
	end_iteration();
	run("cp -r state killed");
	news(s, 10, 20);
	replay_store_close(s);
	run("rm -r state && mv killed state");
	s = open_store();
	assert_int_equal(news(s, 0, 10), 0);
	assert_int_equal(news(s, 10, 20), 10);
	replay_store_close(s);
}

static void without_a_folder_it_is_known_until_the_end(void **unused)
{
	struct replay_store *s;

	replay_store_set_dir(NULL);
	s = open_store();
	assert_int_equal(news(s, 0, 1000), 1000);
	end_iteration();
	assert_int_equal(news(s, 0, 1000), 0);
	reopen(&s);
	assert_int_equal(news(s, 0, 1000), 1000);
	replay_store_close(s);
	replay_store_close(NULL);
}

static void another_key_or_cipher_knows_nothing_of_it(void **unused)
{
	struct replay_store *s = open_store(), *other;

	news(s, 0, 100);
	set_key("kez");
	other = open_store();
	assert_int_equal(news(other, 0, 100), 100);
	replay_store_close(other);
	set_key("key");
	conf.crypt = seal_method_find("salsa20");
	other = open_store();
	assert_int_equal(news(other, 0, 100), 100);
	replay_store_close(other);
	conf.crypt = seal_method_find("aes");
	reopen(&s);
	assert_int_equal(news(s, 0, 100), 0);
	replay_store_close(s);
}

static void tunnels_of_one_key_share_what_they_know(void **unused)
{
	struct replay_store *a = open_store(), *b = open_store();

	assert_ptr_equal(a, b);
	assert_true(note(a, 1));
	assert_false(note(b, 1));
	replay_store_close(a);
	assert_false(note(b, 1));
	replay_store_close(b);
}

/* A million and the next: the files take turns, and so do the generations. */
static void generations_are_kept_in_turns(void **unused)
{
	enum { N = REPLAY_GENERATION };
	struct replay_store *s = open_store();

	assert_int_equal(news(s, 0, N + 10), N + 10);
	reopen(&s);
	assert_int_equal(news(s, 0, N + 10), 0);
	assert_int_equal(news(s, N + 10, 2 * N + 10), N);
	reopen(&s);
	assert_int_equal(news(s, N, 2 * N + 10), 0);
	assert_int_equal(news(s, 0, 10), 10);
	replay_store_close(s);
}

/* ---- files ------------------------------------------------------------------------------ */

static void the_key_is_not_in_the_file(void **unused)
{
	static uint8_t text[4096];
	struct replay_store *s;
	char path[128];
	size_t n;

	set_key("a key of many letters");
	s = open_store();
	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	n = read_file(path, text, sizeof(text));
	assert_int_equal(n, HEADER + 80);
	assert_null(memmem(text, n, "many", 4));
}

static void a_torn_end_costs_one_print(void **unused)
{
	static uint8_t text[4096];
	struct replay_store *s = open_store();
	char path[128];
	size_t n;

	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	n = read_file(path, text, sizeof(text));
	for (size_t cut = 1; cut < 8; cut++) {
		write_file(path, text, n - cut);
		s = open_store();
		assert_int_equal(news(s, 0, 9), 0);
		assert_true(note(s, 9));
		assert_true(note(s, 1000 + cut));
		reopen(&s);
		assert_int_equal(news(s, 0, 10), 0);
		assert_false(note(s, 1000 + cut));
		replay_store_close(s);
	}
}

static void zeros_in_a_file_are_no_prints(void **unused)
{
	struct replay_store *s = open_store();
	char path[128];

	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	assert_int_equal(truncate(path, HEADER + 80 + 4096), 0);
	s = open_store();
	assert_int_equal(news(s, 0, 10), 0);
	assert_int_equal(news(s, 10, 20), 10);
	reopen(&s);
	assert_int_equal(news(s, 0, 20), 0);
	replay_store_close(s);
}

/* Whatever is wrong with it, it begins anew and works. */
static void check_spoilt(const char *path, const void *data, size_t n)
{
	struct replay_store *s;

	write_file(path, data, n);
	s = open_store();
	assert_int_equal(news(s, 0, 10), 10);
	reopen(&s);
	assert_int_equal(news(s, 0, 10), 0);
	replay_store_close(s);
}

static void a_file_with_a_wrong_header_begins_anew(void **unused)
{
	static uint8_t text[4096], other[4096];
	struct replay_store *s = open_store();
	char path[128];
	size_t n;

	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	n = read_file(path, text, sizeof(text));
	for (size_t i = 0; i < HEADER; i++) {
		memcpy(other, text, n);
		other[i] ^= (uint8_t)(1 << i % 8);
		check_spoilt(path, other, n);
	}
	for (size_t len = 0; len < HEADER; len += 9)
		check_spoilt(path, text, len);
	memset(other, 0xff, sizeof(other));
	check_spoilt(path, other, sizeof(other));
	memset(other, 0, sizeof(other));
	check_spoilt(path, other, sizeof(other));
}

static void a_file_that_is_too_long_begins_anew(void **unused)
{
	struct replay_store *s = open_store();
	char path[128];

	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	s = open_store();
	assert_int_equal(news(s, 0, 10), 10);
	reopen(&s);
	assert_int_equal(news(s, 0, 10), 0);
	replay_store_close(s);
}

static void a_file_cut_by_somebody_else_is_survived(void **unused)
{
	struct replay_store *s = open_store();
	char path[128];

	news(s, 0, 1000);
	end_iteration();
	path_of(path, sizeof(path), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(news(s, 1000, 2000), 1000);
	end_iteration();
	assert_int_equal(news(s, 0, 2000), 0);
	reopen(&s);
	assert_int_equal(news(s, 3000, 4000), 1000);
	replay_store_close(s);
}

/* Put what `command` makes in the place of the first file, which is $f. */
static void check_in_place(const char *command)
{
	struct replay_store *s = open_store();
	char path[128], text[256];

	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	snprintf(text, sizeof(text), "f=%s && rm -f $f && %s", path, command);
	run(text);
	s = open_store();
	assert_int_equal(news(s, 0, 100), 100);
	end_iteration();
	assert_int_equal(news(s, 0, 100), 0);
	replay_store_close(s);
	run("rm -rf state");
}

static void what_is_no_file_is_left_alone(void **unused)
{
	struct stat st;
	char path[128];

	check_in_place("mkdir $f");
	check_in_place("mkfifo $f");
	check_in_place("touch elsewhere && ln -s ../elsewhere $f");
	snprintf(path, sizeof(path), "%s/elsewhere", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	check_in_place("rm -r state && touch state");
}

static void a_file_that_another_process_has_is_left_alone(void **unused)
{
	struct replay_store *s = open_store();
	char path[128];
	int fd;

	news(s, 0, 10);
	replay_store_close(s);
	path_of(path, sizeof(path), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	s = open_store();
	assert_int_equal(news(s, 0, 20), 20);
	replay_store_close(s);
	close(fd);
	s = open_store();
	assert_int_equal(news(s, 0, 10), 0);
	assert_int_equal(news(s, 10, 20), 10);
	replay_store_close(s);
}

/* A file may grow no more: an error as on a full disk. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_survived_and_made_up_for(void **unused)
{
	struct replay_store *s = open_store();

	signal(SIGXFSZ, SIG_IGN);
	news(s, 0, 10);
	end_iteration();
	limit_files(HEADER + 10 * 8 + 20); /* in the middle of a print */
	assert_int_equal(news(s, 10, 60), 50);
	end_iteration();
	assert_int_equal(news(s, 0, 60), 0);
	limit_files(RLIM_INFINITY);
	assert_true(note(s, 60));
	end_iteration();
	reopen(&s);
	assert_int_equal(news(s, 0, 61), 0);
	limit_files(0);
	assert_int_equal(news(s, 1000, 9000), 8000); /* more than is kept for later */
	end_iteration();
	limit_files(RLIM_INFINITY);
	assert_int_equal(news(s, 1000, 9001), 1);
	reopen(&s);
	assert_int_equal(news(s, 0, 61), 0);
	assert_false(note(s, 9000));
	replay_store_close(s);
}

static void a_disk_that_is_full_from_the_start_is_survived(void **unused)
{
	struct replay_store *s;

	signal(SIGXFSZ, SIG_IGN);
	limit_files(0);
	s = open_store();
	assert_int_equal(news(s, 0, 10), 10);
	end_iteration();
	limit_files(RLIM_INFINITY);
	assert_true(note(s, 10));
	reopen(&s);
	assert_int_equal(news(s, 0, 11), 0);
	replay_store_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_noted_is_known_after_a_restart),
		TEST(what_an_iteration_noted_outlasts_a_kill),
		TEST(without_a_folder_it_is_known_until_the_end),
		TEST(another_key_or_cipher_knows_nothing_of_it),
		TEST(tunnels_of_one_key_share_what_they_know),
		TEST(generations_are_kept_in_turns),
		TEST(the_key_is_not_in_the_file),
		TEST(a_torn_end_costs_one_print),
		TEST(zeros_in_a_file_are_no_prints),
		TEST(a_file_with_a_wrong_header_begins_anew),
		TEST(a_file_that_is_too_long_begins_anew),
		TEST(a_file_cut_by_somebody_else_is_survived),
		TEST(what_is_no_file_is_left_alone),
		TEST(a_file_that_another_process_has_is_left_alone),
		TEST(a_full_disk_is_survived_and_made_up_for),
		TEST(a_disk_that_is_full_from_the_start_is_survived),
	};

	reactor = reactor_new();
	if (reactor == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
