/* err.h - what the library's functions return when they fail.
 *
 * 0 or a count on success, one of these negative values otherwise.  kcp.h has
 * values of its own, because kcp.c and kcp.h stand alone. */
#ifndef KT_ERR_H
#define KT_ERR_H

#define KT_ERRORS(X) \
	X(KT_EAGAIN, -1, "nothing to do now, ask again later") \
	X(KT_EPROTO, -2, "the peer broke the protocol") \
	X(KT_ELIMIT, -3, "a configured limit was reached") \
	X(KT_ENOMEM, -4, "out of memory") \
	X(KT_ECLOSED, -5, "the stream or session is closed") \
	X(KT_EINVAL, -6, "invalid argument") \
	X(KT_ENOSUP, -7, "not supported by the crypto library")

enum kt_err {
	KT_OK = 0,
#define X(name, value, text) name = value,
	KT_ERRORS(X)
#undef X
};

/* English text of a KT_E* value; never NULL. */
const char *kt_strerror(int err);

#endif
