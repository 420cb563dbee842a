/* SPDX-License-Identifier: MIT */
/* Lists of attributes and of patterns. */
#include "cli/opts_values.h"

#include "base/parse.h"
#include "base/quote.h"
#include "base/us.h"
#include "cli/opts_net.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/** All that can be kept. */
#define KEEP_ALL (USYNC_KEEP_ARCHIVE | USYNC_KEEP_ATIME)

/** The names of attributes; the last ones are cp's. */
static const struct {
	const char *name;
	uint32_t bits;
} keep_names[] = {
	{"mode", USYNC_KEEP_MODE},   {"times", USYNC_KEEP_TIMES},  {"atime", USYNC_KEEP_ATIME},
	{"owner", USYNC_KEEP_OWNER}, {"xattr", USYNC_KEEP_XATTR},  {"acl", USYNC_KEEP_ACL},
	{"links", USYNC_KEEP_LINKS}, {"all", KEEP_ALL},            {"ownership", USYNC_KEEP_OWNER},
	{"timestamps", USYNC_KEEP_TIMES},
};

/** Read a list of attributes. */
static int parse_keep(const char *list, uint32_t *bits)
{
	const char *word = list;

	*bits = 0;
	for (;;) {
		size_t length = strcspn(word, ",");
		uint32_t found = 0;

		for (size_t i = 0; i < us_array_size(keep_names); i++) {
			if (strlen(keep_names[i].name) == length &&
			    memcmp(keep_names[i].name, word, length) == 0) {
				found = keep_names[i].bits;
			}
		}
		if (found == 0) {
			return -EINVAL;
		}
		*bits |= found;
		if (word[length] == '\0') {
			return 0;
		}
		word += length + 1;
	}
}

int opts_store_keep(struct opts *opts, const struct option_def *def, const char *value)
{
	uint32_t bits = def->value;
	int ret = value != NULL ? parse_keep(value, &bits) : 0;

	if (ret < 0) {
		return ret;
	}
	if (def->kind == KIND_DROP) {
		opts->keep &= ~bits;
		opts->job.keep_strictly &= ~bits;
		return 0;
	}
	opts->keep |= bits;
	if (def->kind == KIND_KEEP) {
		opts->job.keep_strictly |= bits;
	}
	return 0;
}

int opts_check_modes(const char *text)
{
	struct usync_options options = USYNC_OPTIONS_INIT;
	static const char *const nowhere = "";
	struct usync_job *job;
	int ret;

	options.chmod = text;
	ret = usync_job_new(&job, &options, &nowhere, 1, nowhere);
	if (ret == 0) {
		usync_job_free(job);
	}
	return ret;
}

/** The user that NAME is, by name or by number. */
static int find_user(const char *name, uint32_t *uid)
{
	const struct passwd *user = getpwnam(name);
	uint64_t number;

	if (user != NULL) {
		*uid = user->pw_uid;
		return 0;
	}
	if (us_parse_uint(name, &number) < 0 || number >= UINT32_MAX) {
		return -EINVAL;
	}
	*uid = (uint32_t)number;
	return 0;
}

/** The same for a group. */
static int find_group(const char *name, uint32_t *gid)
{
	const struct group *group = getgrnam(name);
	uint64_t number;

	if (group != NULL) {
		*gid = group->gr_gid;
		return 0;
	}
	if (us_parse_uint(name, &number) < 0 || number >= UINT32_MAX) {
		return -EINVAL;
	}
	*gid = (uint32_t)number;
	return 0;
}

int opts_store_owner(struct opts *opts, const char *text)
{
	const char *colon = strchr(text, ':');
	char *user = strndup(text, colon != NULL ? (size_t)(colon - text) : strlen(text));
	int ret = user != NULL ? 0 : -ENOMEM;

	opts->job.chown_user = user != NULL && user[0] != '\0';
	opts->job.chown_group = colon != NULL && colon[1] != '\0';
	if (ret == 0 && !opts->job.chown_user && !opts->job.chown_group) {
		ret = -EINVAL;
	}
	if (ret == 0 && opts->job.chown_user) {
		ret = find_user(user, &opts->job.chown_uid);
	}
	if (ret == 0 && opts->job.chown_group) {
		ret = find_group(colon + 1, &opts->job.chown_gid);
	}
	free(user);
	return ret;
}

