/* SPDX-License-Identifier: MIT */
/* Makers: the program changes its own memory under what is mapped. */
#include <sys/mman.h>

#include "maker.h"

/* Some pages of memory that an area shows, mostly; never beyond a buffer, for those are skipped. */
static struct area user_range(struct gen *g)
{
	struct area area = near_area(g, 0);

	area.va &= ~UINT64_C(0xfff);
	if (chance(g, 15))
		area.va = some_va(g) & ~UINT64_C(0xfff);
	area.length = (1 + rnd(g, 6)) << 12;
	return area;
}

/* Not PROT_NONE: a User-Mode Linux, where scripts are recorded, lets the kernel read such memory. */
static unsigned int some_protection(struct gen *g)
{
	return chance(g, 50) ? PROT_READ : PROT_READ | PROT_WRITE;
}

static void make_fill(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_fill va=0x%lx len=0x%lx byte=%lu", area.va, area.length, rnd(g, 256));
}

static void make_user_unmap(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_unmap va=0x%lx len=0x%lx", area.va, area.length);
}

static void make_user_map(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_map va=0x%lx len=0x%lx prot=%u", area.va, area.length, some_protection(g));
}

static void make_protect(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_protect va=0x%lx len=0x%lx prot=%u", area.va, area.length, some_protection(g));
}

static void make_drop(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_drop va=0x%lx len=0x%lx", area.va, area.length);
}

static void make_move(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "user_move va=0x%lx len=0x%lx to=0x%lx", area.va, area.length,
	    A_BASE + (rnd(g, 2048) << 12));
}

static void make_file_size(struct gen *g)
{
	put(g, "file_size len=0x%lx", chance(g, 60) ? F_SIZE : rnd(g, 1024) << 12);
}

static void make_file_punch(struct gen *g)
{
	put(g, "file_punch start=0x%lx len=0x%lx by=%lu", rnd(g, 1024) << 12,
	    (1 + rnd(g, chance(g, 50) ? 4 : 200)) << 12, rnd(g, 2));
}

static void make_look(struct gen *g)
{
	struct area area = user_range(g);

	put(g, "mem va=0x%lx len=0x%lx", area.va, area.length);
}

static void make_change_process(struct gen *g)
{
	put(g, "change_process");
	add_reserved_word(g, 10);
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker memory_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_fill,          K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  8}},
	{make_user_unmap,    K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  6}},
	{make_user_map,      K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  8}},
	{make_protect,       K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  6}},
	{make_drop,          K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  5}},
	{make_move,          K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{make_file_size,     K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{make_file_punch,    K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{make_look,          K_IOAS,            {  0,  0,  0,  0,  0,  0,  0,  0,  0,  8}},
	{make_change_process, K_IOAS,           {  1,  0,  0,  0,  0,  0,  0,  0,  0,  3}},
	{},
};
/* clang-format on */
