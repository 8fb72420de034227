/* kcp.c - KCP: a reliable stream or messages over datagrams, as kcp.h tells.
 *
 * First the parts, each with its own structure and none that knows a kcp:
 *
 *     codec          headers to bytes and back
 *     memory         every byte that a kcp holds, counted; segments kept for reuse
 *     pacing         how many bytes may leave now
 *     round trip     smoothed round trip, timeout, tolerance of reordering
 *     in flight      what was sent and not acknowledged, when it departed, what arrived of it
 *                    and how fast, copies of it, silence
 *     queue          what was never sent
 *     received       the ring of segments that came
 *     owed           acknowledgements
 *     one way        how long what comes waited in queues
 *     windows        telling ours, asking for the peer's
 *
 * then struct kcp, of which they are the members, and what joins them:
 *
 *     congestion     what a controller is told, and what it decides
 *     acknowledged   what acknowledgements change
 *     due            when what is in flight is lost
 *     sending, reading
 *     input          a datagram that came
 *     flush          datagrams that leave, and when
 *     life           making, changing, trimming, freeing, looking inside
 *
 * The structure that makes a large window as cheap as a small one:
 *
 *   - What is in flight lives in a ring of 32-byte slots indexed by sn, so an
 *     acknowledgement finds its slot at once.  Payloads are apart from it.
 *   - Each transmission gets the next number `tx`.  A slot is linked into the
 *     list of its level, the number of timeouts it has suffered, and goes to
 *     the tail with each transmission: every list is sorted by tx and by time.
 *     The first of a list is the first of it to be lost or to time out, so
 *     only fronts are looked at, of at most LEVELS lists, and EARLY_LOOKS
 *     behind them where nothing new can be sent.
 *   - What is found lost goes into a list of its own, and from there out again as windows
 *     and pacing allow.
 *   - A list links slots by sn, which stays valid when the ring is resized.
 *   - What all transmissions of one flush share (when it was, what had been delivered by then)
 *     is kept once; a slot has the number of that record.
 *
 * All received segments, unread and out of order alike, are in one ring:
 *
 *       base            nxt                         high
 *        | ready to read | ... holes and segments ... |
 */
#include "kcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEVELS = 16,     /* timeouts of one segment that are told apart */
	RESEND_MAX = 32, /* larger values of `resend` count as this */
	XMIT_MAX = 7,    /* transmissions are counted up to this */
	RING_MIN = 16,   /* slots of a ring when it is first needed */
	INTERVAL_MAX_MS = 5000,
	ACKS_MIN = 16,
	COPIES_HELD = 64,     /* segments that have copies to come; a power of two */
	COPY_SEEN = 1024,     /* the loss is that of about so many transmissions */
	COPY_PRIOR = 20,      /* as if one of so many had been lost before */
	COPY_LOSS_ONE = 2500, /* ppm: from here on one copy, two, three */
	COPY_LOSS_TWO = 15000,
	COPY_LOSS_THREE = 150000,
	COPY_LOSS_FEW = 4000, /* ppm of all segments may have one copy because they were lost often */
	COPY_LOSS_RARE = 500,                 /* and two */
	ALLOWANCE_SHORT = KCP_OVERHEAD + 128, /* bytes of a segment that nothing is kept back from */
	COVER_LONGER = 32, /* bytes: what is so much longer than what is covered is left out */
	COVER_FEW = 3,     /* in flight: each has covers of its own, as it would have copies */
	COVER_LOSS_THREE = 280000, /* of more */
	HEARD_MAX = 32,            /* segments whose first ts is kept; a power of two */
	POOL_MIN = 8,
	ACKS_SPARE = 128, /* acknowledgements kept beyond a receive window */
	ACKS_AGAIN = 256, /* those that go out again, at most; a power of two */
	AGAIN_MAX = 2,    /* times beyond the second */
	AGAIN_SEGS = 2000,
	EARLY_LOOKS = 16, /* past segments that were resent early and are missing all the same */
	FEW_SEGS = 16,    /* in flight: what arrives later will not soon tell of a loss */
	QUICK_ACKS = 3,   /* told of at once after a new hole: `resend` is 2 mostly */
	WINDOW_TELLS = 3, /* a window that reopened is told this often when no data comes */
	BURST_PACKETS = 10,
	ROOM_PACKETS = 4,      /* the caller hands over at least this many, if the windows allow */
	DEPARTURES_MAX = 4096, /* flushes that are told apart while something of them is in flight */
	LOSS_SEGS = 2000,      /* the loss that is told is that of about so many */
	RATIO_BYTES = 1 << 18, /* what is added to segments on the wire: measured over about this */
	SILENT_RESENDS_FIRST = 16, /* it may be the tail of something that was lost */
	SILENT_RESENDS_MIN = 3,    /* from this round on: */
	SILENT_ROUNDS = 3,
	CLOCK_APART_MS = 4200000, /* a clock stands while its machine sleeps: longer than anybody waits for that */
	MAP_SEGS = 2048, /* a map tells of so many at most */
};

#define US_PER_MS UINT64_C(1000)
#define US_PER_S UINT64_C(1000000)
#define RTO_INITIAL_US (200 * US_PER_MS)
#define RTO_MIN_US (100 * US_PER_MS)
#define RTO_MIN_NODELAY_US (30 * US_PER_MS)
#define RTO_MAX_US (60 * US_PER_S)
/* Repeated timeouts of one segment are at most this far apart, or one rto. */
#define BACKOFF_MAX_US (2 * US_PER_S)
#define BACKOFF_MAX_AUTO_US (400 * US_PER_MS)
/* A longer round trip counts as so many timeouts. */
#define OUTLIER_RTOS 3
#define RTT_MAX_US (60 * US_PER_S)
#define PROBE_FIRST_US (500 * US_PER_MS)
#define PROBE_MAX_US (5 * US_PER_S) /* tells of a window that reopened may all be lost */
#define RTT_WINDOW_US \
	(10 * US_PER_S) /* the least round trip is that of this time and as much before */
#define ONEWAY_WINDOW_US (60 * US_PER_S)
#define ONEWAY_FRESH_US (30 * US_PER_MS)
#define SILENT_HOLD_US (200 * US_PER_MS) /* so soon it is noticed that a path is back */
#define PACE_WAIT_MIN_US UINT64_C(1000)
#define PACE_BURST_US UINT64_C(2000)
#define PACE_ROOM_US UINT64_C(2000)
#define RATE_MAX UINT64_C(1000000000000) /* keeps rate * time in 63 bits */
#define MEMORY_RETRY_US (10 * US_PER_MS)
/* A copy waits so long for a datagram to ride in, or a part of the round trip if that is less;
 * longer where the loss is such that a further one is better than an early one. */
#define COPY_WAIT_US (10 * US_PER_MS)
#define COPY_WAIT_LONG_US (22 * US_PER_MS)
#define COVER_WAIT_SHORT_US (6500) /* where three are wanted */
#define COPY_RATE UINT64_C(60000)  /* bytes per second, or this part of the path's rate: */
#define COPY_PART 64
#define COPY_BURST_US (400 * US_PER_MS)
#define COPY_SPAN_US (80 * US_PER_MS) /* a repeat this soon is a copy */
#define STRANGE_US (10 * US_PER_S)
#define ACK_WAIT_US (25 * US_PER_MS)
#define ACK_WAIT_STEADY_US (20 * US_PER_MS)

/* With a large window, what is touched next was touched last a window ago and
 * is out of the cache: asking early halves the cost of a packet there. */
#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p, 1)
#else
#define PREFETCH(p) ((void)(p))
#endif
enum { PREFETCH_AHEAD = 8 };

/* ---- codec --------------------------------------------------------------- */

static uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

/* Numbers and 32-bit clocks wrap: negative when a comes before b. */
static int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What a ts is in here; on the wire there is ts_base. */
static uint32_t clock_ms(uint64_t us)
{
	return (uint32_t)(us / US_PER_MS);
}

void kcp_header_encode(uint8_t out[KCP_OVERHEAD], const struct kcp_seg_header *h)
{
	store32(out, h->conv);
	out[4] = h->cmd;
	out[5] = h->frg;
	store16(out + 6, h->wnd);
	store32(out + 8, h->ts);
	store32(out + 12, h->sn);
	store32(out + 16, h->una);
	store32(out + 20, h->len);
}

bool kcp_header_decode(struct kcp_seg_header *h, const uint8_t *data, size_t n)
{
	if (n < KCP_OVERHEAD)
		return false;
	h->conv = load32(data);
	h->cmd = data[4];
	h->frg = data[5];
	h->wnd = load16(data + 6);
	h->ts = load32(data + 8);
	h->sn = load32(data + 12);
	h->una = load32(data + 16);
	h->len = load32(data + 20);
	return ((h->cmd >= KCP_CMD_PUSH && h->cmd <= KCP_CMD_WINS) || h->cmd == KCP_CMD_MAP) &&
	       h->len <= n - KCP_OVERHEAD;
}

/* ---- memory -------------------------------------------------------------- */

/* A payload, queued, in flight or received. */
struct seg {
	struct seg *next; /* in the send queue */
	uint16_t len, cap;
	uint8_t frg;
	uint8_t class_index;
	uint8_t data[];
};

/* Sizes of segments: doubling, and one for exactly a full segment of ours.
 * The odd 24 are this header and what malloc adds. */
enum { CLASS_COUNT = 11, CLASS_FULL = CLASS_COUNT - 1, CLASS_MAX = 16 };
#define CLASS_CAP(i) ((UINT32_C(128) << (i)) - 24)

static_assert(CLASS_CAP(CLASS_FULL - 1) >= KCP_MTU_MAX - KCP_OVERHEAD, "largest segment fits");
static_assert(CLASS_CAP(CLASS_FULL - 1) <= UINT16_MAX, "capacity fits its field");

/* Free segments of one class, as a stack of pointers: a list through the
 * segments would wait for memory at each step of a large one. */
struct pool {
	struct seg **free;
	uint32_t free_count;
	uint32_t cap;
	uint32_t made; /* segments of the class, free or not; <= cap */
};

struct memory {
	size_t bytes;      /* all that is held */
	uint32_t full_cap; /* of CLASS_FULL: the longest of ours */
	struct pool pools[CLASS_COUNT];
};

static void *mem_alloc(struct memory *m, size_t n)
{
	void *p = malloc(n);

	if (p != NULL)
		m->bytes += n;
	return p;
}

static void mem_free(struct memory *m, void *p, size_t n)
{
	if (p == NULL)
		return;
	assert(m->bytes >= n);
	m->bytes -= n;
	free(p);
}

static size_t seg_size(uint32_t cap)
{
	return sizeof(struct seg) + cap;
}

static unsigned seg_class(const struct memory *m, uint32_t len)
{
	unsigned i = 0;

	if (len <= m->full_cap && (2 * len > m->full_cap || m->full_cap <= CLASS_CAP(0)))
		return CLASS_FULL;
	while (CLASS_CAP(i) < len)
		i++;
	return i;
}

static bool pool_resize(struct memory *m, struct pool *p, uint32_t cap)
{
	struct seg **items = mem_alloc(m, cap * sizeof(*items));

	if (items == NULL)
		return false;
	for (uint32_t i = 0; i < p->free_count; i++)
		items[i] = p->free[i];
	mem_free(m, p->free, p->cap * sizeof(*items));
	p->free = items;
	p->cap = cap;
	return true;
}

/* A pool has room for all segments of its class, so a release cannot fail. */
static struct seg *seg_make(struct memory *m, unsigned i, uint32_t cap)
{
	struct pool *p = &m->pools[i];
	struct seg *s;

	if (p->made == p->cap && !pool_resize(m, p, p->cap == 0 ? POOL_MIN : 2 * p->cap))
		return NULL;
	s = mem_alloc(m, seg_size(cap));
	if (s == NULL)
		return NULL;
	s->cap = (uint16_t)cap;
	s->class_index = (uint8_t)i;
	p->made++;
	return s;
}

static void seg_destroy(struct memory *m, struct seg *s)
{
	m->pools[s->class_index].made--;
	mem_free(m, s, seg_size(s->cap));
}

/* Header and the first bytes of the payload, all there is of a small one. */
static void prefetch_seg(const struct seg *s)
{
	PREFETCH(s);
	PREFETCH((const void *)((uintptr_t)s + 64)); /* a number: s may be shorter */
}

/* Contents stay readable until the next seg_new() or kcp_trim(): that keeps
 * kcp_consume()'s promise about borrowed bytes. */
static void pool_put(struct pool *p, struct seg *s)
{
	assert(p->free_count < p->made);
	prefetch_seg(s); /* the next to be written to */
	p->free[p->free_count++] = s;
}

static void seg_release(struct memory *m, struct seg *s)
{
	pool_put(&m->pools[s->class_index], s);
}

static struct seg *seg_take(struct pool *p)
{
	if (p->free_count == 0)
		return NULL;
	if (p->free_count > PREFETCH_AHEAD)
		prefetch_seg(p->free[p->free_count - 1 - PREFETCH_AHEAD]);
	return p->free[--p->free_count];
}

static struct seg *seg_new(struct memory *m, uint32_t len)
{
	unsigned i = seg_class(m, len);
	uint32_t cap = i == CLASS_FULL ? m->full_cap : CLASS_CAP(i);
	struct seg *s;

	s = seg_take(&m->pools[i]);
	if (s == NULL)
		s = seg_make(m, i, cap);
	if (s == NULL)
		return NULL;
	s->next = NULL;
	s->len = 0;
	s->frg = 0;
	return s;
}

static void seg_append(struct seg *s, const uint8_t *data, size_t n)
{
	assert(n <= (size_t)(s->cap - s->len));
	if (n > 0)
		memcpy(s->data + s->len, data, n);
	s->len = (uint16_t)(s->len + n);
}

static void seg_release_chain(struct memory *m, struct seg *s)
{
	while (s != NULL) {
		struct seg *next = s->next;

		seg_release(m, s);
		s = next;
	}
}

/* Free what is unused. */
static void pools_trim(struct memory *m)
{
	for (unsigned i = 0; i < CLASS_COUNT; i++) {
		struct pool *p = &m->pools[i];
		uint32_t cap = POOL_MIN;

		while (p->free_count > 0)
			seg_destroy(m, p->free[--p->free_count]);
		while (cap < p->made)
			cap *= 2;
		if (p->made == 0) {
			mem_free(m, p->free, p->cap * sizeof(struct seg *));
			*p = (struct pool){ 0 };
		} else if (cap < p->cap) {
			pool_resize(m, p, cap);
		}
	}
}

/* Smallest ring that holds `span`; spans are at most 2^18. */
static uint32_t ring_size(uint32_t span)
{
	uint32_t n = RING_MIN;

	while (n < span)
		n *= 2;
	return n;
}

/* ---- pacing -------------------------------------------------------------- */

struct pacer {
	uint64_t rate;      /* bytes per second on the wire, 0: none */
	uint64_t ack_rate;  /* of that for acknowledgements by themselves; 0: any */
	int64_t ack_credit; /* as credit; at most half of a burst */
	int64_t burst;      /* what may leave at once after a pause, in the unit of credit */
	int64_t credit;     /* bytes * microseconds per second */
	uint64_t credit_us; /* when that was so */
	uint64_t wait_until;
	uint64_t wire_bytes, seg_bytes; /* lately: what so many bytes of segments came to on the wire */
};

static void pacer_init(struct pacer *p, uint64_t now_us)
{
	/* A burst, once its size is known. */
	*p = (struct pacer){ .credit = INT64_MAX, .ack_credit = INT64_MAX, .credit_us = now_us };
}

static int64_t credit_after(int64_t credit, uint64_t rate, uint64_t elapsed_us, int64_t most)
{
	int64_t earned = (int64_t)(rate * elapsed_us);

	return rate == 0 || credit >= most - earned ? most : credit + earned;
}

/* Bytes of segments as bytes on the wire. */
static uint64_t on_wire(const struct pacer *p, uint64_t bytes)
{
	uint64_t ratio = p->seg_bytes == 0 ? 256 : p->wire_bytes * 256 / p->seg_bytes;

	return min64(bytes, RATE_MAX) * ratio / 256;
}

/* A datagram of data left.  Parity leaves in bursts, so this looks back far. */
static void ratio_learn(struct pacer *p, size_t wire_bytes, size_t seg_bytes)
{
	p->wire_bytes += wire_bytes;
	p->seg_bytes += seg_bytes;
	if (p->seg_bytes < RATIO_BYTES)
		return;
	p->wire_bytes /= 2;
	p->seg_bytes /= 2;
}

/* Under a `limit` acknowledgements may take half of it: those of a fast download would else
 * take all, and data and keepalives starve.  Without one they are not counted: the
 * controller's rate is about the data. */
static void pacer_refill(struct pacer *p, uint64_t now_us, uint64_t rate, uint64_t limit,
			 uint64_t burst)
{
	uint64_t elapsed = min64(now_us - p->credit_us, US_PER_S);

	p->rate = rate;
	p->ack_rate = limit / 2;
	p->burst = (int64_t)(burst * US_PER_S);
	p->credit_us = now_us;
	p->wait_until = 0;
	p->credit = credit_after(p->credit, p->rate, elapsed, p->burst);
	p->ack_credit = credit_after(p->ack_credit, p->ack_rate, elapsed, p->burst / 2);
}

static void pacer_spend(struct pacer *p, size_t bytes)
{
	p->credit -= (int64_t)(bytes * US_PER_S);
}

/* A datagram of acknowledgements alone. */
static void pacer_spend_acks(struct pacer *p, size_t bytes)
{
	if (p->ack_rate == 0)
		return;
	p->ack_credit -= (int64_t)(bytes * US_PER_S);
	pacer_spend(p, bytes);
}

static bool pacer_blocks_acks(const struct pacer *p)
{
	return p->ack_rate != 0 && p->ack_credit <= 0;
}

/* When acknowledgements may leave. */
static uint64_t pacer_acks_at(const struct pacer *p)
{
	if (!pacer_blocks_acks(p))
		return p->credit_us;
	return p->credit_us + max64((uint64_t)-p->ack_credit / p->ack_rate + 1, PACE_WAIT_MIN_US);
}

