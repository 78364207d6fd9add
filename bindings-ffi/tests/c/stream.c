/* Streams that block: frames, ends, cancellation. */
#include "upstream.h"

static char text[1 << 16];

static void frames_come_in_order_and_the_end_has_the_cost(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_facts facts = {0};
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    tg_result end;
    size_t frames, len = 1;
    const char *one, *two, *three;
    OK(tg_stream_open(gw, &request, &stream, &err));
    CHECK(tg_stream_status(stream) == 200);
    CHECK(strcmp(tg_stream_header(stream, "x-tidegate-target"), "mock/small") == 0);
    CHECK(tg_stream_trailers(stream, &len) == NULL && len == 0);
    frames = drain(stream, text, sizeof(text), &end, &err);
    CHECK(end == TG_END && err == NULL && frames >= 3);
    one = strstr(text, "one");
    two = strstr(text, "two");
    three = strstr(text, "three");
    CHECK(one != NULL && one < two && two < three && strstr(text, "[DONE]") == NULL);
    facts.struct_size = sizeof(facts);
    OK(tg_stream_facts(stream, &facts, &err));
    CHECK(facts.cost_nanos == 2000000 && strcmp(facts.target, "mock/small") == 0);
    CHECK(strcmp(tg_stream_header(stream, "x-tidegate-cost"), "0.002") == 0);
    CHECK(tg_stream_headers(stream, &len) != NULL && len > 0);
    CHECK(tg_stream_trailers(stream, &len) != NULL && len > 0);
    CHECK(tg_stream_next(stream, -1, &batch, &err) == TG_END);
    tg_stream_free(stream);
}

static void frames_outlive_their_stream(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    OK(tg_stream_open(gw, &request, &stream, &err));
    OK(tg_stream_next(stream, -1, &batch, &err));
    tg_stream_free(stream);
    CHECK(has(batch.frames[0].data, batch.frames[0].data_len, "chat.completion.chunk"));
    CHECK(batch.frames[0].event == NULL);
    tg_batch_free(&batch);
    tg_batch_free(&batch);
}

static void events_of_the_other_dialect_have_names(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true,\"max_tokens\":10"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    request.target = "/v1/messages";
    OK(tg_stream_open(gw, &request, &stream, &err));
    OK(tg_stream_next(stream, -1, &batch, &err));
    CHECK(batch.frames[0].event_len == strlen("message_start"));
    CHECK(memcmp(batch.frames[0].event, "message_start", batch.frames[0].event_len) == 0);
    tg_batch_free(&batch);
    tg_stream_free(stream);
}

static void in_http_mode_frames_are_raw_bytes(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_result end;
    request.mode = TG_MODE_HTTP;
    OK(tg_stream_open(gw, &request, &stream, &err));
    drain(stream, text, sizeof(text), &end, &err);
    CHECK(end == TG_END && strncmp(text, "data: {", 7) == 0);
    CHECK(strstr(text, "data: [DONE]\n\n") != NULL);
    tg_stream_free(stream);
}

static void a_complete_answer_is_one_frame(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ""));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_result end;
    OK(tg_stream_open(gw, &request, &stream, &err));
    CHECK(drain(stream, text, sizeof(text), &end, &err) == 1 && end == TG_END);
    CHECK(strstr(text, "one two three") != NULL);
    tg_stream_cancel(stream);
    tg_stream_free(stream);
    request = ask(ASK("nowhere", ",\"stream\":true"));
    FAILS(TG_UNKNOWN_MODEL, tg_stream_open(gw, &request, &stream, &err));
}

static void a_timeout_is_no_failure(tg_gateway *gw) {
    tg_request request = ask(ASK("slow/m", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_result end;
    tg_batch batch;
    int timeouts = 0;
    OK(tg_stream_open(gw, &request, &stream, &err));
    while ((end = tg_stream_next(stream, 5, &batch, &err)) != TG_END) {
        if (end == TG_TIMEOUT) {
            timeouts++;
            continue;
        }
        OK(end);
        tg_batch_free(&batch);
    }
    CHECK(timeouts > 0 && err == NULL);
    tg_stream_free(stream);
}

static void *cancel_soon(void *stream) {
    rest_ms(50);
    tg_stream_cancel(stream);
    tg_stream_cancel(stream);
    return NULL;
}

static void any_thread_cancels_and_the_upstream_is_closed(void) {
    upstream up;
    tg_request request = ask(ASK("up/m", ",\"stream\":true"));
    tg_gateway *gw;
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    tg_result end;
    pthread_t thread;
    int64_t since;
    upstream_start(&up, 1);
    gw = upstream_gateway(&up);
    OK(tg_stream_open(gw, &request, &stream, &err));
    CHECK(pthread_create(&thread, NULL, cancel_soon, stream) == 0);
    CHECK(drain(stream, text, sizeof(text), &end, &err) == 1);
    since = now_ms();
    CHECK(end == TG_CANCELLED && tg_error_code(err) == TG_CANCELLED);
    tg_error_free(err);
    err = NULL;
    upstream_closed(&up, since);
    pthread_join(thread, NULL);
    FAILS(TG_CANCELLED, tg_stream_next(stream, -1, &batch, &err));
    tg_stream_free(stream);
    tg_gateway_free(gw);
}

static void freeing_a_stream_closes_the_upstream(void) {
    upstream up;
    tg_request request = ask(ASK("up/m", ",\"stream\":true"));
    tg_gateway *gw;
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    int64_t since;
    upstream_start(&up, 1);
    gw = upstream_gateway(&up);
    OK(tg_stream_open(gw, &request, &stream, &err));
    tg_gateway_free(gw); /* the stream goes on without it */
    OK(tg_stream_next(stream, -1, &batch, &err));
    tg_batch_free(&batch);
    since = now_ms();
    tg_stream_free(stream);
    upstream_closed(&up, since);
}

int main(void) {
    tg_gateway *gw = open_mock();
    frames_come_in_order_and_the_end_has_the_cost(gw);
    frames_outlive_their_stream(gw);
    events_of_the_other_dialect_have_names(gw);
    in_http_mode_frames_are_raw_bytes(gw);
    a_complete_answer_is_one_frame(gw);
    a_timeout_is_no_failure(gw);
    any_thread_cancels_and_the_upstream_is_closed();
    freeing_a_stream_closes_the_upstream();
    tg_gateway_free(gw);
    return 0;
}
