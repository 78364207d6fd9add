/* The key `tg-deckhand` spends its budget until it is refused. */
#include <stdio.h>
#include <string.h>

#include "tidegate.h"

int main(void) {
    const char *body = "{\"model\":\"fast\",\"max_tokens\":50,"
                       "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    tg_gateway *gw = NULL, *deckhand = NULL;
    tg_error *err = NULL;
    tg_result result = tg_gateway_open_path("tidegate.yaml", &gw, &err);
    int answers = 0;

    if (result == TG_OK) {
        result = tg_gateway_with_key(gw, "tg-deckhand", &deckhand, &err);
    }
    while (result == TG_OK && answers < 1000) {
        tg_reply *reply = NULL;
        result = tg_call(deckhand, "POST", "/v1/chat/completions", NULL, 0, (const uint8_t *)body,
                         strlen(body), &reply, &err);
        tg_reply_free(reply);
        answers += result == TG_OK;
    }
    printf("%d answers, then: %s (HTTP %d)\n%s\n", answers, tg_error_slug(err),
           tg_error_status(err), tg_error_message(err));
    tg_error_free(err);
    tg_gateway_free(deckhand);
    tg_gateway_free(gw);
    return result == TG_BUDGET_EXHAUSTED ? 0 : 1;
}