/* `bytes` are in the datagram being built and not yet spent. */
static bool pacer_blocks(const struct pacer *p, size_t bytes)
{
	return p->rate != 0 && p->credit <= (int64_t)(bytes * US_PER_S);
}

static void pacer_wait(struct pacer *p, uint64_t now_us, size_t bytes)
{
	int64_t debt = (int64_t)(bytes * US_PER_S) - p->credit;
	uint64_t wait_us = debt > 0 ? (uint64_t)debt / p->rate + 1 : 1;

	p->wait_until = now_us + max64(wait_us, PACE_WAIT_MIN_US);
}

/* ---- round trip ---------------------------------------------------------- */

struct rtt {
	uint32_t srtt_us, rttvar_us, latest_us; /* 0 before the first sample */
	uint32_t min_us, min_before_us; /* least of this window of time, and of the one before */
	uint64_t window_us;             /* when this one began */
	uint32_t rto_us;
	uint32_t ack_wait_us; /* that the peer lets pass before it acknowledges: samples are of the last
			       * that came, and this is of the first */
	uint32_t sample_ts;  /* of the latest sample */
	uint32_t outlier_ms; /* when one longer than the timeout was last taken */
	uint32_t reorder_us; /* how much later than expected is not lost yet */
	uint64_t reorder_seen_us;
	uint64_t proof_us; /* when the latest left of those whose ACK told just that time; 0: none */
};

static uint64_t rto_margin(const struct rtt *r, const struct kcp_config *cfg)
{
	return max64(cfg->interval_ms * US_PER_MS, 4 * (uint64_t)r->rttvar_us);
}

/* An acknowledgement that is lost looks the same, so there is a bound. */
static void ack_wait_grow(struct rtt *r, uint64_t us)
{
	r->ack_wait_us = (uint32_t)max64(r->ack_wait_us,
					 min64(us, min64(r->srtt_us / 4, ACK_WAIT_US)));
}

/* The oldest that an acknowledgement covered was `age_us` old; `rtt_us` is its sample. */
static void ack_wait_learn(struct rtt *r, uint64_t age_us, uint64_t rtt_us)
{
	uint64_t wait = age_us > rtt_us ? age_us - rtt_us : 0;

	if (wait < r->ack_wait_us)
		r->ack_wait_us -= (r->ack_wait_us - (uint32_t)wait) / 16;
	ack_wait_grow(r, wait);
}

static void rto_update(struct rtt *r, const struct kcp_config *cfg)
{
	uint64_t floor = cfg->nodelay ? RTO_MIN_NODELAY_US : RTO_MIN_US;

	if (r->srtt_us == 0)
		return;
	r->rto_us = (uint32_t)min64(max64(r->srtt_us + rto_margin(r, cfg), floor), RTO_MAX_US);
}

/* Backing off spares a path that is gone, and there rounds of silence do that
 * already.  One segment that was unlucky many times on a path that lives must not
 * hold up all that follows it for long, so the wait ends somewhere. */
static uint64_t rto_backoff(const struct rtt *r, const struct kcp_config *cfg, uint32_t level)
{
	uint64_t rto = r->rto_us, t = rto;

	if (cfg->nodelay == 0)
		t = rto * (level + 1);
	else if (cfg->nodelay == 2)
		t = rto + rto / 2 * level;
	else
		for (uint32_t i = 0; i < level && t < RTO_MAX_US; i++)
			t += t / 2;
	return min64(t, max64(rto, cfg->nodelay == 3 ? BACKOFF_MAX_AUTO_US : BACKOFF_MAX_US));
}

/* Tolerance that was not needed for a while is given back by halves. */
static void reorder_decay(struct rtt *r, uint64_t now_us)
{
	if (r->reorder_us == 0 || now_us - r->reorder_seen_us < 16 * (uint64_t)r->srtt_us)
		return;
	r->reorder_us = r->reorder_us < r->srtt_us / 32 ? 0 : r->reorder_us / 2;
	r->reorder_seen_us = now_us;
}

/* A transmission that was taken for lost, or nearly, arrived `late_us` after
 * that: wait that much longer from now on, and a round trip at most. */
static void reorder_grow(struct rtt *r, uint64_t now_us, uint64_t late_us)
{
	uint64_t wanted = max64(late_us + late_us / 4, r->srtt_us / 16);

	r->reorder_us = (uint32_t)max64(r->reorder_us, min64(wanted, r->srtt_us));
	r->reorder_seen_us = now_us;
}

/* A path that has become longer is believed after one window, or two. */
static void min_sample(struct rtt *r, uint64_t now_us, uint32_t us)
{
	if (r->min_us == 0 || now_us - r->window_us >= RTT_WINDOW_US) {
		r->min_before_us = r->min_us;
		r->min_us = us;
		r->window_us = now_us;
	}
	r->min_us = min32(r->min_us, us);
}

/* 0 before the first sample. */
static uint32_t min_rtt(const struct rtt *r)
{
	return r->min_before_us != 0 ? min32(r->min_us, r->min_before_us) : r->min_us;
}

static void rtt_sample(struct rtt *r, const struct kcp_config *cfg, uint64_t now_us, uint64_t rtt)
{
	uint32_t us, delta;

	/* Some peers echo the ts of a packet that they rebuilt from parity long after
	 * it was sent.  A round trip that really grew says so again and again. */
	if (r->srtt_us > 0)
		rtt = min64(rtt, OUTLIER_RTOS * (uint64_t)r->rto_us);
	us = rtt == 0 ? 1 : (uint32_t)rtt;
	r->latest_us = us;
	if (r->srtt_us == 0) {
		r->srtt_us = us;
		r->rttvar_us = us / 2;
	} else {
		delta = us > r->srtt_us ? us - r->srtt_us : r->srtt_us - us;
		r->rttvar_us = (uint32_t)((3 * (uint64_t)r->rttvar_us + delta) / 4);
		r->srtt_us = max32(1, (uint32_t)((7 * (uint64_t)r->srtt_us + us) / 8));
	}
	min_sample(r, now_us, us);
	rto_update(r, cfg);
	reorder_decay(r, now_us);
}

/* ---- in flight ----------------------------------------------------------- */

/* Why a transmission is taken for lost. */
enum why { WHY_FAST, WHY_EARLY, WHY_TIMEOUT };

/* What is known of a number in [una, nxt). */
struct slot {
	struct seg *seg;     /* NULL once acknowledged */
	uint32_t departure;  /* of its last transmission, by number; see struct departures */
	uint32_t tx;         /* number of that transmission */
	uint32_t prev, next; /* neighbours in the list of its level, or of the lost, by sn */
	uint16_t len;
	unsigned xmit : 3;        /* transmissions so far */
	unsigned level : 4;       /* timeouts so far */
	unsigned class_index : 4; /* of seg, which need not be touched to release it */
	unsigned early : 1;       /* was resent early once */
	unsigned copied : 1;      /* since its last transmission */
	unsigned lost : 1;        /* and not resent yet */
	unsigned why : 2;
	uint16_t reach; /* bytes of its datagram up to its end, when it left last */
};

static_assert(sizeof(struct slot) <= 24 + sizeof(struct seg *), "two slots share a cache line");

struct order { /* of transmission; head and tail count when count does */
	uint32_t head, tail, count;
};

struct flight { /* numbers in [una, nxt) */
	uint32_t una, nxt;
	uint32_t count; /* of those, not acknowledged */
	uint32_t bytes; /* of those that are not lost: segments with their headers */
	uint32_t tx_next;
	struct slot *slots;
	uint32_t slot_cap;  /* power of two, or 0 */
	uint32_t level_end; /* lists from here on are empty */
	struct order orders[LEVELS];
	struct order lost;    /* and not resent yet, as they were found, */
	struct order again;   /* and those that were resent and are lost again: they go first */
	uint64_t progress_us; /* when something was last acknowledged */
	uint64_t memory_at;   /* when to try again for lack of memory */
};

static struct slot *slot_at(const struct flight *fl, uint32_t sn)
{
	return &fl->slots[sn & (fl->slot_cap - 1)];
}

static bool slots_resize(struct flight *fl, struct memory *m, uint32_t cap)
{
	struct slot *slots = mem_alloc(m, cap * sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t sn = fl->una; sn != fl->nxt; sn++)
		slots[sn & (cap - 1)] = *slot_at(fl, sn);
	mem_free(m, fl->slots, fl->slot_cap * sizeof(*slots));
	fl->slots = slots;
	fl->slot_cap = cap;
	return true;
}

/* Room for one more number. */
static bool slots_reserve(struct flight *fl, struct memory *m)
{
	uint32_t span = fl->nxt - fl->una + 1;

	return span <= fl->slot_cap || slots_resize(fl, m, ring_size(span));
}

static void slots_trim(struct flight *fl, struct memory *m)
{
	uint32_t span = fl->nxt - fl->una;

	if (span > 0) {
		if (ring_size(span) < fl->slot_cap)
			slots_resize(fl, m, ring_size(span));
		return;
	}
	mem_free(m, fl->slots, fl->slot_cap * sizeof(*fl->slots));
	fl->slots = NULL;
	fl->slot_cap = 0;
}

static uint32_t slot_bytes(const struct slot *s)
{
	return s->len + (uint32_t)KCP_OVERHEAD;
}

static struct order *list_of(struct flight *fl, const struct slot *s)
{
	if (!s->lost)
		return &fl->orders[s->level];
	return s->xmit > 1 ? &fl->again : &fl->lost;
}

static uint32_t lost_count(const struct flight *fl)
{
	return fl->lost.count + fl->again.count;
}

static uint32_t inflight(const struct flight *fl)
{
	return fl->count - lost_count(fl);
}

static void list_append(struct flight *fl, struct order *o, uint32_t sn)
{
	slot_at(fl, sn)->prev = o->tail;
	if (o->count++ == 0)
		o->head = sn;
	else
		slot_at(fl, o->tail)->next = sn;
	o->tail = sn;
}

static void order_append(struct flight *fl, uint32_t level, uint32_t sn)
{
	struct slot *s = slot_at(fl, sn);

	s->level = level & (LEVELS - 1);
	s->lost = 0;
	list_append(fl, &fl->orders[level], sn);
	fl->bytes += slot_bytes(s);
	fl->level_end = max32(fl->level_end, level + 1);
}

static void lost_append(struct flight *fl, uint32_t sn, enum why why)
{
	struct slot *s = slot_at(fl, sn);

	s->lost = 1;
	s->why = why & 3u;
	list_append(fl, list_of(fl, s), sn);
}

/* From the list that it is in. */
static void order_remove(struct flight *fl, uint32_t sn)
{
	const struct slot *s = slot_at(fl, sn);
	struct order *o = list_of(fl, s);

	if (!s->lost)
		fl->bytes -= slot_bytes(s);
	if (sn == o->head)
		o->head = s->next;
	else
		slot_at(fl, s->prev)->next = s->next;
	if (sn == o->tail)
		o->tail = s->prev;
	else
		slot_at(fl, s->next)->prev = s->prev;
	o->count--;
	while (fl->level_end > 0 && fl->orders[fl->level_end - 1].count == 0)
		fl->level_end--;
}

static const struct slot *order_front(const struct flight *fl, uint32_t level)
{
	return fl->orders[level].count > 0 ? slot_at(fl, fl->orders[level].head) : NULL;
}

/* What all transmissions of one flush share.  A slot keeps its number, and stays small. */
struct departure {
	uint64_t sent_us;
	/* Totals of then, and the time of the first of them; see struct rate. */
	uint64_t delivered_bytes, lost_bytes, delivered_us, first_us;
	uint32_t inflight_bytes; /* after it */
	uint32_t back_us;        /* see struct rate */
	uint32_t count;          /* transmissions that are neither acknowledged nor sent again */
	bool app_limited;
	uint8_t mark;
};

struct departures { /* numbers in [first, next) */
	struct departure *ring;
	uint32_t cap; /* power of two, or 0 */
	uint32_t first, next;
};

static struct departure *departure_at(const struct departures *d, uint32_t number)
{
	return &d->ring[number & (d->cap - 1)];
}

static bool departures_resize(struct departures *d, struct memory *m, uint32_t cap)
{
	struct departure *ring = mem_alloc(m, cap * sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint32_t i = d->first; i != d->next; i++)
		ring[i & (cap - 1)] = *departure_at(d, i);
	mem_free(m, d->ring, d->cap * sizeof(*ring));
	d->ring = ring;
	d->cap = cap;
	return true;
}

static void departures_expire(struct departures *d)
{
	while (d->first != d->next && departure_at(d, d->first)->count == 0)
		d->first++;
}

/* The record of a flush.  NULL without memory for a first one; when there are too many, the latest
 * stands for this one, too. */
static struct departure *departure_new(struct departures *d, struct memory *m)
{
	uint32_t used;

	departures_expire(d);
	used = d->next - d->first;
	if (used < d->cap || (used < DEPARTURES_MAX && departures_resize(d, m, ring_size(used + 1))))
		d->next++;
	else if (used == 0)
		return NULL;
	else
		return departure_at(d, d->next - 1);
	*departure_at(d, d->next - 1) = (struct departure){ 0 };
	return departure_at(d, d->next - 1);
}

/* Those of this moment: a caller may need several flushes to hand over what it has. */
static void departures_limited(struct departures *d, uint64_t now_us, bool limited)
{
	for (uint32_t i = d->next; i != d->first && departure_at(d, i - 1)->sent_us == now_us; i--)
		departure_at(d, i - 1)->app_limited = limited;
}

static void departures_trim(struct departures *d, struct memory *m)
{
	uint32_t used;

	departures_expire(d);
	used = d->next - d->first;
	if (used > 0) {
		if (ring_size(used) < d->cap)
			departures_resize(d, m, ring_size(used));
		return;
	}
	mem_free(m, d->ring, d->cap * sizeof(*d->ring));
	*d = (struct departures){ 0 };
}

/* What the path delivers, as draft-cheng-iccrg-delivery-rate-estimation has it: the sample is
 * about the newest transmission that was acknowledged since the last one was taken. */
struct rate {
	uint64_t delivered_bytes, lost_bytes; /* in all */
	uint64_t delivered_us;                /* when it last grew, */
	uint32_t back_us;           /* and how long what told that had waited on its way */
	uint64_t first_us;          /* when the newest that was sampled left */
	uint64_t app_limited_until; /* delivered or lost up to where; 0: no limit */
	uint64_t app_limited_us;    /* when that was found */
	bool any;
	uint32_t newest; /* the number of that departure */
	struct departure then;
};

/* A transmission of that departure arrived. */
static void rate_arrived(struct rate *r, uint32_t number, const struct departure *d)
{
	if (r->any && seq_diff(number, r->newest) <= 0)
		return;
	r->any = true;
	r->newest = number;
	r->then = *d;
}

/* Nothing was in flight: time that passed before does not count. */
static void rate_restart(struct rate *r, uint64_t now_us)
{
	r->first_us = now_us;
	r->delivered_us = now_us;
	r->back_us = 0;
}

/* What was in flight ends as one or the other. */
static uint64_t rate_settled(const struct rate *r)
{
	return r->delivered_bytes + r->lost_bytes;
}

static void rate_limited(struct rate *r, uint64_t now_us, uint32_t inflight_bytes)
{
	r->app_limited_until = rate_settled(r) + max32(inflight_bytes, 1);
	r->app_limited_us = now_us;
}

/* 0: no sample.  What waited less than what came before it came too soon after that. */
static uint32_t rate_interval(struct rate *r, uint32_t back_us)
{
	uint64_t send, ack;

	if (!r->any)
		return 0;
	r->any = false;
	r->back_us = back_us == UINT32_MAX ? 0 : back_us;
	send = r->then.sent_us - r->then.first_us;
	ack = r->delivered_us - r->then.delivered_us;
	if (r->then.back_us > r->back_us)
		ack += r->then.back_us - r->back_us;
	r->first_us = r->then.sent_us;
	return (uint32_t)min64(max64(send, ack), UINT32_MAX);
}

/* The latest transmissions known to have arrived. */
struct delivered {
	uint32_t resend; /* so many later ones make one lost, 0: none do */
	uint32_t count;
	uint32_t tx[RESEND_MAX]; /* descending */
};

static void delivered_resize(struct delivered *d, uint32_t resend)
{
	d->resend = min32(resend, RESEND_MAX);
	d->count = min32(d->count, max32(d->resend, 1));
}

/* Keep the `resend` largest: the last of them is what a transmission must be
 * older than to be lost.  The list is sorted and nearly always grows at its
 * front, so this is a step or two. */
static void delivered_insert(struct delivered *d, uint32_t tx)
{
	uint32_t keep = max32(d->resend, 1);
	uint32_t i = d->count;

	if (i == keep) {
		if (seq_diff(tx, d->tx[i - 1]) < 0)
			return;
		i--;
	} else {
		d->count++;
	}
	for (; i > 0 && seq_diff(tx, d->tx[i - 1]) > 0; i--)
		d->tx[i] = d->tx[i - 1];
	d->tx[i] = tx;
}

/* Later transmissions arrived: any, and as many as make it lost. */
static bool skipped(const struct delivered *d, uint32_t tx)
{
	return d->count > 0 && seq_diff(tx, d->tx[0]) < 0;
}

static bool skipped_enough(const struct delivered *d, uint32_t tx)
{
	return d->resend != 0 && d->count == d->resend && seq_diff(tx, d->tx[d->resend - 1]) < 0;
}

/* Copies: of a small segment, when few are in flight, a few more travel in the datagrams that leave
 * anyway, or in one of their own soon after.  So one that is lost is there without a round trip
 * more (redundant data bundling; Evensen 2008, Opstad 2015). */
struct copy {
	uint32_t sn, tx;  /* of that transmission; void when it was sent again */
	uint32_t left;    /* so many more */
	uint64_t last_us; /* when it, or its last copy, left */
};

struct copier {
	struct copy *ring; /* of COPIES_HELD; NULL until needed */
	uint32_t head, count;
	int64_t credit; /* bytes that copies may take; see copier_refill() */
	uint64_t credit_us;
	uint32_t seen, missed; /* transmissions whose fate was told, halved now and then */
};

static struct copy *copy_at(const struct copier *c, uint32_t i)
{
	return &c->ring[(c->head + i) & (COPIES_HELD - 1)];
}

