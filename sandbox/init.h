/*
 * init: pid 1 of a cell. It reaps what is orphaned there, answers whether the cell is clean, where it may be
 * used again, and makes cells inside it for the tests of a snapshot.
 */
#ifndef TACH_SANDBOX_INIT_H
#define TACH_SANDBOX_INIT_H

#include "sandbox/nest.h"
#include "sandbox/proof.h"

#define INIT_CHECK '?' /* is the cell clean? The answer is a byte, enum dirt. */
#define INIT_PROVE '=' /* the same while the test's own process, and no other, is there */
#define INIT_NEST  '+' /* make a cell inside this one; it is handed over as its plan says (cell.h) */

/* Never returns; killing it ends everything in the cell. Each byte that arrives at SOCKET is a request as
 * above, and its closing ends the cell. PROOF: NULL where nobody may ask. All other descriptors are closed.
 */
void init_loop(int socket, const struct proof *proof, struct nest *nest) __attribute__((noreturn));

#endif
