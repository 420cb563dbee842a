/* SPDX-License-Identifier: MIT */
/*
 *	us_conn_read ──  SSL_read ── BIO ── recv(2)
 *	us_conn_write ─┬ SSL_write ─ BIO ── sendmsg(2)		the handshake, and all without kernel TLS
 *	               └ sendmsg(2), and the kernel encrypts		with it
 *
 * The BIO is OpenSSL's for sockets, which knows kernel TLS, but for its plain reads and writes: those are the
 * project's, so that a lost peer is no signal.
 */
#include "net/tls.h"

#include "base/us.h"
#include "net/conn_layer.h"
#include "sys/sock.h"

#include <linux/tls.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What the key is called; there is one, so this tells nobody anything. */
#define PSK_IDENTITY "uring-sync 1"

/**
 * The one cipher suite, TLS_AES_128_GCM_SHA256 (RFC 8446, B.4): a PSK goes with one hash, and the kernel has this
 * cipher everywhere.
 */
static const unsigned char suite_id[2] = {0x13, 0x01};
#define SUITE_NAME "TLS_AES_128_GCM_SHA256"

/** The bytes of a record, and of what is read from the socket at once. */
#define RECORD_SIZE 16384u
#define READ_SIZE (8 * RECORD_SIZE)

/**
 * What one us_conn_write() encrypts at most: a large frame.  Its records are sent by one call, for each would cost as
 * much as its encryption.  RECORD_ROOM is what one may take with all that is around it.
 */
#define RECORDS_MAX 9u
#define WRITE_MAX (RECORDS_MAX * RECORD_SIZE)
#define RECORD_ROOM (RECORD_SIZE + 256u)

/** OpenSSL's mark of a BIO that the next write to is a record of another type (internal/bio.h). */
#define BIO_KTLS_CONTROL 0x1000

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

struct us_tls {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	bool server;
	enum us_ktls ktls;
	uint8_t key[US_KEY_SIZE];
};

/** One connection's. */
struct tls {
	SSL *ssl;
	enum us_ktls ktls;
	bool ktls_send;
	bool ended;       /**< Our end was told. */
	int read_error;   /**< What ended reading, if anything but the peer. */
	char security[96];
	bool gathers;     /**< Records are put into sealed, not sent. */
	uint8_t *sealed;  /**< Room for RECORDS_MAX records; NULL before the first. */
	size_t nr_sealed; /**< Bytes in it, */
	size_t nr_sent;   /**< and how many of them are sent. */
	size_t owed;      /**< Bytes of the caller's in them, of which he was not told yet: he comes with them again. */
	uint8_t staging[RECORD_SIZE];
};

/* ---- The BIO ---- */

/** Let a BIO's caller see what a call on the socket answered. */
static int bio_result(BIO *bio, int ret, int retry)
{
	BIO_clear_retry_flags(bio);
	if (ret == -EAGAIN) {
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	}
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}

/** The socket that a BIO is for. */
static int bio_fd(BIO *bio)
{
	int fd = -1;

	BIO_get_fd(bio, &fd);
	return fd;
}

/** Send what was gathered.  @return 0, -EAGAIN when some of it is left, or another negative errno. */
static int send_sealed(struct tls *tls, int fd)
{
	while (tls->nr_sent < tls->nr_sealed) {
		struct iovec iov = {tls->sealed + tls->nr_sent, tls->nr_sealed - tls->nr_sent};
		int ret = us_stream_write(fd, true, &iov, 1);

		if (ret < 0) {
			return ret;
		}
		tls->nr_sent += (size_t)ret;
	}
	tls->nr_sealed = 0;
	tls->nr_sent = 0;
	return 0;
}

/** Send, or gather; what is no data goes OpenSSL's way once the kernel makes the records. */
static int bio_write(BIO *bio, const char *data, int size)
{
	struct tls *tls = BIO_get_app_data(bio);
	struct iovec iov = {(void *)(uintptr_t)data, (size_t)size};
	int ret;

	if (BIO_test_flags(bio, BIO_KTLS_CONTROL) != 0) {
		return BIO_meth_get_write(BIO_s_socket())(bio, data, size);
	}
	if (tls->gathers && tls->nr_sealed + (size_t)size <= RECORDS_MAX * RECORD_ROOM) {
		memcpy(tls->sealed + tls->nr_sealed, data, (size_t)size);
		tls->nr_sealed += (size_t)size;
		BIO_clear_retry_flags(bio);
		return size;
	}
	ret = send_sealed(tls, bio_fd(bio)); /* Records have an order. */
	return bio_result(bio, ret < 0 ? ret : us_stream_write(bio_fd(bio), true, &iov, 1), BIO_FLAGS_WRITE);
}

