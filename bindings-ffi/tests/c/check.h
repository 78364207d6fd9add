/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tidegate.h"

/* Ends the program with the place and the error, if there is one. */
#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

#define OK(call)                                                                        \
    do {                                                                                \
        tg_result result_ = (call);                                                     \
        if (result_ != TG_OK) {                                                         \
            fprintf(stderr, "%s:%d: %s gave %s: %s\n", __FILE__, __LINE__, #call,       \
                    tg_result_slug(result_), tg_error_message(err));                    \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

/* The call fails with this code, its error says so too and is freed. */
#define FAILS(code, call)                                                               \
    do {                                                                                \
        tg_result result_ = (call);                                                     \
        if (result_ != (code) || tg_error_code(err) != (code)) {                        \
            fprintf(stderr, "%s:%d: %s gave %s, not %s: %s\n", __FILE__, __LINE__,      \
                    #call, tg_result_slug(result_), tg_result_slug(code),               \
                    tg_error_message(err));                                             \
            exit(1);                                                                    \
        }                                                                               \
        CHECK(strstr(tg_error_json(err), tg_error_slug(err)) != NULL);                  \
        tg_error_free(err);                                                             \
        err = NULL;                                                                     \
    } while (0)

#define CHAT "/v1/chat/completions"
#define ASK(model, more) \
    "{\"model\":\"" model "\"" more ",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define BYTES(text) (const uint8_t *)(text), strlen(text)

/* Providers that answer from scripts: at once, piece by piece, late, and with an error. */
static const char *const CONFIG =
    "{\"providers\":{"
    "\"mock\":{\"dialect\":\"openai\",\"prices\":{\"*\":{\"input\":1,\"output\":2}},"
    "\"mock\":{\"replies\":[{\"text\":\"one two three\",\"input_tokens\":1000,"
    "\"output_tokens\":500}]}},"
    "\"slow\":{\"dialect\":\"openai\",\"mock\":{\"replies\":[{\"text\":\"a b c d e f g h\","
    "\"pace\":\"60ms\"}]}},"
    "\"late\":{\"dialect\":\"openai\",\"mock\":{\"replies\":[{\"text\":\"late\","
    "\"delay\":\"1m\"}]}},"
    "\"busy\":{\"dialect\":\"openai\",\"mock\":{\"replies\":[{\"status\":429,\"headers\":"
    "{\"retry-after\":\"7\"},\"body\":{\"error\":{\"message\":\"slow down\"}}}]}}"
    "},\"keys\":[{\"id\":\"poor\",\"value\":\"tg-poor\",\"budgets\":[{\"limit\":\"0.000000001\","
    "\"per\":\"1d\"}]}]}";

static inline tg_gateway *open_mock(void) {
    tg_gateway *gw = NULL;
    tg_error *err = NULL;
    OK(tg_gateway_open(CONFIG, strlen(CONFIG), &gw, &err));
    return gw;
}

static inline tg_request ask(const char *body) {
    tg_request request = TG_REQUEST_INIT;
    request.target = CHAT;
    request.body = (const uint8_t *)body;
    request.body_len = strlen(body);
    return request;
}

static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void rest_ms(long ms) {
    struct timespec span = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&span, NULL);
}

/* How much time things may take: tools such as valgrind say that they are slow. */
static inline int64_t patience_ms(int64_t ms) {
    const char *slow = getenv("TG_TEST_SLOW");
    return slow != NULL ? ms * atoi(slow) : ms;
}

static inline int has(const uint8_t *data, size_t len, const char *text) {
    return memmem(data, len, text, strlen(text)) != NULL;
}

static inline int body_has(const tg_reply *reply, const char *text) {
    size_t len = 0;
    const uint8_t *data = tg_reply_body(reply, &len);
    return has(data, len, text);
}

/* Reads a stream to its end; gives the number of frames and, joined, their data. */
static inline size_t drain(tg_stream *stream, char *text, size_t size, tg_result *end,
                           tg_error **err) {
    tg_batch batch;
    size_t frames = 0, used = 0, i;
    while ((*end = tg_stream_next(stream, -1, &batch, err)) == TG_OK) {
        CHECK(batch.len > 0);
        for (i = 0; i < batch.len; i++) {
            CHECK(used + batch.frames[i].data_len + 1 < size);
            memcpy(text + used, batch.frames[i].data, batch.frames[i].data_len);
            used += batch.frames[i].data_len;
        }
        frames += batch.len;
        tg_batch_free(&batch);
    }
    text[used] = 0;
    return frames;
}

#endif
