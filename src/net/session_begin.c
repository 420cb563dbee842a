/* SPDX-License-Identifier: MIT */
/*
 * The beginning of a transfer, on its first connection: HELLO <-> HELLO, START -> STARTED.  These wait for the other
 * side, with the time limit of a silence; a job that is cancelled waits no longer.
 */
#include "base/clock.h"
#include "base/us.h"
#include "core/dir.h"
#include "core/job.h"
#include "core/report.h"
#include "core/target.h"
#include "core/worker.h"
#include "core/xattrs.h"
#include "net/conn.h"
#include "net/session.h"
#include "net/talk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)

/** What the root is called. */
#define ROOT_ID 1u

/** Is HELLO one of this protocol, from whom it should be?  @return 0 or a negative errno after the reason was told. */
static int check_hello(struct us_session *session, const struct us_wire_hello *hello)
{
	struct us_net *net = &session->nets[0];

	if (memcmp(hello->magic, US_WIRE_MAGIC, sizeof(hello->magic)) != 0) {
		return us_talk_refuse(session, -EPROTO, "the other side is no uring-sync");
	}
	if (hello->version_min > US_WIRE_VERSION_MAX || hello->version_max < US_WIRE_VERSION_MIN) {
		us_report_stop_text(session->job, -EPROTONOSUPPORT,
		                    "%s: the other side speaks version %u of the protocol, and this one version %u: "
		                    "the same uring-sync is needed on both",
		                    us_conn_name(net->conn), hello->version_max, US_WIRE_VERSION_MAX);
		return -EPROTONOSUPPORT;
	}
	if (hello->role != (session->is_sender ? US_WIRE_RECEIVER : US_WIRE_SENDER)) {
		return us_talk_refuse(session, -EPROTO, session->is_sender ? "the other side does not receive"
		                                                   : "the other side does not send");
	}
	if (hello->connections != session->nr || hello->tokens == 0) {
		return us_talk_refuse(session, -EPROTO, "the two sides count different connections");
	}
	return 0;
}

/** Both have said what they can: make ready for it.  @return 0, or -ENOMEM after the reason was told. */
static int use_features(struct us_session *session)
{
	unsigned int level = session->job->options.compress;
	int ret = 0;

	for (unsigned int i = 0; i < session->nr; i++) {
		bool unsummed = (session->features & US_WIRE_FEATURE_UNSUMMED) != 0;

		session->nets[i].in.bare = !session->is_sender && (session->features & US_WIRE_FEATURE_BARE) != 0;
		session->nets[i].in.unsummed = unsummed;
		session->nets[i].out.unsummed = unsummed;
	}

	if ((session->features & US_WIRE_FEATURE_ZSTD) == 0) {
		if (session->is_sender && level > 0) {
			us_report_warning(session->job, us_conn_name(session->nets[0].conn),
			                  "nothing is compressed: the other side can't take that", 0);
		}
		return 0;
	}
	for (unsigned int i = 0; i < session->nr && ret == 0; i++) {
		struct us_net *net = &session->nets[i];

		ret = session->is_sender ? us_out_compress(&net->out, level) : us_in_take_compressed(&net->in);
	}
	return ret < 0 ? us_talk_refuse(session, ret, session->is_sender ? "send" : "receive") : 0;
}

/** Say who this is, and learn who that is. */
static int exchange_hellos(struct us_session *session)
{
	struct us_net *net = &session->nets[0];
	struct us_wire_hello hello = {
		.magic = US_WIRE_MAGIC,
		.version_min = US_WIRE_VERSION_MIN,
		.version_max = US_WIRE_VERSION_MAX,
		.features = session->features,
		.role = session->is_sender ? US_WIRE_SENDER : US_WIRE_RECEIVER,
		.connections = session->nr,
		.tokens = US_NET_TOKENS,
		.patience = session->timeout_ns < US_NET_FOREVER
	                            ? (uint32_t)us_min(session->timeout_ns / MS_NS, (uint64_t)UINT32_MAX)
	                            : 0,
	};
	struct us_in_frame *frame;
	int ret = us_talk_tell(net, US_WIRE_HELLO, &hello, sizeof(hello));

	if (ret == 0) {
		ret = us_talk_hear(net, US_WIRE_HELLO, &frame);
	}
	if (ret < 0) {
		return ret;
	}
	hello = (struct us_wire_hello){0};
	memcpy(&hello, us_in_payload(frame), us_min((size_t)frame->head.length, sizeof(hello)));
	us_in_put(frame);
	ret = check_hello(session, &hello);
	session->met = ret == 0;
	session->patience_ns = hello.patience > 0 ? hello.patience * MS_NS : US_NET_FOREVER;
	session->features &= hello.features;
	session->tokens = us_min(hello.tokens, US_NET_TOKENS);
	ret = ret == 0 ? use_features(session) : ret;
	if (ret == 0) {
		ret = us_keepalive_start(session);
		ret = ret < 0 ? us_talk_refuse(session, ret, "start a thread") : 0;
	}
	return ret;
}

