/* tell.h - the datagram with which a server says that it does not know a conversation.
 *
 *     0      4        6      8        12                  36
 *     | conv | 0x00f9 | 0x01 | uptime | the answered header |
 *
 * It answers a datagram of the middle of a conversation that never reached this server, which was restarted: the KCP
 * header that began it stands at the end, so that what is repeated later answers nothing that is under way.
 * `uptime` is for how many milliseconds the server has run: what a client began after that never came to
 * another one.  It is sealed like any other; a Go peer takes it for a packet of another conversation. */
#ifndef KT_TELL_H
#define KT_TELL_H

#include <stdbool.h>

#include "kcp.h"
#include "wire.h"

enum { TELL_BYTES = 12 + KCP_OVERHEAD };

struct tell {
	uint32_t conv, uptime_ms;
	struct kcp_seg_header answered;
};

/* Writes TELL_BYTES; `answered` is the payload that is answered, in which a KCP header must be found.  False: none is. */
bool tell_encode(uint8_t *buf, struct view answered, uint32_t uptime_ms);
bool tell_decode(struct view payload, struct tell *t);

#endif
