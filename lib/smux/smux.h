/* smux.h - many streams in one reliable byte stream (protocol section 5).
 *
 *     0     1     2        4     8
 *     | ver | cmd | length | sid | data ...
 *
 * Both versions, both ends.  Bytes and a clock in, frames and events out:
 *
 *   - smux_input() takes the peer's bytes and stores each stream's data;
 *   - smux_next() tells what happened to which stream;
 *   - the application reads with smux_peek()/smux_consume() and writes with
 *     smux_reserve()/smux_commit();
 *   - smux_next_frame() yields what to send: control frames first, then one
 *     frame of each stream in turn, so that no stream waits for another.
 *
 * A FIN ends one direction only.  A FIN never overtakes its stream's data.
 *
 * The protocol has no frame that says "I am gone, read no more and believe no end".  Two
 * FINs in a row say it here: a Go peer ignores the second, because a stream ends once.
 *
 * Nor has it room for what two kcptunds have to tell each other.  Notes say it: NOPs with an id
 * of their own in the place of a stream's, and a number in that of the length.  A NOP has no
 * stream and no data, so that a Go peer looks at neither. */
#ifndef KT_SMUX_H
#define KT_SMUX_H

#include <stdbool.h>
#include "fifo.h"
#include "wire.h"

enum smux_cmd { SMUX_SYN, SMUX_FIN, SMUX_PSH, SMUX_NOP, SMUX_UPD };

enum {
	SMUX_HEADER = 8,
	SMUX_UPD_BYTES = 8,
	SMUX_FRAME_MAX = 65535,
	SMUX_PEER_WINDOW_INITIAL = 262144,  /* version 2, until the first UPD */
	SMUX_TIMEOUT_US = 30 * 1000 * 1000, /* silence that ends a session */
	SMUX_LINGER_US = 30 * 1000 * 1000,  /* see smux_release() */
	SMUX_STARVE_US = 3 * 1000 * 1000,   /* see smux_input() */
};

/* ---- pure codec ---------------------------------------------------------- */

struct smux_header {
	uint8_t ver, cmd;
	uint16_t length;
	uint32_t sid;
};
void smux_header_encode(uint8_t out[static SMUX_HEADER], const struct smux_header *h);
/* KT_OK; KT_EAGAIN when n < 8; KT_EPROTO for a version other than `ver` or an unknown command. */
int smux_header_decode(struct smux_header *h, int ver, struct view bytes);

/* ---- session ------------------------------------------------------------- */

/* What the bytes of a stream go through, in place: those that are written as they are committed,
 * those that come as they are peeked at for the first time.  Each direction of each stream has a
 * state that goes on from call to call. */
struct smux_transform {
	size_t state_bytes; /* of one state; aligned for a uint64_t if it is a multiple of one */
	void (*start)(const void *key, void *state);
	void (*out)(const void *key, void *state, struct span bytes);
	void (*in)(const void *key, void *state, struct span bytes);
};

struct smux_config {
	int version;           /* 1 or 2 */
	bool client;           /* ids 3, 5, 7, ...; only a client opens streams */
	uint32_t framesize;    /* largest PSH data we send, 1 .. SMUX_FRAME_MAX */
	size_t recv_bytes_max; /* smuxbuf: version 1 stops reading at this many unread bytes */
	uint32_t streambuf;    /* version 2: our window per stream */
	size_t send_bytes_max; /* per stream, waiting here; beyond it there is no room to write */
	unsigned streams_max;  /* open at once; a SYN beyond is answered by a reset and counted */
	uint64_t keepalive_us; /* a NOP when nothing else was sent for so long */
	uint64_t timeout_us;   /* SMUX_TIMEOUT_US but in tests */
	struct fifo_account *account; /* borrowed: holds what is unread and unsent */
	/* What waited for memory has it: smux_input() and smux_next() have something to do.  May
	 * be called in the middle of others' work, so may only mark; NULL: not wanted. */
	void (*wake)(void *user);
	void *wake_user;
	const struct smux_transform *transform; /* borrowed; NULL: bytes stay as they are */
	const void *transform_key;              /* borrowed */
};

