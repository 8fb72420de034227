/* client_guess.c - sessions with a server of which the configuration does not say how it speaks (guess.h).
 *
 * Until a session is understood the connections that come for it wait in its slot's line, so that when it is not they are for the next
 * one, as if nothing had been.  That one begins at once, to where the last one led. */
#include <stdio.h>

#include "client_impl.h"

static struct guess *guess_of(const struct link *l)
{
	struct client *c = l->tunnel->state;

	return &c->guess[l->server];
}

static const char *name_of(const struct guess_way *way, char text[static GUESS_TEXT])
{
	snprintf(text, GUESS_TEXT, "smux %d, compression %s", way->smux_version,
		 codec_name(way->compression));
	return text;
}

void client_begins(const struct link *l, struct session_config *cfg)
{
	const struct conf_tunnel *conf = l->tunnel->conf;
	struct guess *g = guess_of(l);
	struct guess_way given = {
		.compression = conf->compression,
		.smux_version = conf->smuxver == CONF_AUTO ? 0 : (int)conf->smuxver,
	};

	guess_set(g, &given);
	cfg->compression = guess_way(g)->compression;
	cfg->smux_version = guess_way(g)->smux_version;
	cfg->unsure = guess_is_open(g, l->tunnel->reactor->now_us);
}

void client_guess_look(struct link *l)
{
	struct client *c = l->tunnel->state;
	struct slot *slot = &c->slots[l->slot];
	char text[GUESS_TEXT];

	if (!l->unsure || !session_understood(l->session))
		return;
	l->unsure = false;
	l->found = true;
	if (guess_right(guess_of(l), &l->way))
		log_info(l->tunnel->name, "%s understands %s", l->peer, name_of(&l->way, text));
	if (slot->link == l)
		client_place_waiting(slot);
}

bool client_guess_vouches(const struct link *l, const struct link *fresh)
{
	bool understood = l->found || session_peer_version(l->session) != 0;

	return !fresh->unsure || (understood && l->way.compression == fresh->way.compression &&
				  l->way.smux_version == fresh->way.smux_version);
}

/* What its end shows of the peer: CODEC_UNKNOWN and 0 for nothing.  False: it is about other things. */
static bool shows(const struct link *l, struct guess_way *theirs)
{
	*theirs = (struct guess_way){ CODEC_UNKNOWN, 0 };
	switch (l->end) {
	case SESSION_NOT_UNDERSTOOD:
		return true;
	case SESSION_OTHER_CODEC:
		theirs->compression = session_peer_codec(l->session);
		return true;
	case SESSION_OTHER_VERSION:
		theirs->smux_version = session_peer_version(l->session);
		return true;
	default:
		return false;
	}
}

bool client_guess_mends(struct tunnel *t, struct link *l)
{
	struct guess_way theirs;
	char was[GUESS_TEXT], next[GUESS_TEXT];

	if (!shows(l, &theirs))
		return false;
	l->mended = guess_wrong(guess_of(l), &l->way, &theirs, t->reactor->now_us);
	if (l->mended)
		log_info(t->name, "%s does not understand %s; %s is tried", l->peer,
			 name_of(&l->way, was), name_of(guess_way(guess_of(l)), next));
	return l->mended;
}
