/* One gateway and one queue, many threads. */
#include "upstream.h"

enum { THREADS = 8, CALLS = 40 };

static tg_gateway *gw;
static tg_queue *queue;

static void *work(void *data) {
    int number = *(int *)data, i;
    for (i = 0; i < CALLS; i++) {
        tg_request request = ask((number + i) % 2 ? ASK("mock/small", ",\"stream\":true")
                                                  : ASK("mock/small", ""));
        tg_gateway *view = NULL;
        tg_stream *stream = NULL;
        tg_error *err = NULL;
        tg_event events[4];
        tg_result end;
        uint64_t ticket;
        size_t count, e;
        char text[8192];
        switch (i % 4) {
        case 0:
            OK(tg_stream_open(gw, &request, &stream, &err));
            CHECK(drain(stream, text, sizeof(text), &end, &err) > 0 && end == TG_END);
            tg_stream_free(stream);
            break;
        case 1:
            OK(tg_gateway_with_key(gw, "tg-poor", &view, &err));
            FAILS(TG_BUDGET_EXHAUSTED, tg_stream_open(view, &request, &stream, &err));
            tg_gateway_free(view);
            break;
        case 2:
            OK(tg_gateway_reload(gw, CONFIG, strlen(CONFIG), &err));
            break;
        default:
            OK(tg_submit(gw, queue, &request, &ticket, &err));
            if (number % 2) {
                tg_cancel(gw, ticket);
            }
            OK(tg_queue_next(queue, events, 4, -1, &count, &err));
            for (e = 0; e < count; e++) {
                /* Give back more than one's share, so that nobody waits for ever. */
                if (e > 0) {
                    OK(tg_submit(gw, queue, &request, &ticket, &err));
                }
                tg_reply_free(events[e].reply);
                tg_stream_free(events[e].stream);
                tg_error_free(events[e].error);
            }
        }
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    int numbers[THREADS], i;
    tg_error *err = NULL;
    gw = open_mock();
    OK(tg_queue_new(&queue, &err));
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    OK(tg_gateway_close(gw, 1000, &err));
    tg_queue_free(queue);
    tg_gateway_free(gw);
    return 0;
}
