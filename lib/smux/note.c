/* note.c - what two of ours tell each other, in NOPs that a Go peer takes for any other. */
#include <assert.h>

#include "smux_impl.h"

/* Ids of notes: "kct0", "kct1", "kct2" as bytes. */
#define NOTE_SID UINT32_C(0x3074636b)
#define NOTE_STEP UINT32_C(0x01000000)

void smux_notes_init(struct smux_notes *n)
{
	for (unsigned i = 0; i < SMUX_NOTES; i++)
		n->heard[i] = -1;
}

void smux_notes_hear(struct smux_notes *n, const struct smux_header *h)
{
	for (unsigned i = 0; i < SMUX_NOTES; i++)
		if (h->sid == NOTE_SID + i * NOTE_STEP)
			n->heard[i] = h->length;
}

bool smux_notes_pending(const struct smux_notes *n)
{
	bool any = false;

	for (unsigned i = 0; i < SMUX_NOTES; i++)
		any |= n->pending[i];
	return any;
}

void smux_notes_pop(struct smux_notes *n, uint32_t *sid, uint16_t *length)
{
	unsigned i = 0;

	while (i < SMUX_NOTES && !n->pending[i])
		i++;
	assert(i < SMUX_NOTES);
	n->pending[i] = false;
	*sid = NOTE_SID + i * NOTE_STEP;
	*length = n->number[i];
}

void smux_note(struct smux *m, enum smux_note which, uint16_t number)
{
	m->notes.pending[which] = m->closed == SMUX_ALIVE;
	m->notes.number[which] = number;
}

int smux_noted(const struct smux *m, enum smux_note which)
{
	return m->notes.heard[which];
}
