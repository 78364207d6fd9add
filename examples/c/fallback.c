/* The first target of the route `brave` fails; the second answers. */
#include <stdio.h>
#include <string.h>

#include "tidegate.h"

int main(void) {
    const char *body =
        "{\"model\":\"brave\",\"messages\":[{\"role\":\"user\",\"content\":\"Is anybody there?\"}]}";
    tg_gateway *gw = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    tg_facts facts = {0};
    tg_result result;

    facts.struct_size = sizeof(facts);
    result = tg_gateway_open_path("tidegate.yaml", &gw, &err);
    if (result == TG_OK) {
        result = tg_call(gw, "POST", "/v1/chat/completions", NULL, 0, (const uint8_t *)body,
                         strlen(body), &reply, &err);
    }
    if (result == TG_OK) {
        result = tg_reply_facts(reply, &facts, &err);
    }
    if (result == TG_OK) {
        printf("target: %s\nattempts: %u\n", facts.target, facts.attempts);
    } else {
        fprintf(stderr, "%s: %s\n", tg_error_slug(err), tg_error_message(err));
    }
    tg_error_free(err);
    tg_reply_free(reply);
    tg_gateway_free(gw);
    return result == TG_OK ? 0 : 1;
}
