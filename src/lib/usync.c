/* SPDX-License-Identifier: MIT */
/* The public interface: checks what it is given, copies it, and hands it to the engine. */
#include "usync.h"

#include "base/clock.h"
#include "base/hist.h"
#include "base/us.h"
#include "core/job.h"
#include "core/tune.h"
#include "core/worker.h"
#include "net/conn.h"
#include "net/session.h"

#include <stdlib.h>
#include <string.h>

/** True when VALUE is 0 (choose for me) or lies between the two. */
static bool is_within(uint64_t value, uint64_t min, uint64_t max)
{
	return value == 0 || (value >= min && value <= max);
}

/** Check the caller's options. */
static int check_options(const struct usync_options *options)
{
	if (options->version != USYNC_OPTIONS_VERSION || !is_within(options->jobs, 1, USYNC_JOBS_MAX) ||
	    !is_within(options->queue_depth, 1, USYNC_QUEUE_DEPTH_MAX) ||
	    !is_within(options->chunk_size, USYNC_CHUNK_MIN, USYNC_CHUNK_MAX) ||
	    !is_within(options->max_rate, USYNC_RATE_MIN, UINT64_MAX) ||
	    !is_within(options->compress, 1, USYNC_COMPRESS_MAX) || options->sockets > USYNC_SOCKETS_PLAIN ||
	    options->io > USYNC_IO_SYNC || options->copy > USYNC_COPY_CFR ||
	    !is_within(options->large_size, USYNC_LARGE_MIN, UINT64_MAX) || options->compare > USYNC_COMPARE_NEVER ||
	    options->sparse > USYNC_SPARSE_NEVER || options->order > USYNC_ORDER_NONE ||
	    options->follow > USYNC_FOLLOW_ALL || options->reflink > USYNC_REFLINK_NEVER ||
	    (options->keep | options->keep_strictly) >= USYNC_KEEP_NONE * 2u) {
		return -EINVAL;
	}
	if (options->only_files && options->remove) {
		return -EINVAL;
	}
	/* chown(2) takes the highest number for "leave it as it is". */
	if ((options->chown_user && options->chown_uid == UINT32_MAX) ||
	    (options->chown_group && options->chown_gid == UINT32_MAX)) {
		return -EINVAL;
	}
	if (options->copy != USYNC_COPY_AUTO && options->reflink != USYNC_REFLINK_AUTO &&
	    (options->copy == USYNC_COPY_REFLINK) != (options->reflink == USYNC_REFLINK_ALWAYS)) {
		return -EINVAL; /* Two that contradict each other. */
	}
	if ((options->reflink == USYNC_REFLINK_ALWAYS || options->copy == USYNC_COPY_REFLINK) &&
	    (options->sparse != USYNC_SPARSE_AUTO || options->verify || options->checksum_file != NULL)) {
		return -EINVAL; /* A clone's holes are its source's, and its bytes are not read. */
	}
	if (options->hash > USYNC_HASH_SHA256) {
		return -EINVAL;
	}
	if (options->suffix != NULL && (options->suffix[0] == '\0' || strchr(options->suffix, '/') != NULL)) {
		return -EINVAL;
	}
	if (options->chmod != NULL && us_modespec_parse(&(struct us_modespec){0}, options->chmod) < 0) {
		return -EINVAL;
	}
	if (options->nr_link_dests > USYNC_LINK_DESTS_MAX || options->nr_spared > USYNC_SPARED_MAX) {
		return -EINVAL;
	}
	for (size_t i = 0; i < options->nr_link_dests; i++) {
		if (options->link_dests[i] == NULL) {
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < options->nr_filters; i++) {
		if (options->filters[i].pattern == NULL || options->filters[i].pattern[0] == '\0') {
			return -EINVAL;
		}
	}
	return 0;
}

/** Copy the paths. */
static int copy_paths(struct usync_job *job, const char *const *sources, size_t nr, const char *destination)
{
	job->sources = calloc(nr, sizeof(*job->sources));
	job->destination = strdup(destination);
	if (job->sources == NULL || job->destination == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		job->sources[i] = strdup(sources[i]);
		job->nr_sources = i + 1;
		if (job->sources[i] == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

/** Let *TEXT, the caller's, be a copy that the job keeps in OWN. */
static int copy_text(const char **text, char **own)
{
	if (*text == NULL) {
		return 0;
	}
	*own = strdup(*text);
	*text = *own;
	return *own != NULL ? 0 : -ENOMEM;
}

/** Copy the caller's references. */
static int copy_link_dests(struct usync_job *job, const char *const *paths, size_t nr)
{
	job->link_dests = calloc(nr + 1, sizeof(*job->link_dests));
	if (job->link_dests == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		job->link_dests[i] = strdup(paths[i]);
		if (job->link_dests[i] == NULL) {
			return -ENOMEM;
		}
		job->options.nr_link_dests = i + 1;
	}
	job->options.link_dests = (const char *const *)job->link_dests;
	return 0;
}

/** Free that copy. */
static void free_link_dests(struct usync_job *job)
{
	for (size_t i = 0; i < job->options.nr_link_dests; i++) {
		free(job->link_dests[i]);
	}
	free(job->link_dests);
}

/** Copy the caller's filters. */
static int copy_filters(struct usync_job *job, const struct usync_filter *filters, size_t nr)
{
	job->filters = calloc(nr + 1, sizeof(*job->filters));
	job->patterns = calloc(nr + 1, sizeof(*job->patterns));
	if (job->filters == NULL || job->patterns == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		job->patterns[i] = strdup(filters[i].pattern);
		if (job->patterns[i] == NULL) {
			return -ENOMEM;
		}
		job->filters[i] = (struct usync_filter){job->patterns[i], filters[i].include};
		job->options.nr_filters = i + 1;
	}
	job->options.filters = job->filters;
	return 0;
}

/** Free that copy. */
static void free_filters(struct usync_job *job)
{
	for (size_t i = 0; i < job->options.nr_filters; i++) {
		free(job->patterns[i]);
	}
	free(job->patterns);
	free(job->filters);
}

/** Make a job of any kind. */
static int new_job(struct usync_job **job, const struct usync_options *options, const char *const *sources,
                   size_t nr_sources, const char *destination)
{
	static const struct usync_options defaults = USYNC_OPTIONS_INIT;
	struct usync_job *new;
	int ret = options != NULL ? check_options(options) : 0;

	if (ret < 0) {
		return ret;
	}
	new = aligned_alloc(_Alignof(struct usync_job), sizeof(*new));
	if (new == NULL) {
		return -ENOMEM;
	}
	memset(new, 0, sizeof(*new));
	new->options = options != NULL ? *options : defaults;
	new->options.filters = NULL; /* The job's own, when they have been copied. */
	new->options.nr_filters = 0;
	new->options.link_dests = NULL;
	new->options.nr_link_dests = 0;
	pthread_mutex_init(&new->event_lock, NULL);
	pthread_mutex_init(&new->mark_lock, NULL);
	pthread_mutex_init(&new->order_lock, NULL);
	new->temp_fd = -1;
	new->lock_fd = -1;
	ret = copy_text(&new->options.temp_dir, &new->temp_dir);
	if (ret == 0) {
		ret = copy_text(&new->options.journal, &new->journal);
	}
	if (ret == 0) {
		ret = copy_text(&new->options.checksum_file, &new->checksum_file);
	}
	if (ret == 0) {
		ret = copy_text(&new->options.chmod, &new->chmod);
	}
	new->suffix = strdup(new->options.suffix != NULL ? new->options.suffix : "~");
	if (new->suffix == NULL) {
		ret = -ENOMEM;
	}
	if (ret == 0 && options != NULL) {
		ret = copy_filters(new, options->filters, options->nr_filters);
	}
	if (ret == 0 && options != NULL) {
		ret = copy_link_dests(new, options->link_dests, options->nr_link_dests);
	}
	if (ret == 0) {
		ret = copy_paths(new, sources, nr_sources, destination);
	}
	if (ret == 0 && new->options.only_files) {
		const char *wrong;

		ret = us_filelist_new(&new->files, new->options.files, new->options.nr_files, &wrong);
	}
	if (ret < 0) {
		usync_job_free(new);
		return ret;
	}
	*job = new;
	return 0;
}

int usync_job_new(struct usync_job **job, const struct usync_options *options,
                  const char *const *sources, size_t nr_sources, const char *destination)
{
	return nr_sources > 0 ? new_job(job, options, sources, nr_sources, destination) : -EINVAL;
}

/** Make NEW one of a transfer between machines, or free it. */
static int join_peer(struct usync_job **job, struct usync_job *new, struct usync_peer *peer, bool sends)
{
	int ret = us_session_new(new, peer, sends);

	if (ret < 0) {
		usync_job_free(new);
		return ret;
	}
	*job = new;
	return 0;
}

int usync_job_new_send(struct usync_job **job, const struct usync_options *options, const char *const *sources,
                       size_t nr_sources, struct usync_peer *peer)
{
	struct usync_job *new;
	int ret;

	if (nr_sources == 0 || peer->nr == 0 ||
	    (options != NULL &&
	     (options->nr_link_dests > 0 || options->temp_dir != NULL || options->journal != NULL))) {
		return -EINVAL;
	}
	ret = new_job(&new, options, sources, nr_sources, us_conn_name(peer->conns[0]));
	return ret < 0 ? ret : join_peer(job, new, peer, true);
}

int usync_job_new_recv(struct usync_job **job, const struct usync_options *options, struct usync_peer *peer,
                       const char *destination)
{
	struct usync_job *new;
	int ret;

	if (peer->nr == 0 || (options != NULL && options->only_files)) {
		return -EINVAL;
	}
	ret = new_job(&new, options, NULL, 0, destination);
	return ret < 0 ? ret : join_peer(job, new, peer, false);
}

int usync_job_start(struct usync_job *job)
{
	return job->state == US_JOB_NEW ? us_job_start(job) : -EBUSY;
}

int usync_job_wait(struct usync_job *job)
{
	return job->state == US_JOB_RUNNING ? us_job_wait(job) : -EINVAL;
}

int usync_job_run(struct usync_job *job)
{
	int ret = usync_job_start(job);

	return ret < 0 ? ret : usync_job_wait(job);
}

void usync_job_cancel(struct usync_job *job)
{
	/* Lock-free stores only: this may be a signal handler. */
	atomic_store(&job->cancelled, true);
	atomic_store(&job->stopping, true);
}

/** Read one count of one worker. */
static uint64_t load(const atomic_uint_fast64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void usync_job_stats(const struct usync_job *job, struct usync_stats *stats)
{
	const struct us_worker *workers = atomic_load(&job->workers);
	uint64_t start = load(&job->started_ns);
	uint64_t end = load(&job->ended_ns);
	uint64_t found_dirs = 0;
	uint64_t listed = 0;

	*stats = (struct usync_stats){0};
	for (unsigned int i = 0; workers != NULL && i < atomic_load(&job->nr_made); i++) {
		const struct us_counts *counts = &workers[i].counts;

		stats->files += load(&counts->files);
		stats->directories += load(&counts->directories);
		stats->symlinks += load(&counts->symlinks);
		stats->specials += load(&counts->specials);
		stats->links += load(&counts->links);
		stats->unchanged += load(&counts->unchanged);
		stats->skipped += load(&counts->skipped);
		stats->deleted += load(&counts->deleted);
		stats->bytes += load(&counts->bytes);
		stats->failed += load(&counts->failed);
		stats->vanished += load(&counts->vanished);
		stats->found += load(&counts->found) + load(&counts->found_dirs);
		/* Never 0 too early: what is listed is read before what it was found by. */
		listed += load(&counts->listed_dirs);
		stats->by_inode += load(&counts->listings[USYNC_ORDER_INODE]);
		stats->by_extent += load(&counts->listings[USYNC_ORDER_EXTENT]);
		stats->by_name += load(&counts->listings[USYNC_ORDER_NAME]);
		stats->unordered += load(&counts->listings[USYNC_ORDER_NONE]);
		stats->extents += load(&counts->extents);
		stats->by_rw += load(&counts->methods[US_METHOD_RW]);
		stats->by_splice += load(&counts->methods[US_METHOD_SPLICE]);
		stats->by_cfr += load(&counts->methods[US_METHOD_CFR]);
		stats->by_reflink += load(&counts->methods[US_METHOD_CLONE]);
		stats->in_ranges += load(&counts->in_ranges);
	}
	for (unsigned int i = 0; workers != NULL && i < job->nr_workers; i++) {
		found_dirs += load(&workers[i].counts.found_dirs);
	}
	stats->unlisted = found_dirs - us_min(listed, found_dirs);
	/* Of one that ends between the two looks all is done. */
	stats->large_size = load(&job->headway.size);
	stats->large_done = us_min(load(&job->headway.done), stats->large_size);
	stats->found_unknown = job->link != NULL && job->link->source != NULL;
	stats->not_deleted = load(&job->nr_not_deleted);
	stats->verified = load(&job->nr_verified);
	stats->failed += load(&job->nr_unverified) + load(&job->nr_failed_there);
	stats->vanished += load(&job->nr_vanished_there);
	stats->deleted += load(&job->nr_deleted_there);
	if (start != 0) {
		stats->elapsed_ns = (end != 0 ? end : us_clock_ns()) - start;
	}
}

size_t usync_job_latencies(const struct usync_job *job, struct usync_latency *latencies)
{
	size_t nr = 0;

	for (enum us_op_side side = 0; side < US_OP_SIDES; side++) {
		for (enum us_op_kind kind = 0; kind < US_OP_NR; kind++) {
			struct us_hist_sum sum;

			us_tune_collect(job, side, kind, &sum);
			if (sum.nr == 0) {
				continue;
			}
			latencies[nr++] = (struct usync_latency){
				.side = us_tune_side(side),
				.call = us_tune_name(side, kind),
				.measured = sum.nr,
				.median_ns = us_hist_quantile(&sum, 50),
				.tail_ns = us_hist_quantile(&sum, 99),
				.is_async = us_tune_is_async(job, side, kind),
			};
		}
	}
	return nr;
}

_Static_assert(US_OP_SIDES * US_OP_NR <= USYNC_LATENCIES_MAX, "usync_job_latencies() would write too many");

const char *usync_job_error(const struct usync_job *job)
{
	return job->error_text != NULL ? job->error_text : "";
}

bool usync_job_peer_knows(const struct usync_job *job)
{
	return job->options.peer_reports && atomic_load(&job->peer_knows);
}

void usync_job_free(struct usync_job *job)
{
	if (job == NULL) {
		return;
	}
	us_session_free(job);
	for (size_t i = 0; i < job->nr_sources; i++) {
		free(job->sources[i]);
	}
	free(job->sources);
	free(job->destination);
	us_tune_free(job);
	free(job->workers);
	free(job->src_roots);
	us_filelist_free(job->files);
	free(job->suffix);
	free(job->chmod);
	free_link_dests(job);
	free(job->temp_dir);
	free(job->journal);
	free(job->checksum_file);
	free(job->root_path);
	free_filters(job);
	free(job->error_text);
	pthread_mutex_destroy(&job->event_lock);
	pthread_mutex_destroy(&job->mark_lock);
	pthread_mutex_destroy(&job->order_lock);
	free(job);
}

const char *usync_version(void)
{
	return US_VERSION;
}
