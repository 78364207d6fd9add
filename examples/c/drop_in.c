/* The door for vendors' SDKs: an HTTP request to the vendor's own URL goes in, an HTTP answer
 * comes out, errors included. This is what a transport of an SDK does with each request. */
#include <stdio.h>
#include <string.h>

#include "tidegate.h"

static tg_result send_request(tg_gateway *gw, const char *body, tg_error **err) {
    tg_header headers[] = {
        {"authorization", "Bearer tg-captain"},
        {"content-type", "application/json"},
    };
    tg_request request = TG_REQUEST_INIT;
    tg_reply *reply = NULL;
    tg_result result;
    size_t len = 0;

    request.mode = TG_MODE_HTTP;
    request.target = "https://api.openai.com/v1/chat/completions";
    request.headers = headers;
    request.n_headers = sizeof(headers) / sizeof(headers[0]);
    request.body = (const uint8_t *)body;
    request.body_len = strlen(body);

    result = tg_call_request(gw, &request, &reply, err);
    if (result == TG_OK) {
        const uint8_t *answer = tg_reply_body(reply, &len);
        printf("HTTP %d\n%.*s\n", tg_reply_status(reply), (int)len, (const char *)answer);
    }
    tg_reply_free(reply);
    return result;
}

int main(void) {
    tg_gateway *gw = NULL;
    tg_error *err = NULL;
    tg_result result = tg_gateway_open_path("tidegate.yaml", &gw, &err);
    if (result == TG_OK) {
        result = send_request(
            gw, "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}", &err);
    }
    if (result == TG_OK) { /* an upstream that fails, in the vendor's shape */
        result = send_request(gw, "{\"model\":\"storm/small\",\"messages\":[]}", &err);
    }
    if (result != TG_OK) {
        fprintf(stderr, "%s: %s\n", tg_error_slug(err), tg_error_message(err));
    }
    tg_error_free(err);
    tg_gateway_free(gw);
    return result == TG_OK ? 0 : 1;
}
