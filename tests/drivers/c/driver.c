/* Driver of the suite: the C face. Protocol: tests/README.md. JSON documents pass as bytes. */
#define _POSIX_C_SOURCE 200809L
#define TIDEGATE_TESTING
#include <time.h>
#include "json.h"
#include "tidegate.h"
#include "functions.h"
static tg_gateway *gw;
static tg_stream *held;
static void facts_out(tg_facts f) {
    printf("\"gateway\":{");
    out("request_id", f.request_id), out("target", f.target), out("key", f.key), out("cache", f.cache);
    out("cost", f.cost), out("dropped", f.dropped), out("rule", f.rule);
    printf("\"estimated\":%s,\"attempts\":%u}", f.estimated ? "true" : "false", f.attempts);
}

static void done(tg_result result, tg_error **err) {
    if (result == TG_OK) printf("\"ok\":{}");
    else printf("\"error\":%s", tg_error_json(*err)), tg_error_free(*err);
}

#include "sessions.h"
/* Reads chunks until there are `most`, and says how that ended. */
static void chunks_out(tg_stream *stream, long most, const char *mark) {
    tg_result result = TG_OK;
    tg_error *err = NULL;
    tg_batch batch;
    tg_facts facts = {.struct_size = sizeof facts};
    long count = 0;
    printf("\"chunks\":[");
    while (count < most && (result = tg_stream_next(stream, -1, &batch, &err)) == TG_OK) {
        for (size_t i = 0; i < batch.len; i++)
            printf(count++ ? "," : ""), json_out(batch.frames[i].data, batch.frames[i].data_len);
        tg_batch_free(&batch);
    }
    printf("],");
    if (result != TG_OK && result != TG_END) { done(result, &err); return; }
    tg_stream_facts(stream, &facts, NULL);
    printf("\"ok\":{%s", mark), facts_out(facts), putchar('}');
}

static void call_and_cancel(const tg_request *request, int64_t after) {
    tg_queue *queue;
    tg_event event = {0};
    size_t count;
    uint64_t ticket;
    tg_queue_new(&queue, NULL);
    tg_submit(gw, queue, request, &ticket, NULL);
    if (tg_queue_next(queue, &event, 1, after, &count, NULL) == TG_TIMEOUT)
        tg_cancel(gw, ticket), tg_queue_next(queue, &event, 1, -1, &count, NULL);
    if (event.kind == TG_EVENT_ERROR) done(TG_CANCELLED, &event.error);
    else printf("\"ok\":{}"), tg_reply_free(event.reply), tg_stream_free(event.stream);
    tg_queue_free(queue);
}

static void call(const char *line, int raw) {
    tg_request request = TG_REQUEST_INIT;
    tg_header headers[32];
    span key, value, body = get(line, "request"), api = get(line, "api"), cancel = get(line, "cancel_after_chunks");
    const char *members = get(line, "headers").ptr, *name = text(api), *bytes = text(get(line, "body"));
    tg_stream *stream;
    tg_reply *reply;
    tg_error *err = NULL;
    size_t len;
    request.headers = headers, request.key = text(get(line, "key"));
    while (members && request.n_headers < 32 && member(&members, &key, &value))
        headers[request.n_headers++] = (tg_header){text(key), text(value)};
    request.body = (const uint8_t *)(raw ? bytes : body.ptr), request.body_len = raw ? bytes ? strlen(bytes) : 0 : body.len;
    request.mode = raw ? TG_MODE_HTTP : TG_MODE_NATIVE, request.method = raw ? text(get(line, "method")) : "POST";
    request.target = raw ? text(get(line, "target")) : !name ? "/v1/chat/completions" : !strcmp(name, "messages") ? "/v1/messages" : !strcmp(name, "responses") ? "/v1/responses" : "/v1/embeddings";
    if (!raw && name && !strcmp(name, "models")) request.target = "/v1/models", request.method = "GET", request.body_len = 0;
    if (get(line, "cancel_after_ms").ptr) { call_and_cancel(&request, number(get(line, "cancel_after_ms"), 0)); return; }
    if (!raw && number(get(body.ptr, "stream"), 0) == 0 && strncmp(get(body.ptr, "stream").ptr ? get(body.ptr, "stream").ptr : "", "true", 4)) {
        tg_facts facts = {.struct_size = sizeof facts};
        tg_result result = tg_call_request(gw, &request, &reply, &err);
        if (result != TG_OK) { done(result, &err); return; }
        const uint8_t *ptr = tg_reply_body(reply, &len);
        tg_reply_facts(reply, &facts, NULL);
        printf("\"ok\":{\"body\":"), json_out(ptr, len), putchar(','), facts_out(facts), putchar('}');
        tg_reply_free(reply);
        return;
    }
    tg_result result = tg_stream_open(gw, &request, &stream, &err);
    if (result != TG_OK) { done(result, &err); return; }
    if (raw) {
        tg_batch batch;
        long most = number(get(line, "cancel_after_bytes"), 1L << 40), size = 0;
        printf("\"ok\":{\"status\":%d,\"body\":\"", tg_stream_status(stream));
        while (size < most && (result = tg_stream_next(stream, -1, &batch, &err)) == TG_OK) {
            for (size_t i = 0; i < batch.len; i++)
                escaped((const char *)batch.frames[i].data, batch.frames[i].data_len), size += (long)batch.frames[i].data_len;
            tg_batch_free(&batch);
        }
        tg_error_free(err);
        const char *packed = tg_stream_headers(stream, &len);
        printf("\","), headers_out(packed, len);
        printf("\"broken\":%s,\"cancelled\":%s}", result > TG_END ? "true" : "false", size >= most ? "true" : "false");
    } else if (get(line, "hold").ptr) {
        chunks_out(held = stream, number(get(line, "hold"), 0), "\"held\":true,");
        return;
    } else {
        chunks_out(stream, number(cancel, 1L << 40), cancel.ptr ? "\"cancelled\":true," : "");
    }
    tg_stream_free(stream);
}

