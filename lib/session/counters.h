/* counters.h - the SNMP-style counters, from one list.
 *
 * The first part has kcptun's names in kcptun's order and meaning (protocol
 * section 9), so that existing graphs go on working; what we add comes after. Every
 * session counts into its own; a tunnel's and the process's are sums. */
#ifndef KT_COUNTERS_H
#define KT_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

/* X(field, printed name, kind, help).  kind: COUNTER only grows, GAUGE is a
 * present value, PEAK the largest present value so far. */
#define KT_COUNTERS_KCPTUN(X) \
	X(bytes_sent, "BytesSent", COUNTER, "stream bytes handed to KCP") \
	X(bytes_received, "BytesReceived", COUNTER, "stream bytes delivered by KCP") \
	X(max_conn, "MaxConn", PEAK, "most sessions at once") \
	X(active_opens, "ActiveOpens", COUNTER, "sessions opened by us") \
	X(passive_opens, "PassiveOpens", COUNTER, "sessions opened by peers") \
	X(curr_estab, "CurrEstab", GAUGE, "sessions now") \
	X(in_errs, "InErrs", COUNTER, "errors of the socket while receiving") \
	X(in_csum_errors, "InCsumErrors", COUNTER, "datagrams with a wrong checksum or tag") \
	X(kcp_in_errors, "KCPInErrors", COUNTER, "packets that KCP refused") \
	X(in_pkts, "InPkts", COUNTER, "datagrams received") \
	X(out_pkts, "OutPkts", COUNTER, "datagrams sent") \
	X(in_segs, "InSegs", COUNTER, "KCP segments received") \
	X(out_segs, "OutSegs", COUNTER, "KCP segments sent") \
	X(in_bytes, "InBytes", COUNTER, "UDP payload bytes received") \
	X(out_bytes, "OutBytes", COUNTER, "UDP payload bytes sent") \
	X(retrans_segs, "RetransSegs", COUNTER, "segments sent again, for any cause") \
	X(fast_retrans_segs, "FastRetransSegs", COUNTER, "of those, because later ones arrived") \
	X(early_retrans_segs, "EarlyRetransSegs", COUNTER, "of those, for want of new data") \
	X(lost_segs, "LostSegs", COUNTER, "of those, after a timeout") \
	X(repeat_segs, "RepeatSegs", COUNTER, "segments received more than once") \
	X(fec_full_shards, "FECFullShards", COUNTER, "shard sets that came whole") \
	X(fec_parity_shards, "FECParityShards", COUNTER, "parity shards received") \
	X(fec_errs, "FECErrs", COUNTER, "shards malformed or rebuilt wrongly") \
	X(fec_recovered, "FECRecovered", COUNTER, "data shards rebuilt from parity") \
	X(fec_shard_set, "FECShardSet", GAUGE, "shard sets held now") \
	X(fec_shard_min, "FECShardMin", GAUGE, "fewest shards in a set held now") \
	X(ring_buffer_snd_queue, "RingBufferSndQueue", GAUGE, "segments waiting to be sent") \
	X(ring_buffer_rcv_queue, "RingBufferRcvQueue", GAUGE, "segments waiting to be read") \
	X(ring_buffer_snd_buffer, "RingBufferSndBuffer", GAUGE, "segments in flight") \
	X(oob_packets, "OOBPackets", COUNTER, "out-of-band packets received")

#define KT_COUNTERS_OURS(X) \
	X(streams_opened, "StreamsOpened", COUNTER, "streams opened, by either side") \
	X(curr_streams, "CurrStreams", GAUGE, "streams now") \
	X(streams_refused, "StreamsRefused", COUNTER, "streams refused at the limit") \
	X(sessions_refused, "SessionsRefused", COUNTER, "sessions refused at the limit") \
	X(sessions_dead, "SessionsDead", COUNTER, "sessions ended by silence or a broken stream") \
	X(payload_in_bytes, "PayloadInBytes", COUNTER, "bytes written to local sockets") \
	X(payload_out_bytes, "PayloadOutBytes", COUNTER, "bytes read from local sockets") \
	X(spurious_segs, "SpuriousSegs", COUNTER, "segments resent though the first had arrived") \
	X(out_errs, "OutErrs", COUNTER, "errors of the socket while sending") \
	X(in_ignored, "InIgnored", COUNTER, "datagrams that belong to no session and open none") \
	X(fec_retunes, "FECRetunes", COUNTER, "times that a sender's FEC numbers were adopted") \
	X(out_data_segs, "OutDataSegs", COUNTER, "of OutSegs, those that carry data") \
	X(in_data_segs, "InDataSegs", COUNTER, "of InSegs, those that carry data") \
	X(out_copy_segs, "OutCopySegs", COUNTER, "of OutDataSegs, copies sent before any loss") \
	X(in_copy_segs, "InCopySegs", COUNTER, "of InDataSegs, copies that were not needed") \
	X(memory_resets, "MemoryResets", COUNTER, \
	  "streams reset because others starved for what they held") \
	X(in_replayed, "InReplayed", COUNTER, \
	  "of InIgnored, those that came before and could open a session")

#define KT_COUNTERS(X) KT_COUNTERS_KCPTUN(X) KT_COUNTERS_OURS(X)

struct counters {
#define X(field, name, kind, help) uint64_t field;
	KT_COUNTERS(X)
#undef X
};

enum counter_kind { COUNTER, GAUGE, PEAK };

struct counter_info {
	const char *name;
	const char *help;
	enum counter_kind kind;
	size_t offset; /* of the uint64_t in struct counters */
};

/* One row per counter, in the order of the list. */
extern const struct counter_info counter_infos[];
extern const size_t counter_count;        /* rows */
extern const size_t counter_count_kcptun; /* of those, the first that kcptun has */

/* Value of row i. */
uint64_t counters_get(const struct counters *c, size_t i);
/* sum += c, row by row (PEAK rows too: a peak of a sum is bounded by the sum of peaks). */
void counters_add(struct counters *sum, const struct counters *c);
/* sum += c, leaving out gauges and peaks: what a finished session leaves behind. */
void counters_retire(struct counters *sum, const struct counters *c);

#endif
