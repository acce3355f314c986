/*
 * features: what tach-run can do on this machine, as one JSON object (spec/features.schema.json).
 */
#ifndef TACH_ENGINE_FEATURES_H
#define TACH_ENGINE_FEATURES_H

/* Runs every probe (sandbox/probe.h) for the current folder, and one command in a cell; writes the object and
 * a newline to FD: 0 or -errno. */
int features_write(int fd, const char *version);

#endif
