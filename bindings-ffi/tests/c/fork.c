/* A process forks before, after and in the middle of using its gateway. */
#include "upstream.h"

#include <sys/wait.h>

static void chat(tg_gateway *gw) {
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    OK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    CHECK(body_has(reply, "one two three"));
    tg_reply_free(reply);
}

static void stream(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_result end;
    static char text[1 << 14];
    OK(tg_stream_open(gw, &request, &stream, &err));
    CHECK(drain(stream, text, sizeof(text), &end, &err) > 0 && end == TG_END);
    tg_stream_free(stream);
}

static void queue(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ""));
    tg_queue *queue = NULL;
    tg_error *err = NULL;
    tg_event event;
    uint64_t ticket;
    size_t count;
    OK(tg_queue_new(&queue, &err));
    OK(tg_submit(gw, queue, &request, &ticket, &err));
    OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
    CHECK(event.ticket == ticket && event.kind == TG_EVENT_REPLY);
    tg_reply_free(event.reply);
    tg_queue_free(queue);
}

static void joined(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Uses the gateway in a child, and in a child of that. */
static void in_children(tg_gateway *gw, int depth) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        chat(gw);
        stream(gw);
        queue(gw);
        if (depth > 1) {
            in_children(gw, depth - 1);
        }
        tg_gateway_free(gw);
        _exit(0);
    }
    joined(child);
}

static void handles_of_the_parent_are_refused(tg_gateway *gw) {
    tg_request request = ask(ASK("slow/m", ",\"stream\":true"));
    tg_stream *live = NULL;
    tg_queue *queue = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    tg_event event;
    uint64_t ticket;
    tg_result end;
    size_t count;
    pid_t child;
    static char text[1 << 14];
    OK(tg_stream_open(gw, &request, &live, &err));
    OK(tg_queue_new(&queue, &err));
    OK(tg_submit(gw, queue, &request, &ticket, &err));
    child = fork();
    if (child == 0) {
        FAILS(TG_OTHER_PROCESS, tg_stream_next(live, -1, &batch, &err));
        FAILS(TG_OTHER_PROCESS, tg_queue_next(queue, &event, 1, -1, &count, &err));
        FAILS(TG_OTHER_PROCESS, tg_submit(gw, queue, &request, &ticket, &err));
        tg_stream_cancel(live);
        tg_cancel(gw, ticket);
        tg_stream_free(live);
        tg_queue_free(queue);
        chat(gw);
        tg_gateway_free(gw);
        exit(0); /* with whatever runs at exit */
    }
    joined(child);
    /* The parent has noticed nothing. */
    CHECK(drain(live, text, sizeof(text), &end, &err) >= 8 && end == TG_END);
    tg_stream_free(live);
    OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
    CHECK(event.kind == TG_EVENT_STREAM);
    tg_stream_free(event.stream);
    tg_queue_free(queue);
}

/* A child that never used the gateway frees it: the parent's connection stays usable. */
static void a_child_that_only_frees_does_no_harm(void) {
    upstream up;
    tg_request request = ask(ASK("up/m", ",\"stream\":true"));
    tg_gateway *gw;
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    pid_t child;
    int64_t since;
    upstream_start(&up, 1);
    gw = upstream_gateway(&up);
    OK(tg_stream_open(gw, &request, &stream, &err));
    child = fork();
    if (child == 0) {
        tg_stream_free(stream);
        tg_gateway_free(gw);
        _exit(0);
    }
    joined(child);
    OK(tg_stream_next(stream, -1, &batch, &err));
    tg_batch_free(&batch);
    CHECK(tg_stream_next(stream, 50, &batch, &err) == TG_TIMEOUT);
    since = now_ms();
    tg_stream_free(stream);
    upstream_closed(&up, since);
    tg_gateway_free(gw);
}

int main(void) {
    tg_gateway *gw = open_mock();
    int i;
    in_children(gw, 1); /* before the first use */
    chat(gw);
    stream(gw);
    queue(gw);
    for (i = 0; i < 5; i++) {
        in_children(gw, 2);
    }
    handles_of_the_parent_are_refused(gw);
    a_child_that_only_frees_does_no_harm();
    chat(gw);
    tg_gateway_free(gw);
    return 0;
}
