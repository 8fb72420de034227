/* replay_file.c - one file of prints of datagrams. */
#include "replay_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire.h"

enum {
	AT_SERIAL = 8,
	AT_SECRET = 16,
	AT_TAG = 32,
	HEADER = 64,
	PRINT = 8,
	BYTES_MAX = HEADER + 2 * REPLAY_GENERATION *
				     PRINT, /* a generation, and what a fault may have added */
};

static const uint8_t magic[AT_SERIAL] = { 'K', 'T', 'S', 'E', 'E', 'N', 0, 1 };

static bool make_tag(uint8_t tag[static HEADER - AT_TAG], const uint8_t *header, const uint8_t *tag_key)
{
	return HMAC(EVP_sha256(), tag_key, REPLAY_TAG_KEY_SIZE, header, AT_TAG, tag, NULL) != NULL;
}

static ssize_t read_at(int fd, uint8_t *buf, size_t n, off_t at)
{
	ssize_t got;

	do
		got = pread(fd, buf, n, at);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Part of it is as bad as nothing. */
static int write_at(int fd, const uint8_t *buf, size_t n, off_t at)
{
	ssize_t put;

	do
		put = pwrite(fd, buf, n, at);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	return (size_t)put == n ? 0 : -ENOSPC;
}

static enum replay_file_state check(struct replay_file *f, off_t size, const uint8_t *tag_key)
{
	uint8_t header[HEADER], tag[HEADER - AT_TAG];

	if (size == 0)
		return REPLAY_FILE_EMPTY;
	if (size < HEADER || size > BYTES_MAX || read_at(f->fd, header, HEADER, 0) != HEADER)
		return REPLAY_FILE_SPOILT;
	if (memcmp(header, magic, sizeof(magic)) != 0 || !make_tag(tag, header, tag_key) ||
	    CRYPTO_memcmp(tag, header + AT_TAG, sizeof(tag)) != 0)
		return REPLAY_FILE_SPOILT;
	f->serial = load_le64(header + AT_SERIAL);
	memcpy(f->secret, header + AT_SECRET, sizeof(f->secret));
	f->end = HEADER + (size - HEADER) / PRINT * PRINT;
	return f->serial != 0 ? REPLAY_FILE_GOOD : REPLAY_FILE_SPOILT;
}

/* What stands in its place may be anything: no pipe may hold us up, and no link may lead elsewhere. */
int replay_file_open(struct replay_file *f, const char *path,
		     const uint8_t tag_key[static REPLAY_TAG_KEY_SIZE])
{
	struct stat st;
	int err = 0;

	*f = (struct replay_file){ .end = HEADER };
	f->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0 || fstat(f->fd, &st) != 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	if (err == 0)
		return (int)check(f, st.st_size, tag_key);
	replay_file_close(f);
	return err;
}

void replay_file_close(struct replay_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->serial = 0;
}

int replay_file_read(const struct replay_file *f, struct replay *to)
{
	uint8_t buf[8192 * PRINT];
	off_t at = HEADER;

	while (at < f->end) {
		size_t want = f->end - at < (off_t)sizeof(buf) ? (size_t)(f->end - at) : sizeof(buf);
		ssize_t got = read_at(f->fd, buf, want, at);

		if (got < PRINT) /* 0: it became shorter */
			return got < 0 ? -errno : 0;
		for (ssize_t i = 0; i + PRINT <= got; i += PRINT)
			if (load_le64(buf + i) != 0)
				replay_note(to, load_le64(buf + i));
		at += got / PRINT * PRINT;
	}
	return 0;
}

int replay_file_begin(struct replay_file *f, uint64_t serial,
		      const uint8_t secret[static REPLAY_SECRET_SIZE],
		      const uint8_t tag_key[static REPLAY_TAG_KEY_SIZE])
{
	uint8_t header[HEADER];
	int err;

	f->serial = 0;
	memcpy(header, magic, sizeof(magic));
	store_le64(header + AT_SERIAL, serial);
	memcpy(header + AT_SECRET, secret, REPLAY_SECRET_SIZE);
	if (!make_tag(header + AT_TAG, header, tag_key))
		return -ENOMEM;
	if (ftruncate(f->fd, 0) != 0)
		return -errno;
	err = write_at(f->fd, header, sizeof(header), 0);
	if (err != 0)
		return err;
	f->serial = serial;
	memcpy(f->secret, secret, REPLAY_SECRET_SIZE);
	f->end = HEADER;
	return 0;
}

int replay_file_append(struct replay_file *f, const uint64_t *prints, size_t count)
{
	uint8_t buf[REPLAY_APPEND_MAX * PRINT];
	int err;

	for (size_t i = 0; i < count; i++)
		store_le64(buf + i * PRINT, prints[i]);
	err = write_at(f->fd, buf, count * PRINT, f->end);
	if (err == 0)
		f->end += (off_t)(count * PRINT);
	return err;
}
