/* What a program does wrong is answered, not punished. */
#include "check.h"

static const char bad[] = "\xff\xfe";

static void null_is_refused_everywhere(tg_gateway *gw) {
    tg_request request = ask(ASK("mock/small", "")), blank = TG_REQUEST_INIT;
    tg_facts facts = {0};
    tg_gateway *view = NULL;
    tg_reply *reply = NULL;
    tg_stream *stream = NULL;
    tg_queue *queue = NULL;
    tg_server *server = NULL;
    tg_error *err = NULL;
    tg_buf json = {0};
    tg_batch batch;
    tg_event event;
    uint64_t ticket;
    size_t count;
    int32_t fd;
    tg_result null = TG_NULL_ARGUMENT;

    FAILS(null, tg_gateway_open(NULL, 0, &view, &err));
    FAILS(null, tg_gateway_open(CONFIG, strlen(CONFIG), NULL, &err));
    FAILS(null, tg_gateway_open_text(NULL, 0, "yaml", &view, &err));
    FAILS(null, tg_gateway_open_text("{}", 2, NULL, &view, &err));
    FAILS(null, tg_gateway_open_text("{}", 2, "yaml", NULL, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_gateway_open_text("{}", 2, "ini", &view, &err));
    FAILS(null, tg_gateway_open_path(NULL, &view, &err));
    FAILS(null, tg_gateway_open_path("x", NULL, &err));
    FAILS(null, tg_gateway_open_env(NULL, &err));
    FAILS(null, tg_gateway_connect(NULL, NULL, &view, &err));
    FAILS(null, tg_gateway_connect("http://127.0.0.1:1", NULL, NULL, &err));
    FAILS(null, tg_gateway_with_key(NULL, "k", &view, &err));
    FAILS(null, tg_gateway_with_key(gw, NULL, &view, &err));
    FAILS(null, tg_gateway_with_key(gw, "k", NULL, &err));
    FAILS(null, tg_gateway_reload(NULL, NULL, 0, &err));
    FAILS(null, tg_gateway_close(NULL, 0, &err));
    FAILS(null, tg_health(NULL, &json, &err));
    FAILS(null, tg_health(gw, NULL, &err));
    FAILS(null, tg_metrics(NULL, &json, &err));
    FAILS(null, tg_metrics(gw, NULL, &err));
    FAILS(null, tg_gateway_config(NULL, &json, &err));
    FAILS(null, tg_gateway_config(gw, NULL, &err));
    FAILS(null, tg_call(NULL, "GET", "/v1/models", NULL, 0, NULL, 0, &reply, &err));
    FAILS(null, tg_call(gw, "GET", NULL, NULL, 0, NULL, 0, &reply, &err));
    FAILS(null, tg_call(gw, "GET", "/v1/models", NULL, 3, NULL, 0, &reply, &err));
    FAILS(null, tg_call(gw, "GET", "/v1/models", NULL, 0, NULL, 3, &reply, &err));
    FAILS(null, tg_call(gw, "GET", "/v1/models", NULL, 0, NULL, 0, NULL, &err));
    FAILS(null, tg_call_request(gw, NULL, &reply, &err));
    FAILS(null, tg_call_request(gw, &blank, &reply, &err));
    FAILS(null, tg_stream_open(NULL, &request, &stream, &err));
    FAILS(null, tg_stream_open(gw, NULL, &stream, &err));
    FAILS(null, tg_stream_open(gw, &request, NULL, &err));
    FAILS(null, tg_stream_next(NULL, 0, &batch, &err));
    FAILS(null, tg_stream_facts(NULL, &facts, &err));
    FAILS(null, tg_reply_facts(NULL, &facts, &err));
    FAILS(null, tg_queue_new(NULL, &err));
    OK(tg_queue_new(&queue, &err));
    FAILS(null, tg_submit(NULL, queue, &request, &ticket, &err));
    FAILS(null, tg_submit(gw, NULL, &request, &ticket, &err));
    FAILS(null, tg_submit(gw, queue, NULL, &ticket, &err));
    FAILS(null, tg_submit(gw, queue, &request, NULL, &err));
    FAILS(null, tg_queue_next(NULL, &event, 1, 0, &count, &err));
    FAILS(null, tg_queue_next(queue, NULL, 1, 0, &count, &err));
    FAILS(null, tg_queue_next(queue, &event, 1, 0, NULL, &err));
    FAILS(null, tg_queue_fd(NULL, &fd, &err));
    FAILS(null, tg_queue_fd(queue, NULL, &err));
    FAILS(null, tg_queue_set_callback(NULL, NULL, NULL, &err));
    FAILS(null, tg_serve(NULL, NULL, &server, &err));
    FAILS(null, tg_serve(gw, NULL, NULL, &err));
    FAILS(null, tg_server_wait(NULL, &err));
    FAILS(null, tg_server_shutdown(NULL, 0, &err));
    OK(tg_call(gw, "GET", "/v1/models", NULL, 0, NULL, 0, &reply, &err));
    FAILS(null, tg_reply_facts(reply, NULL, &err));
    CHECK(tg_reply_header(reply, NULL) == NULL);
    tg_reply_free(reply);
    tg_queue_free(queue);

    CHECK(tg_reply_status(NULL) == 0 && tg_reply_body(NULL, &count) == NULL);
    CHECK(tg_reply_headers(NULL, &count) == NULL && tg_reply_header(NULL, "a") == NULL);
    CHECK(tg_stream_status(NULL) == 0 && tg_stream_header(NULL, "a") == NULL);
    CHECK(tg_stream_headers(NULL, &count) == NULL && tg_stream_trailers(NULL, NULL) == NULL);
    CHECK(tg_error_code(NULL) == TG_OK && strcmp(tg_error_slug(NULL), "ok") == 0);
    CHECK(*tg_error_message(NULL) == 0 && tg_error_status(NULL) == 0);
    CHECK(tg_error_retry_after_ms(NULL) == -1 && strcmp(tg_error_json(NULL), "{}") == 0);
    CHECK(tg_server_url(NULL) == NULL);
    tg_stream_cancel(NULL);
    tg_cancel(NULL, 1);
    tg_gateway_free(NULL);
    tg_reply_free(NULL);
    tg_stream_free(NULL);
    tg_batch_free(NULL);
    tg_queue_free(NULL);
    tg_error_free(NULL);
    tg_server_free(NULL);
    tg_buf_free(NULL);
}

static void texts_must_be_utf8(tg_gateway *gw) {
    tg_header header = {"x-a", bad}, name = {bad, "v"}, odd = {"a b", "v"}, lines = {"a", "v\r\nb: c"};
    tg_request request = ask(ASK("mock/small", ""));
    tg_gateway *view = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    tg_result utf8 = TG_INVALID_UTF8;
    FAILS(utf8, tg_gateway_open(bad, 2, &view, &err));
    FAILS(utf8, tg_gateway_open_path(bad, &view, &err));
    FAILS(utf8, tg_gateway_connect(bad, NULL, &view, &err));
    FAILS(utf8, tg_gateway_with_key(gw, bad, &view, &err));
    FAILS(utf8, tg_gateway_reload(gw, bad, 2, &err));
    FAILS(utf8, tg_call(gw, bad, CHAT, NULL, 0, NULL, 0, &reply, &err));
    FAILS(utf8, tg_call(gw, "POST", bad, NULL, 0, NULL, 0, &reply, &err));
    FAILS(utf8, tg_call(gw, "POST", CHAT, &header, 1, NULL, 0, &reply, &err));
    FAILS(utf8, tg_call(gw, "POST", CHAT, &name, 1, NULL, 0, &reply, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_call(gw, "POST", CHAT, &odd, 1, NULL, 0, &reply, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_call(gw, "POST", CHAT, &lines, 1, NULL, 0, &reply, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_call(gw, "P O", CHAT, NULL, 0, NULL, 0, &reply, &err));
    request.key = bad;
    FAILS(utf8, tg_call_request(gw, &request, &reply, &err));
    /* The body is bytes: what is wrong with it is the caller's and the vendor's business. */
    FAILS(TG_INVALID_JSON, tg_call(gw, "POST", CHAT, NULL, 0, BYTES(bad), &reply, &err));
}

static void sizes_and_modes_are_checked(tg_gateway *gw) {
    struct {
        tg_request request;
        char later[32]; /* members of a release to come */
    } longer;
    tg_request request = ask(ASK("mock/small", ""));
    tg_facts facts = {0};
    tg_queue *queue = NULL;
    tg_event event;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    size_t count;
    request.struct_size = 0;
    FAILS(TG_INVALID_ARGUMENT, tg_call_request(gw, &request, &reply, &err));
    request.struct_size = (size_t)-1;
    FAILS(TG_INVALID_ARGUMENT, tg_call_request(gw, &request, &reply, &err));
    request.struct_size = sizeof(request);
    request.mode = 9;
    FAILS(TG_INVALID_ARGUMENT, tg_call_request(gw, &request, &reply, &err));

    memset(&longer, 1, sizeof(longer));
    longer.request = ask(ASK("mock/small", ""));
    longer.request.struct_size = sizeof(longer);
    OK(tg_call_request(gw, &longer.request, &reply, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_reply_facts(reply, &facts, &err));
    facts.struct_size = sizeof(facts);
    OK(tg_reply_facts(reply, &facts, &err));
    tg_reply_free(reply);

    OK(tg_queue_new(&queue, &err));
    FAILS(TG_INVALID_ARGUMENT, tg_queue_next(queue, &event, 0, 0, &count, &err));
    CHECK(tg_queue_next(queue, &event, 1, 0, &count, &err) == TG_TIMEOUT);
    CHECK(tg_queue_next(queue, &event, 1, 5, &count, &err) == TG_TIMEOUT);
    tg_queue_free(queue);
}

int main(void) {
    tg_gateway *gw = open_mock();
    null_is_refused_everywhere(gw);
    texts_must_be_utf8(gw);
    sizes_and_modes_are_checked(gw);
    tg_gateway_free(gw);
    return 0;
}
