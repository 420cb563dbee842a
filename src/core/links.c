/* SPDX-License-Identifier: MIT */
/* A hash table with chains, in parts with a lock each, so that workers seldom meet. */
#include "core/links.h"

#include "base/us.h"

#include <stdlib.h>
#include <string.h>

#define NR_PARTS 64u
#define BUCKETS_FIRST 64u

/** What is known of an inode. */
struct link {
	struct link *next;
	struct us_identity id;
	uint32_t left; /**< Names not seen yet. */
	char *target;  /**< Where its copy is; NULL while it is being made. */
	struct us_link_waiter *waiters;
	struct us_link_waiter **waiters_end;
};

struct part {
	pthread_mutex_t lock;
	struct link **buckets;
	size_t nr_buckets; /**< A power of two. */
	size_t nr;
} __attribute__((aligned(64)));

struct us_links {
	struct part parts[NR_PARTS];
};

struct us_links *us_links_new(void)
{
	struct us_links *links = aligned_alloc(64, sizeof(*links));

	if (links == NULL) {
		return NULL;
	}
	*links = (struct us_links){0};
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		pthread_mutex_init(&links->parts[i].lock, NULL);
	}
	return links;
}

/** Free an inode's memory. */
static void free_link(struct link *link)
{
	while (link->waiters != NULL) {
		struct us_link_waiter *waiter = link->waiters;

		link->waiters = waiter->next;
		free(waiter);
	}
	free(link->target);
	free(link);
}

void us_links_free(struct us_links *links)
{
	if (links == NULL) {
		return;
	}
	for (unsigned int i = 0; i < NR_PARTS; i++) {
		struct part *part = &links->parts[i];

		for (size_t b = 0; b < part->nr_buckets; b++) {
			while (part->buckets[b] != NULL) {
				struct link *link = part->buckets[b];

				part->buckets[b] = link->next;
				free_link(link);
			}
		}
		free(part->buckets);
		pthread_mutex_destroy(&part->lock);
	}
	free(links);
}

/** Inode numbers are often neighbours; devices are few. */
static uint64_t hash(const struct us_identity *id)
{
	uint64_t h = id->ino ^ ((uint64_t)id->dev_major << 52) ^ ((uint64_t)id->dev_minor << 44);

	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

/** The part that an inode belongs to. */
static struct part *part_of(struct us_links *links, const struct us_identity *id)
{
	return &links->parts[hash(id) % NR_PARTS];
}

/** Where the pointer to the inode of ID stands, or would stand; NULL when there are no buckets yet. */
static struct link **find(const struct part *part, const struct us_identity *id)
{
	struct link **at;

	if (part->nr_buckets == 0) {
		return NULL;
	}
	at = &part->buckets[(hash(id) / NR_PARTS) & (part->nr_buckets - 1)];
	while (*at != NULL && ((*at)->id.ino != id->ino || (*at)->id.dev_major != id->dev_major ||
	                       (*at)->id.dev_minor != id->dev_minor)) {
		at = &(*at)->next;
	}
	return at;
}

/** Keep chains short. */
static int grow(struct part *part)
{
	size_t nr = part->nr_buckets > 0 ? part->nr_buckets * 2 : BUCKETS_FIRST;
	struct link **buckets;

	if (part->nr < part->nr_buckets) {
		return 0;
	}
	buckets = calloc(nr, sizeof(*buckets));
	if (buckets == NULL) {
		return part->nr_buckets > 0 ? 0 : -ENOMEM; /* Longer chains, then. */
	}
	for (size_t b = 0; b < part->nr_buckets; b++) {
		while (part->buckets[b] != NULL) {
			struct link *link = part->buckets[b];
			struct link **to = &buckets[(hash(&link->id) / NR_PARTS) & (nr - 1)];

			part->buckets[b] = link->next;
			link->next = *to;
			*to = link;
		}
	}
	free(part->buckets);
	part->buckets = buckets;
	part->nr_buckets = nr;
	return 0;
}

/** Note an inode of which the first name was met. */
static int add(struct part *part, const struct us_identity *id, uint32_t nr_names)
{
	struct link *link;
	struct link **at;

	if (grow(part) < 0) {
		return -ENOMEM;
	}
	link = calloc(1, sizeof(*link));
	if (link == NULL) {
		return -ENOMEM;
	}
	link->id = *id;
	link->left = nr_names - 1;
	link->waiters_end = &link->waiters;
	at = find(part, id);
	link->next = *at;
	*at = link;
	part->nr++;
	return US_LINK_FIRST;
}

/** Take an inode out of the table. */
static void drop(struct part *part, struct link **at)
{
	struct link *link = *at;

	*at = link->next;
	part->nr--;
	free_link(link);
}

/** Keep a name until its inode has settled. */
static int wait(struct link *link, struct us_dir *dir, const char *name, const char *dst_name)
{
	size_t length = strlen(name) + 1;
	size_t dst_length = strlen(dst_name) + 1;
	struct us_link_waiter *waiter = malloc(sizeof(*waiter) + length + dst_length);

	if (waiter == NULL) {
		return -ENOMEM;
	}
	*waiter = (struct us_link_waiter){.dir = dir, .dst_name = waiter->name + length};
	memcpy(waiter->name, name, length);
	memcpy(waiter->dst_name, dst_name, dst_length);
	atomic_fetch_add_explicit(&dir->pending, 1, memory_order_relaxed);
	*link->waiters_end = waiter;
	link->waiters_end = &waiter->next;
	return US_LINK_WAIT;
}

/** Tell where the copy is; the last name to ask takes the inode with it. */
static int make(struct part *part, struct link **at, char **target)
{
	struct link *link = *at;

	if (link->left <= 1) {
		*target = link->target;
		link->target = NULL;
		drop(part, at);
		return US_LINK_MAKE;
	}
	*target = strdup(link->target);
	if (*target == NULL) {
		return -ENOMEM;
	}
	link->left--;
	return US_LINK_MAKE;
}

int us_links_claim(struct us_links *links, const struct statx *stx, struct us_dir *dir, const char *name,
                   const char *dst_name, char **target)
{
	struct us_identity id = us_identity_of(stx);
	struct part *part = part_of(links, &id);
	struct link **at;
	int ret;

	pthread_mutex_lock(&part->lock);
	at = find(part, &id);
	if (at == NULL || *at == NULL) {
		ret = add(part, &id, stx->stx_nlink);
	} else if ((*at)->target == NULL) {
		ret = wait(*at, dir, name, dst_name);
	} else {
		ret = make(part, at, target);
	}
	pthread_mutex_unlock(&part->lock);
	return ret;
}

struct us_link_waiter *us_links_settle(struct us_links *links, const struct us_identity *id, char *target)
{
	struct part *part = part_of(links, id);
	struct us_link_waiter *waiters;
	struct link **at;

	pthread_mutex_lock(&part->lock);
	at = find(part, id);
	waiters = (*at)->waiters;
	(*at)->waiters = NULL;
	(*at)->waiters_end = &(*at)->waiters;
	(*at)->target = target;
	if (target == NULL) {
		drop(part, at);
	}
	pthread_mutex_unlock(&part->lock);
	return waiters;
}