int opts_store_filter(struct opts *opts, const char *pattern, bool include)
{
	size_t nr = opts->job.nr_filters;
	struct usync_filter *filters;
	char **patterns;

	if (pattern[0] == '\0') {
		return -EINVAL;
	}
	filters = reallocarray(opts->filters, nr + 1, sizeof(*filters));
	if (filters == NULL) {
		return -ENOMEM;
	}
	opts->filters = filters;
	patterns = reallocarray(opts->patterns, nr + 1, sizeof(*patterns));
	if (patterns == NULL) {
		return -ENOMEM;
	}
	opts->patterns = patterns;
	patterns[nr] = strdup(pattern);
	if (patterns[nr] == NULL) {
		return -ENOMEM;
	}
	filters[nr] = (struct usync_filter){patterns[nr], include};
	opts->job.nr_filters = nr + 1;
	return 0;
}

/** What ended the reading of IN: 0 for its end; a line that there is no memory for sets no flag. */
static int reading_error(FILE *in)
{
	int error = errno > 0 ? -errno : -EIO;

	return ferror(in) != 0 || feof(in) == 0 ? error : 0;
}

/** One line, of LENGTH bytes, of a file of patterns. */
static int store_line(struct opts *opts, char *line, size_t length, bool include)
{
	if (memchr(line, '\0', length) != NULL) {
		return -EINVAL;
	}
	if (length > 0 && line[length - 1] == '\n') {
		line[--length] = '\0';
	}
	if (length > 0 && line[length - 1] == '\r') {
		line[--length] = '\0';
	}
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
		return 0;
	}
	if ((line[0] == '+' || line[0] == '-') && line[1] == ' ') {
		include = line[0] == '+';
		line += 2;
	}
	return opts_store_filter(opts, line, include);
}

/** Say what is wrong with a file of patterns. */
static int file_error(FILE *err, const struct option_def *def, const char *path, int error)
{
	fprintf(err, "uring-sync: --%s: ", def->name);
	us_quote_write(err, path);
	fprintf(err, ": %s\n", error == -EINVAL ? "a line without a pattern, or with a NUL" : strerror(-error));
	return error;
}

int opts_store_filter_file(struct opts *opts, const struct option_def *def, const char *path, FILE *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int ret = 0;

	if (in == NULL) {
		return file_error(err, def, path, -errno);
	}
	errno = 0;
	while (ret == 0 && (length = getline(&line, &size, in)) >= 0) {
		ret = store_line(opts, line, (size_t)length, def->value != 0);
	}
	if (ret == 0) {
		ret = reading_error(in);
	}
	free(line);
	if (!is_stdin) {
		fclose(in);
	}
	return ret < 0 ? file_error(err, def, path, ret) : 0;
}

/** Put NAME on the list, which has room for *MAX. */
static int store_name(struct opts *opts, const char *name, size_t *max)
{
	if (opts->job.nr_files == *max) {
		size_t more = *max > 0 ? *max * 2 : 64;
		char **files = reallocarray(opts->files, more, sizeof(*files));

		if (files == NULL) {
			return -ENOMEM;
		}
		opts->files = files;
		*max = more;
	}
	opts->files[opts->job.nr_files] = strdup(name);
	if (opts->files[opts->job.nr_files] == NULL) {
		return -ENOMEM;
	}
	opts->job.nr_files++;
	return 0;
}

/** Read the names of IN into the list.  @return 0, -EINVAL for a line with a NUL, or another negative errno. */
static int read_names(struct opts *opts, FILE *in)
{
	int delimiter = opts->from0 ? '\0' : '\n';
	char *name = NULL;
	size_t size = 0;
	size_t max = 0;
	ssize_t length;
	int ret = 0;

	errno = 0;
	while (ret == 0 && (length = getdelim(&name, &size, delimiter, in)) > 0) {
		if (name[length - 1] == delimiter) {
			name[--length] = '\0';
		}
		if (memchr(name, '\0', (size_t)length) != NULL) {
			ret = -EINVAL;
		} else if (length > 0) {
			ret = store_name(opts, name, &max);
		}
	}
	if (ret == 0) {
		ret = reading_error(in);
	}
	free(name);
	return ret;
}

