/*
 * init: pid 1 of a cell. It reaps what is orphaned there and, where the cell may be used again, answers
 * whether it is clean.
 */
#ifndef TACH_SANDBOX_INIT_H
#define TACH_SANDBOX_INIT_H

#include "sandbox/proof.h"

/* Never returns; killing it ends everything in the cell. SOCKET < 0: no questions. Otherwise each byte that
 * arrives there is answered by a byte, enum dirt, and its closing ends the cell. All other descriptors are
 * closed. */
void init_loop(int socket, const struct proof *proof) __attribute__((noreturn));

#endif