static void copy_pop(struct copier *c)
{
	c->head = (c->head + 1) & (COPIES_HELD - 1);
	c->count--;
}

/* Without memory there are no copies; of too many the oldest gets no more. */
static void copy_push(struct copier *c, struct memory *m, struct copy copy)
{
	if (c->ring == NULL && (c->ring = mem_alloc(m, COPIES_HELD * sizeof(*c->ring))) == NULL)
		return;
	if (c->count == COPIES_HELD)
		copy_pop(c);
	*copy_at(c, c->count++) = copy;
}

static void copier_trim(struct copier *c, struct memory *m)
{
	if (c->count > 0)
		return;
	mem_free(m, c->ring, COPIES_HELD * sizeof(*c->ring));
	c->ring = NULL;
	c->head = 0;
}

/* At first some loss is assumed: what is small and new wants to be there. */
static uint32_t copier_loss_ppm(const struct copier *c)
{
	return (uint32_t)((c->missed + 1) * UINT64_C(1000000) / (c->seen + COPY_PRIOR));
}

static void copier_learn(struct copier *c, bool missed)
{
	c->seen++;
	c->missed += missed;
	if (c->seen < COPY_SEEN)
		return;
	c->seen /= 2;
	c->missed /= 2;
}

/* One that was taken for missed had arrived. */
static void copier_unlearn(struct copier *c)
{
	c->missed -= c->missed > 0;
}

/* `rate` is that of the path, 0 when it is unknown. */
static void copier_refill(struct copier *c, uint64_t now_us, uint64_t rate)
{
	uint64_t may = max64(COPY_RATE, rate / COPY_PART);

	c->credit = credit_after(c->credit, may, min64(now_us - c->credit_us, US_PER_S),
				 (int64_t)(may * COPY_BURST_US));
	c->credit_us = now_us;
}

struct silence {        /* timeouts while nothing is heard, in rounds */
	uint64_t until; /* end of this round */
	uint32_t left;  /* resends left in it */
	uint32_t rounds;
};

static void silence_end(struct silence *s)
{
	*s = (struct silence){ .left = 1 };
}

/* While nothing at all is heard, timeouts resend a part of what is in flight
 * and smaller parts later: enough to notice that the path is back, when the
 * rest is found lost at once, and no flood until then.  Called when a timeout
 * is due, which it is not before the next round when nothing is left of this. */
static void silence_count(struct silence *s, uint64_t now_us, uint32_t inflight, uint32_t rto_us)
{
	uint32_t rounds;

	if (now_us >= s->until) {
		rounds = ++s->rounds;
		s->left = max32(rounds < SILENT_ROUNDS ? SILENT_RESENDS_FIRST : SILENT_RESENDS_MIN,
				inflight >> min32(rounds + 3, 31));
		s->until = now_us + min64((uint64_t)rto_us * rounds, max64(SILENT_HOLD_US, rto_us));
	}
	assert(s->left > 0);
}

/* ---- the queue ----------------------------------------------------------- */

struct queue { /* of what was never sent */
	struct seg *first, *last, *before_last;
	uint32_t count;
};

static void queue_append(struct queue *q, struct seg *s)
{
	if (q->first == NULL)
		q->first = s;
	else
		q->last->next = s;
	q->before_last = q->last;
	q->last = s;
	q->count++;
}

static struct seg *queue_pop(struct queue *q)
{
	struct seg *s = q->first;

	q->first = s->next;
	q->count--;
	if (q->first == NULL)
		q->last = NULL;
	if (s == q->before_last || q->first == NULL)
		q->before_last = NULL;
	return s;
}

static void queue_replace_last(struct queue *q, struct memory *m, struct seg *s)
{
	struct seg *old = q->last;

	if (q->before_last != NULL)
		q->before_last->next = s;
	else
		q->first = s;
	q->last = s;
	seg_release(m, old);
}

/* The last queued segment with room for n more bytes; grown by doubling, so
 * that many small sends copy each byte a few times at most. */
static bool queue_last_reserve(struct queue *q, struct memory *m, uint32_t n)
{
	const struct seg *last = q->last;
	struct seg *s;

	if (last->len + n <= last->cap)
		return true;
	s = seg_new(m, min32(m->full_cap, max32(last->len + n, 2 * (uint32_t)last->len)));
	if (s == NULL)
		return false;
	seg_append(s, last->data, last->len);
	queue_replace_last(q, m, s);
	return true;
}

/* Segments with the bytes given, at least one; NULL when out of memory. */
static struct seg *chain_new(struct memory *m, uint32_t mss, const uint8_t *data, size_t len,
			     uint32_t *count)
{
	struct seg *first = NULL, **link = &first;

	*count = 0;
	do {
		uint32_t n = (uint32_t)(len < mss ? len : mss);
		struct seg *s = seg_new(m, n);

		if (s == NULL) {
			seg_release_chain(m, first);
			return NULL;
		}
		seg_append(s, data, n);
		*link = s;
		link = &s->next;
		data += n;
		len -= n;
		++*count;
	} while (len > 0);
	return first;
}

static void queue_append_chain(struct queue *q, struct seg *s)
{
	while (s != NULL) {
		struct seg *next = s->next;

		s->next = NULL;
		queue_append(q, s);
		s = next;
	}
}

/* Fills up the last segment first; not with a part if it is to stay whole. */
static int send_stream(struct queue *q, struct memory *m, uint32_t mss, const uint8_t *data,
		       size_t len, bool whole)
{
	uint32_t room = q->last != NULL && q->last->len < mss ? mss - q->last->len : 0;
	uint32_t merged, count;
	struct seg *chain = NULL;

	if (len == 0)
		return KCP_OK;
	merged = len < room ? (uint32_t)len : room;
	if (whole && merged < len)
		merged = 0;
	if (merged > 0 && !queue_last_reserve(q, m, merged))
		return KCP_ENOMEM;
	if (len > merged) {
		chain = chain_new(m, mss, data + merged, len - merged, &count);
		if (chain == NULL)
			return KCP_ENOMEM;
	}
	if (merged > 0)
		seg_append(q->last, data, merged);
	queue_append_chain(q, chain);
	return KCP_OK;
}

/* One of `limit` fragments at most. */
static int send_message(struct queue *q, struct memory *m, uint32_t mss, uint32_t limit,
			const uint8_t *data, size_t len)
{
	uint32_t count;
	struct seg *chain;

	if (len > (size_t)limit * mss)
		return KCP_ELIMIT;
	chain = chain_new(m, mss, data, len, &count);
	if (chain == NULL)
		return KCP_ENOMEM;
	for (struct seg *s = chain; s != NULL; s = s->next)
		s->frg = (uint8_t)--count;
	queue_append_chain(q, chain);
	return KCP_OK;
}

/* ---- received ------------------------------------------------------------ */

/* What is known of a number in [base, high); like a slot, so that the
 * payload is touched when it is stored and when it is read, only. */
struct held {
	struct seg *seg; /* NULL while it is missing */
	uint16_t len;
	uint8_t frg, class_index;
};

struct receiver { /* numbers in [base, nxt) are readable, up to high there are holes */
	uint32_t base, nxt, high;
	uint32_t beyond; /* segments held in [nxt, high) */
	struct held *ring;
	uint32_t ring_cap;    /* power of two, or 0 */
	uint32_t read_offset; /* bytes of base that were read */
	uint32_t hold;        /* how many from base on may be held; 0: as the windows say */
};

static struct held *ring_at(const struct receiver *r, uint32_t sn)
{
	return &r->ring[sn & (r->ring_cap - 1)];
}

/* Resized to `cap`, a power of two that holds [rcv_base, rcv_high). */
static bool ring_resize(struct receiver *r, struct memory *m, uint32_t cap)
{
	struct held *ring = mem_alloc(m, cap * sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint32_t i = 0; i < cap; i++)
		ring[i] = (struct held){ .seg = NULL };
	for (uint32_t sn = r->base; sn != r->high; sn++)
		ring[sn & (cap - 1)] = *ring_at(r, sn);
	mem_free(m, r->ring, r->ring_cap * sizeof(*r->ring));
	r->ring = ring;
	r->ring_cap = cap;
	return true;
}

static bool ring_reserve(struct receiver *r, struct memory *m, uint32_t sn)
{
	uint32_t span = sn - r->base + 1;

	return span <= r->ring_cap || ring_resize(r, m, ring_size(span));
}

static uint32_t unread(const struct receiver *r)
{
	return r->nxt - r->base;
}

/* Segments that may wait to be read.  A message of more fragments than the
 * window could otherwise never be completed, and so never be read. */
static uint32_t unread_limit(const struct receiver *r, const struct kcp_config *cfg)
{
	if (cfg->stream || unread(r) == 0)
		return cfg->rcv_wnd;
	return max32(cfg->rcv_wnd, ring_at(r, r->base)->frg + UINT32_C(1));
}

static uint16_t free_window(const struct receiver *r, const struct kcp_config *cfg)
{
	uint32_t limit = unread_limit(r, cfg), used = unread(r);

	if (r->hold != 0)
		limit = min32(limit, r->hold);
	return used < limit ? (uint16_t)(limit - used) : 0;
}

static void pop_front(struct receiver *r, struct memory *m)
{
	struct held *h = ring_at(r, r->base);

	pool_put(&m->pools[h->class_index], h->seg);
	h->seg = NULL;
	r->base++;
	r->read_offset = 0;
}

static void ring_trim(struct receiver *r, struct memory *m)
{
	uint32_t span = r->high - r->base;

	if (span > 0) {
		if (ring_size(span) < r->ring_cap)
			ring_resize(r, m, ring_size(span));
		return;
	}
	mem_free(m, r->ring, r->ring_cap * sizeof(*r->ring));
	r->ring = NULL;
	r->ring_cap = 0;
}

/* Segments of the next message, 0 while it is incomplete.  It ends with frg 0,
 * and for a peer that counts wrongly where its first frg says. */
static uint32_t message_segs(const struct receiver *r, bool stream)
{
	uint32_t most, n = 0;

	if (unread(r) == 0)
		return 0;
	most = ring_at(r, r->base)->frg + UINT32_C(1);
	if (stream)
		return 1;
	while (n < unread(r)) {
		uint8_t frg = ring_at(r, r->base + n)->frg;

		if (++n == most || frg == 0)
			return n;
	}
	return 0;
}

/* ---- owed ---------------------------------------------------------------- */

struct ack {
	uint32_t sn, ts;
	bool plain;    /* came in order: una tells as much */
	uint8_t times; /* so many times more */
};

/* Of what stands beyond a hole only its acknowledgement tells, and if that is lost the sender takes
 * segments that arrived for lost.  So each goes out with two batches, and with up to AGAIN_MAX more
 * while the peer repeats what had arrived. */
struct again {            /* sent before, oldest first */
	struct ack *ring; /* of ACKS_AGAIN; NULL until needed */
	uint32_t head, count;
	uint32_t ripe;              /* of those, the ones of batches that are over */
	uint8_t more;               /* times beyond the first */
	uint32_t arrivals, repeats; /* since that was settled */
};

/* What arrived beyond a hole with a higher number than all before, for peers that understand it. */
struct mapper {
	bool on;
	bool owed;
	uint32_t sn, ts; /* the newest */
};

struct acks { /* owed to the peer, oldest first */
	struct ack *ring;
	uint32_t cap, head, count;
	uint32_t arrivals; /* segments since acknowledgements last left */
	uint64_t since_us; /* of the first of those */
	uint64_t left_us;  /* when they last left */
	bool steady;       /* they leave in regular batches, whatever comes */
	uint32_t quick;    /* so many more at once, after a hole */
	bool now;
	bool heard_ts_known;
	uint32_t heard_ts; /* the peer's clock, as its newest segment said */
	struct {
		uint32_t sn, ts;
	} heard[HEARD_MAX]; /* those that came last, by sn */
	struct again again;
	struct mapper map;
};

static struct ack *ack_at(const struct acks *a, uint32_t i)
{
	return &a->ring[(a->head + i) & (a->cap - 1)];
}