int us_session_send_meet(struct usync_job *job)
{
	return exchange_hellos(job->session);
}

/** The sender's filters become this side's: they say what --delete leaves. */
static int take_filters(struct usync_job *job, const struct us_start *start)
{
	const uint8_t *at = start->filters;
	size_t nr = start->wire.filters;

	free(job->filters);
	free(job->patterns);
	job->filters = calloc(nr + 1, sizeof(*job->filters));
	job->patterns = calloc(nr + 1, sizeof(*job->patterns));
	job->options.filters = job->filters;
	job->options.nr_filters = 0;
	if (job->filters == NULL || job->patterns == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		bool include;

		job->patterns[i] = strdup(us_start_filter(&at, &include));
		if (job->patterns[i] == NULL) {
			return -ENOMEM;
		}
		job->filters[i] = (struct usync_filter){job->patterns[i], include};
		job->options.nr_filters = i + 1;
	}
	return 0;
}

/** What the sender may decide about what is made here: no more than its user could by hand, unless this side's says so. */
static void take_keep(struct us_session *session, uint32_t keep, bool strictly)
{
	struct usync_options *options = &session->job->options;

	session->trusts = options->trust_peer || (options->keep & USYNC_KEEP_OWNER) != 0;
	options->keep = keep;
	if ((keep & USYNC_KEEP_OWNER) != 0 && !session->trusts && geteuid() == 0) {
		options->keep =
			(keep & ~(uint32_t)USYNC_KEEP_OWNER) | (keep == USYNC_KEEP_OWNER ? USYNC_KEEP_NONE : 0u);
		/* Those of --chown are this user's own word. */
		if (!options->ordered || !(options->chown_user || options->chown_group)) {
			us_report_warning(session->job, session->job->destination,
			                  "owners are not taken over from another machine, "
			                  "unless the receiver keeps owners (-a) or has --trust-peer-metadata", 0);
		}
	}
	options->keep_strictly = strictly && session->trusts ? (uint32_t)USYNC_KEEP_OWNER : 0u;
}

/**
 * What becomes of what is here already is the sender's to say, too, but where this side has ordered the copy: then it
 * knows that itself.
 */
static int take_rules(struct us_session *session, uint32_t wishes)
{
	struct usync_job *job = session->job;
	struct usync_options *options = &job->options;
	const struct us_wire_start *wire = &session->start.wire;

	if (options->ordered) {
		return 0;
	}
	options->modify_window = wire->modify_window;
	options->max_delete = wire->max_delete;
	options->update = (wishes & US_WISH_UPDATE) != 0;
	options->existing = (wishes & US_WISH_EXISTING) != 0;
	options->ignore_existing = (wishes & US_WISH_IGNORE_EXISTING) != 0;
	options->limit_delete = (wishes & US_WISH_LIMIT_DELETE) != 0;
	options->backup = (wishes & US_WISH_BACKUP) != 0;
	if (session->start.suffix != NULL) {
		free(job->suffix);
		job->suffix = strdup(session->start.suffix);
		options->suffix = job->suffix;
	}
	return job->suffix == NULL ? -ENOMEM : take_filters(job, &session->start);
}

