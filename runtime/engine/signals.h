/*
 * signals: those that tach-run reads from a descriptor, and never gets otherwise: SIGINT, SIGTERM and SIGHUP,
 * which end a run, and SIGCHLD.
 */
#ifndef TACH_ENGINE_SIGNALS_H
#define TACH_ENGINE_SIGNALS_H

/* Blocks them, here and in what is cloned from here on. SIGPIPE is ignored: writes say it. */
void signals_block(void);

/* A signalfd(2) of them: non-blocking, the caller's; or -1 with errno. */
int signals_open(void);

#endif
