/* admit.c - what a server does with a datagram from where it has no session of that conversation. */
#include "admit.h"

enum {
	/* A conversation starts with small sequence numbers: a client has at
	 * most this many segments under way before it was ever answered.  An
	 * unknown address that sends later ones is in the middle of a
	 * conversation that this server never saw and cannot deliver. */
	FIRST_SN_MAX = 255,
};

bool admit_is_early(const struct session_sniff *sniff)
{
	return sniff->has_conv && !sniff->is_piece && sniff->cmd == KCP_CMD_PUSH &&
	       sniff->sn <= FIRST_SN_MAX && sniff->una == 0;
}

void admit_begin(struct admit *a, struct view payload, const struct session_sniff *sniff)
{
	*a = (struct admit){ .payload = payload, .sniff = sniff };
}

/* Of several the one whose peer is known to be somebody. */
static bool moves(struct admit *a, bool proven)
{
	if (a->moves && (a->proven || !proven))
		return false;
	a->moves = true;
	a->proven = proven;
	return true;
}

/* No conversation is begun a second time while it goes on: what is repeated is ignored, and if it was a stranger who began
 * it, what its peer sends next is later, and moves it. */
bool admit_ask(struct admit *a, const struct session *s)
{
	if (session_is_news(s, a->payload))
		return moves(a, session_proven(s));
	a->known |= session_suits(s, a->sniff);
	return false;
}

enum admit_verdict admit_verdict(const struct admit *a)
{
	if (a->moves)
		return ADMIT_MOVE;
	if (a->known || a->sniff->cmd != KCP_CMD_PUSH)
		return ADMIT_IGNORE;
	return admit_is_early(a->sniff) ? ADMIT_OPEN : ADMIT_TELL;
}
