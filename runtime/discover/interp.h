/*
 * interp: plays the statements of a module that make classes and tests by running code: class decorators and
 * metaclasses of the project, setattr(), type(), globals()["TestX"] = ..., functions that return classes.
 *
 * It knows the common part of Python and what the text says; where it meets anything else that matters it
 * gives up the statement, and what that might have made stays as unknown as before. Nothing is ever executed.
 */
#ifndef TACH_DISCOVER_INTERP_H
#define TACH_DISCOVER_INTERP_H

#include "runtime/discover/module.h"

/* Plays MODULE, which has been read and of which nothing has been asked yet, if it has such statements. What
 * they make is then in its scope and in its classes' scopes, and their reasons for doubt are gone. */
void interp_module(struct module *module);

#endif
