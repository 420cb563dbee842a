/* SPDX-License-Identifier: MIT */
/* usync.h needs nothing before it, in C11 without extensions, and may be included twice. */
#undef _GNU_SOURCE
#include <usync.h>

#include <usync.h>

/** The start value of the options is a constant expression. */
const struct usync_options header_options = USYNC_OPTIONS_INIT;

/** Prototypes of the right kind. */
const char *(*const header_version)(void) = usync_version;
