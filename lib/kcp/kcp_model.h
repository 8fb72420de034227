/* kcp_model.h - a congestion controller: a model of the path, and phases that keep it true.
 *
 *     cfg.cc = &kcp_cc_model;   or   kcp_set_cc(k, &kcp_cc_model, NULL, now_us);
 *
 * It sends at the rate that the path carries, holds about two round trips of that in flight at
 * most, and keeps queues short where only it is there.  What it believes of the path (rate, empty
 * round trip, the medium's loss) is in kcp_path.h.  lib/kcp/README.md explains it at length, with a
 * picture and figures.
 *
 * Phases, as kcp_info.cc_phase names them:
 *
 *   startup   three to four times more each round trip, until the rate grows no more, a queue
 *             stands, or more is lost than the medium takes
 *   drain     half of the rate until what startup left in the queue is gone
 *   cruise    at the rate for 4 to 7 round trips
 *   probe     one round trip above it: by a quarter where there is room, by 1/32 where probes
 *             only lose.  A rate that grows by a seventh, and leaves no queue, is startup again
 *   low       below it until the queue is gone; packets are marked, and tell the medium's loss
 *
 * Loss:  the medium's is what marked packets lose that meet no queue.  The rate is that of what
 * went into the path for what came out, so the medium's loss does not slow it.  What is lost
 * beyond is our doing: of a probe, and the next is smaller; of a cruise, and the rate is what
 * arrived.  So a sender that floods cannot take what it causes for the medium's loss.
 *
 * Queues:  a queue that stands in a cruise lowers the rate to what arrives.  One that grows far
 * beyond a probe's means a slower path, which is believed within half a round trip.
 *
 * Others:  less is sent in low phases.  Where the queue stands all the same, and less arrives, it
 * is theirs: then nothing is cut, low phases are rare, and the rate is pressed towards half of the
 * best that the path had, and not beyond 5/8.  Where as much arrives, the queue is ours.  Every
 * 5 s in which the least round trip was not seen there is a deep low phase, as others of our kind
 * and BBR have them, so that all see it.
 *
 * Sources: draft-ietf-ccwg-bbr (phases, the maximum of the rate, the least round trip),
 * draft-cheng-iccrg-delivery-rate-estimation (samples, by kcp.c), RFC 9002 (loss by later
 * deliveries, by kcp.c), Copa (whether a queue empties tells who fills it).  Different from BBR:
 * the medium's loss is measured apart and does not count; probes shrink where they only lose;
 * cruises leave no queue; other flows are noticed, and how much of the path is theirs is bounded. */
#ifndef KCP_MODEL_H
#define KCP_MODEL_H

#include "kcp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct kcp_cc kcp_cc_model;

#ifdef __cplusplus
}
#endif

#endif
