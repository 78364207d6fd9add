/* Many streams, one after the other and all at once: nothing is left behind. */
#include "upstream.h"

static long resident_kib(void) {
    long pages = 0, unused = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) {
        return 0; /* not Linux: nothing to compare */
    }
    CHECK(fscanf(file, "%ld %ld", &unused, &pages) == 2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void sequential(tg_gateway *gw, int n) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    static char text[1 << 14];
    int i;
    for (i = 0; i < n; i++) {
        tg_stream *stream = NULL;
        tg_error *err = NULL;
        tg_result end;
        tg_batch batch;
        OK(tg_stream_open(gw, &request, &stream, &err));
        if (i % 3 == 0) { /* left half-read */
            OK(tg_stream_next(stream, -1, &batch, &err));
            tg_batch_free(&batch);
        } else {
            CHECK(drain(stream, text, sizeof(text), &end, &err) > 0 && end == TG_END);
        }
        tg_stream_free(stream);
    }
}

static void concurrent(tg_gateway *gw, int n) {
    tg_request request = ask(ASK("mock/small", ",\"stream\":true"));
    tg_stream **streams = calloc((size_t)n, sizeof(*streams));
    uint64_t *tickets = calloc((size_t)n, sizeof(*tickets));
    tg_queue *queue = NULL;
    tg_error *err = NULL;
    tg_event events[64];
    tg_batch batch;
    size_t count, e;
    int opened = 0, ended = 0, i;
    OK(tg_queue_new(&queue, &err));
    for (i = 0; i < n; i++) {
        OK(tg_submit(gw, queue, &request, &tickets[i], &err));
    }
    while (ended < n) {
        OK(tg_queue_next(queue, events, 64, -1, &count, &err));
        for (e = 0; e < count; e++) {
            tg_result result;
            /* Tickets of one thread ascend. */
            for (i = (int)(events[e].ticket - tickets[0]); tickets[i] != events[e].ticket; i--) {
            }
            if (events[e].kind == TG_EVENT_STREAM) {
                streams[i] = events[e].stream;
                opened++;
            } else {
                CHECK(events[e].kind == TG_EVENT_READABLE);
            }
            while ((result = tg_stream_next(streams[i], 0, &batch, &err)) == TG_OK) {
                tg_batch_free(&batch);
            }
            if (result == TG_END) {
                ended++;
                tg_stream_free(streams[i]);
                streams[i] = NULL;
            } else {
                CHECK(result == TG_TIMEOUT);
            }
        }
    }
    CHECK(opened == n);
    tg_queue_free(queue);
    free(streams);
    free(tickets);
}

int main(void) {
    tg_gateway *gw = open_mock();
    int scale = patience_ms(1) > 1 ? 1 : 10, i;
    long before, after;
    sequential(gw, 200 * scale);
    concurrent(gw, 100 * scale);
    before = resident_kib();
    sequential(gw, 800 * scale);
    for (i = 0; i < 3; i++) {
        concurrent(gw, 100 * scale);
    }
    after = resident_kib();
    /* Tools that watch memory keep some of it themselves. */
    if (scale > 1 && after - before > 8 * 1024) {
        fprintf(stderr, "%ld KiB before, %ld KiB after\n", before, after);
        return 1;
    }
    tg_gateway_free(gw);
    return 0;
}
