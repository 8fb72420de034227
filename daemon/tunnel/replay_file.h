/* replay_file.h - one file of prints of datagrams (replay.h), appended to and read back at the next start.
 *
 *     0   "KTSEEN", a zero, the version 1
 *     8   serial, of 64 bits: of two files the one with the larger is the younger generation
 *     16  secret of the hash
 *     32  HMAC-SHA256 of all that, under the tunnels' key
 *     64  prints of 64 bits each
 *
 * All numbers are little-endian.  Whatever else a file is, it counts as empty: one of another key or version, one that was
 * spoilt, one that is too long.  A print of which only a part was written is overwritten by the next one; zeros, as a file
 * system may leave them after a power failure, are none.  Prints bear no checksum: a wrong one harms nobody.
 *
 * Read and written with pread() and pwrite(), never mapped: a full disk or a file that somebody cut is then an
 * error and not a signal. */
#ifndef KT_REPLAY_FILE_H
#define KT_REPLAY_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "replay.h"

enum { REPLAY_TAG_KEY_SIZE = 32 };

struct replay_file {
	int fd;          /* locked against other processes; -1: none */
	uint64_t serial; /* 0: nothing that counts is in it */
	uint8_t secret[REPLAY_SECRET_SIZE];
	off_t end; /* where the next prints go */
};

enum replay_file_state {
	REPLAY_FILE_GOOD,
	REPLAY_FILE_EMPTY,
	REPLAY_FILE_SPOILT, /* not what it should be: counts as empty */
};

/* Open or create.  A state, or -errno (EWOULDBLOCK: another process has it), and then fd is -1. */
int replay_file_open(struct replay_file *f, const char *path,
		     const uint8_t tag_key[static REPLAY_TAG_KEY_SIZE]);
void replay_file_close(struct replay_file *f);
/* Note in `to` all that is in it.  0 or -errno; what was read before counts. */
int replay_file_read(const struct replay_file *f, struct replay *to);
/* Make it an empty one of that serial, which is not 0.  0 or -errno: then it is none. */
int replay_file_begin(struct replay_file *f, uint64_t serial,
		      const uint8_t secret[static REPLAY_SECRET_SIZE],
		      const uint8_t tag_key[static REPLAY_TAG_KEY_SIZE]);
enum { REPLAY_APPEND_MAX = 512 };
/* All of them, REPLAY_APPEND_MAX at most, or none.  0 or -errno. */
int replay_file_append(struct replay_file *f, const uint64_t *prints, size_t count);

#endif
