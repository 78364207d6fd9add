/* Calls that do not block: the three ways to consume a queue, and cancellation. */
#include "upstream.h"

#include <poll.h>

enum { MANY = 300 };

static uint64_t submit(tg_gateway *gw, tg_queue *queue, const char *body) {
    tg_request request = ask(body);
    tg_error *err = NULL;
    uint64_t ticket = 0;
    OK(tg_submit(gw, queue, &request, &ticket, &err));
    CHECK(ticket != 0);
    return ticket;
}

static tg_queue *new_queue(void) {
    tg_queue *queue = NULL;
    tg_error *err = NULL;
    OK(tg_queue_new(&queue, &err));
    return queue;
}

static void drop(tg_event *event) {
    tg_reply_free(event->reply);
    tg_stream_free(event->stream);
    tg_error_free(event->error);
}

static tg_event one(tg_queue *queue) {
    tg_event event;
    tg_error *err = NULL;
    size_t count = 0;
    OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
    CHECK(count == 1);
    return event;
}

static void replies_errors_and_streams_arrive(tg_gateway *gw) {
    tg_queue *queue = new_queue();
    uint64_t ticket = submit(gw, queue, ASK("mock/small", ""));
    tg_event event = one(queue);
    CHECK(event.ticket == ticket && event.kind == TG_EVENT_REPLY);
    CHECK(event.stream == NULL && event.error == NULL);
    CHECK(body_has(event.reply, "one two three"));
    drop(&event);

    ticket = submit(gw, queue, ASK("nowhere", ""));
    event = one(queue);
    CHECK(event.ticket == ticket && event.kind == TG_EVENT_ERROR);
    CHECK(tg_error_code(event.error) == TG_UNKNOWN_MODEL && event.reply == NULL);
    drop(&event);

    ticket = submit(gw, queue, ASK("mock/small", ",\"stream\":true"));
    event = one(queue);
    CHECK(event.ticket == ticket && event.kind == TG_EVENT_STREAM && event.stream != NULL);
    drop(&event);
    tg_queue_free(queue);
}

/* Reads a stream without ever blocking in it. */
static void a_stream_announces_what_it_has(tg_gateway *gw) {
    tg_queue *queue = new_queue();
    uint64_t ticket = submit(gw, queue, ASK("slow/m", ",\"stream\":true"));
    tg_event event = one(queue);
    tg_stream *stream = event.stream;
    tg_error *err = NULL;
    tg_result result;
    tg_batch batch;
    int announced = 0, frames = 0;
    while ((result = tg_stream_next(stream, 0, &batch, &err)) != TG_END) {
        if (result == TG_TIMEOUT) {
            event = one(queue);
            CHECK(event.kind == TG_EVENT_READABLE && event.ticket == ticket);
            announced++;
            continue;
        }
        OK(result);
        frames += (int)batch.len;
        tg_batch_free(&batch);
    }
    CHECK(announced > 1 && frames >= 8);
    tg_stream_free(stream);
    tg_queue_free(queue);
}

/* Takes events until every ticket has had its outcome, exactly once. */
static void settle(tg_queue *queue, const uint64_t *tickets, int n, int *cancelled) {
    tg_event events[16];
    tg_error *err = NULL;
    int seen[MANY] = {0}, left = n, i;
    size_t count, e;
    while (left > 0) {
        OK(tg_queue_next(queue, events, 16, -1, &count, &err));
        for (e = 0; e < count; e++) {
            if (events[e].kind == TG_EVENT_READABLE) {
                continue;
            }
            for (i = 0; i < n && tickets[i] != events[e].ticket; i++) {
            }
            CHECK(i < n && seen[i]++ == 0);
            if (events[e].error != NULL) {
                CHECK(tg_error_code(events[e].error) == TG_CANCELLED);
                (*cancelled)++;
            }
            drop(&events[e]);
            left--;
        }
    }
    CHECK(tg_queue_next(queue, events, 16, 20, &count, &err) == TG_TIMEOUT);
}

static void every_ticket_has_one_outcome_cancelled_or_not(tg_gateway *gw) {
    tg_queue *queue = new_queue();
    uint64_t tickets[MANY];
    int i, cancelled = 0;
    for (i = 0; i < MANY; i++) {
        static const char *const bodies[] = {ASK("late/m", ""), ASK("mock/small", ""),
                                             ASK("slow/m", ",\"stream\":true")};
        tickets[i] = submit(gw, queue, bodies[i % 3]);
        if (i % 3 == 0 || i % 7 == 0) {
            tg_cancel(gw, tickets[i]);
            tg_cancel(gw, tickets[i]);
        }
    }
    settle(queue, tickets, MANY, &cancelled);
    CHECK(cancelled >= MANY / 3);
    for (i = 0; i < MANY; i++) {
        tg_cancel(gw, tickets[i]); /* too late, and harmless */
    }
    tg_cancel(gw, 0);
    tg_cancel(gw, UINT64_MAX);
    tg_queue_free(queue);
}

static void cancelling_closes_the_upstream(void) {
    upstream up;
    tg_queue *queue = new_queue();
    tg_gateway *gw;
    tg_event event;
    uint64_t ticket;
    int64_t since;
    upstream_start(&up, 0);
    gw = upstream_gateway(&up);
    ticket = submit(gw, queue, ASK("up/m", ""));
    upstream_arrived(&up);
    since = now_ms();
    tg_cancel(gw, ticket);
    event = one(queue);
    CHECK(event.kind == TG_EVENT_ERROR && tg_error_code(event.error) == TG_CANCELLED);
    drop(&event);
    upstream_closed(&up, since);
    tg_queue_free(queue);
    tg_gateway_free(gw);
}