/** What the sender wishes becomes this job's options. */
static int take_wishes(struct us_session *session)
{
	struct usync_job *job = session->job;
	struct usync_options *options = &job->options;
	const struct us_wire_start *wire = &session->start.wire;
	uint32_t wishes = wire->wishes;

	if (wire->keep == 0 || wire->keep >= USYNC_KEEP_NONE * 2u || wire->compare > USYNC_COMPARE_NEVER ||
	    wire->hash > USYNC_HASH_SHA256 || wire->sparse > USYNC_SPARSE_NEVER) {
		return us_talk_refuse(session, -EPROTO, "receive");
	}
	if (options->ordered && !options->remove && (wishes & US_WISH_DELETE) != 0) {
		return us_talk_refuse(session, -EPERM, "the other side wants to delete, which was not asked for");
	}
	take_keep(session, wire->keep, (wishes & US_WISH_KEEP_OWNER_STRICTLY) != 0);
	options->compare = (enum usync_compare)wire->compare;
	if (options->checksum_file == NULL) {
		options->hash = (enum usync_hash)wire->hash;
	} else if (options->hash != (enum usync_hash)wire->hash && (wishes & US_WISH_VERIFY) != 0) {
		return us_talk_refuse(session, -EINVAL,
		                      "--verify there and --checksum-file here need one and the same --hash");
	}
	options->sparse = (enum usync_sparse)wire->sparse;
	options->remove = (wishes & US_WISH_DELETE) != 0;
	options->dry_run = options->dry_run || (wishes & US_WISH_DRY_RUN) != 0;
	options->verify = options->verify || (wishes & US_WISH_VERIFY) != 0;
	options->fsync = options->fsync || (wishes & US_WISH_FSYNC) != 0;
	if ((wishes & US_WISH_REPORT) != 0 && !options->report_copied) {
		options->report_copied = true;
		job->report_there = true;
	}
	if (options->max_errors == 0) {
		options->max_errors = wire->max_errors;
	}
	session->wishes = wishes;
	return take_rules(session, wishes) < 0 ? us_talk_refuse(session, -ENOMEM, "receive") : 0;
}

int us_session_receive_meet(struct usync_job *job)
{
	struct us_session *session = job->session;
	struct us_net *net = &session->nets[0];
	int ret = exchange_hellos(session);

	if (ret == 0) {
		ret = us_talk_hear(net, US_WIRE_START, &session->start_frame);
	}
	if (ret < 0) {
		return ret;
	}
	ret = us_start_decode(us_in_payload(session->start_frame), session->start_frame->head.length, &session->start);
	if (ret < 0) {
		return us_talk_refuse(session, -EBADMSG, "receive");
	}
	session->tokens = US_NET_TOKENS;
	return take_wishes(session);
}

/** Give each connection its worker.  @return 0 or -ENOMEM. */
static int attach(struct us_session *session)
{
	struct us_worker *workers = session->job->workers;

	for (unsigned int i = 0; i < session->nr; i++) {
		uint64_t now = us_clock_ns();
		struct us_net *net = &session->nets[i];

		if (session->is_sender) {
			net->sent = calloc(session->job->depth, sizeof(*net->sent));
		} else {
			net->tokens = calloc(session->tokens, sizeof(*net->tokens));
		}
		if (net->sent == NULL && net->tokens == NULL) {
			return -ENOMEM;
		}
		net->worker = &workers[i];
		net->heard_ns = now;
		workers[i].link = net;
	}
	atomic_store(&session->moved_ns, us_clock_ns());
	atomic_store(&session->active, session->nr);
	return 0;
}

/** What this job's user wishes of the receiver. */
static uint32_t wishes_of(const struct usync_job *job)
{
	const struct usync_options *options = &job->options;
	bool is_entries = job->root->is_virtual;

	return (options->update ? US_WISH_UPDATE : 0u) | (options->existing ? US_WISH_EXISTING : 0u) |
	       (options->ignore_existing ? US_WISH_IGNORE_EXISTING : 0u) | (options->remove ? US_WISH_DELETE : 0u) |
	       (options->limit_delete ? US_WISH_LIMIT_DELETE : 0u) | (options->backup ? US_WISH_BACKUP : 0u) |
	       (options->dry_run ? US_WISH_DRY_RUN : 0u) | (options->report_copied ? US_WISH_REPORT : 0u) |
	       (options->verify ? US_WISH_VERIFY : 0u) | (options->fsync ? US_WISH_FSYNC : 0u) |
	       (is_entries ? US_WISH_ENTRIES : 0u) |
	       (is_entries && job->nr_sources == 1 && job->nr_src_roots == 0 ? US_WISH_ONE : 0u) |
	       ((job->keep.strictly & USYNC_KEEP_OWNER) != 0 ? US_WISH_KEEP_OWNER_STRICTLY : 0u);
}

/** How contents are compared: for a file of sums all are read. */
static enum usync_compare compare_of(const struct usync_job *job)
{
	bool reads_all =
		job->options.checksum_file != NULL && job->digests && job->options.compare == USYNC_COMPARE_QUICK;

	return reads_all ? USYNC_COMPARE_CONTENTS : job->options.compare;
}