/** Receive. */
static int bio_read(BIO *bio, char *data, int size)
{
	int ret;

	if (BIO_get_ktls_recv(bio) != 0) {
		return BIO_meth_get_read(BIO_s_socket())(bio, data, size);
	}
	ret = bio_result(bio, us_stream_read(bio_fd(bio), true, data, (size_t)size), BIO_FLAGS_READ);
	if (ret == 0) {
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	}
	return ret;
}

/** OpenSSL's socket BIO with those two. */
static BIO_METHOD *bio_method_new(void)
{
	const BIO_METHOD *socket = BIO_s_socket();
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOCKET, "uring-sync socket");

	if (method != NULL && (BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_read(method, bio_read) != 1 ||
	                       BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(socket)) != 1 ||
	                       BIO_meth_set_create(method, BIO_meth_get_create(socket)) != 1 ||
	                       BIO_meth_set_destroy(method, BIO_meth_get_destroy(socket)) != 1)) {
		BIO_meth_free(method);
		method = NULL;
	}
	return method;
}

/* ---- The pre-shared key ---- */

/** A session that holds the key, as OpenSSL wants it. */
static SSL_SESSION *psk_session(SSL *ssl)
{
	const struct us_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite_id);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session == NULL || cipher == NULL ||
	    SSL_SESSION_set1_master_key(session, tls->key, sizeof(tls->key)) != 1 ||
	    SSL_SESSION_set_cipher(session, cipher) != 1 ||
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
		SSL_SESSION_free(session);
		return NULL;
	}
	return session;
}

/** The client's key (SSL_CTX_set_psk_use_session_callback(3)). */
static int psk_use(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_length, SSL_SESSION **session)
{
	(void)md;
	*session = psk_session(ssl);
	*id = (const unsigned char *)PSK_IDENTITY;
	*id_length = strlen(PSK_IDENTITY);
	return *session != NULL;
}

/** The server's (SSL_CTX_set_psk_find_session_callback(3)). */
static int psk_find(SSL *ssl, const unsigned char *id, size_t id_length, SSL_SESSION **session)
{
	*session = NULL;
	if (id_length != strlen(PSK_IDENTITY) || memcmp(id, PSK_IDENTITY, id_length) != 0) {
		return 1; /* No key: there are no certificates, so the handshake fails. */
	}
	*session = psk_session(ssl);
	return *session != NULL;
}

/* ---- The context ---- */

/** Set what the handshake may be. */
static bool configure(struct us_tls *tls)
{
	SSL_CTX *ctx = tls->ctx;
	uint64_t options =
		SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;

	if (tls->ktls != US_KTLS_OFF) {
		options |= SSL_OP_ENABLE_KTLS;
	}
	/*
	 * Without the ephemeral exchange (SSL_OP_ALLOW_NO_DHE_KEX) a secret that is lost later opens what was recorded.
	 */
	SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_options(ctx, options);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (!tls->server) {
		/* There is nothing to verify one by: no certificate passes. */
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_psk_use_session_callback(ctx, psk_use);
	SSL_CTX_set_psk_find_session_callback(ctx, psk_find);
	return SSL_CTX_set_app_data(ctx, tls) == 1 && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, SUITE_NAME) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, (char[]){"X25519:P-256"}) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_recv_max_early_data(ctx, 0) == 1;
}

