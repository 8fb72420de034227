/* kcp_reno.h - a congestion window for a kcp: slow start and congestion avoidance.
 *
 *     cfg.cc = &kcp_cc_reno;   or   kcp_set_cc(k, &kcp_cc_reno, NULL, now_us);
 *
 * What the protocol's original does with nc = 0, on the rules of RFC 5681 (TCP
 * Congestion Control) in segments instead of bytes:
 *
 *     slow start (3.1)            from 1 segment; one more for each acknowledged
 *     congestion avoidance (3.1)  one more for each window acknowledged
 *     lost (3.2)                  half the window, at least 2
 *     timeout (3.1)               half as the threshold, and again from 1; further
 *                                 timeouts do not lower the threshold
 *
 * Otherwise than there:
 *
 *   - A fast retransmit neither inflates the window nor ends with an
 *     acknowledgement of a certain number.  As RFC 6582 (NewReno) wants it, all
 *     losses of one round trip are one event; here the clock tells them apart, one
 *     srtt, and two after a timeout.
 *   - The window is halved, not what is in flight: an application that had little
 *     to send is not held to that little.
 *   - It never grows beyond the windows of both ends, where it would mean nothing.
 *   - Segments are paced: at 5/4 of the rate that fills the window in each round trip,
 *     and at twice that rate in slow start, which must double per round trip.
 *
 * A path that loses for other reasons than congestion is slow with it. */
#ifndef KCP_RENO_H
#define KCP_RENO_H

#include "kcp.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct kcp_cc kcp_cc_reno;

#ifdef __cplusplus
}
#endif

#endif