static bool acks_resize(struct acks *a, struct memory *m, uint32_t cap)
{
	struct ack *ring = mem_alloc(m, cap * sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		ring[i] = *ack_at(a, i);
	mem_free(m, a->ring, a->cap * sizeof(*ring));
	a->ring = ring;
	a->cap = cap;
	a->head = 0;
	return true;
}

static void acks_pop(struct acks *a)
{
	a->head = (a->head + 1) & (a->cap - 1);
	a->count--;
}

static void again_pop(struct again *g)
{
	g->head = (g->head + 1) & (ACKS_AGAIN - 1);
	g->count--;
	g->ripe -= g->ripe > 0;
}

/* Without memory, or too many: it was sent once. */
static void again_push(struct again *g, struct memory *m, struct ack ack)
{
	if (g->ring == NULL && (g->ring = mem_alloc(m, ACKS_AGAIN * sizeof(*g->ring))) == NULL)
		return;
	if (g->count == ACKS_AGAIN)
		again_pop(g);
	g->ring[(g->head + g->count++) & (ACKS_AGAIN - 1)] = ack;
}

/* A segment came, once more or for the first time. */
static void again_settle(struct again *g, bool repeat)
{
	g->arrivals++;
	g->repeats += repeat;
	if (g->arrivals < AGAIN_SEGS)
		return;
	if (g->repeats > AGAIN_SEGS / 150 && g->more < AGAIN_MAX)
		g->more++;
	else if (g->repeats < AGAIN_SEGS / 2000 && g->more > 0)
		g->more--;
	g->arrivals = 0;
	g->repeats = 0;
}

static void again_trim(struct again *g, struct memory *m)
{
	if (g->count > 0)
		return;
	mem_free(m, g->ring, ACKS_AGAIN * sizeof(*g->ring));
	g->ring = NULL;
	g->head = 0;
}

/* Room for one more.  Bounded, whatever is repeated to us: the oldest gives
 * way, as if it had been lost on its way. */
static bool acks_reserve(struct acks *a, struct memory *m, uint32_t rcv_wnd)
{
	if (a->count >= rcv_wnd + ACKS_SPARE)
		acks_pop(a);
	if (a->count < a->cap)
		return true;
	return acks_resize(a, m, a->cap == 0 ? ACKS_MIN : 2 * a->cap);
}

/* After acks_reserve().  A run that came in order is one entry, the latest: una
 * covers the others, and the latest has the freshest ts. */
static void acks_push(struct acks *a, uint64_t now_us, uint32_t sn, uint32_t ts, bool plain)
{
	if (a->arrivals++ == 0)
		a->since_us = now_us;
	if (plain && a->count > 0 && ack_at(a, a->count - 1)->plain)
		*ack_at(a, a->count - 1) = (struct ack){ .sn = sn, .ts = ts, .plain = true };
	else
		*ack_at(a, a->count++) = (struct ack){ .sn = sn, .ts = ts, .plain = plain };
}

static void acks_push_map(struct acks *a, uint64_t now_us, uint32_t sn, uint32_t ts)
{
	if (a->arrivals++ == 0)
		a->since_us = now_us;
	a->map.owed = true;
	a->map.sn = sn;
	a->map.ts = ts;
}

/* The peer's, as its segments tell it. */
struct peer_clock {
	bool known;
	uint32_t ts;
	uint64_t heard_us;
	uint32_t una;        /* the most that came with such a segment */
	uint64_t strange_us; /* when another's was last heard; 0: never */
};

static bool clock_is_strange(const struct peer_clock *c, uint64_t now_us, uint32_t ts)
{
	int32_t apart = seq_diff(ts, c->ts + clock_ms(now_us - c->heard_us));

	return c->known && (apart > CLOCK_APART_MS || apart < -CLOCK_APART_MS);
}

static void clock_hear(struct peer_clock *c, uint64_t now_us, const struct kcp_seg_header *h)
{
	if (!c->known || seq_diff(h->ts, c->ts) > 0) {
		c->ts = h->ts;
		c->heard_us = now_us;
	}
	if (!c->known || seq_diff(h->una, c->una) > 0)
		c->una = h->una;
	c->known = true;
}

/* How long a segment that came in order may wait. */
static uint64_t ack_wait(const struct acks *a, const struct kcp_config *cfg, uint32_t srtt_us)
{
	uint64_t interval = cfg->interval_ms * US_PER_MS;
	uint64_t most = a->steady ? ACK_WAIT_STEADY_US : ACK_WAIT_US;

	return cfg->nodelay == 3 ? max64(interval, min64(srtt_us / 4, most)) : interval;
}

static uint64_t acks_due_at(const struct acks *a, const struct kcp_config *cfg, uint32_t srtt_us)
{
	uint32_t enough = min32(cfg->mtu / KCP_OVERHEAD, (cfg->rcv_wnd + 1) / 2);

	if (a->count == 0 && !a->map.owed)
		return KCP_NEVER;
	if (cfg->ack_nodelay || a->arrivals >= enough)
		return a->since_us;
	if (!a->now)
		return a->since_us + ack_wait(a, cfg, srtt_us);
	return a->steady ? max64(a->since_us, a->left_us + ack_wait(a, cfg, srtt_us)) : a->since_us;
}

static void acks_done(struct acks *a, uint64_t now_us)
{
	if (a->arrivals > 0)
		a->left_us = now_us;
	a->arrivals = 0;
	a->now = false;
	a->again.ripe = a->again.count;
}

/* The peer learns early of a hole, and of what it need not send again; while
 * a hole persists, what arrives beyond it is told in the usual batches.  `beyond` is how far the
 * segment is from the number that was expected next. */
static void acks_hasten(struct acks *a, int32_t beyond)
{
	if (beyond > 0)
		a->quick = QUICK_ACKS;
	if (beyond < 0 || a->quick > 0)
		a->now = true;
	if (a->quick > 0)
		a->quick--;
}

/* What to echo for a segment.  One that was rebuilt from parity may have been sent
 * long ago: its own ts would tell the peer of a round trip that never was, and a
 * single such sample can stretch a timeout to many seconds. */
static uint32_t echo_ts(struct acks *a, const struct kcp_seg_header *h, bool recovered)
{
	if (recovered)
		return a->heard_ts_known && seq_diff(a->heard_ts, h->ts) > 0 ? a->heard_ts : h->ts;
	if (!a->heard_ts_known || seq_diff(h->ts, a->heard_ts) > 0)
		a->heard_ts = h->ts;
	a->heard_ts_known = true;
	return h->ts;
}

static void heard_first(struct acks *a, const struct kcp_seg_header *h)
{
	a->heard[h->sn & (HEARD_MAX - 1)].sn = h->sn;
	a->heard[h->sn & (HEARD_MAX - 1)].ts = h->ts;
}

/* A repeat that left so soon after the first is not there because something was missed. */
static bool is_copy(const struct acks *a, const struct kcp_seg_header *h, uint64_t span_us)
{
	uint32_t later = h->ts - a->heard[h->sn & (HEARD_MAX - 1)].ts;

	return a->heard[h->sn & (HEARD_MAX - 1)].sn == h->sn && later > 0 &&
	       later <= clock_ms(span_us);
}

static void acks_trim(struct acks *a, struct memory *m)
{
	again_trim(&a->again, m);
	if (a->count > 0) {
		if (ring_size(a->count) < a->cap)
			acks_resize(a, m, ring_size(a->count));
		return;
	}
	mem_free(m, a->ring, a->cap * sizeof(*a->ring));
	a->ring = NULL;
	a->cap = 0;
	a->head = 0;
}

/* ---- one way ------------------------------------------------------------- */

/* The peer's clock is not ours, but the differences of one segment to the next tell which waited
 * longer. */
struct oneway {
	bool any;
	uint32_t least,
		least_before; /* our clock less its ts, ms: of this window of time, the one before */
	uint64_t window_us;
	bool came;
	uint32_t now;     /* the most since it was taken */
	uint32_t last;    /* that of the last one, */
	uint64_t last_us; /* and when it came */
};

static void oneway_hear(struct oneway *o, uint64_t now_us, uint32_t ts)
{
	uint32_t delay = clock_ms(now_us) - ts;

	if (!o->any || now_us - o->window_us >= ONEWAY_WINDOW_US) {
		o->least_before = o->any ? o->least : delay;
		o->least = delay;
		o->window_us = now_us;
		o->any = true;
	}
	if (seq_diff(delay, o->least) < 0)
		o->least = delay;
	if (!o->came || seq_diff(delay, o->now) > 0)
		o->now = delay;
	o->came = true;
	o->last = delay;
	o->last_us = now_us;
}

static uint32_t oneway_least(const struct oneway *o)
{
	return seq_diff(o->least, o->least_before) < 0 ? o->least : o->least_before;
}

/* At least so long the last one waited; a ts has whole milliseconds. */
static uint32_t oneway_wait_us(const struct oneway *o, uint64_t now_us)
{
	uint32_t wait = o->last - oneway_least(o);

	if (!o->any || now_us - o->last_us > ONEWAY_FRESH_US)
		return UINT32_MAX;
	return wait <= 1 ? 0 : (uint32_t)min64((wait - 1) * US_PER_MS, 60 * US_PER_S);
}

static uint32_t oneway_take(struct oneway *o)
{
	if (!o->came)
		return UINT32_MAX;
	o->came = false;
	return o->now - oneway_least(o);
}

/* ---- windows ------------------------------------------------------------- */

struct teller {            /* of our window */
	uint32_t most;     /* told at most; 0: all there is */
	uint32_t told_wnd; /* what the peer last heard, if it did */
	uint32_t left;     /* so many times more, when no data comes */
	uint64_t at;
};

static uint64_t tell_due_at(const struct teller *t)
{
	return t->left > 0 ? t->at : KCP_NEVER;
}

/* The peer believes our window shut, or nearly: tell it that it is not, once there is room
 * for more than a segment or two (RFC 9293, 3.8.6.2.2). */
static void tell_if_reopened(struct teller *t, uint64_t now_us, uint32_t wnd, uint32_t full)
{
	bool reopened = t->told_wnd == 0 && wnd >= max32(full / 8, 1);
	bool widened = t->told_wnd < full / 8 && wnd >= full / 2;

	if (t->left > 0 || (!reopened && !widened))
		return;
	t->left = WINDOW_TELLS;
	t->at = now_us;
}

static void tell_asked(struct teller *t, uint64_t now_us)
{
	t->left = max32(t->left, 1);
	t->at = now_us;
}

struct prober { /* of the peer's window */
	uint32_t rmt_wnd;
	uint64_t wait; /* the present one; 0: none has begun */
	uint64_t at;   /* its end */
	bool asks;     /* kcp_ask() */
};

static void window_heard(struct prober *p, uint32_t wnd)
{
	p->rmt_wnd = wnd;
	if (wnd > 0) {
		p->wait = 0;
		p->asks = false;
	}
}

/* Only who has something to send asks: an idle conversation stays silent.  The
 * first thing due, at once, is to begin the wait. */
static uint64_t probe_due_at(const struct prober *p, uint64_t now_us, uint32_t queued)
{
	if (p->asks)
		return now_us;
	if (p->rmt_wnd > 0 || queued == 0)
		return KCP_NEVER;
	return p->wait == 0 ? now_us : p->at;
}

static void probe_wait(struct prober *p, uint64_t now_us, uint64_t wait)
{
	p->wait = wait;
	p->at = now_us + wait;
}

/* ---- the length of datagrams ---------------------------------------------- */

/* A probe holds a segment numbered so far back that every peer takes it for one that it had, drops
 * it and acknowledges it again; and no copy of it is remembered, which would go unanswered. */
enum { SOUNDING_BEHIND = 1 << 20, SOUNDING_NUMBERS = 1 << 16 };

struct sounder {
	uint32_t next;
	uint32_t first; /* number of sounding 0; those that follow are its neighbours */
	uint8_t waits, asks, answered; /* a bit for each */
	uint64_t sent_us;              /* the last */
};

static_assert(KCP_SOUNDINGS <= 8, "a bit for each");

static void sounder_anew(struct sounder *s, uint32_t una)
{
	s->first = una - SOUNDING_BEHIND - (s->next & (SOUNDING_NUMBERS - 1));
	s->next += KCP_SOUNDINGS;
	s->waits = s->asks = s->answered = 0;
}

/* True when it left just then. */
static bool sounding_acked(struct sounder *s, uint32_t sn, uint32_t ts)
{
	uint32_t bit = sn - s->first < KCP_SOUNDINGS ? 1u << (sn - s->first) : 0;

	s->answered |= (uint8_t)(s->waits & bit);
	return (s->waits & bit) != 0 && ts == clock_ms(s->sent_us);
}

/* Any that asked. */
static void sounding_told(struct sounder *s)
{
	s->answered |= s->asks;
}

/* Segments in datagrams longer than a path lets through vanish for ever, so they are looked at apart. */
struct longs {
	uint32_t than;     /* bytes of a datagram */
	uint32_t sent;     /* since the last that was acknowledged */
	uint64_t since_us; /* the first of those */
};

enum { LONGS = 2 }; /* lengths that are looked at */

static void longs_sent(struct longs longs[LONGS], uint64_t now_us, uint32_t reach)
{
	for (int i = 0; i < LONGS; i++)
		if (reach > longs[i].than && longs[i].sent++ == 0)
			longs[i].since_us = now_us;
}

static void longs_acked(struct longs longs[LONGS], uint32_t reach)
{
	for (int i = 0; i < LONGS; i++)
		if (reach > longs[i].than)
			longs[i].sent = 0;
}

static void longs_watch(struct longs *l, uint32_t bytes)
{
	*l = (struct longs){ .than = bytes };
}

/* ---- the kcp ------------------------------------------------------------- */

struct kcp {
	struct kcp_config cfg;
	uint64_t now_us; /* latest time heard of */
	uint32_t mtu;    /* at present, cfg.mtu at most */

	struct memory mem;
	struct pacer pacer;
	struct rtt rtt;
	struct flight flight;
	struct departures departures;
	struct rate rate;
	struct delivered delivered;
	struct copier copier;
	bool covers;    /* cover() is called */
	bool forgotten; /* the peer answered something later, and had less */
	struct peer_clock peer_clock;
	bool held;          /* by the allowance, at the last flush: only input changes that */
	uint32_t heard_una; /* how far the peer said that it has everything */
	uint64_t allowance; /* bytes that may leave */
	size_t allowance_added;
	struct silence silence;
	struct queue queue;
	struct receiver rcv;
	struct acks acks;
	struct oneway oneway;
	struct teller teller;
	struct prober prober;
	struct sounder sounder;
	struct longs longs[LONGS];
	uint8_t *datagram; /* for those without reserve() */
	struct kcp_stats stats;
	struct kcp_cc_sample batch; /* what happened since the controller was told */
	struct kcp_cc_control control;
	uint32_t acked_recent, lost_recent; /* bytes, halved now and then: the loss of lately */
	enum kcp_limit limit;
	uint32_t heard_una_ts; /* when that was heard */
	union {
		uint64_t align;
		uint8_t bytes[KCP_CC_STATE_MAX];
	} cc_state;
};

/* Payload bytes of a full segment. */
static uint32_t mss(const struct kcp *k)
{
	return k->mtu - KCP_OVERHEAD;
}

static void hear_time(struct kcp *k, uint64_t now_us)
{
	if (now_us > k->now_us)
		k->now_us = now_us;
}

/* ---- congestion control -------------------------------------------------- */

uint64_t kcp_cc_rate(const struct kcp_cc_sample *s, uint64_t bytes)
{
	return s->srtt_us == 0 ? 0 : bytes * US_PER_S / s->srtt_us;
}

/* Twice the rate that fills the windows: a window never leaves as one burst,
 * yet a round trip that was measured too long cannot become the limit. */
static void none_update(void *state, const struct kcp_cc_sample *s, struct kcp_cc_control *control)
{
	(void)state;
	control->cwnd_bytes = UINT32_MAX;
	control->pacing_rate = kcp_cc_rate(s, 2 * (uint64_t)min32(s->snd_wnd, s->rmt_wnd) * s->mss);
}

const struct kcp_cc kcp_cc_none = {
	.name = "none",
	.init = none_update,
	.update = none_update,
};

static void cc_sample(struct kcp *k, struct kcp_cc_sample *s)
{
	*s = k->batch;
	k->batch = (struct kcp_cc_sample){ 0 };
	s->arg = k->cfg.cc_arg;
	s->now_us = k->now_us;
	s->mss = k->mtu;
	s->snd_wnd = k->cfg.snd_wnd;
	s->rmt_wnd = k->prober.rmt_wnd;
	s->back_us = oneway_wait_us(&k->oneway, k->now_us);
	s->srtt_us = k->rtt.srtt_us;
	s->min_rtt_us = min_rtt(&k->rtt);
	s->inflight_bytes = k->flight.bytes;
	s->silent_rounds = k->silence.rounds;
	s->limited = k->limit == KCP_LIMIT_CONTROLLER;
	s->delivered_bytes = k->rate.delivered_bytes;
	s->lost_total_bytes = k->rate.lost_bytes;
	s->interval_us = rate_interval(&k->rate, s->back_us);
	s->prior_delivered_bytes = k->rate.then.delivered_bytes;
	s->prior_lost_bytes = k->rate.then.lost_bytes;
	s->tx_sent_us = k->rate.then.sent_us;
	s->tx_inflight_bytes = k->rate.then.inflight_bytes;
	s->app_limited = k->rate.then.app_limited;
}

static void loss_recent(struct kcp *k, const struct kcp_cc_sample *s)
{
	k->acked_recent += s->acked_bytes;
	k->lost_recent += s->lost_bytes;
	k->lost_recent -= min32(s->spurious_bytes, k->lost_recent);
	if (k->acked_recent + k->lost_recent < LOSS_SEGS * k->mtu)
		return;
	k->acked_recent /= 2;
	k->lost_recent /= 2;
}

static void cc_update(struct kcp *k)
{
	struct kcp_cc_sample s;

	if (k->rate.app_limited_until != 0 && rate_settled(&k->rate) > k->rate.app_limited_until)
		k->rate.app_limited_until = 0;
	cc_sample(k, &s);
	loss_recent(k, &s);
	k->cfg.cc->update(k->cc_state.bytes, &s, &k->control);
}

/* It asks for no more than there is here. */
static bool cc_fits(const struct kcp_cc *cc)
{
	for (size_t i = 0; i < sizeof(cc->reserved) / sizeof(cc->reserved[0]); i++)
		if (cc->reserved[i] != NULL)
			return false;
	return cc->state_size <= KCP_CC_STATE_MAX;
}

static void cc_start(struct kcp *k, const struct kcp_cc *cc)
{
	struct kcp_cc_sample s;

	if (cc == NULL)
		cc = &kcp_cc_none;
	assert(cc_fits(cc));
	memset(&k->cc_state, 0, sizeof(k->cc_state));
	k->cfg.cc = cc;
	k->control = (struct kcp_cc_control){ .cwnd_bytes = UINT32_MAX };
	cc_sample(k, &s);
	cc->init(k->cc_state.bytes, &s, &k->control);
}

/* What the controller lets go, on the wire. */
static uint64_t control_rate(const struct kcp *k)
{
	return min64(on_wire(&k->pacer, k->control.pacing_rate), RATE_MAX);
}

static uint64_t pacing_rate(const struct kcp *k)
{
	uint64_t rate = control_rate(k), limit = min64(k->cfg.rate_limit, RATE_MAX);

	return limit != 0 && (rate == 0 || limit < rate) ? limit : rate;
}

static uint64_t pacing_burst(const struct kcp *k, uint64_t rate)
{
	if (k->control.burst_bytes != 0)
		return k->control.burst_bytes;
	return max64((uint64_t)BURST_PACKETS * k->mtu, rate * PACE_BURST_US / US_PER_S);
}

static bool cc_allows(const struct kcp *k)
{
	return k->flight.bytes < k->control.cwnd_bytes;
}

static uint32_t room_below(uint32_t limit, uint32_t used)
{
	return limit > used ? limit - used : 0;
}

/* New segments that the windows allow now.  The controller and our own window are about what
 * is in flight; only the peer's is about the span from una, beyond which it has no room.  So
 * one hole does not stop what follows it. */
static uint32_t window_room(const struct kcp *k)
{
	const struct flight *fl = &k->flight;

	return min32(room_below(k->cfg.snd_wnd, inflight(fl)),
		     room_below(k->prober.rmt_wnd, fl->nxt - fl->una));
}

/* Full ones that the controller allows, too; what is lost comes before them. */
static uint32_t new_room(const struct kcp *k)
{
	uint32_t bytes = room_below(k->control.cwnd_bytes, k->flight.bytes);

	return bytes == 0 ? 0 : min32(window_room(k), (bytes - 1) / k->mtu + 1);
}

/* ---- acknowledged -------------------------------------------------------- */

/* What one datagram acknowledged, and its best round trip. */
struct news {
	uint32_t segs;
	bool recovered;
	bool sampled;
	uint32_t sample_ts;
	uint64_t sample_us;
	uint64_t oldest_us; /* age of the first that una covered and that was sent once; 0: none */
};

static void sample_offer(struct news *n, uint32_t ts, uint64_t rtt_us)
{
	if (rtt_us > RTT_MAX_US || (n->sampled && seq_diff(ts, n->sample_ts) <= 0))
		return;
	n->sampled = true;
	n->sample_ts = ts;
	n->sample_us = rtt_us;
}

static uint64_t sent_at(const struct kcp *k, const struct slot *s)
{
	return departure_at(&k->departures, s->departure)->sent_us;
}

/* The first transmission of a resent segment arrived after all.  If it was
 * resent in spite of the tolerance now in force, the delay since adds to that. */
static void spurious(struct kcp *k, const struct slot *s, bool late)
{
	uint64_t sent_us = sent_at(k, s);
	uint32_t waited = sent_us > k->rtt.reorder_seen_us ? k->rtt.reorder_us : 0;

	k->stats.spurious_segs++;
	copier_unlearn(&k->copier);
	k->batch.spurious_bytes += slot_bytes(s);
	k->rate.lost_bytes -= slot_bytes(s);
	if (s->level == 1 && late) /* it had timed out, too early by that */
		ack_wait_grow(&k->rtt, k->rtt.ack_wait_us + (k->now_us - sent_us));
	if (s->level == 0 && late)
		reorder_grow(&k->rtt, k->now_us, waited + (k->now_us - sent_us));
}

/* It was found lost, and arrived before it was resent. */
static void found_again(struct kcp *k, const struct slot *s, bool late)
{
	k->batch.spurious_bytes += slot_bytes(s);
	k->rate.lost_bytes -= slot_bytes(s);
	if (s->level == 0 && late)
		reorder_grow(&k->rtt, k->now_us, 0);
}

static bool is_told(const struct kcp *k, const struct departure *d)
{
	return d->mark != 0 && d->mark == k->control.told;
}

/* The transmission that `s` tells of arrived. */
static void arrived(struct kcp *k, const struct slot *s, bool recovered)
{
	const struct departure *d = departure_at(&k->departures, s->departure);
	bool saved = s->xmit == 1 && !s->lost && skipped_enough(&k->delivered, s->tx);

	/* The tolerance kept it from being resent: half of it would not have. */
	if (saved && !recovered && k->now_us - d->sent_us > k->rtt.srtt_us + k->rtt.reorder_us / 2)
		k->rtt.reorder_seen_us = k->now_us;
	if (is_told(k, d))
		k->batch.marked_acked_bytes += slot_bytes(s);
	if (s->lost)
		found_again(k, s, !recovered);
	rate_arrived(&k->rate, s->departure, d);
	delivered_insert(&k->delivered, s->tx);
}

static void slot_free(struct kcp *k, uint32_t sn, struct news *n)
{
	struct slot *s = slot_at(&k->flight, sn);

	n->segs++;
	longs_acked(k->longs, s->reach);
	k->stats.acked_bytes += s->len;
	k->batch.acked_bytes += slot_bytes(s);
	k->rate.delivered_bytes += slot_bytes(s);
	k->rate.delivered_us = k->now_us;
	departure_at(&k->departures, s->departure)->count--;
	order_remove(&k->flight, sn);
	pool_put(&k->mem.pools[s->class_index], s->seg);
	s->seg = NULL;
	k->flight.count--;
}

/* That it was sent before, too, may have been in the same millisecond. */
static void proof_note(struct kcp *k, uint64_t sent_us, bool again)
{
	if (again)
		sent_us -= sent_us % US_PER_MS;
	k->rtt.proof_us = max64(k->rtt.proof_us, sent_us);
}

/* An ACK.  Its ts says which transmission it is of. */
static void ack_input(struct kcp *k, uint32_t sn, uint32_t ts, struct news *n)
{
	uint32_t age_ms = clock_ms(k->now_us) - ts;
	/* Both clocks were cut to ms: rather long than shorter than any path. */
	uint64_t age_us = ((uint64_t)age_ms + 1) * US_PER_MS;
	const struct slot *s;
	uint64_t sent_us;
	bool known = true;

	if (seq_diff(sn, k->flight.nxt) >= 0)
		return;
	s = seq_diff(sn, k->flight.una) >= 0 ? slot_at(&k->flight, sn) : NULL;
	if (s == NULL || s->seg == NULL) {
		if (sounding_acked(&k->sounder, sn, ts))
			proof_note(k, k->sounder.sent_us, true);
		/* Freed already, by una mostly.  A repeat of an old ACK says
		 * nothing about now: only what is newer than the last counts. */
		if (k->rtt.srtt_us == 0 || seq_diff(ts, k->rtt.sample_ts) > 0)
			sample_offer(n, ts, age_us);
		return;
	}
	sent_us = sent_at(k, s);
	if (ts == clock_ms(sent_us)) {
		proof_note(k, sent_us, s->xmit > 1);
		sample_offer(n, ts, k->now_us - sent_us);
		arrived(k, s, n->recovered);
	} else if (s->copied && seq_diff(ts, clock_ms(sent_us)) > 0) {
		sample_offer(n, ts, age_us);
		arrived(k, s, n->recovered);
		copier_learn(&k->copier, true);
		known = false;
	} else if (s->xmit > 1) {
		sample_offer(n, ts, age_us);
		spurious(k, s, !n->recovered);
		known = false;
	}
	if (known)
		copier_learn(&k->copier, false);
	slot_free(k, sn, n);
}

/* Sent once, and told of with others. */
static void covered(struct kcp *k, const struct slot *s, const struct news *n)
{
	arrived(k, s, n->recovered);
	copier_learn(&k->copier, false);
}

/* Told by a map, one as often as another: it was there in time, and only what told of it was lost. */
static void map_slot(struct kcp *k, uint32_t sn, struct news *n)
{
	const struct slot *s = slot_at(&k->flight, sn);

	if (s->seg == NULL)
		return;
	if (s->xmit == 1)
		covered(k, s, n);
	else if (k->now_us - sent_at(k, s) < min_rtt(&k->rtt) / 4 * 3)
		spurious(k, s, false);
	slot_free(k, sn, n);
}

static uint32_t run_decode(const uint8_t **data, const uint8_t *end)
{
	uint32_t run = 0;

	for (unsigned shift = 0; *data < end && shift <= 14; shift += 7) {
		uint8_t byte = *(*data)++;

		run |= (byte & 127u) << shift;
		if (byte < 128)
			return run;
	}
	return 0;
}

/* Bounded, whatever it says. */
static void map_input(struct kcp *k, const struct kcp_seg_header *h, const uint8_t *data,
		      struct news *n)
{
	const uint8_t *end = data + h->len;
	uint32_t sn = h->sn, left = MAP_SEGS, run;

	ack_input(k, h->sn, h->ts - k->cfg.ts_base, n);
	if (seq_diff(sn, k->flight.nxt) >= 0)
		return;
	for (bool came = true; (run = run_decode(&data, end)) > 0; came = !came)
		for (; run > 0; run--, sn--) {
			if (left-- == 0 || seq_diff(sn, k->flight.una) < 0)
				return;
			if (came)
				map_slot(k, sn, n);
		}
}

/* Freed by una: of a segment sent once it is known which transmission arrived.
 * Of a resent one it is not, unless the last one cannot have been back yet.
 * Then the segment was late if it is the one that una stood at; behind that
 * it was there in time, and only its ACK was lost. */
static void una_slot(struct kcp *k, uint32_t sn, bool hole, struct news *n)
{
	const struct slot *s = slot_at(&k->flight, sn);

	if (s->xmit == 1)
		n->oldest_us = max64(n->oldest_us, k->now_us - sent_at(k, s));
	if (s->xmit == 1)
		covered(k, s, n);
	else if (k->now_us - sent_at(k, s) < min_rtt(&k->rtt) / 4 * 3)
		spurious(k, s, hole && !n->recovered);
	slot_free(k, sn, n);
}

static void una_input(struct kcp *k, uint32_t una, struct news *n)
{
	const uint32_t stood_at = k->flight.una;

	for (; seq_diff(una, k->flight.una) > 0; k->flight.una++)
		if (slot_at(&k->flight, k->flight.una)->seg != NULL)
			una_slot(k, k->flight.una, k->flight.una == stood_at, n);
	while (k->flight.una != k->flight.nxt && slot_at(&k->flight, k->flight.una)->seg == NULL)
		k->flight.una++;
}

static void progress(struct kcp *k)
{
	k->flight.progress_us = k->now_us;
	silence_end(&k->silence);
}

/* ---- due ----------------------------------------------------------------- */

static uint64_t copy_wait(const struct kcp *k)
{
	uint32_t loss = copier_loss_ppm(&k->copier), part = 8;
	uint64_t most = COPY_WAIT_US;

	if (!k->covers && loss >= COPY_LOSS_THREE) {
		most = COPY_WAIT_LONG_US;
		part = 4;
	} else if (k->covers && loss >= COVER_LOSS_THREE) {
		most = COVER_WAIT_SHORT_US;
		part = 12;
	}
	return k->rtt.srtt_us == 0 ? most : max64(min64(k->rtt.srtt_us / part, most), US_PER_MS);
}

/* Its copies are under way, and may make it needless. */
static uint64_t copies_span(const struct kcp *k, const struct slot *s)
{
	return s->copied ? copy_wait(k) : 0;
}

/* When the front of a list times out.  The timeout is that of now, so it grows
 * with the round trip.  What no later transmission has overtaken is still on
 * its way as long as acknowledgements keep coming; what was is given one more timeout. */
static uint64_t timeout_at(const struct kcp *k, uint32_t level, const struct slot *s)
{
	uint64_t t = sent_at(k, s) + rto_backoff(&k->rtt, &k->cfg, level) + k->rtt.reorder_us +
		     copies_span(k, s) + (k->cfg.nodelay == 3 ? k->rtt.ack_wait_us : 0);

	if (k->flight.progress_us != 0 && level == 0) {
		bool overtaken = skipped(&k->delivered, s->tx);
		bool wait = k->flight.count > FEW_SEGS || !overtaken;
		uint64_t later = k->flight.progress_us + rto_margin(&k->rtt, &k->cfg) +
				 (wait ? k->rtt.srtt_us / 4 : 0);

		t = max64(t, overtaken ? min64(later, t + k->rtt.rto_us) : later);
	}
	return k->silence.left == 0 ? max64(t, k->silence.until) : t;
}

/* When the front of a list is lost because others arrived before it. */
static uint64_t lost_at(const struct kcp *k, const struct slot *s)
{
	if (!skipped_enough(&k->delivered, s->tx))
		return KCP_NEVER;
	return sent_at(k, s) + (k->rtt.reorder_us == 0 ? 0 : k->rtt.latest_us + k->rtt.reorder_us);
}

/* When one that is missing is resent if nothing new can be sent.  An eighth of
 * a round trip is left for what is merely out of order. */
static uint64_t early_at(const struct kcp *k, const struct slot *s)
{
	if (k->delivered.resend == 0 || s->early || !skipped(&k->delivered, s->tx))
		return KCP_NEVER;
	return sent_at(k, s) + k->rtt.latest_us + max32(k->rtt.reorder_us, k->rtt.srtt_us / 8) +
	       copies_span(k, s);
}

/* The first of a list that was not resent early before, or one behind some that were. */
static uint32_t first_for_early(const struct flight *fl, uint32_t level)
{
	uint32_t sn = fl->orders[level].head;

	for (int i = 0; i < EARLY_LOOKS && slot_at(fl, sn)->early && sn != fl->orders[level].tail; i++)
		sn = slot_at(fl, sn)->next;
	return sn;
}

struct due {
	uint64_t at;
	enum why why; /* if that is now */
	uint32_t sn;
};

/* What of a list is to be resent next: its front, or, `early`, when nothing new can be sent, what is missing behind it. */
static struct due next_due(const struct kcp *k, uint32_t level, bool early)
{
	struct due due = { KCP_NEVER, WHY_EARLY, k->flight.orders[level].head };
	const struct slot *s = order_front(&k->flight, level);
	uint64_t lost, timeout, soon;
	uint32_t sn;

	if (s == NULL)
		return due;
	lost = lost_at(k, s);
	timeout = timeout_at(k, level, s);
	if (lost <= k->now_us)
		due.why = WHY_FAST;
	else if (timeout <= k->now_us)
		due.why = WHY_TIMEOUT;
	due.at = min64(lost, timeout);
	if (!early || due.at <= k->now_us)
		return due;
	sn = first_for_early(&k->flight, level);
	soon = early_at(k, slot_at(&k->flight, sn));
	if (soon < due.at)
		due = (struct due){ soon, WHY_EARLY, sn };
	return due;
}

/* Nothing new can be sent. */
static bool nothing_new(const struct kcp *k)
{
	return k->queue.count == 0 || new_room(k) == 0;
}

static void lose_one(struct kcp *k, uint32_t sn, enum why why)
{
	struct slot *s = slot_at(&k->flight, sn);

	order_remove(&k->flight, sn);
	lost_append(&k->flight, sn, why);
	k->batch.lost_bytes += slot_bytes(s);
	k->rate.lost_bytes += slot_bytes(s);
	if (is_told(k, departure_at(&k->departures, s->departure)))
		k->batch.marked_lost_bytes += slot_bytes(s);
	copier_learn(&k->copier, true);
	s->early |= why == WHY_EARLY;
	if (why != WHY_TIMEOUT)
		return;
	s->level = min32(s->level + 1u, LEVELS - 1) & (LEVELS - 1);
	k->batch.timeout = true;
	k->silence.left--;
}

/* When the oldest of all times out, wherever in its list it is. */
static uint64_t oldest_due_at(const struct kcp *k)
{
	const struct slot *s;

	if (k->flight.count == 0)
		return KCP_NEVER;
	s = slot_at(&k->flight, k->flight.una);
	return s->lost ? KCP_NEVER : timeout_at(k, s->level, s);
}

static void lose_for_time(struct kcp *k, uint32_t sn)
{
	silence_count(&k->silence, k->now_us, k->flight.count, k->rtt.rto_us);
	lose_one(k, sn, WHY_TIMEOUT);
}

/* Find what is lost.  Each list is walked as far as it is, and a step further.  In a silence only so many are found lost
 * in a round, and the oldest, for which all others wait, is the first. */
static void lose(struct kcp *k, bool early)
{
	struct due due;

	if (oldest_due_at(k) <= k->now_us)
		lose_for_time(k, k->flight.una);
	for (uint32_t level = k->flight.level_end; level-- > 0;) {
		while ((due = next_due(k, level, early)).at <= k->now_us) {
			if (due.why == WHY_TIMEOUT)
				lose_for_time(k, due.sn);
			else
				lose_one(k, due.sn, due.why);
		}
	}
}

/* ---- sending ------------------------------------------------------------- */

int kcp_send(struct kcp *k, const void *data, size_t len)
{
	uint32_t limit;

	if (k->cfg.stream)
		return send_stream(&k->queue, &k->mem, mss(k), data, len, false);
	limit = min32(KCP_FRG_MAX + 1, k->cfg.rcv_wnd);
	return send_message(&k->queue, &k->mem, mss(k), limit, data, len);
}

int kcp_send_whole(struct kcp *k, const void *data, size_t len)
{
	assert(k->cfg.stream);
	if (len > mss(k))
		return KCP_ELIMIT;
	return send_stream(&k->queue, &k->mem, mss(k), data, len, true);
}

uint32_t kcp_send_room(const struct kcp *k)
{
	uint64_t rate = pacing_rate(k), room = new_room(k);

	if (rate != 0)
		room = min64(room, max64(rate * PACE_ROOM_US / US_PER_S / k->mtu, ROOM_PACKETS));
	return room_below((uint32_t)room, k->queue.count);
}

uint32_t kcp_waiting(const struct kcp *k)
{
	return k->flight.count + k->queue.count;
}

uint32_t kcp_queued(const struct kcp *k)
{
	return k->queue.count;
}

/* ---- reading ------------------------------------------------------------- */

/* Make readable what follows in order.  A stream's empty segments go at once,
 * so that the first unread one always has a byte to peek at. */
static void advance(struct kcp *k)
{
	while (k->rcv.nxt != k->rcv.high && unread(&k->rcv) < unread_limit(&k->rcv, &k->cfg) &&
	       ring_at(&k->rcv, k->rcv.nxt)->seg != NULL) {
		k->stats.delivered_bytes += ring_at(&k->rcv, k->rcv.nxt)->len;
		k->rcv.beyond--;
		k->rcv.nxt++;
		while (k->cfg.stream && unread(&k->rcv) > 0 && ring_at(&k->rcv, k->rcv.base)->len == 0)
			pop_front(&k->rcv, &k->mem);
	}
}

static uint16_t told_window(const struct kcp *k)
{
	uint16_t wnd = free_window(&k->rcv, &k->cfg);

	return k->teller.most != 0 && k->teller.most < wnd ? (uint16_t)k->teller.most : wnd;
}

static void room_made(struct kcp *k)
{
	uint32_t most = k->teller.most, hold = k->rcv.hold, full = k->cfg.rcv_wnd;

	if (most != 0)
		full = min32(full, most);
	if (hold != 0)
		full = min32(full, hold);
	advance(k);
	tell_if_reopened(&k->teller, k->now_us, told_window(k), full);
}

static void consumed(struct kcp *k)
{
	while (k->cfg.stream && unread(&k->rcv) > 0 && ring_at(&k->rcv, k->rcv.base)->len == 0)
		pop_front(&k->rcv, &k->mem);
	room_made(k);
}

size_t kcp_peek(const struct kcp *k, const uint8_t **data)
{
	const struct held *h;

	if (unread(&k->rcv) == 0)
		return 0;
	h = ring_at(&k->rcv, k->rcv.base);
	*data = h->seg->data + k->rcv.read_offset;
	return h->len - k->rcv.read_offset;
}

void kcp_consume(struct kcp *k, size_t n)
{
	const struct held *h;

	if (n == 0)
		return;
	assert(unread(&k->rcv) > 0);
	h = ring_at(&k->rcv, k->rcv.base);
	assert(n <= h->len - k->rcv.read_offset);
	k->rcv.read_offset += (uint32_t)n;
	if (k->rcv.read_offset < h->len)
		return;
	pop_front(&k->rcv, &k->mem);
	consumed(k);
}

int kcp_peek_size(const struct kcp *k)
{
	uint32_t segs = message_segs(&k->rcv, k->cfg.stream);
	size_t size = 0;

	if (segs == 0)
		return KCP_EAGAIN;
	for (uint32_t i = 0; i < segs; i++)
		size += ring_at(&k->rcv, k->rcv.base + i)->len;
	return (int)(size - k->rcv.read_offset);
}

int kcp_recv(struct kcp *k, void *buf, size_t cap)
{
	uint32_t segs = message_segs(&k->rcv, k->cfg.stream);
	int size = kcp_peek_size(k);
	uint8_t *to = buf;

	if (size < 0)
		return size;
	if ((size_t)size > cap)
		return KCP_ELIMIT;
	for (; segs > 0; segs--) {
		const uint8_t *data = NULL;
		size_t n = kcp_peek(k, &data);

		if (n > 0)
			memcpy(to, data, n);
		to += n;
		pop_front(&k->rcv, &k->mem);
	}
	consumed(k);
	return size;
}

/* ---- input --------------------------------------------------------------- */

/* A copy comes before a round trip is over, after which a repeat may be one that is missed.  Who
 * never measured one takes little for a copy. */
static uint64_t copy_span(const struct kcp *k)
{
	uint64_t rtt = min_rtt(&k->rtt);

	return rtt == 0 ? COPY_SPAN_US / 3 : min64(rtt / 4 * 3, COPY_SPAN_US);
}

/* Who repeats misses an acknowledgement and gets one at once.  A copy is there whatever we said: it
 * gets one with the next batch, or none where una says it. */
static void repeat_input(struct kcp *k, const struct kcp_seg_header *h, uint32_t ts)
{
	bool copy = is_copy(&k->acks, h, copy_span(k));

	if (copy) {
		k->stats.copies_in_segs++;
	} else {
		k->stats.repeat_segs++;
		again_settle(&k->acks.again, true);
	}
	if ((copy && seq_diff(h->sn, k->rcv.nxt) < 0) ||
	    !acks_reserve(&k->acks, &k->mem, k->cfg.rcv_wnd))
		return;
	acks_push(&k->acks, k->now_us, h->sn, ts, false);
	k->acks.now |= !copy;
}

/* Without memory the segment is as good as lost: it comes again. */
static void store_input(struct kcp *k, const struct kcp_seg_header *h, const uint8_t *data,
			uint32_t ts, bool recovered)
{
	bool in_order = h->sn == k->rcv.high, newest = seq_diff(h->sn, k->rcv.high) >= 0;
	struct seg *s;

	if (!ring_reserve(&k->rcv, &k->mem, h->sn) ||
	    !acks_reserve(&k->acks, &k->mem, k->cfg.rcv_wnd) || (s = seg_new(&k->mem, h->len)) == NULL)
		return;
	seg_append(s, data, h->len);
	again_settle(&k->acks.again, false);
	heard_first(&k->acks, h);
	acks_hasten(&k->acks, seq_diff(h->sn, k->rcv.high));
	k->acks.now |= recovered; /* it is late already, and about to be sent again */
	*ring_at(&k->rcv, h->sn) = (struct held){ s, s->len, h->frg, s->class_index };
	k->rcv.beyond++;
	if (newest)
		k->rcv.high = h->sn + 1;
	advance(k);
	if (k->acks.map.on && newest && k->rcv.nxt != k->rcv.high)
		acks_push_map(&k->acks, k->now_us, h->sn, ts);
	else
		acks_push(&k->acks, k->now_us, h->sn, ts, in_order && k->rcv.nxt == k->rcv.high);
	k->teller.left = 0;
}

/* No window reaches further back: what does is a sounding, or somebody's recording, and its clock may have gone round. */
static bool is_recent(const struct kcp *k, uint32_t sn)
{
	return seq_diff(k->rcv.nxt, sn) <= KCP_WND_MAX;
}

static bool beyond_hold(const struct receiver *r, uint32_t sn)
{
	return r->hold != 0 && sn - r->base >= r->hold;
}

static void push_input(struct kcp *k, const struct kcp_seg_header *h, const uint8_t *data,
		       bool recovered)
{
	int32_t ahead = seq_diff(h->sn, k->rcv.nxt);
	uint32_t ts = is_recent(k, h->sn) ? echo_ts(&k->acks, h, recovered) : h->ts;

	k->stats.in_push++;
	if (!recovered && is_recent(k, h->sn)) {
		oneway_hear(&k->oneway, k->now_us, h->ts);
		clock_hear(&k->peer_clock, k->now_us, h);
	}
	if (ahead < 0 || (seq_diff(h->sn, k->rcv.high) < 0 && ring_at(&k->rcv, h->sn)->seg != NULL)) {
		repeat_input(k, h, ts);
	} else if (ahead >= (int32_t)k->cfg.rcv_wnd) {
		k->stats.out_of_window_segs++;
	} else if (beyond_hold(&k->rcv, h->sn)) {
		k->stats.out_of_window_segs++;
		tell_asked(&k->teller,
			   k->now_us); /* who keeps to the window may not know yet that it is smaller */
	} else {
		store_input(k, h, data, ts, recovered);
	}
}

static void seg_input(struct kcp *k, const struct kcp_seg_header *h, const uint8_t *data,
		      struct news *n)
{
	k->stats.in_segs++;
	switch (h->cmd) {
	case KCP_CMD_PUSH:
		push_input(k, h, data, n->recovered);
		break;
	case KCP_CMD_ACK:
		ack_input(k, h->sn, h->ts - k->cfg.ts_base, n);
		break;
	case KCP_CMD_MAP:
		map_input(k, h, data, n);
		break;
	case KCP_CMD_WASK:
		tell_asked(&k->teller, k->now_us);
		break;
	default: /* WINS: every header tells the window */
		sounding_told(&k->sounder);
		break;
	}
}

static bool una_sane(const struct kcp *k, uint32_t una)
{
	return seq_diff(una, k->flight.una) >= 0 && seq_diff(una, k->flight.nxt) <= 0;
}

/* What a receiver has it has for good.  One that acknowledges what left after it was heard to have more is another one,
 * which knows of this conversation only what came lately: a kcptun server that was restarted, or to which we came from
 * another address. */
static void una_hear(struct kcp *k, const struct kcp_seg_header *h)
{
	uint32_t now = clock_ms(k->now_us), ts = h->ts - k->cfg.ts_base;

	if (seq_diff(h->una, k->heard_una) > 0 && una_sane(k, h->una)) {
		k->heard_una = h->una;
		k->heard_una_ts = now;
	}
	if ((h->cmd == KCP_CMD_ACK || h->cmd == KCP_CMD_MAP) && seq_diff(h->una, k->heard_una) < 0 &&
	    seq_diff(ts, k->heard_una_ts) > 0 && seq_diff(ts, now) <= 0)
		k->forgotten = true;
}

/* Of somebody who has had more than whoever had that clock: nothing that was recorded has. */
static void strange_hear(struct kcp *k, const struct kcp_seg_header *h, bool recovered)
{
	k->stats.in_errs++;
	if (recovered)
		return;
	k->peer_clock.strange_us = k->now_us;
	if (una_sane(k, h->una) && seq_diff(h->una, k->peer_clock.una) > 0)
		k->forgotten = true;
}

bool kcp_is_strange(const struct kcp *k, uint32_t ts)
{
	return clock_is_strange(&k->peer_clock, k->now_us, ts);
}

uint32_t kcp_heard_ts(const struct kcp *k)
{
	return k->acks.heard_ts;
}

bool kcp_strange_lately(const struct kcp *k)
{
	uint64_t us = k->peer_clock.strange_us;

	return us != 0 && k->now_us - us < STRANGE_US;
}

bool kcp_peer_forgot(const struct kcp *k)
{
	return k->forgotten;
}

/* An ACK that was lost, and that somebody repeats seconds later, looks like a path that has become long.  Of such a path
 * the same is heard of what leaves from then on, so the timeout grows once for that. */
static bool is_believed(struct rtt *r, uint64_t now_us, const struct news *n)
{
	if (r->srtt_us == 0 || n->sample_us <= r->rto_us)
		return true;
	if (seq_diff(n->sample_ts, r->outlier_ms) <= 0)
		return false;
	r->outlier_ms = clock_ms(now_us);
	return true;
}

static void sample_apply(struct kcp *k, const struct news *n)
{
	struct rtt *r = &k->rtt;

	if (r->srtt_us != 0 && n->sample_us > r->rto_us && seq_diff(n->sample_ts, r->sample_ts) < 0)
		return;
	r->sample_ts = n->sample_ts;
	if (!is_believed(r, k->now_us, n)) {
		k->batch.rtt_us = (uint32_t)min64(n->sample_us, OUTLIER_RTOS * (uint64_t)r->rto_us);
		return;
	}
	rtt_sample(r, &k->cfg, k->now_us, n->sample_us);
	k->batch.rtt_us = r->latest_us;
	if (n->oldest_us > 0)
		ack_wait_learn(r, n->oldest_us, n->sample_us);
}

static void news_apply(struct kcp *k, const struct news *n)
{
	if (n->sampled && !n->recovered)
		sample_apply(k, n);
	if (n->segs > 0)
		progress(k);
}

/* una is applied last, so that an ACK of the same datagram finds its segment
 * and tells which transmission arrived. */
int kcp_input(struct kcp *k, uint64_t now_us, const uint8_t *data, size_t len, unsigned flags)
{
	struct news n = { .recovered = (flags & KCP_INPUT_RECOVERED) != 0 };
	uint32_t una = k->flight.una, wnd = 0;
	struct kcp_seg_header h;
	bool any = false, wnd_heard = false;

	hear_time(k, now_us);
	while (!any || len >= KCP_OVERHEAD) {
		if (!kcp_header_decode(&h, data, len) || h.conv != k->cfg.conv) {
			k->stats.in_errs++;
			break;
		}
		if (h.cmd == KCP_CMD_PUSH && clock_is_strange(&k->peer_clock, k->now_us, h.ts)) {
			strange_hear(k, &h, n.recovered);
			una = k->flight.una;
			wnd_heard = any = false;
			break;
		}
		any = true;
		if (una_sane(k, h.una) && seq_diff(h.una, una) >= 0) {
			una = h.una;
			wnd = h.wnd;
			wnd_heard = !n.recovered;
		}
		if (!n.recovered)
			una_hear(k, &h);
		seg_input(k, &h, data + KCP_OVERHEAD, &n);
		data += KCP_OVERHEAD + h.len;
		len -= KCP_OVERHEAD + h.len;
	}
	una_input(k, una, &n);
	if (wnd_heard)
		window_heard(&k->prober, wnd);
	news_apply(k, &n);
	return any ? KCP_OK : KCP_EPROTO;
}

/* ---- flush --------------------------------------------------------------- */

/* One call of kcp_flush(). */
struct flush {
	struct kcp *k;
	uint8_t *buf; /* the datagram being built */
	size_t len;
	uint32_t una; /* what every header says */
	uint16_t wnd;
	uint8_t *tail;   /* of KCP_COVER_MAX bytes: */
	size_t tail_len; /* so many go behind it */
	bool acks_only;  /* it holds nothing else so far */
	bool no_room;
	struct departure *departure; /* NULL until something leaves */
};

static uint8_t *reserve(struct kcp *k)
{
	if (k->cfg.reserve != NULL)
		return k->cfg.reserve(k->cfg.user, k->cfg.mtu);
	if (k->datagram == NULL)
		k->datagram = mem_alloc(&k->mem, k->cfg.mtu);
	return k->datagram;
}

static void datagram_end(struct flush *f)
{
	size_t bytes;

	if (f->buf == NULL)
		return;
	if (f->tail_len > 0)
		memcpy(f->buf + f->len, f->tail, f->tail_len);
	f->len += f->tail_len;
	f->tail_len = 0;
	assert(f->len > 0);
	bytes = f->k->cfg.output(f->k->cfg.user, f->buf, f->len);
	if (f->acks_only) {
		pacer_spend_acks(&f->k->pacer, bytes);
	} else {
		pacer_spend(&f->k->pacer, bytes);
		ratio_learn(&f->k->pacer, bytes, f->len);
	}
	if (f->k->allowance != UINT64_MAX)
		f->k->allowance -= min64(bytes, f->k->allowance);
	f->buf = NULL;
	f->len = 0;
}

/* With what is added below. */
static bool allowed(const struct flush *f, size_t n)
{
	size_t len = (f->buf != NULL ? f->len + f->tail_len : 0) + n + f->k->allowance_added;

	if (n > ALLOWANCE_SHORT)
		len += KCP_ALLOWANCE_KEPT;
	return len <= f->k->allowance;
}

/* A segment that was numbered when more would pass goes alone. */
static bool fits(const struct flush *f, size_t n)
{
	return f->buf != NULL && f->len + f->tail_len + n <= f->k->mtu && allowed(f, n);
}

/* Room for a segment of n bytes, in this datagram or the next. */
static bool make_room(struct flush *f, size_t n)
{
	if (fits(f, n))
		return true;
	datagram_end(f);
	f->k->held = !allowed(f, n);
	f->buf = f->k->held ? NULL : reserve(f->k);
	f->acks_only = false;
	f->no_room = f->buf == NULL;
	return !f->no_room;
}

static uint32_t wire_ms(const struct kcp *k)
{
	return clock_ms(k->now_us) + k->cfg.ts_base;
}

/* A segment of any kind, for which there is room; n bytes may be none. */
static inline void put_seg(struct flush *f, struct kcp_seg_header h, const uint8_t *data, size_t n)
{
	h.conv = f->k->cfg.conv;
	h.wnd = f->wnd;
	h.una = f->una;
	h.len = (uint32_t)n;
	kcp_header_encode(f->buf + f->len, &h);
	f->len += KCP_OVERHEAD;
	if (n > 0)
		memcpy(f->buf + f->len, data, n);
	f->len += n;
	f->k->stats.out_segs++;
	f->k->teller.told_wnd = f->wnd;
}

static void put_empty(struct flush *f, enum kcp_cmd cmd, uint32_t sn, uint32_t ts)
{
	put_seg(f, (struct kcp_seg_header){ .cmd = (uint8_t)cmd, .sn = sn, .ts = ts }, NULL, 0);
}

static inline void put_data(struct flush *f, uint32_t sn, const struct slot *s)
{
	struct kcp_seg_header h = {
		.cmd = KCP_CMD_PUSH,
		.frg = s->seg->frg,
		.sn = sn,
		.ts = wire_ms(f->k),
	};

	f->acks_only = false;
	put_seg(f, h, s->seg->data, s->len);
}

/* Room for n bytes of acknowledgements; with `all` a datagram may be begun for them. */
static bool make_ack_room(struct flush *f, size_t n, bool all)
{
	if (fits(f, n))
		return true;
	if (!all || pacer_blocks_acks(&f->k->pacer) || !make_room(f, n))
		return false;
	f->acks_only = true;
	return true;
}

static bool put_ack(struct flush *f, const struct ack *a, bool all)
{
	if (!make_ack_room(f, KCP_OVERHEAD, all))
		return false;
	put_empty(f, KCP_CMD_ACK, a->sn, a->ts);
	return true;
}

static size_t run_encode(uint8_t *out, size_t room, uint32_t run)
{
	size_t n = 0;

	for (; run > 127 && n < room; run >>= 7)
		out[n++] = (uint8_t)(run | 128);
	if (n == room)
		return 0;
	out[n++] = (uint8_t)run;
	return n;
}

/* Runs from the newest down to `last`; returns how many bytes. */
static size_t map_encode(const struct receiver *r, uint32_t newest, uint32_t last, uint8_t *out,
			 size_t room)
{
	uint32_t sn = newest;
	size_t len = 0;

	for (bool came = true; seq_diff(sn, last) >= 0; came = !came) {
		uint32_t run = 0;
		size_t n;

		for (; seq_diff(sn, last) >= 0 && (ring_at(r, sn)->seg != NULL) == came; sn--)
			run++;
		n = run_encode(out + len, room - len, run);
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

/* Made when it is known that there is room.  An ACK where una covers it by now. */
static bool put_map(struct flush *f, bool all)
{
	const struct receiver *r = &f->k->rcv;
	struct mapper *m = &f->k->acks.map;
	int32_t beyond = seq_diff(m->sn, r->nxt);
	size_t most = beyond < 0 ? 0 : min32(KCP_MAP_MAX, f->k->mtu - KCP_OVERHEAD);
	struct kcp_seg_header h = { .cmd = KCP_CMD_ACK, .sn = m->sn, .ts = m->ts };
	uint8_t map[KCP_MAP_MAX];
	size_t len = 0;

	if (!make_ack_room(f, KCP_OVERHEAD + most, all))
		return false;
	if (beyond >= 0) {
		h.cmd = KCP_CMD_MAP;
		len = map_encode(r, m->sn, beyond < MAP_SEGS ? r->nxt : m->sn - MAP_SEGS + 1, map,
				 most);
	}
	put_seg(f, h, map, len);
	m->owed = false;
	return true;
}

/* Those of the batches before once more, but for what una covers by now; ahead of the new ones,
 * because some peers take the last for their round trip. */
static bool put_acks_again(struct flush *f)
{
	struct again *g = &f->k->acks.again;

	while (g->ripe > 0) {
		struct ack a = g->ring[g->head];
		bool covered = seq_diff(a.sn, f->una) < 0;

		if (!covered && !put_ack(f, &a, true))
			return false;
		again_pop(g);
		if (!covered && a.times-- > 1)
			again_push(g, &f->k->mem, a);
	}
	return true;
}

/* Acknowledgements go into the open datagram as they fit, and into further
 * ones with `all`.  What una covers is left out, but for the last. */
static void put_acks(struct flush *f, bool all)
{
	struct kcp *k = f->k;

	if (all && !put_acks_again(f))
		return;
	for (; k->acks.count > 0; acks_pop(&k->acks)) {
		struct ack *a = ack_at(&k->acks, 0);

		if (a->plain && k->acks.count > 1)
			continue;
		if (!put_ack(f, a, all))
			return;
		a->times = (uint8_t)(1 + k->acks.again.more);
		if (seq_diff(a->sn, f->una) >= 0)
			again_push(&k->acks.again, &k->mem, *a);
	}
	if (k->acks.map.owed && !put_map(f, all))
		return;
	acks_done(&k->acks, k->now_us);
}

static bool put_tell(struct flush *f)
{
	struct kcp *k = f->k;

	if (tell_due_at(&k->teller) > k->now_us)
		return true;
	if (!make_room(f, KCP_OVERHEAD))
		return false;
	put_empty(f, KCP_CMD_WINS, 0, 0);
	k->teller.left--;
	k->teller.at = k->now_us + k->rtt.rto_us;
	return true;
}

static bool put_question(struct flush *f)
{
	if (!make_room(f, 2 * KCP_OVERHEAD))
		return false;
	put_empty(f, KCP_CMD_WASK, 0, 0);
	put_empty(f, KCP_CMD_PUSH, f->k->flight.una - 1, wire_ms(f->k));
	f->k->prober.asks = false;
	return true;
}

static bool put_probe(struct flush *f)
{
	struct kcp *k = f->k;

	if (k->prober.asks)
		return put_question(f);
	if (probe_due_at(&k->prober, k->now_us, k->queue.count) > k->now_us)
		return true;
	if (k->prober.wait == 0) {
		probe_wait(&k->prober, k->now_us, PROBE_FIRST_US);
		return true;
	}
	if (!make_room(f, KCP_OVERHEAD))
		return false;
	put_empty(f, KCP_CMD_WASK, 0, 0);
	probe_wait(&k->prober, k->now_us, min64(k->prober.wait + k->prober.wait / 2, PROBE_MAX_US));
	return true;
}

/* The record of this flush; false without memory for it. */
static bool depart(struct flush *f)
{
	struct kcp *k = f->k;
	struct departure *d;

	if (f->departure != NULL)
		return true;
	d = departure_new(&k->departures, &k->mem);
	if (d == NULL) {
		k->flight.memory_at = k->now_us + MEMORY_RETRY_US;
		return false;
	}
	if (inflight(&k->flight) == 0)
		rate_restart(&k->rate, k->now_us);
	d->sent_us = k->now_us;
	d->delivered_bytes = k->rate.delivered_bytes;
	d->lost_bytes = k->rate.lost_bytes;
	d->delivered_us = k->rate.delivered_us;
	d->back_us = k->rate.back_us;
	d->first_us = k->rate.first_us;
	d->app_limited = k->rate.app_limited_until != 0;
	d->mark = k->control.mark;
	f->departure = d;
	return true;
}

/* May a segment of `len` bytes leave now?  Makes room for it if so. */
static bool may_put(struct flush *f, uint32_t len)
{
	struct kcp *k = f->k;

	if (pacer_blocks(&k->pacer, f->len)) {
		pacer_wait(&k->pacer, k->now_us, f->len);
		return false;
	}
	return depart(f) && make_room(f, KCP_OVERHEAD + len);
}

static bool new_due(const struct kcp *k)
{
	return lost_count(&k->flight) == 0 && !nothing_new(k);
}

static bool is_small(const struct kcp *k, const struct slot *s)
{
	return s->len <= k->mem.full_cap / 2;
}

/* As the loss demands.  In a steady flow those that follow are covered by what covers this one, and
 * the other way round. */
static uint32_t copies_for(const struct kcp *k, uint32_t loss_ppm)
{
	bool shared = k->covers && inflight(&k->flight) > COVER_FEW;

	if (k->cfg.copies != KCP_COPIES_AUTO)
		return k->cfg.copies;
	return loss_ppm < COPY_LOSS_ONE                                   ? 0
	       : loss_ppm < COPY_LOSS_TWO                                 ? 1
	       : loss_ppm < (shared ? COVER_LOSS_THREE : COPY_LOSS_THREE) ? 2
									  : 3;
}

/* What was lost more than once holds up all that follows: as long as such are so few that it costs
 * next to nothing. */
static uint32_t copies_for_lost(const struct slot *s, uint32_t loss_ppm)
{
	uint64_t share = 1000000;

	for (unsigned i = 1; i < s->xmit; i++)
		share = share * loss_ppm / 1000000;
	return share < COPY_LOSS_RARE ? 2 : share < COPY_LOSS_FEW ? 1 : 0;
}

/* How many copies a transmission gets, when few are in flight because the application sends no more, or
 * it was lost more than once: small ones as many as it takes, large
 * ones one. */
static uint32_t copies_wanted(const struct kcp *k, const struct slot *s)
{
	uint32_t loss = copier_loss_ppm(&k->copier), copies = copies_for(k, loss);

	if (s->xmit > 2)
		return max32(copies_for_lost(s, loss), is_small(k, s) ? copies : 0);
	return is_small(k, s) ? copies : min32(copies, 1);
}

/* They leave later, and are paid for when they are planned.  Before the peer is proven there are none: each tells another
 * time, of which the peer may acknowledge any. */
static void copies_plan(struct kcp *k, uint32_t sn)
{
	struct slot *s = slot_at(&k->flight, sn);
	uint32_t n = copies_wanted(k, s);
	int64_t cost = (int64_t)(n * (uint64_t)slot_bytes(s) * US_PER_S);

	if (n == 0 || cost > k->copier.credit || k->allowance != UINT64_MAX)
		return;
	k->copier.credit -= cost;
	copy_push(&k->copier, &k->mem,
		  (struct copy){ .sn = sn, .tx = s->tx, .left = n, .last_us = k->now_us });
}

/* Its slot, while the copy is of use; NULL: no more. */
static struct slot *copy_slot(const struct kcp *k, const struct copy *c)
{
	struct slot *s;

	if (seq_diff(c->sn, k->flight.una) < 0)
		return NULL;
	s = slot_at(&k->flight, c->sn);
	return s->seg != NULL && s->tx == c->tx && !s->lost ? s : NULL;
}

/* When one leaves by itself, if it cannot ride before. */
static uint64_t copies_due_at(const struct kcp *k)
{
	uint64_t t = KCP_NEVER, wait = copy_wait(k);

	for (uint32_t i = 0; i < k->copier.count; i++)
		if (copy_slot(k, copy_at(&k->copier, i)) != NULL)
			t = min64(t, copy_at(&k->copier, i)->last_us + wait);
	return t;
}

static void put_copy(struct flush *f, uint32_t sn, struct slot *s)
{
	put_data(f, sn, s);
	s->copied = 1;
	f->k->stats.out_push++;
	f->k->stats.copy_segs++;
}

/* Is there room for a copy, beside the segment of `next` bytes that leaves anyway? */
static bool copy_fits(struct flush *f, size_t bytes, size_t next, bool own)
{
	if (f->buf != NULL ? fits(f, bytes + next) : next > 0 && bytes + next <= f->k->mtu)
		return make_room(f, bytes);
	return own && make_room(f, bytes);
}

/* Too young for another: it left, or had one, a moment ago. */
static bool copy_young(const struct kcp *k, const struct copy *c)
{
	return k->now_us - c->last_us < copy_wait(k) / 2;
}

/* The small segments that are to have a copy now. */
struct cover {
	unsigned want;
	size_t bytes;     /* of copies of them */
	uint32_t longest; /* payload */
};

static bool cover_wants(const struct kcp *k, const struct copy *c, const struct slot *s)
{
	return s != NULL && is_small(k, s) && !copy_young(k, c);
}

static struct cover cover_wanted(const struct kcp *k)
{
	struct cover v = { 0 };

	for (uint32_t i = 0; i < k->copier.count; i++) {
		const struct copy *c = copy_at(&k->copier, i);
		const struct slot *s = copy_slot(k, c);

		if (!cover_wants(k, c, s))
			continue;
		v.want++;
		v.bytes += slot_bytes(s);
		v.longest = max32(v.longest, s->len);
	}
	return v;
}

/* Those under way, of the last few, that are not much longer; returns how many. */
static size_t cover_segs(const struct kcp *k, uint32_t longest, struct kcp_covered *segs)
{
	uint32_t n = min32(k->flight.nxt - k->flight.una, KCP_COVER_SEGS);
	size_t count = 0;

	for (uint32_t sn = k->flight.nxt - n; sn != k->flight.nxt; sn++) {
		const struct slot *s = slot_at(&k->flight, sn);

		if (s->seg != NULL && s->len <= longest + COVER_LONGER)
			segs[count++] = (struct kcp_covered){ sn, s->seg->data, s->len };
	}
	return count;
}

/* Those that it covers had a copy each. */
static void cover_done(struct kcp *k, uint32_t first)
{
	for (uint32_t i = 0; i < k->copier.count; i++) {
		struct copy *c = copy_at(&k->copier, i);
		struct slot *s = copy_slot(k, c);

		if (!cover_wants(k, c, s) || seq_diff(c->sn, first) < 0)
			continue;
		s->copied = 1;
		c->left--;
		c->last_us = k->now_us;
	}
}

static void put_cover(struct flush *f, size_t next, bool own)
{
	struct kcp_covered segs[KCP_COVER_SEGS];
	struct kcp *k = f->k;
	struct cover v = cover_wanted(k);
	size_t bytes, n;

	if (v.want == 0 || (n = cover_segs(k, v.longest, segs)) == 0)
		return;
	bytes = k->cfg.cover(k->cfg.user, wire_ms(k), v.want, segs, n, f->tail,
			     min32(KCP_COVER_MAX, k->mtu));
	if (bytes == 0 || bytes > v.bytes + COVER_LONGER || !copy_fits(f, bytes, next, own))
		return;
	f->tail_len = bytes;
	f->acks_only = false;
	cover_done(k, segs[0].sn);
}

/* Ahead of what is new, so that that finds no hole. */
static void put_copies(struct flush *f)
{
	struct kcp *k = f->k;
	struct copier *c = &k->copier;
	bool own = copies_due_at(k) <= k->now_us;
	size_t next = new_due(k) ? KCP_OVERHEAD + k->queue.first->len : 0;

	if (!own && f->buf == NULL && next == 0)
		return;
	if (pacer_blocks(&k->pacer, f->len)) {
		if (own)
			pacer_wait(&k->pacer, k->now_us, f->len);
		return;
	}
	if (k->covers)
		put_cover(f, next, own);
	for (uint32_t n = c->count; n > 0; n--) {
		struct copy copy = *copy_at(c, 0);
		struct slot *s = copy_slot(k, &copy);

		copy_pop(c);
		if (s == NULL)
			continue;
		if (!copy_young(k, &copy) && copy_fits(f, slot_bytes(s), next, own)) {
			put_copy(f, copy.sn, s);
			copy.left--;
			copy.last_us = k->now_us;
		}
		if (copy.left > 0)
			copy_push(c, &k->mem, copy);
	}
}

/* Write segment `sn`, unlinked, and link it as the latest of its level.  Inline,
 * since it is most of the cost of a new segment. */
static inline void put_push(struct flush *f, uint32_t sn)
{
	struct kcp *k = f->k;
	struct slot *s = slot_at(&k->flight, sn);

	put_data(f, sn, s);
	s->departure = k->departures.next - 1;
	s->tx = k->flight.tx_next++;
	if (s->xmit < XMIT_MAX)
		s->xmit = (s->xmit + 1u) & XMIT_MAX;
	order_append(&k->flight, s->level, sn);
	k->stats.out_push++;
	s->reach = (uint16_t)f->len;
	longs_sent(k->longs, k->now_us, s->reach);
	f->departure->count++;
	f->departure->inflight_bytes = k->flight.bytes;
	s->copied = 0;
	if (k->cfg.copies != 0 &&
	    (s->xmit > 2 || (k->limit == KCP_LIMIT_APPLICATION && inflight(&k->flight) <= FEW_SEGS)))
		copies_plan(k, sn);
}

static void count_resent(struct kcp_stats *st, enum why why)
{
	st->retrans_segs++;
	st->fast_retrans_segs += why == WHY_FAST;
	st->early_retrans_segs += why == WHY_EARLY;
	st->lost_segs += why == WHY_TIMEOUT;
}

/* The lost one that leaves next, if any may: the oldest of all always may, because what follows it
 * waits for it.  Of the others those that were resent before go first: they are the older ones, and after an
 * outage, when a whole window is to be resent, each would else wait for all that is behind it. */
static bool next_lost(const struct kcp *k, uint32_t *sn)
{
	const struct flight *fl = &k->flight;

	if (lost_count(fl) == 0)
		return false;
	if (!cc_allows(k))
		*sn = fl->una;
	else
		*sn = fl->again.count > 0 ? fl->again.head : fl->lost.head;
	return slot_at(fl, *sn)->lost;
}

static bool resend(struct flush *f)
{
	struct kcp *k = f->k;
	uint32_t sn;

	while (next_lost(k, &sn)) {
		struct slot *s = slot_at(&k->flight, sn);

		if (!may_put(f, s->len))
			return false;
		departure_at(&k->departures, s->departure)->count--;
		count_resent(&k->stats, (enum why)s->why);
		order_remove(&k->flight, sn);
		put_push(f, sn);
	}
	return lost_count(&k->flight) == 0;
}

static bool send_new(struct flush *f)
{
	struct kcp *k = f->k;

	/* Room is for full segments: with small ones there is more when it is used up. */
	for (uint32_t room = new_due(k) ? new_room(k) : 0; room > 0 && k->queue.count > 0;
	     room = room > 1 ? room - 1 : new_room(k)) {
		struct slot *s;

		if (!slots_reserve(&k->flight, &k->mem)) {
			k->flight.memory_at = k->now_us + MEMORY_RETRY_US;
			return false;
		}
		if (!may_put(f, k->queue.first->len))
			return false;
		s = slot_at(&k->flight, k->flight.nxt);
		*s = (struct slot){ .seg = queue_pop(&k->queue) };
		s->seg->next = NULL;
		s->len = s->seg->len;
		s->class_index = s->seg->class_index & (CLASS_MAX - 1u);
		k->flight.count++;
		put_push(f, k->flight.nxt++);
	}
	return true;
}

/* Lost ones, then new ones, then those that are lost early because nothing new is left. */
static void send_data(struct flush *f)
{
	if (!resend(f) || !send_new(f))
		return;
	lose(f->k, true);
	resend(f);
}

/* Of a window that is hardly used nothing is learnt, though the pacer spread a few packets. */
static bool cwnd_used(const struct kcp *k)
{
	return k->flight.bytes >= k->control.cwnd_bytes / 4;
}

/* What held us back, if anything did; and the rate of delivery is no measure of the path where it was not
 * the controller. */
static void find_limit(struct flush *f)
{
	struct kcp *k = f->k;
	bool paced = k->pacer.wait_until > k->now_us;

	if (paced && k->cfg.rate_limit != 0 && k->pacer.rate < control_rate(k))
		k->limit = KCP_LIMIT_RATE;
	else if (paced || !cc_allows(k))
		k->limit = KCP_LIMIT_CONTROLLER;
	else if (inflight(&k->flight) >= k->cfg.snd_wnd)
		k->limit = KCP_LIMIT_WINDOW;
	else if (window_room(k) == 0)
		k->limit = KCP_LIMIT_PEER;
	else if (k->queue.count + lost_count(&k->flight) == 0)
		k->limit = KCP_LIMIT_APPLICATION;
	else
		k->limit = KCP_LIMIT_CONTROLLER;
	if (f->no_room || (k->limit == KCP_LIMIT_CONTROLLER && cwnd_used(k)))
		return;
	rate_limited(&k->rate, k->now_us, k->flight.bytes);
	departures_limited(&k->departures, k->now_us, true);
}

/* The caller had more after all when it was found that it had not. */
static void not_limited(struct kcp *k)
{
	if (k->rate.app_limited_until == 0 || k->rate.app_limited_us != k->now_us)
		return;
	k->rate.app_limited_until = 0;
	departures_limited(&k->departures, k->now_us, false);
}

static void refill(struct kcp *k)
{
	uint64_t rate = pacing_rate(k);

	copier_refill(&k->copier, k->now_us, k->control.path_rate);
	pacer_refill(&k->pacer, k->now_us, rate, min64(k->cfg.rate_limit, RATE_MAX),
		     pacing_burst(k, rate));
}

bool kcp_flush(struct kcp *k, uint64_t now_us)
{
	uint8_t tail[KCP_COVER_MAX];
	struct flush f = { .k = k, .tail = tail };

	hear_time(k, now_us);
	f.una = k->rcv.nxt;
	f.wnd = told_window(k);
	k->held = false;
	k->flight.memory_at = 0;
	if (k->queue.count > 0)
		not_limited(k);
	lose(k, false);
	cc_update(k);
	refill(k);
	if (acks_due_at(&k->acks, &k->cfg, k->rtt.srtt_us) <= k->now_us)
		put_acks(&f, true);
	if (!f.no_room && put_tell(&f) && put_probe(&f)) {
		if (k->copier.count > 0)
			put_copies(&f);
		send_data(&f);
	}
	put_acks(&f, false);
	datagram_end(&f);
	find_limit(&f);
	return f.no_room && !k->held;
}

/* What is delivered meanwhile is less than the path carries. */
void kcp_sent_beside(struct kcp *k, size_t bytes)
{
	if (bytes == 0)
		return;
	pacer_spend(&k->pacer, bytes);
	rate_limited(&k->rate, k->now_us, k->flight.bytes);
	departures_limited(&k->departures, k->now_us, true);
}

void kcp_set_allowance(struct kcp *k, uint64_t bytes, size_t added)
{
	k->held &= bytes <= k->allowance;
	k->allowance = bytes;
	k->allowance_added = added;
}

uint64_t kcp_allowance(const struct kcp *k)
{
	return k->allowance;
}

bool kcp_held(const struct kcp *k)
{
	return k->held;
}

/* It is no timeout of which something could be learnt should it have arrived after all: that is for the first one. */
void kcp_way_changed(struct kcp *k)
{
	struct slot *s;

	silence_end(&k->silence);
	if (k->flight.count == 0)
		return;
	s = slot_at(&k->flight, k->flight.una);
	if (s->lost)
		return;
	lose_one(k, k->flight.una, WHY_TIMEOUT);
	if (s->level == 1)
		s->level = 2;
}

void kcp_ask(struct kcp *k)
{
	k->prober.asks = k->prober.rmt_wnd == 0 && k->flight.count == 0 && k->stats.out_push > 0;
}

bool kcp_acked_since(const struct kcp *k, uint64_t since_us)
{
	return k->rtt.proof_us != 0 && k->rtt.proof_us >= since_us;
}

bool kcp_is_news(const struct kcp *k, uint32_t sn, uint32_t ts)
{
	bool later = k->acks.heard_ts_known && seq_diff(ts, k->acks.heard_ts) > 0;

	if (!is_recent(k, sn))
		return false;
	return later || (seq_diff(sn, k->rcv.high) >= 0 &&
			 seq_diff(sn, k->rcv.nxt) < (int32_t)k->cfg.rcv_wnd);
}

bool kcp_has_sent(const struct kcp *k, uint32_t una)
{
	return seq_diff(una, k->flight.nxt) <= 0;
}

static uint64_t acks_leave_at(const struct kcp *k)
{
	uint64_t due = acks_due_at(&k->acks, &k->cfg, k->rtt.srtt_us);

	return due == KCP_NEVER ? due : max64(due, pacer_acks_at(&k->pacer));
}

static uint64_t data_due_at(const struct kcp *k)
{
	uint32_t sn;
	bool some = next_lost(k, &sn) || new_due(k);
	bool early = lost_count(&k->flight) == 0 && nothing_new(k);
	uint64_t t = some ? max64(k->now_us, max64(k->pacer.wait_until, k->flight.memory_at))
			  : KCP_NEVER;

	t = min64(t, oldest_due_at(k));

	for (uint32_t level = 0; level < k->flight.level_end; level++)
		t = min64(t, next_due(k, level, early).at);
	return t;
}

uint64_t kcp_deadline(const struct kcp *k)
{
	uint64_t acks = acks_leave_at(k);
	uint64_t tell = tell_due_at(&k->teller);
	uint64_t probe = probe_due_at(&k->prober, k->now_us, k->queue.count);
	uint64_t copies = k->copier.count > 0 ? copies_due_at(k) : KCP_NEVER;

	if (k->held)
		return KCP_NEVER;
	if (copies != KCP_NEVER)
		tell = min64(tell, max64(copies, k->pacer.wait_until));
	return min64(min64(acks, data_due_at(k)), min64(tell, probe));
}

/* ---- life ---------------------------------------------------------------- */

uint32_t kcp_version(void)
{
	return KCP_VERSION;
}

void kcp_config_init(struct kcp_config *cfg)
{
	*cfg = (struct kcp_config){
		.mtu = 1200,
		.snd_wnd = 1024,
		.rcv_wnd = 1024,
		.nodelay = 3,
		.interval_ms = 10,
		.resend = 2,
		.stream = true,
		.copies = KCP_COPIES_AUTO,
	};
}

static bool reserved_is_zero(const struct kcp_config *cfg)
{
	for (size_t i = 0; i < sizeof(cfg->reserved) / sizeof(cfg->reserved[0]); i++)
		if (cfg->reserved[i] != 0)
			return false;
	return true;
}

int kcp_config_check(const struct kcp_config *cfg)
{
	bool ok = cfg->mtu >= KCP_MTU_MIN && cfg->mtu <= KCP_MTU_MAX && cfg->snd_wnd >= 1 &&
		  cfg->snd_wnd <= KCP_WND_MAX && cfg->rcv_wnd >= 1 && cfg->rcv_wnd <= KCP_WND_MAX &&
		  cfg->nodelay <= 3 && cfg->interval_ms >= 1 &&
		  cfg->interval_ms <= INTERVAL_MAX_MS && cfg->output != NULL &&
		  (cfg->copies <= KCP_COPIES_MAX || cfg->copies == KCP_COPIES_AUTO) &&
		  (cfg->cc == NULL || cc_fits(cfg->cc)) && reserved_is_zero(cfg);

	return ok ? KCP_OK : KCP_EINVAL;
}

struct kcp *kcp_new(const struct kcp_config *cfg, uint64_t now_us)
{
	struct kcp *k;

	if (kcp_config_check(cfg) != KCP_OK || (k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	k->mem.bytes = sizeof(*k);
	k->cfg = *cfg;
	delivered_resize(&k->delivered, cfg->resend);
	k->mtu = cfg->mtu;
	longs_watch(&k->longs[0], UINT32_MAX);
	longs_watch(&k->longs[1], UINT32_MAX);
	k->mem.full_cap = cfg->mtu - KCP_OVERHEAD;
	k->allowance = UINT64_MAX;
	k->now_us = now_us;
	pacer_init(&k->pacer, now_us);
	k->prober.rmt_wnd = KCP_RMT_WND_INITIAL;
	k->teller.told_wnd = cfg->rcv_wnd;
	k->rtt.rto_us = (uint32_t)RTO_INITIAL_US;
	silence_end(&k->silence);
	cc_start(k, cfg->cc);
	return k;
}

void kcp_free(struct kcp *k)
{
	if (k == NULL)
		return;
	seg_release_chain(&k->mem, k->queue.first);
	for (uint32_t sn = k->flight.una; sn != k->flight.nxt; sn++)
		if (slot_at(&k->flight, sn)->seg != NULL)
			seg_release(&k->mem, slot_at(&k->flight, sn)->seg);
	for (uint32_t sn = k->rcv.base; sn != k->rcv.high; sn++)
		if (ring_at(&k->rcv, sn)->seg != NULL)
			seg_release(&k->mem, ring_at(&k->rcv, sn)->seg);
	pools_trim(&k->mem);
	mem_free(&k->mem, k->flight.slots, k->flight.slot_cap * sizeof(*k->flight.slots));
	mem_free(&k->mem, k->departures.ring, k->departures.cap * sizeof(*k->departures.ring));
	mem_free(&k->mem, k->rcv.ring, k->rcv.ring_cap * sizeof(*k->rcv.ring));
	mem_free(&k->mem, k->acks.ring, k->acks.cap * sizeof(*k->acks.ring));
	mem_free(&k->mem, k->acks.again.ring, ACKS_AGAIN * sizeof(*k->acks.again.ring));
	mem_free(&k->mem, k->copier.ring, COPIES_HELD * sizeof(*k->copier.ring));
	mem_free(&k->mem, k->datagram, k->cfg.mtu);
	assert(k->mem.bytes == sizeof(*k));
	free(k);
}

int kcp_set_window(struct kcp *k, uint32_t snd_wnd, uint32_t rcv_wnd)
{
	struct kcp_config cfg = k->cfg;

	cfg.snd_wnd = snd_wnd;
	cfg.rcv_wnd = rcv_wnd;
	if (kcp_config_check(&cfg) != KCP_OK)
		return KCP_EINVAL;
	k->cfg = cfg;
	if (k->rcv.base != k->rcv.high)
		room_made(k);
	return KCP_OK;
}

/* Those that are too long now, and under way. */
static void lose_longs(struct kcp *k)
{
	for (uint32_t sn = k->flight.una; sn != k->flight.nxt; sn++) {
		const struct slot *s = slot_at(&k->flight, sn);

		if (s->seg != NULL && !s->lost && s->len > mss(k))
			lose_one(k, sn, WHY_FAST);
	}
}

int kcp_set_mtu(struct kcp *k, uint32_t mtu)
{
	bool shrinks = mtu < k->mtu;

	if (mtu < KCP_MTU_MIN || mtu > k->cfg.mtu)
		return KCP_EINVAL;
	k->mtu = mtu;
	if (shrinks)
		lose_longs(k);
	return KCP_OK;
}

uint32_t kcp_mtu(const struct kcp *k)
{
	return k->mtu;
}

void kcp_watch_longs(struct kcp *k, uint32_t bytes, uint32_t least)
{
	longs_watch(&k->longs[0], bytes);
	longs_watch(&k->longs[1], least);
}

uint32_t kcp_longs_sent(const struct kcp *k, uint64_t *since_us)
{
	const struct longs *l = &k->longs[k->longs[1].sent > k->longs[0].sent];

	*since_us = l->since_us;
	return l->sent;
}

/* ---- soundings ------------------------------------------------------------ */

static uint8_t *sounding_header(const struct kcp *k, uint8_t *out, const struct kcp_seg_header *of)
{
	struct kcp_seg_header h = *of;

	h.conv = k->cfg.conv;
	h.wnd = told_window(k);
	h.una = k->rcv.nxt;
	kcp_header_encode(out, &h);
	return out + KCP_OVERHEAD;
}

void kcp_sound_anew(struct kcp *k)
{
	sounder_anew(&k->sounder, k->flight.una);
}

void kcp_sound(struct kcp *k, uint64_t now_us, unsigned which, bool ask, uint8_t *buf, size_t bytes)
{
	size_t left = bytes - (ask ? KCP_OVERHEAD : 0);

	assert(which < KCP_SOUNDINGS && left >= KCP_OVERHEAD && bytes <= KCP_MTU_MAX);
	hear_time(k, now_us);
	k->sounder.sent_us = k->now_us;
	k->sounder.waits |= (uint8_t)(1u << which);
	k->sounder.asks |= (uint8_t)(ask ? 1u << which : 0);
	left -= KCP_OVERHEAD;
	if (ask)
		buf = sounding_header(k, buf, &(struct kcp_seg_header){ .cmd = KCP_CMD_WASK });
	buf = sounding_header(k, buf,
			      &(struct kcp_seg_header){ .cmd = KCP_CMD_PUSH,
							.ts = wire_ms(k),
							.sn = k->sounder.first + which,
							.len = (uint32_t)left });
	memset(buf, 0, left);
	pacer_spend(&k->pacer, bytes);
	k->stats.out_segs += 1 + ask;
}

bool kcp_sounded(const struct kcp *k, unsigned which)
{
	assert(which < KCP_SOUNDINGS);
	return (k->sounder.answered & 1u << which) != 0;
}

/* ---- parameters ------------------------------------------------------------ */

int kcp_set_nodelay(struct kcp *k, uint32_t nodelay, uint32_t interval_ms, uint32_t resend_count)
{
	struct kcp_config cfg = k->cfg;

	cfg.nodelay = nodelay;
	cfg.interval_ms = interval_ms;
	cfg.resend = resend_count;
	if (kcp_config_check(&cfg) != KCP_OK)
		return KCP_EINVAL;
	k->cfg = cfg;
	delivered_resize(&k->delivered, resend_count);
	rto_update(&k->rtt, &k->cfg);
	return KCP_OK;
}

void kcp_set_rate_limit(struct kcp *k, uint64_t bytes_per_s)
{
	k->cfg.rate_limit = bytes_per_s;
	k->pacer.wait_until = 0;
}

void kcp_set_copies(struct kcp *k, uint32_t copies)
{
	k->cfg.copies = copies;
}

void kcp_set_cover(struct kcp *k, bool on)
{
	k->covers = on && k->cfg.cover != NULL;
}

void kcp_set_told_window(struct kcp *k, uint32_t segs)
{
	k->teller.most = segs;
}

void kcp_set_hold(struct kcp *k, uint32_t segs)
{
	k->rcv.hold = segs;
}

uint32_t kcp_take_in_delay(struct kcp *k)
{
	return oneway_take(&k->oneway);
}

uint32_t kcp_rto_us(const struct kcp *k)
{
	return k->rtt.rto_us;
}

uint32_t kcp_min_rtt_us(const struct kcp *k)
{
	return min_rtt(&k->rtt);
}

void kcp_set_ack_nodelay(struct kcp *k, bool on)
{
	k->cfg.ack_nodelay = on;
}

void kcp_set_steady_acks(struct kcp *k, bool on)
{
	k->acks.steady = on;
}

void kcp_set_maps(struct kcp *k, bool on)
{
	k->acks.map.on = on;
}

int kcp_set_cc(struct kcp *k, const struct kcp_cc *cc, void *cc_arg, uint64_t now_us)
{
	if (cc != NULL && !cc_fits(cc))
		return KCP_EINVAL;
	hear_time(k, now_us);
	k->cfg.cc_arg = cc_arg;
	cc_start(k, cc);
	k->pacer.wait_until = 0;
	return KCP_OK;
}

void kcp_trim(struct kcp *k)
{
	pools_trim(&k->mem);
	slots_trim(&k->flight, &k->mem);
	departures_trim(&k->departures, &k->mem);
	ring_trim(&k->rcv, &k->mem);
	acks_trim(&k->acks, &k->mem);
	copier_trim(&k->copier, &k->mem);
	mem_free(&k->mem, k->datagram, k->cfg.mtu);
	k->datagram = NULL;
}

size_t kcp_memory(const struct kcp *k)
{
	return k->mem.bytes;
}

const struct kcp_stats *kcp_stats(const struct kcp *k)
{
	return &k->stats;
}

static uint32_t loss_ppm(const struct kcp *k)
{
	uint64_t all = (uint64_t)k->acked_recent + k->lost_recent;

	return all == 0 ? 0 : (uint32_t)(k->lost_recent * UINT64_C(1000000) / all);
}

void kcp_get_info(const struct kcp *k, struct kcp_info *info)
{
	*info = (struct kcp_info){
		.conv = k->cfg.conv,
		.snd_una = k->flight.una,
		.snd_nxt = k->flight.nxt,
		.rcv_nxt = k->rcv.nxt,
		.snd_wnd = k->cfg.snd_wnd,
		.rcv_wnd = k->cfg.rcv_wnd,
		.rmt_wnd = k->prober.rmt_wnd,
		.cc_wnd = k->control.cwnd_bytes == UINT32_MAX ? UINT32_MAX
							      : k->control.cwnd_bytes / k->mtu,
		.inflight_segs = inflight(&k->flight),
		.unacked_segs = k->flight.count,
		.snd_queue_segs = k->queue.count,
		.rcv_queue_segs = unread(&k->rcv),
		.rcv_ring_segs = k->rcv.beyond,
		.srtt_us = k->rtt.srtt_us,
		.rttvar_us = k->rtt.rttvar_us,
		.min_rtt_us = min_rtt(&k->rtt),
		.rto_us = k->rtt.rto_us,
		.pacing_rate = pacing_rate(k),
		.cc_name = k->cfg.cc->name,
		.cc_phase = k->control.phase != NULL ? k->control.phase : "",
		.path_rate = on_wire(&k->pacer, k->control.path_rate),
		.medium_loss_ppm = k->control.medium_loss_ppm,
		.total_loss_ppm = loss_ppm(k),
		.limit = k->limit,
		.ack_arrivals = k->acks.arrivals,
		.reorder_us = k->rtt.reorder_us,
	};
}

void kcp_set_initial_sn(struct kcp *k, uint32_t snd_sn, uint32_t rcv_sn)
{
	assert(k->flight.una == k->flight.nxt && k->queue.first == NULL);
	assert(k->rcv.base == k->rcv.high);
	k->flight.una = k->flight.nxt = k->heard_una = snd_sn;
	k->rcv.base = k->rcv.nxt = k->rcv.high = rcv_sn;
}

/* ---- invariants ---------------------------------------------------------- */

static size_t verify_seg(const struct seg *s)
{
	assert(s->len <= s->cap);
	assert(s->class_index < CLASS_COUNT);
	assert(s->class_index == CLASS_FULL || s->cap == CLASS_CAP(s->class_index));
	return seg_size(s->cap);
}

static size_t verify_queue(const struct kcp *k)
{
	const struct seg *last = NULL, *before = NULL;
	uint32_t count = 0;
	size_t bytes = 0;

	for (const struct seg *s = k->queue.first; s != NULL; s = s->next) {
		assert(s->len <= k->mem.full_cap);
		bytes += verify_seg(s);
		before = last;
		last = s;
		count++;
	}
	assert(count == k->queue.count);
	assert(last == k->queue.last);
	assert(before == k->queue.before_last);
	return bytes;
}

static uint32_t verify_order(const struct kcp *k, uint32_t level)
{
	const struct order *o = &k->flight.orders[level];
	uint32_t sn = o->head;

	assert(o->count == 0 || level < k->flight.level_end);
	for (uint32_t i = 0; i < o->count; i++) {
		const struct slot *s = slot_at(&k->flight, sn), *next;

		assert(sn - k->flight.una < k->flight.nxt - k->flight.una);
		assert(s->seg != NULL);
		assert(s->level == level && !s->lost);
		assert(s->xmit > 0);
		if (i + 1 == o->count) {
			assert(sn == o->tail);
			break;
		}
		next = slot_at(&k->flight, s->next);
		assert(next->prev == sn);
		assert(seq_diff(next->tx, s->tx) > 0);
		assert(sent_at(k, next) >= sent_at(k, s));
		sn = s->next;
	}
	return o->count;
}

static size_t verify_inflight(const struct kcp *k)
{
	uint32_t count = 0, linked = lost_count(&k->flight), departed = 0, sum = 0, again = 0;
	size_t bytes = 0;

	assert((k->flight.slot_cap & (k->flight.slot_cap - 1)) == 0);
	assert(k->flight.nxt - k->flight.una <= k->flight.slot_cap);
	for (uint32_t sn = k->flight.una; sn != k->flight.nxt; sn++) {
		const struct slot *s = slot_at(&k->flight, sn);

		if (s->seg == NULL)
			continue;
		assert(s->len == s->seg->len);
		assert(s->class_index == s->seg->class_index);
		assert(s->departure - k->departures.first < k->departures.next - k->departures.first);
		bytes += verify_seg(s->seg);
		sum += s->lost ? 0 : slot_bytes(s);
		again += s->lost && s->xmit > 1;
		count++;
	}
	assert(again == k->flight.again.count);
	assert(sum == k->flight.bytes);
	for (uint32_t i = k->departures.first; i != k->departures.next; i++)
		departed += departure_at(&k->departures, i)->count;
	assert(departed == count);
	assert(k->flight.una == k->flight.nxt || slot_at(&k->flight, k->flight.una)->seg != NULL);
	assert(count == k->flight.count);
	for (uint32_t level = 0; level < LEVELS; level++)
		linked += verify_order(k, level);
	assert(linked == count);
	for (uint32_t i = 1; i < k->delivered.count; i++)
		assert(seq_diff(k->delivered.tx[i - 1], k->delivered.tx[i]) > 0);
	return bytes;
}

static size_t verify_ring(const struct kcp *k)
{
	uint32_t beyond = 0, held = 0, used = 0;
	size_t bytes = 0;

	assert((k->rcv.ring_cap & (k->rcv.ring_cap - 1)) == 0);
	assert(k->rcv.high - k->rcv.base <= k->rcv.ring_cap);
	assert(unread(&k->rcv) <= k->rcv.high - k->rcv.base);
	for (uint32_t sn = k->rcv.base; sn != k->rcv.high; sn++) {
		const struct seg *s = ring_at(&k->rcv, sn)->seg;
		bool ready = seq_diff(sn, k->rcv.nxt) < 0;

		assert(s != NULL || !ready);
		held += s != NULL;
		beyond += s != NULL && !ready;
		bytes += s != NULL ? verify_seg(s) : 0;
	}
	for (uint32_t i = 0; i < k->rcv.ring_cap; i++)
		used += k->rcv.ring[i].seg != NULL;
	assert(used == held);
	assert(beyond == k->rcv.beyond);
	if (unread(&k->rcv) > 0)
		assert(k->rcv.read_offset == 0 ||
		       k->rcv.read_offset < ring_at(&k->rcv, k->rcv.base)->len);
	if (unread(&k->rcv) > 0 && k->cfg.stream)
		assert(ring_at(&k->rcv, k->rcv.base)->len > 0);
	return bytes;
}

static size_t verify_pools(const struct memory *m)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < CLASS_COUNT; i++) {
		const struct pool *p = &m->pools[i];

		assert(p->free_count <= p->made);
		assert(p->made <= p->cap);
		bytes += p->cap * sizeof(struct seg *);
		for (uint32_t j = 0; j < p->free_count; j++) {
			assert(p->free[j]->class_index == i);
			bytes += verify_seg(p->free[j]);
		}
	}
	return bytes;
}

void kcp_verify(const struct kcp *k)
{
	size_t bytes = sizeof(*k) + (k->datagram != NULL ? k->cfg.mtu : 0);

	bytes += verify_queue(k) + verify_inflight(k) + verify_ring(k) + verify_pools(&k->mem);
	bytes += k->flight.slot_cap * sizeof(*k->flight.slots);
	bytes += k->departures.cap * sizeof(*k->departures.ring);
	bytes += k->rcv.ring_cap * sizeof(*k->rcv.ring);
	bytes += k->acks.cap * sizeof(*k->acks.ring);
	bytes += k->acks.again.ring != NULL ? ACKS_AGAIN * sizeof(*k->acks.again.ring) : 0;
	bytes += k->copier.ring != NULL ? COPIES_HELD * sizeof(*k->copier.ring) : 0;
	assert(bytes == k->mem.bytes);
	assert(k->copier.count <= (k->copier.ring != NULL ? COPIES_HELD : 0));
	assert(k->acks.count <= k->acks.cap);
	assert(k->acks.again.ripe <= k->acks.again.count);
	assert(k->acks.again.count <= (k->acks.again.ring != NULL ? ACKS_AGAIN : 0));
	assert(k->acks.count == 0 || k->acks.arrivals > 0);
	assert(kcp_config_check(&k->cfg) == KCP_OK);
	assert(k->mem.full_cap == k->cfg.mtu - KCP_OVERHEAD && mss(k) <= k->mem.full_cap);
}
