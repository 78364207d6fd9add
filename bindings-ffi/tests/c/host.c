/* Functions of the program in the place of vendors: at once, later, in pieces, in a queue. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static tg_gateway *gw;
static atomic_int late_runs, gone_seen, pushed;

static void text(tg_host_call *call, const char *words) {
    tg_error *err = NULL;
    OK(tg_host_call_reply(call, TG_PIECE_TEXT, BYTES(words), &err));
}

static void at_once(tg_host_call *call, void *user_data) {
    tg_host_request asked;
    tg_error *err = NULL;
    OK(tg_host_call_request(call, &asked, &err));
    CHECK(has((const uint8_t *)asked.name, asked.name_len, "once"));
    CHECK(asked.model_len == 1 && *asked.model == 'm' && asked.stream == 0 && asked.timeout_ms > 0);
    CHECK(has(asked.body, asked.body_len, "hello"));
    CHECK(has((const uint8_t *)asked.headers, asked.headers_len, "content-type: application/json\n"));
    text(call, user_data);
    text(call, "ignored");
    tg_host_call_free(call);
}

static void *answer_late(void *data) {
    rest_ms(20);
    text(data, "late");
    tg_host_call_free(data);
    return NULL;
}

static void later(tg_host_call *call, void *user_data) {
    pthread_t thread;
    (void)user_data;
    atomic_fetch_add(&late_runs, 1);
    CHECK(pthread_create(&thread, NULL, answer_late, call) == 0);
    pthread_detach(thread);
}

static void again(tg_host_call *call, void *user_data) {
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    (void)user_data;
    OK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("later/m", "")), &reply, &err));
    CHECK(body_has(reply, "late"));
    tg_reply_free(reply);
    text(call, "nested");
    tg_host_call_free(call);
}

static void endless(tg_host_call *call, void *user_data) {
    static const char piece[] = "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"";
    tg_error *err = NULL;
    uint32_t flow = TG_FLOW_GO;
    (void)user_data;
    while (flow != TG_FLOW_GONE) {
        OK(tg_host_call_push(call, TG_PIECE_JSON, BYTES(piece), &flow, &err));
        atomic_fetch_add(&pushed, 1);
        while (flow == TG_FLOW_FULL) {
            OK(tg_host_call_wait(call, 50, &flow, &err));
        }
    }
    CHECK(tg_host_call_is_gone(call));
    atomic_fetch_add(&gone_seen, 1);
    tg_host_call_free(call);
}

static void refuses(tg_host_call *call, void *user_data) {
    tg_error *err = NULL;
    (void)user_data;
    OK(tg_host_call_fail(call, 429, "slow down", 7000, &err));
    tg_host_call_free(call);
}

static void forgets(tg_host_call *call, void *user_data) {
    (void)user_data;
    tg_host_call_free(call);
}

static void expect(const char *body, const char *words) {
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    OK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES(body), &reply, &err));
    CHECK(body_has(reply, words));
    tg_reply_free(reply);
}

static void misuse_is_refused(void) {
    const char *names[] = {"a"};
    tg_gateway *other = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    FAILS(TG_INVALID_ARGUMENT, tg_gateway_open_with("xml", "{}", 2, names, 1, &other, &err));
    FAILS(TG_NULL_ARGUMENT, tg_gateway_open_with("json", "{}", 2, NULL, 1, &other, &err));
    FAILS(TG_NULL_ARGUMENT, tg_provide(gw, "a", NULL, NULL, &err));
    FAILS(TG_INVALID_REQUEST, tg_provide(gw, "a/b", forgets, NULL, &err));
    FAILS(TG_NULL_ARGUMENT, tg_host_call_end(NULL, &err));
    CHECK(tg_host_call_is_gone(NULL) == 1 && tg_host_call_tag(NULL) == 0);
    tg_host_call_free(NULL);
    FAILS(TG_UPSTREAM_RATE_LIMITED,
          tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("refuses/m", "")), &reply, &err));
    FAILS(TG_CONNECTION_LOST,
          tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("forgets/m", "")), &reply, &err));
}

static void streams_wait_for_their_reader(void) {
    tg_request request = ask(ASK("endless/m", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    int64_t until;
    OK(tg_stream_open(gw, &request, &stream, &err));
    OK(tg_stream_next(stream, -1, &batch, &err));
    tg_batch_free(&batch);
    rest_ms(200);
    CHECK(atomic_load(&pushed) < 100000);
    tg_stream_free(stream);
    for (until = now_ms() + patience_ms(5000); atomic_load(&gone_seen) == 0;) {
        CHECK(now_ms() < until);
        rest_ms(5);
    }
}

static void questions_arrive_in_a_queue(void) {
    tg_request request = ask(ASK("queued/m", ""));
    tg_queue *queue = NULL;
    tg_event event;
    tg_error *err = NULL;
    uint64_t ticket;
    size_t count;
    int round;
    OK(tg_queue_new(&queue, &err));
    OK(tg_provide_in_queue(gw, "queued", queue, 42, &err));
    for (round = 0; round < 100; round++) {
        OK(tg_submit(gw, queue, &request, &ticket, &err));
        OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
        CHECK(event.kind == TG_EVENT_HOST_CALL && tg_host_call_tag(event.host_call) == 42);
        if (round % 2) { /* the caller goes first */
            uint64_t question = event.ticket;
            tg_host_call *call = event.host_call;
            int outcomes = 0, gone = 0;
            tg_cancel(gw, ticket);
            while (!outcomes || !gone) {
                OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
                gone += event.kind == TG_EVENT_HOST_GONE && event.ticket == question;
                outcomes += event.kind == TG_EVENT_ERROR;
                tg_error_free(event.error);
            }
            text(call, "to nobody");
            tg_host_call_free(call);
        } else {
            text(event.host_call, "queued");
            tg_host_call_free(event.host_call);
            OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
            CHECK(event.kind == TG_EVENT_REPLY && body_has(event.reply, "queued"));
            tg_reply_free(event.reply);
        }
    }
    /* A queue that is freed with a question in it fails the call. */
    tg_queue *other = NULL;
    OK(tg_queue_new(&other, &err));
    OK(tg_submit(gw, other, &request, &ticket, &err));
    while (tg_queue_next(queue, &event, 1, 100, &count, &err) != TG_OK) {
    }
    CHECK(event.kind == TG_EVENT_HOST_CALL);
    tg_queue_free(queue);
    tg_host_call_free(event.host_call);
    OK(tg_queue_next(other, &event, 1, -1, &count, &err));
    CHECK(event.kind == TG_EVENT_ERROR && tg_error_code(event.error) == TG_CONNECTION_LOST);
    tg_error_free(event.error);
    tg_queue_free(other);
}

