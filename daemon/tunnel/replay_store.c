/* replay_store.c - which datagrams came before that open sessions. */
#include "replay_store.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "err.h"
#include "log.h"
#include "reactor.h"
#include "replay.h"
#include "replay_file.h"
#include "seal.h"
#include "wire.h"

enum { DIGEST = 8, MAC = 32 };
#define MINUTE_US (60 * 1000000ull)

struct replay_store {
	struct replay_store *next; /* of the process */
	unsigned users;
	struct reactor *reactor;
	uint8_t digest[DIGEST];
	uint8_t tag_key[REPLAY_TAG_KEY_SIZE];
	uint8_t secret[REPLAY_SECRET_SIZE];
	struct replay *filter;
	struct replay_file files[2];
	unsigned young;  /* index of the file of the younger generation */
	uint64_t serial; /* that it has, or is to have */
	uint64_t pending[REPLAY_APPEND_MAX];
	size_t pending_count; /* noted, and not written yet */
	struct task flush;
	struct log_limit failed;
};

static_assert((int)REPLAY_TAG_KEY_SIZE == (int)MAC, "a key made by HMAC");

/* Of the process: one key may serve several tunnels, and one of them end while its successor begins. */
static struct replay_store *stores;
static char *state_dir;
static bool told_of_memory;

void replay_store_set_dir(const char *dir)
{
	free(state_dir);
	state_dir = dir != NULL ? strdup(dir) : NULL;
	if (dir != NULL && state_dir == NULL)
		log_err(NULL, "statedir: out of memory");
}

/* ---- writing ----------------------------------------------------------------------- */

static int write_pending(struct replay_store *s)
{
	struct replay_file *f = &s->files[s->young];
	int err = 0;

	if (f->serial != s->serial)
		err = replay_file_begin(f, s->serial, s->secret, s->tag_key);
	if (err == 0)
		err = replay_file_append(f, s->pending, s->pending_count);
	return err;
}

/* What cannot be written stays pending, as much of it as there is room for. */
static void flush(struct replay_store *s)
{
	int err = s->files[s->young].fd >= 0 ? write_pending(s) : 0;

	if (err != 0 && log_allow(&s->failed, s->reactor->now_us, MINUTE_US))
		log_warn(NULL,
			 "statedir: %s cannot be written: %s; what was heard may be replayed after a "
			 "restart",
			 state_dir, strerror(-err));
	if (err == 0 || s->pending_count == REPLAY_APPEND_MAX)
		s->pending_count = 0;
}

static void run_flush(struct task *task)
{
	flush(container_of(task, struct replay_store, flush));
}

/* The file of the generation that is forgotten now becomes that of the one that begins. */
static void change_files(struct replay_store *s)
{
	flush(s);
	s->pending_count = 0;
	s->young = 1 - s->young;
	s->serial++;
}

bool replay_store_note(struct replay_store *s, const uint8_t *identity, size_t len)
{
	uint64_t print = replay_print(s->filter, identity, len);
	uint64_t rotations = replay_rotations(s->filter);

	if (!replay_note(s->filter, print))
		return false;
	if (replay_rotations(s->filter) != rotations)
		change_files(s);
	if (s->pending_count == REPLAY_APPEND_MAX)
		flush(s);
	s->pending[s->pending_count++] = print;
	reactor_touch(s->reactor, &s->flush);
	return true;
}

/* ---- opening ------------------------------------------------------------------------- */

static bool derive(uint8_t out[static MAC], const uint8_t *pass, const char *label, const char *method)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "kcptund replay %s %s", label, method);

	return HMAC(EVP_sha256(), pass, SEAL_KEY_SIZE, (const uint8_t *)text, (size_t)n, out,
		    NULL) != NULL;
}

/* From the tunnel's key; false when libcrypto failed. */
static bool derive_all(struct replay_store *s, const struct conf_tunnel *conf)
{
	uint8_t pass[SEAL_KEY_SIZE], digest[MAC];
	bool good = seal_derive_key(pass, conf->key, conf->key_len) == KT_OK &&
		    derive(digest, pass, "digest", conf->crypt->name) &&
		    derive(s->tag_key, pass, "tag", conf->crypt->name);

	if (good)
		memcpy(s->digest, digest, DIGEST);
	OPENSSL_cleanse(pass, sizeof(pass));
	return good;
}

static void close_files(struct replay_store *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->files); i++)
		replay_file_close(&s->files[i]);
}

