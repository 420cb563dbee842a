/* SPDX-License-Identifier: MIT */
/*
 * net/session, a receiver: whatever an authenticated sender says, it writes below its destination alone, and comes to
 * an end.
 */
#include "fuzz.h"
#include "scene.h"
#include "script.h"
#include "whole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script;
	struct whole whole;
	struct usync_peer *peer;
	struct usync_job *job;
	int ret;

	if (size < SCRIPT_CONFIG) {
		return -1;
	}
	scene_open();
	scene_begin(data);
	script_init(&script, data, size, scene_conns(data), true);
	script.secret = SCENE_SECRET;
	whole_limits(&script, data);
	whole_begin(&whole);
	peer = script_peer(&script);
	job = scene_receive(data, peer);
	ret = usync_job_run(job);
	fuzz_check(data[SCRIPT_CONFIG - 1] != SCRIPT_RECORDED || ret == 0); /* Else see record.c. */
	/* It takes for a success what it calls one to the sender, and nothing else. */
	fuzz_check(ret < 0 || atomic_load(&script.final_heard) == 1);
	usync_job_free(job);
	usync_peer_free(peer);
	whole_end(&whole);
	script_fini(&script);
	scene_check(data);
	scene_end();
	return 0;
}