/** Describe the first name that leads out of the source. */
static int check_names(const struct opts *opts, FILE *err)
{
	for (size_t i = 0; i < opts->job.nr_files; i++) {
		long depth = 0;

		for (const char *p = opts->files[i]; *p != '\0' && depth >= 0; p += strspn(p, "/")) {
			size_t length = strcspn(p, "/");

			depth += length == 2 && p[0] == '.' && p[1] == '.' ? -1
			         : length == 0 || (length == 1 && p[0] == '.') ? 0
			                                                       : 1;
			p += length;
		}
		if (depth < 0) {
			fputs("uring-sync: --files-from: '", err);
			us_quote_write(err, opts->files[i]);
			fputs("' is not valid: a name that does not lead out of the source\n", err);
			return -EINVAL;
		}
	}
	return 0;
}

/** See whether what is said of sharing blocks contradicts itself or something else.  @return 0 or -EINVAL. */
static int check_sharing(const struct usync_options *job, FILE *err)
{
	static const char *const ways[] = {
		[USYNC_COPY_AUTO] = "auto", [USYNC_COPY_RW] = "rw", [USYNC_COPY_SPLICE] = "splice",
		[USYNC_COPY_REFLINK] = "reflink", [USYNC_COPY_CFR] = "cfr"};
	bool shares = job->reflink == USYNC_REFLINK_ALWAYS || job->copy == USYNC_COPY_REFLINK;
	const char *what = job->reflink == USYNC_REFLINK_ALWAYS ? "--reflink=always" : "--copy=reflink";

	if (job->copy != USYNC_COPY_AUTO && job->reflink != USYNC_REFLINK_AUTO &&
	    (job->copy == USYNC_COPY_REFLINK) != (job->reflink == USYNC_REFLINK_ALWAYS)) {
		fprintf(err, "uring-sync: --copy=%s and --reflink=%s contradict each other\n", ways[job->copy],
		        job->reflink == USYNC_REFLINK_ALWAYS ? "always" : "never");
		return -EINVAL;
	}
	if (shares && job->sparse != USYNC_SPARSE_AUTO) {
		fprintf(err,
		        "uring-sync: %s and --sparse=%s contradict each other: what shares the "
		        "source's blocks has its holes\n",
		        what, job->sparse == USYNC_SPARSE_ALWAYS ? "always" : "never");
		return -EINVAL;
	}
	if (shares && (job->verify || job->checksum_file != NULL)) {
		fprintf(err, "uring-sync: %s and --%s contradict each other: what shares the source's blocks is "
		             "not read\n", what, job->verify ? "verify" : "checksum-file");
		return -EINVAL;
	}
	return 0;
}

int opts_check_together(const struct opts *opts, FILE *err)
{
	const struct usync_options *job = &opts->job;

	if (opts->files_from != NULL && job->remove) {
		fputs("uring-sync: --delete and --files-from contradict each other: a list of files does not say "
		      "what is to go\n", err);
		return -EINVAL;
	}
	return check_sharing(job, err);
}

int opts_load_files(struct opts *opts, FILE *err)
{
	const char *path = opts->files_from;
	bool is_stdin;
	FILE *in;
	int ret;

	if (path == NULL) {
		return 0;
	}
	is_stdin = strcmp(path, "-") == 0;
	in = is_stdin ? stdin : fopen(path, "re");
	ret = in != NULL ? read_names(opts, in) : -errno;
	if (in != NULL && !is_stdin) {
		fclose(in);
	}
	if (ret < 0) {
		fputs("uring-sync: --files-from: ", err);
		us_quote_write(err, path);
		fprintf(err, ": %s\n", ret == -EINVAL ? "a line with a NUL; see --from0" : strerror(-ret));
		return ret;
	}
	opts->job.only_files = true;
	return check_names(opts, err);
}

void opts_free(struct opts *opts)
{
	opts_free_net(opts);
	for (size_t i = 0; i < opts->job.nr_filters; i++) {
		free(opts->patterns[i]);
	}
	for (size_t i = 0; i < opts->job.nr_files; i++) {
		free(opts->files[i]);
	}
	free(opts->files);
	opts->files = NULL;
	opts->job.nr_files = 0;
	free(opts->patterns);
	free(opts->filters);
	opts->patterns = NULL;
	opts->filters = NULL;
	opts->job.nr_filters = 0;
}
