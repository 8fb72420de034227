/* crc32.h - the two CRC-32s of the wire.
 *
 * There are two of each, and a build has one: ISA-L's vector code (crc32_isal.c), and a table and a byte at a time
 * (crc32_portable.c). */
#ifndef KT_CRC32_H
#define KT_CRC32_H

#include "wire.h"

uint32_t kt_crc32(struct view v);  /* of gzip and Ethernet: polynomial 0xedb88320 */
uint32_t kt_crc32c(struct view v); /* CRC-32C, of iSCSI: 0x82f63b78 */

#endif
