/* Functions of the program that follow a script, reply by reply; the last one repeats. */
typedef struct { const char *next; } script;

static void nap(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

static void give_piece(tg_host_call *call, span piece, int whole) {
    int is_text = *piece.ptr == '"';
    const char *data = is_text ? text(piece) : piece.ptr;
    size_t len = is_text ? strlen(data) : piece.len;
    uint32_t kind = is_text ? TG_PIECE_TEXT : TG_PIECE_JSON;
    if (whole) tg_host_call_reply(call, kind, (const uint8_t *)data, len, NULL);
    else tg_host_call_push(call, kind, (const uint8_t *)data, len, NULL, NULL);
}

static void scripted(tg_host_call *call, void *data) {
    script *replies = data;
    const char *reply = replies->next, *after = skip(reply);
    span pieces = get(reply, "stream"), say = get(reply, "say"), message = get(reply, "message"), wait = get(reply, "retry_after");
    if (*after == ',') replies->next = after + 1;
    if (get(reply, "silent").ptr) {
        while (!tg_host_call_is_gone(call)) nap();
    } else if (get(reply, "fail").ptr)
        tg_host_call_fail(call, (uint32_t)number(get(reply, "fail"), 500), message.ptr ? text(message) : "refused", wait.ptr ? number(wait, 0) * 1000 : -1, NULL);
    else if (get(reply, "raise").ptr) tg_host_call_fail(call, 500, "the script raises", -1, NULL);
    else if (get(reply, "echo").ptr) {
        tg_host_request asked;
        char line[512];
        tg_host_call_request(call, &asked, NULL);
        int len = snprintf(line, sizeof line, "%.*s %.*s %.*s %s", (int)asked.dialect_len, asked.dialect, (int)asked.model_len, asked.model,
                           (int)asked.path_len, asked.path, asked.stream ? "true" : "false");
        tg_host_call_reply(call, TG_PIECE_TEXT, (const uint8_t *)line, (size_t)len, NULL);
    } else if (pieces.ptr) {
        for (const char *p = pieces.ptr + 1; *p != ']'; p += *p == ',') {
            span piece = {p, (size_t)(skip(p) - p)};
            give_piece(call, piece, 0), p += piece.len;
        }
        if (get(reply, "breaks").ptr) tg_host_call_fail(call, 500, "the script breaks here", -1, NULL);
        else tg_host_call_end(call, NULL);
    } else give_piece(call, say.ptr ? say : get(reply, "json"), 1);
    tg_host_call_free(call);
}

/* Opens `config` with the functions of an `open`. */
static tg_result open_with_functions(span config, span functions, tg_gateway **gateway, tg_error **err) {
    static char *kept; /* what the scripts point into */
    static script scripts[16];
    const char *names[16], *p;
    size_t count = 0, i;
    span key, value;
    free(kept), kept = strndup(functions.ptr, functions.len);
    for (p = kept; count < 16 && member(&p, &key, &value); count++)
        names[count] = text(key), scripts[count].next = value.ptr + 1;
    tg_result result = tg_gateway_open_with("json", config.ptr, config.len, names, count, gateway, err);
    for (i = 0; i < count && result == TG_OK; i++) result = tg_provide(*gateway, names[i], scripted, &scripts[i], err);
    return result;
}

/* What the gateway would do with the request of a step. */
static tg_result explain(tg_gateway *gateway, const char *line, tg_buf *json, tg_error **err) {
    tg_request request = TG_REQUEST_INIT;
    tg_header headers[32];
    span key, value, body = get(line, "request");
    const char *members = get(line, "headers").ptr, *target = text(get(line, "target"));
    request.headers = headers, request.key = text(get(line, "key"));
    while (members && request.n_headers < 32 && member(&members, &key, &value))
        headers[request.n_headers++] = (tg_header){text(key), text(value)};
    request.method = text(get(line, "method")), request.target = target ? target : "/v1/chat/completions";
    request.body = (const uint8_t *)body.ptr, request.body_len = body.len;
    return tg_explain(gateway, &request, json, err);
}

/* Calls go through a view from now on. */
static tg_result scoped(tg_gateway **gw, const char *told, tg_error **err) {
    tg_scope scope = TG_SCOPE_INIT;
    tg_gateway *view;
    span tags = get(told, "tags");
    char joined[256] = "";
    scope.customer = text(get(told, "customer")), scope.team = text(get(told, "team")), scope.user = text(get(told, "user"));
    for (size_t i = 0, n = 0; i < tags.len && n < sizeof joined - 1; i++)
        if (!strchr("[]\" ", tags.ptr[i])) joined[n++] = tags.ptr[i], scope.tags = joined;
    tg_result result = tg_gateway_scoped(*gw, &scope, &view, err);
    if (result == TG_OK) tg_gateway_free(*gw), *gw = view;
    return result;
}