static void a_child_asks_its_own_threads(void) {
    int status = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        expect(ASK("again/m", ""), "nested");
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    expect(ASK("again/m", ""), "nested");
}

int main(void) {
    static char once[] = "hello from C";
    const char *names[] = {"once", "later", "again", "endless", "refuses", "forgets", "queued"};
    static const char config[] = "{\"models\":{\"r\":{\"targets\":[\"once/m\"]}},\"unpriced\":\"allow\"}";
    tg_error *err = NULL;
    int round;
    OK(tg_gateway_open_with("json", config, sizeof(config) - 1, names, 7, &gw, &err));
    OK(tg_provide(gw, "once", at_once, once, &err));
    OK(tg_provide(gw, "later", later, NULL, &err));
    OK(tg_provide(gw, "again", again, NULL, &err));
    OK(tg_provide(gw, "endless", endless, NULL, &err));
    OK(tg_provide(gw, "refuses", refuses, NULL, &err));
    OK(tg_provide(gw, "forgets", forgets, NULL, &err));
    expect(ASK("r", ""), once);
    for (round = 0; round < 20; round++) {
        expect(ASK("once/m", ""), once);
        expect(ASK("again/m", ""), "nested");
    }
    CHECK(atomic_load(&late_runs) == 20);
    misuse_is_refused();
    streams_wait_for_their_reader();
    questions_arrive_in_a_queue();
    a_child_asks_its_own_threads();
    OK(tg_gateway_close(gw, 1000, &err));
    tg_gateway_free(gw);
    return 0;
}
