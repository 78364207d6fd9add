/* The same call, piece by piece. */
#include <stdio.h>
#include <string.h>

#include "tidegate.h"

/* Prints the text of a chunk. A program with a JSON library parses the chunk instead. */
static void print_content(const tg_frame *frame) {
    static const char key[] = "\"content\":\"";
    const char *at = (const char *)frame->data, *end = at + frame->data_len;
    for (; at + sizeof(key) < end; at++) {
        if (memcmp(at, key, sizeof(key) - 1) == 0) {
            for (at += sizeof(key) - 1; at < end && *at != '"'; at++) {
                putchar(*at);
            }
            return;
        }
    }
}

int main(void) {
    const char *body = "{\"model\":\"fast\",\"stream\":true,"
                       "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    tg_request request = TG_REQUEST_INIT;
    tg_gateway *gw = NULL;
    tg_stream *stream = NULL;
    tg_error *err = NULL;
    tg_batch batch;
    tg_result result;

    request.target = "/v1/chat/completions";
    request.body = (const uint8_t *)body;
    request.body_len = strlen(body);

    result = tg_gateway_open_path("tidegate.yaml", &gw, &err);
    if (result == TG_OK) {
        result = tg_stream_open(gw, &request, &stream, &err);
    }
    while (result == TG_OK && (result = tg_stream_next(stream, -1, &batch, &err)) == TG_OK) {
        for (size_t i = 0; i < batch.len; i++) {
            print_content(&batch.frames[i]);
        }
        fflush(stdout);
        tg_batch_free(&batch);
    }
    if (result == TG_END) {
        printf("\ncost: %s dollars\n", tg_stream_header(stream, "x-tidegate-cost"));
    } else {
        fprintf(stderr, "%s: %s\n", tg_error_slug(err), tg_error_message(err));
    }
    tg_error_free(err);
    tg_stream_free(stream);
    tg_gateway_free(gw);
    return result == TG_END ? 0 : 1;
}
