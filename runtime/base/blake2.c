/* How it works: RFC 7693, section 3.2; the words of a block are read as they lie on a little-endian machine,
 * and put together on others. */
#include "runtime/base/blake2.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK 128

static const uint64_t iv[8] = {0x6a09e667f3bcc908U, 0xbb67ae8584caa73bU, 0x3c6ef372fe94f82bU,
                               0xa54ff53a5f1d36f1U, 0x510e527fade682d1U, 0x9b05688c2b3e6c1fU,
                               0x1f83d9abfb41bd6bU, 0x5be0cd19137e2179U};

/* Of the last two of the twelve rounds, the words come as in the first two. */
static const uint8_t sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                      {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                      {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                      {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                      {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline uint64_t right(uint64_t x, unsigned by)
{
        return x >> by | x << (64 - by);
}

static inline void mix(uint64_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint64_t x, uint64_t y)
{
        v[a] += v[b] + x;
        v[d] = right(v[d] ^ v[a], 32);
        v[c] += v[d];
        v[b] = right(v[b] ^ v[c], 24);
        v[a] += v[b] + y;
        v[d] = right(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = right(v[b] ^ v[c], 63);
}

static void compress(uint64_t h[8], const uint8_t block[BLOCK], uint64_t so_far, bool last)
{
        uint64_t v[16], m[16];

        memcpy(v, h, 8 * sizeof *v);
        memcpy(v + 8, iv, 8 * sizeof *v);
        v[12] ^= so_far;
        v[14] ^= last ? UINT64_MAX : 0;
        memcpy(m, block, BLOCK);
        for (unsigned i = 0; i < 16; i++)
                m[i] = le64toh(m[i]);
#pragma GCC unroll 12 /* makes constants of the table: twice as fast */
        for (unsigned i = 0; i < 12; i++) {
                const uint8_t *s = sigma[i % 10];

                mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
                mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
                mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
                mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
                mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
                mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
                mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
                mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
        }
        for (unsigned i = 0; i < 8; i++)
                h[i] ^= v[i] ^ v[i + 8];
}

void blake2b(uint8_t ret[BLAKE2_SIZE], const void *data, size_t n)
{
        const uint8_t *p = data;
        uint8_t last[BLOCK] = {0};
        uint64_t h[8], so_far = 0;

        memcpy(h, iv, sizeof h);
        h[0] ^= 0x01010000U ^ BLAKE2_SIZE;
        for (; n > BLOCK; n -= BLOCK, p += BLOCK) {
                so_far += BLOCK;
                compress(h, p, so_far, false);
        }
        if (n > 0)
                memcpy(last, p, n);
        compress(h, last, so_far + n, true);
        for (unsigned i = 0; i < BLAKE2_SIZE / 8; i++) {
                uint64_t word = htole64(h[i]);

                memcpy(ret + (size_t)i * 8, &word, 8);
        }
}
