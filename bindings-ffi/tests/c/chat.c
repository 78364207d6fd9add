/* Calls that block: replies, facts, errors, keys, reloading, serving. */
#include "check.h"

static void replies_carry_body_headers_and_facts(tg_gateway *gw) {
    tg_header headers[] = {{"x-tidegate-tags", "a=b"}, {"X-Custom", "\xc3\xa9"}};
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    tg_facts facts = {0};
    size_t len = 0;
    const char *packed, *value;
    OK(tg_call(gw, "POST", CHAT, headers, 2, BYTES(ASK("mock/small", "")), &reply, &err));
    CHECK(tg_reply_status(reply) == 200);
    CHECK(body_has(reply, "one two three"));
    CHECK(tg_reply_body(reply, NULL) != NULL);
    CHECK(strcmp(tg_reply_header(reply, "X-Tidegate-Target"), "mock/small") == 0);
    CHECK(tg_reply_header(reply, "absent") == NULL);

    packed = tg_reply_headers(reply, &len);
    CHECK(len > 0 && packed[len - 1] == 0);
    for (value = packed; value < packed + len; value += strlen(value) + 1) {
        CHECK(*value != 0);
        value += strlen(value) + 1;
    }
    CHECK(value == packed + len);

    facts.struct_size = sizeof(facts);
    OK(tg_reply_facts(reply, &facts, &err));
    CHECK(strcmp(facts.target, "mock/small") == 0 && strcmp(facts.cost, "0.002") == 0);
    CHECK(facts.cost_nanos == 2000000 && facts.attempts == 1 && facts.overhead_us >= 0);
    CHECK(strncmp(facts.request_id, "req_", 4) == 0 && facts.dropped == NULL);
    tg_reply_free(reply);
}

static void errors_say_code_status_and_wait(tg_gateway *gw) {
    tg_reply *reply = (tg_reply *)&reply;
    tg_error *err = NULL;
    CHECK(tg_call(gw, NULL, CHAT, NULL, 0, BYTES(ASK("busy/m", "")), &reply, &err) ==
          TG_UPSTREAM_RATE_LIMITED);
    CHECK(reply == (tg_reply *)&reply); /* not written */
    CHECK(strcmp(tg_error_slug(err), "upstream_rate_limited") == 0);
    CHECK(tg_error_status(err) == 429 && tg_error_retry_after_ms(err) == 7000);
    CHECK(strlen(tg_error_message(err)) > 0);
    CHECK(strstr(tg_error_json(err), "slow down") != NULL);
    tg_error_free(err);
    err = NULL;

    FAILS(TG_UNKNOWN_MODEL,
          tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("nowhere", "")), &reply, &err));
    FAILS(TG_INVALID_JSON, tg_call(gw, "POST", CHAT, NULL, 0, BYTES("{"), &reply, &err));
    FAILS(TG_UNKNOWN_ENDPOINT, tg_call(gw, "GET", "/nowhere", NULL, 0, NULL, 0, &reply, &err));
    FAILS(TG_INVALID_ARGUMENT,
          tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("mock/m", ",\"stream\":true")), &reply, &err));
    /* Nobody has to ask why. */
    CHECK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES("{"), &reply, NULL) == TG_INVALID_JSON);

    FAILS(TG_INVALID_CONFIG, tg_gateway_open("{\"providers\":7}", 15, &gw, &err));
    FAILS(TG_UNREADABLE_CONFIG, tg_gateway_open_path("/nowhere/tidegate.yaml", &gw, &err));
    FAILS(TG_INVALID_CONFIG, tg_gateway_connect("nonsense", NULL, &gw, &err));
    CHECK(strcmp(tg_result_slug(TG_BUDGET_EXHAUSTED), "budget_exhausted") == 0);
    CHECK(strcmp(tg_result_slug(424242), "unknown") == 0);
}

static void in_http_mode_errors_are_answers(tg_gateway *gw) {
    tg_request request = ask("{");
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    request.mode = TG_MODE_HTTP;
    OK(tg_call_request(gw, &request, &reply, &err));
    CHECK(tg_reply_status(reply) == 400);
    CHECK(body_has(reply, "\"error\""));
    tg_reply_free(reply);

    /* The vendor's own URL, as its SDK sends it. */
    request = ask(ASK("mock/small", ""));
    request.mode = TG_MODE_HTTP;
    request.target = "https://api.openai.com/v1/chat/completions";
    OK(tg_call_request(gw, &request, &reply, &err));
    CHECK(tg_reply_status(reply) == 200);
    tg_reply_free(reply);
}