static tg_result open_with(const char *line, tg_error **err) {
    span config = get(line, "config");
    if (gw) tg_gateway_close(gw, 0, NULL), tg_gateway_free(gw), gw = NULL;
    if (get(line, "path").ptr) return tg_gateway_open_path(text(get(line, "path")), &gw, err);
    if (get(line, "text").ptr) {
        const char *words = text(get(line, "text"));
        return tg_gateway_open_text(words, strlen(words), text(get(line, "format")), &gw, err);
    }
    if (get(line, "env").ptr) return tg_gateway_open_env(&gw, err);
    span functions = get(line, "functions");
    if (functions.ptr && *functions.ptr == '{') return open_with_functions(config, functions, &gw, err);
    return tg_gateway_open(config.ptr, config.len, &gw, err);
}

int main(void) {
    char *line = NULL, *op;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        tg_error *err = NULL;
        span config = (putchar('{'), op = text(get(line, "op")), get(line, "config"));
        if (!strcmp(op, "hello"))
            printf("\"ok\":{\"surface\":\"c\",\"version\":\"%s\",\"capabilities\":[\"call\",\"stream\",\"hold\",\"cancel\",\"cancel_call\",\"headers\",\"http\",\"reload\","
                   "\"advance\",\"connect\",\"health\",\"explain\",\"close\",\"path\",\"text\",\"env\",\"root\",\"tried\",\"final_facts\",\"functions\",\"session\",\"session_cost\",\"scope\"]}", tg_version());
        else if (!strcmp(op, "call") || !strcmp(op, "http")) call(line, *op == 'h');
        else if (!strcmp(op, "session")) session(line);
        else if (!strcmp(op, "scope")) done(scoped(&gw, get(line, "scope").ptr, &err), &err);
        else if (!strcmp(op, "open")) done(open_with(line, &err), &err);
        else if (!strcmp(op, "connect")) done(tg_gateway_connect(text(get(line, "url")), text(get(line, "key")), &gw, &err), &err);
        else if (!strcmp(op, "reload")) done(tg_gateway_reload(gw, config.ptr, config.len, &err), &err);
        else if (!strcmp(op, "advance")) done(tg_testing_advance(gw, (uint64_t)number(get(line, "ms"), 0), &err), &err);
        else if (!strcmp(op, "close")) done(gw ? tg_gateway_close(gw, (uint64_t)number(get(line, "deadline_ms"), 1000), &err) : TG_OK, &err);
        else if (!strcmp(op, "rest")) chunks_out(held, 1L << 40, ""), tg_stream_free(held), held = NULL;
        else if (!strcmp(op, "drop")) tg_stream_free(held), held = NULL, done(TG_OK, &err);
        else if (!strcmp(op, "health") || !strcmp(op, "explain")) {
            tg_buf json = {0};
            if ((*op == 'h' ? tg_health(gw, &json, &err) : explain(gw, line, &json, &err)) == TG_OK) printf("\"ok\":%.*s", (int)json.len, (const char *)json.ptr);
            else done(TG_INTERNAL, &err);
            tg_buf_free(&json);
        } else printf("\"error\":{\"slug\":\"unknown_op\"}");
        printf("}\n"), fflush(stdout);
    }
    tg_stream_free(held), tg_gateway_free(gw), free(line);
    return 0;
}
