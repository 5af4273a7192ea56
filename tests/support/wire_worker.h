/* SPDX-License-Identifier: MIT
 *
 * wire_worker.h - a worker without plugin that speaks the wire by hand, well or badly: the option
 * `behave` of its section says how. A test program whose sources are to run it calls this when it
 * is started with --worker.
 *
 *   idle        READY, heartbeats, STOPPED when asked        slow       ignores STOP, ends by
 * SIGTERM crash       says "oops" and dies before READY            hang       READY, then nothing;
 * ignores SIGTERM config      FAULT config                                 garbage    nonsense
 * after READY transient   FAULT transient                              early      BATCH before
 * READY late        never READY                                  unasked    STOPPED without STOP
 *   one         commits one batch, dies                      number     BATCH with a wrong number
 *   name        DOCUMENT "../x"                              close      closes the link and lives
 * on chatter     1000 lines on stderr, then idle              failname   FAILED of "../x"
 * catchup     four batches of a log, done when ../go-on exists; then idle. documents
 * reads incoming/: "ok N" gives N rows in one batch, "ok N twice" in each of two, "bad" fails (also
 * "drifted", "retired"), "crash" crashes, "wait" hangs; with "swap" behind it, incoming/.next first
 * takes its name
 */
#pragma once

int wire_worker_main(void);