enum smux_close { /* why a session ended */
		  SMUX_ALIVE,
		  SMUX_CLOSED_VERSION, /* a frame of another version, or of an unknown command */
		  SMUX_CLOSED_TIMEOUT, /* silence */
};

struct smux_stats {
	uint64_t streams_opened, streams_accepted, streams_refused;
	uint64_t frames_in, frames_out;
	uint64_t unknown_stream_bytes; /* PSH for streams that are gone, dropped */
	uint64_t memory_resets;   /* streams given up because others starved for what they held */
	uint64_t window_overruns; /* version 2: streams cut because the peer ignored our window */
};

/* What is noted; the meaning of the number is the callers'. */
enum smux_note {
	SMUX_NOTE_REPAIR,   /* what one understands and does, see session_impl.h */
	SMUX_NOTE_REPAIRED, /* segments rebuilt so far, modulo 2^16 */
	SMUX_NOTE_LEAVES,   /* 1: stops, and is to get no more streams */
	SMUX_NOTES,
};

struct smux;
struct smux_stream;

/* NULL when out of memory. */
struct smux *smux_new(const struct smux_config *cfg, uint64_t now_us);
/* Frees all streams too, without events. */
void smux_free(struct smux *m);

/* Take bytes from the front of *in.  KT_OK: all taken.  KT_EAGAIN: the
 * budget or the account is exhausted, the rest stays in *in and is to be offered again after
 * reads (smux_input_blocked() says when).  KT_EPROTO: the session is closed.
 *
 * Version 1 stops at recv_bytes_max.  Version 2 never stops for a stream that is
 * within its window, until the session holds 4 * recv_bytes_max, at least
 * recv_bytes_max + SMUX_PEER_WINDOW_INITIAL; and as the unread bytes pass recv_bytes_max, or half of
 * what the account may hold, the windows granted in new UPDs shrink, and those of streams that nobody
 * reads are taken back.  FIN, NOP, SYN and UPD need no budget.
 *
 * When input has been waiting for memory for SMUX_STARVE_US, of the streams that nobody has read in this
 * time the one that holds most is reset, see smux_given_up(): with version 2 one of this session, for one
 * stream is not to stop the others; and if it is other sessions that hold it all, one of theirs. */
int smux_input(struct smux *m, uint64_t now_us, struct view *in);
/* True while smux_input() would take nothing, for want of budget or memory. */
bool smux_input_blocked(const struct smux *m);

/* Next thing to send into the byte stream, false when there is none now.
 * `room` bounds the payload of a PSH further (0: no data frames, control only).  The
 * pieces are borrowed until the next call on m; taking the frame counts as sending it. */
enum { SMUX_PIECES_MAX = 6 };
struct smux_frame {
	uint8_t header[SMUX_HEADER + SMUX_UPD_BYTES];
	size_t header_len; /* 8; 16 with an UPD, or with both FINs of a reset */
	struct view pieces[SMUX_PIECES_MAX];
	size_t piece_count;
	size_t len; /* header and pieces, all bytes */
};
bool smux_next_frame(struct smux *m, uint64_t now_us, size_t room, struct smux_frame *f);
/* Something to send: smux_next_frame() with room would give a frame, were it not held. */
bool smux_has_output(const struct smux *m);
/* While `on`, data frames are held back, whatever room there is. */
void smux_hold(struct smux *m, bool on);

uint64_t smux_deadline(const struct smux *m); /* next keepalive or timeout */
void smux_tick(struct smux *m, uint64_t now_us);
/* Another time of silence after which the session ends. */
void smux_set_timeout(struct smux *m, uint64_t timeout_us);
/* Send a NOP with the next frames: to be heard of at once. */
void smux_ping(struct smux *m);
/* Send a note, behind the first frame of all; of several that wait the last one goes. */
void smux_note(struct smux *m, enum smux_note which, uint16_t number);
/* The number that the peer last noted, or -1 when it never did. */
int smux_noted(const struct smux *m, enum smux_note which);
enum smux_close smux_closed(const struct smux *m);
unsigned smux_stream_count(const struct smux *m); /* live, lingering ones included */
size_t smux_unread_bytes(const struct smux *m);
const struct smux_stats *smux_stats(const struct smux *m);
void smux_verify(const struct smux *m);

