/*
 * blake2: BLAKE2b with 32 bytes of output and no key, after RFC 7693. Nobody can make two texts that have the
 * same one, so it can stand for a text that others wrote.
 */
#ifndef TACH_BASE_BLAKE2_H
#define TACH_BASE_BLAKE2_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2_SIZE 32

void blake2b(uint8_t ret[BLAKE2_SIZE], const void *data, size_t n);

#endif
