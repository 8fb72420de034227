/* err.c - texts of the error values. */
#include "err.h"

const char *kt_strerror(int err)
{
	switch (err) {
#define X(name, value, text) \
	case name: \
		return text;
		KT_ERRORS(X)
#undef X
	default:
		return err >= 0 ? "success" : "unknown error";
	}
}
