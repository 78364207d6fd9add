/* Sessions over a WebSocket, act by act. */

static tg_batch waiting; /* frames that came and were not asked for yet */
static size_t taken;
static long heard;

/* Reads so many messages; says how that ended. */
static tg_result hear(tg_stream *session, long count, tg_error **err) {
    for (; count > 0; count--, taken++) {
        if (taken == waiting.len) {
            tg_batch_free(&waiting), taken = 0;
            tg_result result = tg_stream_next(session, -1, &waiting, err);
            if (result != TG_OK) return result;
        }
        tg_frame frame = waiting.frames[taken];
        printf(heard++ ? "," : "");
        if (!frame.event || *frame.data == '{') { json_out(frame.data, frame.data_len); continue; }
        printf("{\"binary\":\"");
        for (size_t i = 0; i < frame.data_len; i++) printf("%02x", frame.data[i]);
        printf("\"}");
    }
    return TG_OK;
}

static tg_result say(tg_stream *session, span message, tg_error **err) {
    const char *words = text(message);
    if (words) return tg_session_send(session, TG_MESSAGE_TEXT, (const uint8_t *)words, strlen(words), -1, err);
    return tg_session_send(session, TG_MESSAGE_TEXT, (const uint8_t *)message.ptr, message.len, -1, err);
}

static tg_result say_bytes(tg_stream *session, const char *hex, tg_error **err) {
    uint8_t bytes[256];
    size_t len = 0;
    for (; *hex && len < sizeof bytes; hex += 2) bytes[len++] = (uint8_t)strtol((char[]){hex[0], hex[1], 0}, NULL, 16);
    return tg_session_send(session, TG_MESSAGE_BINARY, bytes, len, -1, err);
}

/* The first message of a Live session. */
static tg_result set_up(tg_stream *session, span wanted, tg_error **err) {
    static char first[4096];
    span setup = get(wanted.ptr, "setup"), model = get(wanted.ptr, "model");
    int more = setup.len > 2;
    snprintf(first, sizeof first, "{\"setup\":{\"model\":%.*s%s%.*s}}", (int)model.len, model.ptr, more ? "," : "",
             more ? (int)setup.len - 2 : 0, more ? setup.ptr + 1 : "");
    return tg_session_send(session, TG_MESSAGE_TEXT, (const uint8_t *)first, strlen(first), -1, err);
}

static void session(const char *line) {
    static char target[512];
    tg_request request = TG_REQUEST_INIT;
    tg_header headers[32];
    tg_facts facts = {.struct_size = sizeof facts};
    span key, value, wanted = get(line, "request");
    const char *members = get(line, "headers").ptr, *api = text(get(line, "api")), *at = get(line, "talk").ptr + 1;
    const char *model = text(get(wanted.ptr, "model"));
    int live = !strcmp(api, "live");
    tg_result result = TG_OK;
    tg_stream *session;
    tg_error *err = NULL;
    while (members && request.n_headers < 32 && member(&members, &key, &value))
        headers[request.n_headers++] = (tg_header){text(key), text(value)};
    snprintf(target, sizeof target, "/v1/realtime?model=%s", model ? model : "");
    request.headers = headers, request.key = text(get(line, "key")), request.mode = TG_MODE_SESSION;
    request.target = !strcmp(api, "responses") ? "/v1/responses" : live ? "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent" : target;
    if ((result = tg_stream_open(gw, &request, &session, &err)) != TG_OK) { done(result, &err); return; }
    heard = 0, printf("\"ok\":{\"messages\":[");
    if (live) result = set_up(session, wanted, &err);
    for (; result == TG_OK && *at == '{'; at = skip(at), at += *at == ',') {
        span words = get(at, "say"), bytes = get(at, "binary"), ending = get(at, "close");
        if (words.ptr) result = say(session, words, &err);
        else if (bytes.ptr) result = say_bytes(session, text(bytes), &err);
        else if (ending.ptr) {
            const char *reason = strchr(ending.ptr, ',') + 1;
            result = tg_session_close(session, (uint16_t)atol(ending.ptr + 1), text((span){reason, (size_t)(skip(reason) - reason)}), &err);
            tg_batch_free(&waiting), taken = 0; /* what the vendor still says is dropped */
            while (result == TG_OK) result = tg_stream_next(session, -1, &waiting, &err), tg_batch_free(&waiting);
        } else if (get(at, "drop").ptr) break;
        else result = hear(session, number(get(at, "hear"), 0), &err);
    }
    if (result == TG_OK && *at != '{') result = hear(session, 1L << 40, &err);
    const char *code = tg_stream_header(session, "x-tidegate-close-code"), *refusal = tg_stream_header(session, "x-tidegate-session-error");
    span slug = get(refusal, "slug");
    printf("],");
    if (code) printf("\"code\":%s,", code), out("reason", tg_stream_header(session, "x-tidegate-close-reason"));
    if (code && !tg_stream_header(session, "x-tidegate-close-reason")) printf("\"reason\":\"\",");
    if (slug.ptr) printf("\"refused\":%.*s,", (int)slug.len, slug.ptr);
    tg_stream_facts(session, &facts, NULL), facts_out(facts), putchar('}');
    tg_batch_free(&waiting), taken = 0, tg_stream_free(session), tg_error_free(err);
}
