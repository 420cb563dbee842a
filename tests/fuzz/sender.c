/* SPDX-License-Identifier: MIT */
/*
 * net/session, a sender: whatever a receiver answers, it sends what it was told to and nothing else, changes nothing,
 * and comes to an end.
 */
#include "fuzz.h"
#include "scene.h"
#include "script.h"
#include "whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script;
	struct whole whole;
	struct usync_stats stats;
	struct usync_peer *peer;
	struct usync_job *job;
	int ret;

	if (size < SCRIPT_CONFIG) {
		return -1;
	}
	scene_open();
	script_init(&script, data, size, scene_conns(data), false);
	script.secret = SCENE_SECRET;
	whole_limits(&script, data);
	whole_begin(&whole);
	peer = script_peer(&script);
	job = scene_send(data, peer);
	ret = usync_job_run(job);
	usync_job_stats(job, &stats);
	/* Else see record.c. */
	fuzz_check(data[SCRIPT_CONFIG - 1] != SCRIPT_RECORDED || (ret == 0 && stats.failed == 0));
	if (ret == 0) {
		/* The receiver has said so, of the whole and of each file. */
		fuzz_check(atomic_load(&script.final_said) > 0);
		fuzz_check(atomic_load(&script.done_said) >= atomic_load(&script.files_heard));
	}
	usync_job_free(job);
	usync_peer_free(peer);
	whole_end(&whole);
	script_fini(&script);
	scene_check(data);
	return 0;
}
