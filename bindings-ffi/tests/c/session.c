/* Sessions: messages both ways, money, ends, misuse. */
#include "upstream.h"

static char text[1 << 16];

static tg_request realtime(void) {
    tg_request request = TG_REQUEST_INIT;
    request.mode = TG_MODE_SESSION;
    request.target = "/v1/realtime?model=mock%2Fsmall";
    return request;
}

/* Reads until a message holds `what`. */
static void hear(tg_stream *session, const char *what) {
    tg_error *err = NULL;
    tg_batch batch;
    int found = 0;
    size_t i;
    while (!found) {
        OK(tg_stream_next(session, -1, &batch, &err));
        for (i = 0; i < batch.len; i++) {
            CHECK(batch.frames[i].event == NULL);
            found |= has(batch.frames[i].data, batch.frames[i].data_len, what);
        }
        tg_batch_free(&batch);
    }
}

static void messages_pass_and_each_response_is_paid(tg_gateway *gw) {
    const char *create = "{\"type\":\"response.create\"}";
    tg_request request = realtime();
    tg_facts facts = {0};
    tg_stream *session = NULL;
    tg_error *err = NULL;
    tg_result end;
    OK(tg_stream_open(gw, &request, &session, &err));
    CHECK(tg_stream_status(session) == 101 && tg_session_ticket(session) == 0);
    hear(session, "session.created");
    OK(tg_session_send(session, TG_MESSAGE_TEXT, BYTES(create), -1, &err));
    hear(session, "response.done");
    OK(tg_session_send(session, TG_MESSAGE_BINARY, BYTES("no json"), 1000, &err));
    hear(session, "not JSON");
    OK(tg_session_close(session, 1000, "bye", &err));
    drain(session, text, sizeof(text), &end, &err);
    CHECK(end == TG_END && err == NULL);
    CHECK(strcmp(tg_stream_header(session, "x-tidegate-close-code"), "1000") == 0);
    CHECK(tg_stream_header(session, "x-tidegate-session-error") == NULL);
    facts.struct_size = sizeof(facts);
    OK(tg_stream_facts(session, &facts, &err));
    CHECK(facts.cost_nanos == 2000000 && strcmp(facts.target, "mock/small") == 0);
    FAILS(TG_CONNECTION_LOST, tg_session_send(session, TG_MESSAGE_TEXT, BYTES(create), 0, &err));
    tg_stream_free(session);
}

static void what_the_gateway_ends_says_why(tg_gateway *gw) {
    const char *create = "{\"type\":\"response.create\"}";
    tg_request request = realtime();
    tg_stream *session = NULL;
    tg_error *err = NULL;
    tg_result end;
    request.key = "tg-poor";
    OK(tg_stream_open(gw, &request, &session, &err));
    OK(tg_session_send(session, TG_MESSAGE_TEXT, BYTES(create), -1, &err));
    drain(session, text, sizeof(text), &end, &err);
    CHECK(end == TG_END && strstr(text, "budget_exhausted") != NULL);
    CHECK(strcmp(tg_stream_header(session, "x-tidegate-close-code"), "1008") == 0);
    CHECK(strstr(tg_stream_header(session, "x-tidegate-session-error"), "\"budget_exhausted\"") != NULL);
    tg_stream_free(session);
    request.key = "tg-nobody";
    FAILS(TG_UNKNOWN_KEY, tg_stream_open(gw, &request, &session, &err));
}

static void misuse_is_told(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    OK(tg_stream_open(gw, &request, &stream, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_session_send(stream, TG_MESSAGE_TEXT, BYTES("{}"), 0, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_session_close(stream, 1000, NULL, &err));
    FAILS(TG_NULL_ARGUMENT, tg_session_send(NULL, TG_MESSAGE_TEXT, BYTES("{}"), 0, &err));
    CHECK(tg_session_ticket(stream) == 0 && tg_session_ticket(NULL) == 0);
    tg_stream_free(stream);
    request = realtime();
    OK(tg_stream_open(gw, &request, &stream, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_session_send(stream, 7, BYTES("{}"), 0, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_session_send(stream, TG_MESSAGE_TEXT, BYTES("\xff"), 0, &err));
    tg_stream_free(stream); /* one that goes on is cancelled */
}

static void a_queue_serves_sessions_too(tg_gateway *gw) {
    const char *create = "{\"type\":\"response.create\"}";
    tg_request request = realtime();
    tg_queue *queue = NULL;
    tg_stream *session;
    tg_error *err = NULL;
    tg_event event;
    tg_batch batch;
    tg_result result;
    uint64_t ticket;
    size_t count, i;
    int done = 0;
    OK(tg_queue_new(&queue, &err));
    OK(tg_submit(gw, queue, &request, &ticket, &err));
    OK(tg_queue_next(queue, &event, 1, patience_ms(5000), &count, &err));
    CHECK(event.kind == TG_EVENT_STREAM && event.ticket == ticket);
    session = event.stream;
    CHECK(tg_session_ticket(session) != 0 && tg_session_ticket(session) != ticket);
    OK(tg_session_send(session, TG_MESSAGE_TEXT, BYTES(create), 0, &err));
    while (!done) {
        result = tg_stream_next(session, 0, &batch, &err);
        if (result == TG_TIMEOUT) {
            OK(tg_queue_next(queue, &event, 1, patience_ms(5000), &count, &err));
            CHECK(event.kind == TG_EVENT_READABLE && event.ticket == ticket);
            continue;
        }
        CHECK(result == TG_OK);
        for (i = 0; i < batch.len; i++) {
            done |= has(batch.frames[i].data, batch.frames[i].data_len, "response.done");
        }
        tg_batch_free(&batch);
    }
    tg_stream_free(session);
    tg_queue_free(queue);
}

int main(void) {
    tg_gateway *gw = open_mock();
    messages_pass_and_each_response_is_paid(gw);
    what_the_gateway_ends_says_why(gw);
    misuse_is_told(gw);
    a_queue_serves_sessions_too(gw);
    tg_gateway_free(gw);
    return 0;
}