static int open_file(struct replay_store *s, unsigned i)
{
	char path[PATH_MAX];
	unsigned long long digest = load_le64(s->digest);
	int state = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/replay-%016llx.%u", state_dir, digest, i) <
	    (int)sizeof(path))
		state = replay_file_open(&s->files[i], path, s->tag_key);
	if (state == REPLAY_FILE_SPOILT)
		log_warn(NULL, "%s was spoilt, or is of another version: it begins anew", path);
	if (state == -EWOULDBLOCK)
		log_warn(NULL,
			 "%s is in use by another process: what is replayed after a restart is not known",
			 path);
	else if (state < 0)
		log_warn(NULL, "%s cannot be used: %s; what is replayed after a restart is not known",
			 path, strerror(-state));
	return state;
}

/* Without any that can be used the filter is in memory only. */
static void open_files(struct replay_store *s)
{
	if (state_dir == NULL) {
		if (!told_of_memory)
			log_info(NULL, "no statedir: what is replayed after a restart is not known");
		told_of_memory = true;
		return;
	}
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		log_warn(NULL, "statedir = %s: %s", state_dir, strerror(errno));
	for (unsigned i = 0; i < ARRAY_LEN(s->files); i++)
		if (open_file(s, i) < 0) {
			close_files(s);
			return;
		}
}

/* The younger file tells the secret; the older counts when it is the one before. */
static void choose_files(struct replay_store *s)
{
	struct replay_file *f = s->files;
	struct replay_file *young, *old;

	s->young = f[1].serial > f[0].serial;
	young = &f[s->young];
	old = &f[1 - s->young];
	if (young->serial == 0) {
		s->serial = 1;
		reactor_random(s->secret, sizeof(s->secret));
		return;
	}
	s->serial = young->serial;
	memcpy(s->secret, young->secret, sizeof(s->secret));
	if (old->serial + 1 != young->serial ||
	    memcmp(old->secret, young->secret, sizeof(s->secret)) != 0)
		old->serial = 0;
}

static void load(struct replay_store *s)
{
	const struct replay_file *young = &s->files[s->young], *old = &s->files[1 - s->young];
	int err = 0;

	if (old->serial != 0) {
		err = replay_file_read(old, s->filter);
		replay_rotate(s->filter);
	}
	if (err == 0 && young->serial != 0)
		err = replay_file_read(young, s->filter);
	if (err != 0)
		log_warn(NULL, "statedir: %s cannot be read: %s", state_dir, strerror(-err));
	if (young->serial != 0)
		log_info(NULL, "%zu datagrams of earlier sessions are known from %s",
			 replay_count(s->filter), state_dir);
}

static void store_free(struct replay_store *s)
{
	close_files(s);
	replay_free(s->filter);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static struct replay_store *store_new(struct reactor *r, const struct conf_tunnel *conf)
{
	struct replay_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->reactor = r;
	s->flush.run = run_flush;
	s->files[0].fd = s->files[1].fd = -1;
	if (derive_all(s, conf))
		return s;
	store_free(s);
	return NULL;
}

static struct replay_store *find(const struct replay_store *like)
{
	struct replay_store *s = stores;

	while (s != NULL && memcmp(s->tag_key, like->tag_key, sizeof(s->tag_key)) != 0)
		s = s->next;
	return s;
}

static bool start(struct replay_store *s)
{
	open_files(s);
	choose_files(s);
	s->filter = replay_new(s->secret);
	if (s->filter == NULL)
		return false;
	load(s);
	flush(s); /* so that a disk that takes nothing is told of now */
	s->next = stores;
	stores = s;
	return true;
}

struct replay_store *replay_store_open(struct reactor *r, const struct conf_tunnel *conf)
{
	struct replay_store *s = store_new(r, conf), *other;

	if (seal_renewable(conf->crypt))
		log_info(conf->name,
			 "crypt = %s: a datagram that was recorded can get another nonce without the key, "
			 "so that repeated ones open sessions again",
			 conf->crypt->name);
	if (s == NULL) {
		log_err(conf->name, "replay filter: out of memory");
		return NULL;
	}
	other = find(s);
	if (other != NULL || !start(s)) {
		store_free(s);
		s = other;
	}
	if (s == NULL)
		log_err(conf->name, "replay filter: out of memory");
	else
		s->users++;
	return s;
}

void replay_store_close(struct replay_store *s)
{
	struct replay_store **at = &stores;

	if (s == NULL || --s->users > 0)
		return;
	flush(s);
	reactor_forget(s->reactor, &s->flush);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	store_free(s);
}
