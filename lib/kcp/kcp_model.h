/* kcp_model.h - a model of the path for a kcp: its rate, its round trip, what it loses.
 *
 *     cfg.cc = &kcp_cc_model;   or   kcp_set_cc(k, &kcp_cc_model, now_us);
 */
#ifndef KCP_MODEL_H
#define KCP_MODEL_H

#include "kcp.h"

extern const struct kcp_cc kcp_cc_model;

#endif