/** Put START together.  @return its length, or 0 when it does not fit a frame. */
static uint32_t make_start(const struct us_session *session, uint8_t *payload)
{
	const struct usync_job *job = session->job;
	const struct usync_options *options = &job->options;
	uint8_t *at = payload + sizeof(struct us_wire_start);
	const uint8_t *end = payload + US_WIRE_FRAME_MAX;
	struct us_record root;
	struct us_wire_start wire = {
		.wishes = session->wishes,
		.keep = job->keep.what,
		.compare = (uint8_t)compare_of(job),
		.hash = (uint8_t)options->hash,
		.sparse = (uint8_t)options->sparse,
		.modify_window = options->modify_window,
		.max_errors = options->max_errors,
		.filters = (uint32_t)options->nr_filters,
		.max_delete = options->max_delete,
	};

	if (options->suffix != NULL) {
		wire.suffix = (uint32_t)strlen(options->suffix);
		memcpy(at, options->suffix, wire.suffix + 1);
		at += wire.suffix + 1;
	}
	for (size_t i = 0; i < options->nr_filters; i++) {
		size_t length = strlen(options->filters[i].pattern) + 1;

		if (length + 1 > (size_t)(end - at)) {
			return 0;
		}
		*at++ = options->filters[i].include;
		memcpy(at, options->filters[i].pattern, length);
		at += length;
	}
	us_net_describe_dir(job->root, &root);
	if (us_record_size(&root) > (size_t)(end - at)) {
		return 0;
	}
	us_record_put(at, &root);
	at += us_record_size(&root);
	memcpy(payload, &wire, sizeof(wire));
	return (uint32_t)(at - payload);
}

/** Tell the receiver what is wanted, and wait until it is ready. */
static int start(struct us_session *session)
{
	struct us_net *net = &session->nets[0];
	struct us_in_frame *frame;
	struct us_wire_started started;
	uint8_t *payload = malloc(US_WIRE_FRAME_MAX);
	uint32_t length = payload != NULL ? make_start(session, payload) : 0;
	int ret;

	if (length == 0) {
		ret = us_talk_refuse(session, payload != NULL ? -E2BIG : -ENOMEM, "send what is wanted");
	} else {
		ret = us_talk_tell(net, US_WIRE_START, payload, length);
	}
	free(payload);
	if (ret == 0) {
		ret = us_talk_hear(net, US_WIRE_STARTED, &frame);
	}
	if (ret == 0) {
		memcpy(&started, us_in_payload(frame), sizeof(started));
		us_in_put(frame);
		session->job->root->dst_new = started.is_new != 0;
	}
	return ret;
}

int us_session_send_open(struct usync_job *job)
{
	struct us_session *session = job->session;
	int ret = us_target_open_sources(job);

	if (ret < 0) {
		return ret;
	}
	session->wishes = wishes_of(job);
	job->root->net_id = ROOT_ID;
	atomic_store(&job->root->announced, UINT64_MAX);
	atomic_store(&session->next_id, ROOT_ID);
	ret = start(session);
	/* From here on these are the other side's. */
	job->options.verify = false;
	job->options.fsync = false;
	job->splice = us_net_pipe_settle(session);
	atomic_store(&job->no_clone, true);
	return ret == 0 ? attach(session) : ret;
}

int us_session_receive_open(struct usync_job *job)
{
	struct us_session *session = job->session;
	const struct us_record *root = &session->start.root;
	struct us_wire_started started = {0};
	struct statx stx;
	bool is_virtual = (session->wishes & US_WISH_ENTRIES) != 0;
	bool is_one = is_virtual && (session->wishes & US_WISH_ONE) != 0;
	int ret;

	us_meta_to(&root->meta, &stx);
	if (!session->trusts) {
		stx.stx_mode &= 0xffff & ~(S_ISUID | S_ISGID);
	}
	ret = us_target_open_destination(job, &stx, is_virtual, is_one, &session->one_name);
	if (ret == 0 && root->xattrs_length > 0) {
		ret = us_xattrs_import(root->xattrs, root->xattrs_length, job->keep.xattr_kinds, !session->trusts,
		                       &job->root->source->xattrs);
		ret = ret < 0 ? us_talk_refuse(session, ret, "receive") : 0;
	}
	if (ret == 0) {
		ret = us_net_dirs_init(session, job->root, root->id);
	}
	if (ret < 0) {
		return ret;
	}
	started.is_new = us_net_dirs_is_new(job->root);
	ret = attach(session);
	return ret < 0 ? ret : us_talk_tell(&session->nets[0], US_WIRE_STARTED, &started, sizeof(started));
}