/* ---- events --------------------------------------------------------------- */

enum {                    /* bits of smux_event.what */
       SMUX_OPENED = 1,   /* the peer opened this stream; give it an owner or release it */
       SMUX_READABLE = 2, /* bytes, or the end of the peer's bytes, can be read */
       SMUX_WRITABLE = 4, /* room again after smux_reserve() gave none */
       SMUX_RESET = 8,    /* cut (window overrun, given up, or the peer's smux_reset()): what is
			      unread can still be read, then release it */
};
struct smux_event {
	struct smux_stream *stream;
	unsigned what;
};
/* Next stream with news, false when there is none. */
bool smux_next(struct smux *m, struct smux_event *ev);

/* ---- streams ---------------------------------------------------------------
 *
 * A stream belongs to the smux and is borrowed by the application, from
 * smux_open() or SMUX_OPENED until smux_release(). */

/* KT_OK, KT_ELIMIT (streams_max), KT_ECLOSED (session ended, or the ids are used up:
 * open a new session), KT_ENOMEM. */
int smux_open(struct smux *m, struct smux_stream **st);
/* True when no further stream can ever be opened here: ids exhausted or closed. */
bool smux_exhausted(const struct smux *m);
uint32_t smux_sid(const struct smux_stream *st);
/* A place for the application's pointer. */
void smux_set_user(struct smux_stream *st, void *user);
void *smux_user(const struct smux_stream *st);

/* Room to write, contiguous; n = 0 when there is none (SMUX_WRITABLE will tell) or after
 * smux_shutdown().  Bounded by send_bytes_max.  Valid until the next call on the stream. */
struct span smux_reserve(struct smux_stream *st);
/* The first n bytes of that room were written; n may be 0. */
void smux_commit(struct smux_stream *st, size_t n);
/* Our direction ends: a FIN after what is queued. */
void smux_shutdown(struct smux_stream *st);
/* As smux_shutdown(), but the peer is told that this is no regular end, and that nobody
 * reads what it sends: its stream gets SMUX_RESET once it has our bytes.  A Go peer sees a
 * FIN.  Does nothing once both directions have ended. */
void smux_reset(struct smux_stream *st);
/* Bytes not yet handed out by smux_next_frame(); 0 and shut down: the FIN is out or next. */
size_t smux_unsent(const struct smux_stream *st);

/* Bytes to read, in pieces that may be changed in place; returns their number. */
size_t smux_peek(struct smux_stream *st, struct span *pieces, size_t max);
size_t smux_unread(const struct smux_stream *st);
/* The first n bytes were read; with a transform, only what was peeked at.  May queue an UPD and unblock the session's input. */
void smux_consume(struct smux_stream *st, size_t n);
/* The peer has sent FIN, not a reset, and everything before it was consumed. */
bool smux_eof(const struct smux_stream *st);
/* The peer has sent FIN (unread bytes may remain). */
bool smux_peer_finished(const struct smux_stream *st);
/* It was cut, by the peer's smux_reset(), for an overrun, or for its memory. */
bool smux_was_reset(const struct smux_stream *st);
/* Bytes that it held when it was given up because others starved; 0: it was not. */
size_t smux_given_up(const struct smux_stream *st);

/* The application is through with the stream; the pointer is invalid after.
 * Unread bytes are dropped.  Unsent ones still go out, then a FIN; with
 * `discard` they are dropped and the FIN goes at once.
 *
 * Unsent bytes wait for the peer's window as long as it takes, unless the peer has sent FIN:
 * it may then be gone for good (Go's always is) and no window will ever come, so that they
 * are dropped after SMUX_LINGER_US without one, during which the peer was heard, and the end is that of a reset.
 * So are those of a stream that was reset. */
void smux_release(struct smux_stream *st, bool discard);

#endif
