/* One call to the route `fast`: its text, its target and its cost. */
#include <stdio.h>
#include <string.h>

#include "tidegate.h"

int main(void) {
    const char *body =
        "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    tg_gateway *gw = NULL;
    tg_reply *reply = NULL;
    tg_error *err = NULL;
    tg_facts facts = {0};
    size_t len = 0;
    int status = 1;

    if (tg_gateway_open_path("tidegate.yaml", &gw, &err) != TG_OK) {
        goto failed;
    }
    if (tg_call(gw, "POST", "/v1/chat/completions", NULL, 0, (const uint8_t *)body, strlen(body),
                &reply, &err) != TG_OK) {
        goto failed;
    }
    facts.struct_size = sizeof(facts);
    if (tg_reply_facts(reply, &facts, &err) != TG_OK) {
        goto failed;
    }
    const uint8_t *answer = tg_reply_body(reply, &len);
    printf("%.*s\n", (int)len, (const char *)answer);
    printf("target: %s\ncost: %s dollars\n", facts.target, facts.cost);
    status = 0;

failed:
    if (err != NULL) {
        fprintf(stderr, "%s: %s\n", tg_error_slug(err), tg_error_message(err));
    }
    tg_error_free(err);
    tg_reply_free(reply);
    tg_gateway_free(gw);
    return status;
}
