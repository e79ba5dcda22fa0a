/* SPDX-License-Identifier: MIT */
/*
 * Thread-local variables of the hot paths and of signal handlers. In a shared library the
 * compiler's default access calls
 * __tls_get_addr(), which may allocate at a thread's first use: not allowed in a handler, and
 * slower than the rest of a hot path. The initial-exec model is one load; its price is a few dozen
 * bytes of the static TLS area, which the loader keeps in reserve even for libraries that are
 * loaded late.
 */
#ifndef UIOMMUFD_BASE_TLS_H
#define UIOMMUFD_BASE_TLS_H

#define TLS _Thread_local __attribute__((tls_model("initial-exec")))

#endif