static void the_descriptor_is_readable_while_events_wait(tg_gateway *gw) {
    tg_queue *queue = new_queue();
    struct pollfd waiting = {0};
    tg_event events[4];
    tg_error *err = NULL;
    uint64_t tickets[20];
    int left = 20, i;
    size_t count, e;
    int32_t fd = -1;
    for (i = 0; i < 10; i++) {
        tickets[i] = submit(gw, queue, ASK("mock/small", ""));
    }
    rest_ms(50);
    OK(tg_queue_fd(queue, &fd, &err)); /* asked for after events have come */
    for (; i < 20; i++) {
        tickets[i] = submit(gw, queue, ASK("mock/small", ""));
    }
    (void)tickets;
    waiting.fd = fd;
    waiting.events = POLLIN;
    while (left > 0) {
        CHECK(poll(&waiting, 1, 20000) == 1);
        if (tg_queue_next(queue, events, 4, 0, &count, &err) == TG_OK) {
            for (e = 0; e < count; e++) {
                drop(&events[e]);
                left--;
            }
        }
    }
    while (tg_queue_next(queue, events, 4, 0, &count, &err) == TG_OK) {
    }
    CHECK(poll(&waiting, 1, 0) == 0);
    tg_queue_free(queue);
}

typedef struct {
    tg_gateway *gw;
    tg_queue *queue;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls, events, refused;
} listener;

/* A callback that takes everything itself, which is allowed as long as nothing blocks. */
static void on_events(void *data) {
    listener *l = data;
    tg_event event;
    tg_reply *reply = NULL;
    size_t count;
    int events = 0, refused = 0;
    while (tg_queue_next(l->queue, &event, 1, 0, &count, NULL) == TG_OK) {
        drop(&event);
        events++;
    }
    refused += tg_call(l->gw, "GET", "/v1/models", NULL, 0, NULL, 0, &reply, NULL) == TG_REENTRANT;
    refused += tg_queue_next(l->queue, &event, 1, 10, &count, NULL) == TG_REENTRANT;
    pthread_mutex_lock(&l->lock);
    l->calls++;
    l->events += events;
    l->refused += refused;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void a_callback_is_told(tg_gateway *gw) {
    listener *l = calloc(1, sizeof(*l));
    tg_error *err = NULL;
    int i;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    l->gw = gw;
    l->queue = new_queue();
    submit(gw, l->queue, ASK("mock/small", ""));
    rest_ms(50);
    OK(tg_queue_set_callback(l->queue, on_events, l, &err)); /* told at once of what waits */
    for (i = 0; i < 50; i++) {
        submit(gw, l->queue, ASK("mock/small", ""));
    }
    pthread_mutex_lock(&l->lock);
    while (l->events < 51) {
        pthread_cond_wait(&l->changed, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    OK(tg_queue_set_callback(l->queue, NULL, NULL, &err));
    CHECK(l->calls >= 1 && l->events == 51 && l->refused == 2 * l->calls);
    /* After that nobody is in the callback any more: what it uses can go. */
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    submit(gw, l->queue, ASK("mock/small", ""));
    tg_queue_free(l->queue);
    free(l);
}

static void a_queue_may_go_before_its_calls(tg_gateway *gw) {
    upstream up;
    tg_queue *queue = new_queue();
    tg_gateway *other;
    int64_t since;
    int i;
    for (i = 0; i < 20; i++) {
        submit(gw, queue, i % 2 ? ASK("mock/small", "") : ASK("slow/m", ",\"stream\":true"));
    }
    tg_queue_free(queue);

    /* A stream that nobody has taken from the queue goes with it. */
    queue = new_queue();
    upstream_start(&up, 1);
    other = upstream_gateway(&up);
    submit(other, queue, ASK("up/m", ",\"stream\":true"));
    upstream_arrived(&up);
    rest_ms((long)patience_ms(50)); /* for the answer to get as far as the queue */
    since = now_ms();
    tg_queue_free(queue);
    upstream_closed(&up, since);
    tg_gateway_free(other);
}

static void closing_gives_every_call_its_outcome(void) {
    tg_gateway *gw = open_mock();
    tg_queue *queue = new_queue();
    tg_error *err = NULL;
    uint64_t tickets[MANY];
    tg_event event;
    int i;
    for (i = 0; i < 30; i++) {
        tickets[i] = submit(gw, queue, ASK("late/m", ""));
    }
    OK(tg_gateway_close(gw, 0, &err));
    for (i = 0; i < 30; i++) {
        event = one(queue);
        CHECK(event.kind == TG_EVENT_ERROR);
        drop(&event);
    }
    submit(gw, queue, ASK("mock/small", ""));
    event = one(queue);
    CHECK(tg_error_code(event.error) == TG_CLOSED);
    drop(&event);
    (void)tickets;
    tg_queue_free(queue);
    tg_gateway_free(gw);
}

int main(void) {
    tg_gateway *gw = open_mock();
    replies_errors_and_streams_arrive(gw);
    a_stream_announces_what_it_has(gw);
    every_ticket_has_one_outcome_cancelled_or_not(gw);
    cancelling_closes_the_upstream();
    the_descriptor_is_readable_while_events_wait(gw);
    a_callback_is_told(gw);
    a_queue_may_go_before_its_calls(gw);
    closing_gives_every_call_its_outcome();
    tg_gateway_free(gw);
    return 0;
}
