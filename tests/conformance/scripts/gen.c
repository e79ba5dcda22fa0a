/* SPDX-License-Identifier: MIT */
/* The generator: choosing makers by their weights, and recording. */
#include <stdio.h>
#include <string.h>

#include "gen.h"
#include "maker.h"
#include "ops.h"

static const struct maker *const families[] = {
	map_makers,    table_makers,  event_makers,   access_makers,
	memory_makers, compat_makers, process_makers,
};

static const char *const topics[TOPICS] = {
	"mix",	 "vfio",  "pasid", "viommu", "access", "pages",
	"limit", "dirty", "fault", "memory", "abuse",  "many",
};

/* The row in which the weights before it have used `at` up, or (with UINT_MAX) NULL and the sum in *ret_sum. */
static const struct maker *maker_at(enum topic topic, unsigned int at, unsigned int *ret_sum)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (const struct maker *maker = families[i]; maker->make; maker++) {
			sum += maker->weight[topic];
			if (topic > T_MEMORY)
				sum += maker->weight[T_MIX];
			if (at < sum)
				return maker;
		}
	*ret_sum = sum;
	return NULL;
}

static const struct maker *choose(struct gen *gen)
{
	const struct maker *maker;
	unsigned int sum = 0;

	maker_at(gen->topic, ~0u, &sum);
	do
		maker = maker_at(gen->topic, rnd(gen, sum), &sum);
	while (!picture_has(&gen->picture, &gen->world, maker->need) && chance(gen, 90));
	return maker;
}

/* What is known of a context stays known while operations go to another one. */
static void change_picture(struct gen *gen)
{
	unsigned int n = 0;

	if (sscanf(gen->line, "context n=%u", &n) != 1 || n >= CONTEXTS)
		return;
	gen->others[gen->context] = gen->picture;
	gen->picture = gen->others[n];
	gen->context = n;
}

void gen_record(struct gen *gen)
{
	if (gen->topic == T_ABUSE && chance(gen, 5))
		add(gen, " ro=1");
	op_run(&gen->world, gen->line);
	change_picture(gen);
	picture_observe(&gen->picture, &gen->world, gen->line, gen->world.result);
	printf("%s => %s\n", gen->line, gen->world.result);
	fflush(stdout);
}

int gen_script(const char *topic, uint64_t seed, int count)
{
	static struct gen gen;

	while (gen.topic < TOPICS && strcmp(topics[gen.topic], topic))
		gen.topic++;
	if (gen.topic == TOPICS) {
		fprintf(stderr, "no such topic; there are");
		for (int i = 0; i < TOPICS; i++)
			fprintf(stderr, " %s", topics[i]);
		fputc('\n', stderr);
		return 2;
	}
	gen.rng = seed * 0x5851f42d4c957f2du + gen.topic;
	world_init(&gen.world);
	printf("# replay --fuzz --topic %s %lu %d\n", topic, (unsigned long)seed, count);
	prologue(&gen);
	for (int i = 0; i < count; i++) {
		choose(&gen)->make(&gen);
		gen_record(&gen);
	}
	if (gen.topic == T_LIMIT) { /* the kernel's limit outlives the process */
		put(&gen, "memory_limit limit=65536");
		gen_record(&gen);
	}
	return 0;
}
