/* The node's connections to other nodes, as its tunnel (worker/tunnel/) makes them: dials,
 * and handlers for what arrives. Every descriptor here is a plain, nonblocking stream
 * whose other end the tunnel encrypts; after its end has been read it is to be closed.
 * All callbacks come from the loop, none from inside a call of this file. */
#ifndef SUPERVISOR_TUNNEL_H
#define SUPERVISOR_TUNNEL_H

#include <ev.h>

#include "proto/control_tunnel.h"

struct child;
struct node;
struct tunnel_dial;

/* What came of a dial, once. take_fd: the callee's, with CONTROL_DIAL_OK; else -1. result
 * lives for the call; its text is for people, and names the address. */
typedef void tunnel_dialed(void *owner, const struct control_dialed *result, int take_fd);

/* Another node has connected. take_fd is the callee's. arrived lives for the call. */
typedef void tunnel_arrived(void *owner, const struct control_arrived *arrived, int take_fd);

struct tunnel {
	struct tunnel_dial *dials; /* under way */
	uint64_t last_tag;
	struct {
		tunnel_arrived *handle; /* NULL: whoever comes for it is let go */
		void *owner;
	} arrivals[CLUSTER_KIND_COUNT];
	struct ev_timer failer; /* fed, never started: some dials have failed */
};

void tunnel_init(struct node *n);
/* Forgets all dials without a call. */
void tunnel_fini(struct node *n);

/* A secret is configured, so that this node has a tunnel. */
bool tunnel_configured(const struct node *n);

/* Dials `host`, `host:port` or `[v6]:port`. Both texts are borrowed for the call; argument
 * is within CLUSTER_ARGUMENT_MAX. The tunnel answers within some 5 s; where it is not
 * there, or ends meanwhile, that is CONTROL_DIAL_UNREACHABLE. Returns the dial's number,
 * never 0. */
uint64_t tunnel_dial(struct node *n, enum cluster_kind kind, struct bytes address, struct bytes argument,
                     tunnel_dialed *on_dialed, void *owner);
/* Nobody is called any more; what comes of it is closed. A number that is over is fine. */
void tunnel_cancel(struct node *n, uint64_t dial);

/* Who hears of arrivals of this kind; NULL: nobody. */
void tunnel_on_arrived(struct node *n, enum cluster_kind kind, tunnel_arrived *handle, void *owner);

/* Where the others shall dial this node: [cluster] advertise, else what is listened on,
 * with the host name in the place of `*`. Nothing is appended where there is no listener. */
void tunnel_own_address(const struct node *n, struct buffer *out);

/* The node's identity has changed: new hellos say so. */
void tunnel_tell_identity(struct node *n);

/* --- from the child --------------------------------------------------------------- */

/* A new process: IDENTITY and LISTENER. false: it could not be given its descriptor. */
bool tunnel_greet(struct node *n, struct child *c);
/* Its process is gone. */
void tunnel_on_gone(struct node *n);
/* DIALED and ARRIVED; take_fd (-1: none) is consumed. false: this is none. */
bool tunnel_on_dialed(struct node *n, struct bytes message, int take_fd);
bool tunnel_on_arrival(struct node *n, struct bytes message, int take_fd);

#endif
