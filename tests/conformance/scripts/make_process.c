/* SPDX-License-Identifier: MIT */
/* Makers: several contexts, limits of what may be pinned, dma-bufs. */
#include "maker.h"

static void make_context(struct gen *g)
{
	put(g, "context n=%lu", rnd(g, CONTEXTS));
}

static void make_memlock(struct gen *g)
{
	put(g, "memlock limit=%lu", chance(g, 70) ? (1 + rnd(g, 64)) << 12 : UINT64_C(1) << 22);
}

static void make_ipc_lock(struct gen *g)
{
	put(g, "ipc_lock on=%d", chance(g, 30));
}

static void make_status(struct gen *g)
{
	put(g, "status");
}

static void make_dmabuf(struct gen *g)
{
	put(g, "dmabuf_get len=%lu fl=0", chance(g, 92) ? (1 + rnd(g, 16)) << 12 : some_length(g));
}

static void make_dmabuf_map(struct gen *g)
{
	if (!g->world.dmabufs.n) {
		make_dmabuf(g);
		return;
	}
	put(g, "map_file id=%u fl=%u start=0x%lx len=0x%lx iova=0x%lx dmabuf=%lu", pick(g, K_IOAS),
	    some_map_flags(g), chance(g, 60) ? 0 : rnd(g, 8) << 12 | (chance(g, 8) ? 0x800 : 0),
	    chance(g, 92) ? (1 + rnd(g, 8)) << 12 : some_length(g), some_iova(g),
	    1 + rnd(g, g->world.dmabufs.n));
}

static void make_dmabuf_revoke(struct gen *g)
{
	put(g, "%s slot=%lu on=%d", chance(g, 90) ? "dmabuf_revoke" : "dmabuf_close",
	    rnd(g, g->world.dmabufs.n ? g->world.dmabufs.n : 1), chance(g, 60));
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker process_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem abu man */
	{make_context,       K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  6}},
	{make_memlock,       K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  4}},
	{make_ipc_lock,      K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{make_status,        K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  6}},
	{make_dmabuf,        K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{make_dmabuf_map,    K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  8}},
	{make_dmabuf_revoke, K_NONE,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  5}},
	{},
};
/* clang-format on */