int us_tls_new(struct us_tls **tls, const struct us_secret *secret, bool server, enum us_ktls ktls,
               char why[US_NET_TEXT_MAX])
{
	struct us_tls *new = calloc(1, sizeof(*new));

	if (new == NULL) {
		snprintf(why, US_NET_TEXT_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	*new = (struct us_tls){.server = server, .ktls = ktls, .bio = bio_method_new()};
	memcpy(new->key, secret->tls, sizeof(new->key));
	new->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (new->ctx == NULL || new->bio == NULL || !configure(new)) {
		snprintf(why, US_NET_TEXT_MAX, "OpenSSL can't be set up for TLS 1.3 with a pre-shared key");
		ERR_clear_error();
		us_tls_free(new);
		return -EIO;
	}
	*tls = new;
	return 0;
}

void us_tls_free(struct us_tls *tls)
{
	if (tls == NULL) {
		return;
	}
	SSL_CTX_free(tls->ctx);
	BIO_meth_free(tls->bio);
	us_secret_wipe(tls->key, sizeof(tls->key));
	free(tls);
}

/* ---- The handshake ---- */

/** Why a handshake failed, from OpenSSL's reason. */
static int explain_failure(struct us_conn *conn, bool server, unsigned long error)
{
	const char *text = ERR_reason_error_string(error);

	switch (ERR_GET_REASON(error)) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:            /* The server's view of a wrong secret, */
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:   /* of none, */
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:     /* and the client's of both. */
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
	case SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY:
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_BAD_PSK:
	case SSL_R_PSK_IDENTITY_NOT_FOUND:
		return us_conn_fail(conn, -EACCES, "the secrets of the two sides differ");
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
		return us_conn_fail(
			conn, -EPROTO,
			"the other side does not speak TLS 1.3: it is no uring-sync, or was started with --no-tls");
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return us_conn_fail(conn, -ECONNRESET, "the other side closed the connection in the handshake");
	default:
		return us_conn_fail(conn, -EPROTO, "TLS handshake%s: %s", server ? " of a client" : "",
		                    text != NULL ? text : "unknown error");
	}
}

/** What became of a call of OpenSSL's that did not succeed; WANTS: where to leave what it waits for. */
static int ssl_failure(struct tls *tls, int ret, short *wants)
{
	int error = errno;

	switch (SSL_get_error(tls->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*wants = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*wants = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return error > 0 && error != EAGAIN ? -error : -ECONNRESET;
	default:
		return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -ECONNRESET : -EPROTO;
	}
}

/** See what came out of a handshake that succeeded. */
static int check_shaken(struct tls *tls, struct us_conn *conn)
{
	BIO *out = SSL_get_wbio(tls->ssl);

	/* "Reused" is the only way that the key was part of it: the other would be a certificate. */
	if (SSL_session_reused(tls->ssl) != 1 || SSL_version(tls->ssl) != TLS1_3_VERSION) {
		return us_conn_fail(conn, -EACCES, "the secrets of the two sides differ");
	}
	tls->ktls_send = BIO_get_ktls_send(out) != 0;
	if (tls->ktls == US_KTLS_ON && !tls->ktls_send) {
		return us_conn_fail(conn, -EOPNOTSUPP,
		                    "the kernel does not take over TLS (--ktls=on): is its module tls loaded?");
	}
	conn->plain_send = tls->ktls_send;
	conn->authentic = true;
	/* Only who knows the secret gets the large buffer. */
	SSL_set_default_read_buffer_len(tls->ssl, READ_SIZE);
	SSL_free_buffers(tls->ssl); /* Or, with bytes in it, the small one stays. */
	snprintf(tls->security, sizeof(tls->security), "TLS 1.3, %s, sending by %s, receiving by %s", SUITE_NAME,
	         tls->ktls_send ? "the kernel" : "OpenSSL",
	         BIO_get_ktls_recv(SSL_get_rbio(tls->ssl)) != 0 ? "the kernel" : "OpenSSL");
	return 0;
}

/** As us_conn_handshake(). */
static int tls_handshake(void *state, struct us_conn *conn)
{
	struct tls *tls = state;
	unsigned long error;
	int ret;

	ERR_clear_error();
	errno = 0;
	conn->read_wants = 0;
	conn->write_wants = 0;
	ret = SSL_do_handshake(tls->ssl);
	if (ret == 1) {
		return check_shaken(tls, conn);
	}
	ret = ssl_failure(tls, ret, &conn->write_wants);
	if (ret == -EAGAIN) {
		return ret;
	}
	error = ERR_peek_error();
	ERR_clear_error();
	if (error != 0) {
		return explain_failure(conn, SSL_is_server(tls->ssl) != 0, error);
	}
	return us_conn_fail(conn, ret < 0 ? ret : -ECONNRESET, "the other side closed the connection in the handshake");
}

/* ---- The stream ---- */

/** As us_conn_read(): all that is at hand, as far as there is room. */
static int tls_read(void *state, struct us_conn *conn, void *buf, size_t size)
{
	struct tls *tls = state;
	size_t done = 0;

	conn->read_wants = 0;
	if (tls->read_error != 0) {
		return tls->read_error;
	}
	do {
		size_t got = 0;
		int ret;

		ERR_clear_error();
		errno = 0;
		ret = SSL_read_ex(tls->ssl, (char *)buf + done, size - done, &got);
		if (ret == 1) {
			done += got;
			continue;
		}
		ret = ssl_failure(tls, ret, &conn->read_wants);
		if (done > 0) {
			conn->read_wants = 0; /* The next call finds out again. */
		} else if (ret < 0 && ret != -EAGAIN) {
			tls->read_error = ret;
		}
		ERR_clear_error();
		return done > 0 ? (int)done : ret;
	} while (done < size && SSL_has_pending(tls->ssl) == 1);
	return (int)done;
}

/** Encrypt SIZE bytes. @return bytes taken, or a negative errno. */
static int write_some(struct tls *tls, struct us_conn *conn, const void *data, size_t size)
{
	size_t taken = 0;
	int ret;

	ERR_clear_error();
	errno = 0;
	ret = SSL_write_ex(tls->ssl, data, size, &taken);
	if (ret == 1) {
		return (int)taken;
	}
	ret = ssl_failure(tls, ret, &conn->write_wants);
	ERR_clear_error();
	return ret == 0 ? -EPIPE : ret;
}

/** Put small pieces together, from byte SKIP of IOV on, to what fits into one record. */
static size_t stage(struct tls *tls, const struct iovec *iov, int nr, size_t skip)
{
	size_t length = 0;

	for (int i = 0; i < nr && length < RECORD_SIZE; i++) {
		size_t part = us_min(iov[i].iov_len - skip, RECORD_SIZE - length);

		memcpy(tls->staging + length, (const char *)iov[i].iov_base + skip, part);
		length += part;
		skip = 0;
	}
	return length;
}

/**
 * Encrypt what IOV holds from byte SKIP on, into sealed.
 *
 * @return bytes taken, or a negative errno when there are none.
 */
static int seal(struct tls *tls, struct us_conn *conn, const struct iovec *iov, int nr, size_t skip)
{
	size_t done = 0;
	int ret = 0;

	tls->gathers = true;
	while (nr > 0 && done < WRITE_MAX) {
		size_t left = iov->iov_len - skip;
		size_t length;

		if (left >= RECORD_SIZE || nr == 1) {
			length = us_min(left, WRITE_MAX - done);
			/* Its end goes with what follows. */
			length = length > RECORD_SIZE ? length - length % RECORD_SIZE : length;
			ret = length > 0 ? write_some(tls, conn, (const char *)iov->iov_base + skip, length) : 0;
		} else {
			length = stage(tls, iov, nr, skip);
			ret = length > 0 ? write_some(tls, conn, tls->staging, us_min(length, WRITE_MAX - done)) : 0;
		}
		if (ret < 0) {
			break;
		}
		done += (size_t)ret;
		skip += (size_t)ret;
		while (nr > 0 && skip >= iov->iov_len) {
			skip -= iov->iov_len;
			iov++;
			nr--;
		}
	}
	tls->gathers = false;
	return done > 0 ? (int)done : ret;
}

/**
 * As us_conn_write().  Bytes count as taken when their records are sent: until then the caller has something to send,
 * and waits for the socket.  He comes with the same bytes, which are then not encrypted again.
 */
static int tls_write(void *state, struct us_conn *conn, const struct iovec *iov, int nr)
{
	struct tls *tls = state;
	int ret;

	conn->write_wants = 0;
	if (tls->ktls_send) {
		return us_conn_raw_write(conn, iov, nr);
	}
	if (tls->sealed == NULL) {
		tls->sealed = malloc(RECORDS_MAX * RECORD_ROOM);
		if (tls->sealed == NULL) {
			return -ENOMEM;
		}
	}
	if (tls->owed == 0) {
		ret = seal(tls, conn, iov, nr, 0);
		if (ret <= 0) {
			return ret;
		}
		tls->owed = (size_t)ret;
	}
	ret = send_sealed(tls, conn->out);
	if (ret < 0) {
		conn->write_wants = ret == -EAGAIN ? POLLOUT : 0;
		return ret;
	}
	ret = (int)tls->owed;
	tls->owed = 0;
	return ret;
}

/** Tell the end (close_notify) in a record that the kernel makes. */
static int finish_ktls(struct us_conn *conn)
{
	uint8_t alert[2] = {SSL3_AL_WARNING, SSL3_AD_CLOSE_NOTIFY};
	union {
		struct cmsghdr header; /* For its alignment. */
		char bytes[CMSG_SPACE(sizeof(uint8_t))];
	} control = {0};
	struct iovec iov = {alert, sizeof(alert)};
	struct msghdr message = {.msg_iov = &iov,
	                         .msg_iovlen = 1,
	                         .msg_control = control.bytes,
	                         .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ret;

	header->cmsg_level = SOL_TLS;
	header->cmsg_type = TLS_SET_RECORD_TYPE;
	header->cmsg_len = CMSG_LEN(sizeof(uint8_t));
	*CMSG_DATA(header) = SSL3_RT_ALERT;
	do {
		ret = (int)us_try(sendmsg(conn->out, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
	} while (ret == -EINTR);
	if (ret == -EAGAIN) {
		conn->write_wants = POLLOUT;
	}
	return us_min(ret, 0);
}

/** As us_conn_finish(). */
static int tls_finish(void *state, struct us_conn *conn)
{
	struct tls *tls = state;
	int ret;

	if (tls->ended) {
		return 0;
	}
	conn->write_wants = 0;
	if (tls->ktls_send) {
		ret = finish_ktls(conn);
	} else {
		ERR_clear_error();
		errno = 0;
		ret = SSL_shutdown(tls->ssl);
		ret = ret >= 0 ? 0 : ssl_failure(tls, ret, &conn->write_wants);
		ERR_clear_error();
	}
	tls->ended = ret == 0;
	return ret;
}

/** As us_conn_pending(). */
static bool tls_pending(const void *state)
{
	const struct tls *tls = state;

	return tls->read_error != 0 || SSL_has_pending(tls->ssl) == 1;
}

/** What protects the connection. */
static const char *tls_security(const void *state)
{
	const struct tls *tls = state;

	return tls->security[0] != '\0' ? tls->security : "TLS 1.3";
}

/** Forget the connection's keys. */
static void tls_free(void *state)
{
	struct tls *tls = state;

	SSL_free(tls->ssl);
	free(tls->sealed);
	us_secret_wipe(tls->staging, sizeof(tls->staging));
	free(tls);
}

static const struct us_conn_layer tls_layer = {
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.pending = tls_pending,
	.security = tls_security,
	.free = tls_free,
};

int us_tls_begin(struct us_conn *conn, struct us_tls *tls)
{
	struct tls *state;
	BIO *bio;

	if (conn->layer != NULL || conn->in != conn->out || !conn->in_socket) {
		return -EINVAL;
	}
	state = calloc(1, sizeof(*state));
	if (state == NULL) {
		return -ENOMEM;
	}
	ERR_clear_error();
	state->ktls = tls->ktls;
	state->ssl = SSL_new(tls->ctx);
	bio = BIO_new(tls->bio);
	if (state->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		SSL_free(state->ssl);
		free(state);
		return -ENOMEM;
	}
	BIO_set_fd(bio, conn->in, BIO_NOCLOSE);
	BIO_set_app_data(bio, state);
	SSL_set_bio(state->ssl, bio, bio);
	if (tls->server) {
		SSL_set_accept_state(state->ssl);
	} else {
		SSL_set_connect_state(state->ssl);
	}
	us_conn_set_layer(conn, &tls_layer, state);
	conn->plain_send = false;
	conn->plain_recv = false;
	return 0;
}
