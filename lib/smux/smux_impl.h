/* smux_impl.h - what the files of smux share.  Not for others; tests may look.
 *
 * Each file calls only those above it:
 *
 *     header.c    the first bytes of a frame
 *     table.c     streams by id
 *     schedule.c  the lists that a stream is on
 *     note.c      what two of ours tell each other
 *     refuse.c    resets owed without there being a stream
 *     transform.c what the bytes of a stream go through
 *     memory.c    what holds memory, and what waits for some
 *     room.c      room to write, and who is told of some
 *     window.c    what the peer may send
 *     life.c      a stream's beginning and its ends
 *     relief.c    what is given up for its memory
 *     input.c     the peer's bytes
 *     output.c    frames for the peer
 *     stream.c    what the application does with a stream
 *     smux.c      the session as a whole, its clock and events
 *     verify.c    every invariant, for tests
 *
 * A stream is on several lists at once, all intrusive, so that nothing a peer sends
 * makes a queue grow:
 *
 *   control  SYN, UPD, FIN or a reset is pending (flags; a stream has at most one of each)
 *   data     it has bytes to send and window to send them
 *   ready    it has events for the application
 *   starved  the application was refused room for want of memory
 *   linger   it was released, has bytes to send, and an end of it is gone; oldest first
 *
 * Byte counts of our own are 64 bits wide and never wrap; they narrow to 32 bits on the wire. */
#ifndef KT_SMUX_IMPL_H
#define KT_SMUX_IMPL_H

#include <stdalign.h>

#include "smux.h"

enum {
	SMUX_LOOK_US = 250 * 1000, /* between two looks for memory of those that wait for some */
	SMUX_TAKE_BACK_US = 50 * 1000, /* between two looks for streams that nobody reads ... */
	SMUX_UNREAD_US = 1 * 1000, /* ... which are those whose bytes have been lying for so long */
	SMUX_QUIET_US = 15 * 1000 * 1000, /* longer than peers say nothing: they send a NOP every 10 s */
	SMUX_GRANT_MIN = 4096,            /* least window granted, so that every stream moves */
	SMUX_REFUSALS_MAX = 1024,  /* resets owed for refused SYNs; those beyond are not answered */
	SMUX_REFUSALS_FEW = 8,     /* of them for which no memory is asked */
	SMUX_BUDGET_MAX = 1 << 30, /* of recv_bytes_max, keeps the arithmetic in 64 bits */
	SMUX_HARD_FACTOR = 4,      /* of recv_bytes_max, see smux_hard_stop() */
};

struct link {
	struct link *prev, *next;
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline bool linked(const struct link *l)
{
	return l->next != l;
}

static inline void link_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

struct smux_stream {
	struct smux *m;
	struct smux_stream *child[2]; /* in the table, see table.c */
	struct link all, control, data, ready, starved, linger;
	struct fifo in, out; /* unread, unsent */
	void *user;
	uint64_t freed_us[FIFO_WAYS]; /* when what is in the fifo came, or a chunk of it left */
	uint64_t moved_us;            /* on the linger list: when it was put there or last sent */
	uint64_t consumed;            /* bytes read, or dropped as if read */
	uint64_t told;                /* `consumed` in our last UPD */
	uint64_t edge;                /* the peer may send up to here: largest ever granted */
	uint64_t sent;                /* bytes handed out */
	uint32_t peer_consumed, peer_window; /* of the peer's last UPD */
	uint32_t granted;                    /* window in our last UPD, 0: none yet */
	uint32_t sid;
	uint32_t given_up; /* bytes that it held when it was given up for their memory */
	uint8_t events;
	bool syn_pending, upd_pending, fin_pending;
	bool shut, fin_sent; /* our direction: ending, ended */
	bool reset_pending;  /* a second FIN is to follow the first */
	bool peer_fin;       /* the peer's direction has ended */
	bool peer_reset;     /* and it told us that it reads no more */
	bool cut;            /* window overrun, or given up; waits for its release */
	bool released;       /* lingers until its FIN is out */
	bool want_write;     /* owes the application a SMUX_WRITABLE */
	bool take_back;      /* the next UPD is to grant hardly more than what came */
	uint8_t *reserved;   /* by the last smux_reserve() */
	size_t plain;        /* unread bytes, from the front, that the transform was done on */
	alignas(uint64_t) uint8_t transform_state[]; /* out, in */
};

/* Ids owed a reset without there being a stream.  The first few have a place for certain: where there was no
 * memory for a stream there may be none for this, and a peer that is not answered waits for ever. */
struct smux_refusals {
	uint32_t few[SMUX_REFUSALS_FEW];
	uint32_t *many; /* what does not fit there, SMUX_REFUSALS_MAX; NULL while all does */
	unsigned head, count;
};

struct smux_notes {
	bool pending[SMUX_NOTES];
	uint16_t number[SMUX_NOTES]; /* to be told */
	int heard[SMUX_NOTES];       /* -1: never */
};

struct smux {
	struct smux_config cfg;
	struct smux_stats stats;
	enum smux_close closed;
	struct smux_stream *root;   /* the table */
	struct smux_stream *recent; /* last found there, or NULL */
	struct link all, control, data, ready, starved, linger;
	unsigned count;    /* streams */
	size_t unread;     /* bytes in all `in` */
	uint64_t next_sid; /* beyond 32 bits: used up */
	struct smux_refusals refusals;
	struct smux_notes notes;
	bool nop_pending;
	bool hold; /* data frames are held back */

