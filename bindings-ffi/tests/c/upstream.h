/* A vendor of the test's own: one answer that begins to stream and then waits until the caller
 * goes away. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    int listener;
    int port;
    int answers; /* whether anything is answered at all */
    pthread_t thread;
    atomic_int arrived; /* set when a request has been read and, if so wanted, answered */
    int64_t gone_at;    /* when the caller went away */
} upstream;

static void *upstream_run(void *data) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    static const char event[] =
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
    upstream *up = data;
    char buffer[4096], size[16];
    int caller = accept(up->listener, NULL, NULL);
    CHECK(caller >= 0);
    CHECK(recv(caller, buffer, sizeof(buffer), 0) > 0);
    if (up->answers) {
        snprintf(size, sizeof(size), "%zx\r\n", sizeof(event) - 1);
        CHECK(send(caller, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0);
        CHECK(send(caller, size, strlen(size), MSG_NOSIGNAL) > 0);
        CHECK(send(caller, event, sizeof(event) - 1, MSG_NOSIGNAL) > 0);
        CHECK(send(caller, "\r\n", 2, MSG_NOSIGNAL) > 0);
    }
    atomic_store(&up->arrived, 1);
    while (recv(caller, buffer, sizeof(buffer), 0) > 0) {
    }
    up->gone_at = now_ms();
    close(caller);
    return NULL;
}

static inline void upstream_start(upstream *up, int answers) {
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);
    memset(up, 0, sizeof(*up));
    up->answers = answers;
    up->listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(up->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(up->listener, 1) == 0);
    CHECK(getsockname(up->listener, (struct sockaddr *)&address, &size) == 0);
    up->port = ntohs(address.sin_port);
    CHECK(pthread_create(&up->thread, NULL, upstream_run, up) == 0);
}

/* A gateway in front of it, with the model `up/m`. */
static inline tg_gateway *upstream_gateway(const upstream *up) {
    tg_gateway *gw = NULL;
    tg_error *err = NULL;
    char config[256];
    snprintf(config, sizeof(config),
             "{\"providers\":{\"up\":{\"dialect\":\"openai\",\"api_key\":\"k\","
             "\"base_url\":\"http://127.0.0.1:%d/v1\"}}}",
             up->port);
    OK(tg_gateway_open(config, strlen(config), &gw, &err));
    return gw;
}

static inline void upstream_arrived(upstream *up) {
    while (!atomic_load(&up->arrived)) {
        rest_ms(1);
    }
}

/* Waits until the caller has gone away, at most 100 ms after `since`. */
static inline void upstream_closed(upstream *up, int64_t since) {
    pthread_join(up->thread, NULL);
    close(up->listener);
    CHECK(up->gone_at - since <= patience_ms(100));
}

#endif
