/* Ends in the middle of things: streams and calls in flight, nothing freed. */
#include "check.h"

int main(int argc, char **argv) {
    tg_gateway *gw = open_mock();
    tg_request stream = ask(ASK("slow/m", ",\"stream\":true")), call = ask(ASK("late/m", ""));
    tg_queue *queue = NULL;
    tg_error *err = NULL;
    tg_event event;
    uint64_t ticket;
    size_t count;
    int i;
    (void)argv;
    OK(tg_queue_new(&queue, &err));
    for (i = 0; i < 100; i++) {
        OK(tg_submit(gw, queue, i % 4 ? &stream : &call, &ticket, &err));
    }
    for (i = 0; i < 40; i++) {
        OK(tg_queue_next(queue, &event, 1, -1, &count, &err));
    }
    if (argc > 1) { /* with what runs at exit, or without */
        exit(0);
    }
    return 0;
}