	uint64_t now_us;                /* latest time told */
	uint64_t heard_us;              /* of the last input, or when input was unblocked */
	uint64_t spoke_us;              /* of the last frame handed out */
	uint64_t starved_us[FIFO_WAYS]; /* since when nobody got any of that way; KT_NEVER: somebody did */
	uint64_t relieved_us[FIFO_WAYS]; /* when something was given up for it; 0: never */
	uint64_t take_back_us;           /* windows are taken back no sooner ... */
	size_t take_back_at;             /* ... but when so much is held */
	uint64_t look_us;                /* when to look for memory, if something waits for some */
	bool input_blocked;              /* as of the last smux_input() or tick: silence is ours */
	bool input_starved;              /* input waits for memory */
	bool stalled; /* as of the last look: there were streams that nobody reads */

	uint8_t head[SMUX_HEADER + SMUX_UPD_BYTES]; /* of the frame that is arriving */
	size_t head_len;
	size_t payload_left;    /* bytes of a PSH still to come */
	struct smux_stream *rx; /* whose they are; NULL: nobody's */

	struct smux_stream *taken; /* whose bytes the last frame borrows, or NULL */
	size_t taken_len;
};

/* ---- table.c ------------------------------------------------------------------ */

struct smux_stream *smux_table_find(const struct smux *m, uint32_t sid);
/* The id must be new. */
void smux_table_add(struct smux *m, struct smux_stream *st);
void smux_table_remove(struct smux *m, struct smux_stream *st);

/* ---- schedule.c --------------------------------------------------------------- */

/* Bytes that the peer's window allows now. */
size_t smux_window_room(const struct smux_stream *st);
/* Our FIN is out, and its second is to follow. */
static inline bool smux_reset_due(const struct smux_stream *st)
{
	return st->reset_pending && st->fin_sent;
}
/* Somebody will read what comes. */
static inline bool smux_takes_data(const struct smux_stream *st)
{
	return !st->released && !st->cut && !st->peer_fin;
}
/* Put the stream on the lists where its state belongs: control, data. */
void smux_schedule(struct smux_stream *st);
/* Tell the application. */
void smux_raise(struct smux_stream *st, unsigned what);
/* A released stream that waits for a peer which may be gone: (re)start its time. */
void smux_linger(struct smux_stream *st);
bool smux_may_give_up(const struct smux_stream *st);

/* ---- note.c ------------------------------------------------------------------- */

void smux_notes_init(struct smux_notes *n);
/* A NOP came; most say nothing. */
void smux_notes_hear(struct smux_notes *n, const struct smux_header *h);
bool smux_notes_pending(const struct smux_notes *n);
/* One that waits, as the id and the length of a NOP; there must be one. */
void smux_notes_pop(struct smux_notes *n, uint32_t *sid, uint16_t *length);

/* ---- refuse.c ----------------------------------------------------------------- */

/* Answer a SYN with a reset. */
void smux_refuse(struct smux *m, uint32_t sid);
/* The oldest answer; there must be one. */
uint32_t smux_pop_refusal(struct smux *m);

/* ---- transform.c -------------------------------------------------------------- */

/* Without a transform these do nothing. */
size_t smux_transform_bytes(const struct smux *m); /* of a stream's states */
void smux_transform_start(struct smux_stream *st);
void smux_transform_written(struct smux_stream *st, struct span bytes);
void smux_transform_peeked(struct smux_stream *st, const struct span *pieces, size_t count);
void smux_transform_consumed(struct smux_stream *st, size_t n);

/* ---- memory.c ----------------------------------------------------------------- */

const struct fifo *smux_fifo(const struct smux_stream *st, enum fifo_way way);
/* What is in one of its fifos has been lying there for so long. */
bool smux_lies_since(const struct smux_stream *st, enum fifo_way way, uint64_t us);
/* A fifo, that held so much before, was written to or read. */
void smux_note_moved(struct smux_stream *st, enum fifo_way way, size_t held);
/* The peer's bytes, or the writer of a stream, were refused memory: they are told when there is
 * some. */
void smux_starve_input(struct smux *m);
void smux_starve_writer(struct smux_stream *st);
/* Some memory was had after all. */
void smux_not_starved(struct smux *m, enum fifo_way way);
bool smux_waits(const struct smux *m, enum fifo_way way);
/* There is some for who waits; false: it is not wanted. */
bool smux_offer_room(struct smux *m, enum fifo_way way);
/* Look whether there is any. */
void smux_feed_all(struct smux *m);
void smux_wake(const struct smux *m);

/* ---- room.c ------------------------------------------------------------------- */

/* The bytes that the last frame borrowed are sent: drop them. */
void smux_settle(struct smux *m);
/* SMUX_WRITABLE, if it is owed and the stream's own buffer has room. */
void smux_wake_writer(struct smux_stream *st);
/* Returns how many bytes there were. */
size_t smux_drop_unread(struct smux_stream *st);

/* ---- window.c ----------------------------------------------------------------- */

/* The window for the UPD that is being made. */
uint32_t smux_grant(struct smux_stream *st);
/* Unread bytes at which version 2 stops. */
size_t smux_hard_stop(const struct smux *m);
/* A new stream: does the peer have to know at once how little there is? */
void smux_grant_first(struct smux_stream *st);
/* n bytes were read or dropped: is an UPD due? */
void smux_account_consumed(struct smux_stream *st, size_t n);
/* Bytes come in: are those that nobody reads too many? */
void smux_take_windows_back(struct smux *m);

/* ---- life.c ------------------------------------------------------------------- */

/* NULL when out of memory. */
struct smux_stream *smux_stream_new(struct smux *m, uint32_t sid);
void smux_stream_free(struct smux_stream *st);
/* Our direction takes no more. */
void smux_stop_writing(struct smux_stream *st);
/* The stream's peer broke its window. */
void smux_overrun(struct smux_stream *st);
/* Others need the memory more than it does. */
void smux_give_up(struct smux_stream *st);
/* The peer told that it is gone. */
void smux_peer_resets(struct smux_stream *st);
/* Give those up that lingered too long. */
void smux_linger_expire(struct smux *m);
uint64_t smux_linger_deadline(const struct smux *m);
/* End the session. */
void smux_close(struct smux *m, enum smux_close why);

/* ---- relief.c ----------------------------------------------------------------- */

/* What the account asks. */
extern const struct fifo_owner smux_fifo_owner;
/* Those that wait look for themselves now and then, and complain in the end. */
uint64_t smux_look_deadline(const struct smux *m);
void smux_look_for_room(struct smux *m);

#endif