static void keys_have_their_own_budget(tg_gateway *gw) {
    tg_header header = {"x-tidegate-key", "tg-poor"};
    tg_request request = ask(ASK("mock/small", ""));
    tg_gateway *view = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    OK(tg_gateway_with_key(gw, "tg-poor", &view, &err));
    FAILS(TG_BUDGET_EXHAUSTED,
          tg_call(view, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    FAILS(TG_BUDGET_EXHAUSTED,
          tg_call(gw, "POST", CHAT, &header, 1, BYTES(ASK("mock/small", "")), &reply, &err));
    request.key = "tg-nobody";
    FAILS(TG_UNKNOWN_KEY, tg_call_request(view, &request, &reply, &err));
    tg_gateway_free(view);
}

static void reloading_keeps_the_last_good_configuration(void) {
    static const char fresh[] =
        "{\"providers\":{\"mock\":{\"dialect\":\"openai\",\"api_key\":\"sk-secret\","
        "\"mock\":{\"replies\":[{\"text\":\"fresh\"}]}}}}";
    tg_gateway *gw = open_mock();
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    tg_buf json = {0};
    FAILS(TG_INVALID_CONFIG, tg_gateway_reload(gw, "{\"providers\":7}", 15, &err));
    OK(tg_gateway_reload(gw, NULL, 0, &err));
    OK(tg_gateway_reload(gw, fresh, strlen(fresh), &err));
    OK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    CHECK(body_has(reply, "fresh"));
    tg_reply_free(reply);

    OK(tg_gateway_config(gw, &json, &err));
    CHECK(has(json.ptr, json.len, "mock") && !has(json.ptr, json.len, "sk-secret"));
    tg_buf_free(&json);
    tg_buf_free(&json);
    OK(tg_health(gw, &json, &err));
    CHECK(json.len > 1 && json.ptr[0] == '{');
    tg_buf_free(&json);
    OK(tg_metrics(gw, &json, &err));
    CHECK(has(json.ptr, json.len, "tidegate_requests_total{route=\"mock/small\",target=\"mock/small\",code=\"2xx\"}"));
    tg_buf_free(&json);

    OK(tg_gateway_close(gw, 1000, &err));
    OK(tg_gateway_close(gw, 1000, &err));
    FAILS(TG_CLOSED,
          tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    tg_gateway_free(gw);
}

static void yaml_is_read_too(void) {
    static const char yaml[] = "providers: { mock: { dialect: openai, mock: {} } }\n";
    tg_gateway *gw = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    OK(tg_gateway_open_text(yaml, strlen(yaml), "yaml", &gw, &err));
    OK(tg_call(gw, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    tg_reply_free(reply);
    tg_gateway_free(gw);
}

static void a_served_gateway_is_the_same_from_elsewhere(tg_gateway *gw) {
    tg_serve_options options = TG_SERVE_OPTIONS_INIT;
    tg_server *server = NULL;
    tg_gateway *remote = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    options.listen = "127.0.0.1:0";
    options.threads = 1;
    OK(tg_serve(gw, &options, &server, &err));
    CHECK(strncmp(tg_server_url(server), "http://127.0.0.1:", 17) == 0);
    OK(tg_gateway_connect(tg_server_url(server), "tg-poor", &remote, &err));
    FAILS(TG_BUDGET_EXHAUSTED,
          tg_call(remote, "POST", CHAT, NULL, 0, BYTES(ASK("mock/small", "")), &reply, &err));
    OK(tg_call(remote, "GET", "/v1/models", NULL, 0, NULL, 0, &reply, &err));
    CHECK(body_has(reply, "\"data\""));
    tg_reply_free(reply);
    tg_gateway_free(remote);
    OK(tg_server_shutdown(server, 1000, &err));
    OK(tg_server_wait(server, &err));
    tg_server_free(server);
}

int main(void) {
    tg_gateway *gw = open_mock();
    CHECK(tg_abi_version() == TG_ABI_VERSION);
    CHECK(strcmp(tg_version(), TG_VERSION) == 0);
    replies_carry_body_headers_and_facts(gw);
    errors_say_code_status_and_wait(gw);
    in_http_mode_errors_are_answers(gw);
    keys_have_their_own_budget(gw);
    reloading_keeps_the_last_good_configuration();
    yaml_is_read_too();
    a_served_gateway_is_the_same_from_elsewhere(gw);
    tg_gateway_free(gw);
    return 0;
}
