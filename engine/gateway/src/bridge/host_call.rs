//! Asking the host: the engine puts a question into a queue, and the host answers when it can, from
//! any of its threads. The engine holds no object of the host and no thread of it waits.
//!
//! A question is a [`HostCall`]. Whoever lets go of it without an answer fails the call, so that a
//! host that ends, closes its loop or forgets never leaves a caller waiting.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::stream;
use tidegate_providers::function::{Answer, Answering, Failure, Function, FunctionRequest, Piece};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Event, EventKind, HostEvent, Queue, engine::next_ticket};

/// Questions to one function that a host has at a time; more wait in the engine for their turn, and
/// their deadlines run.
const MOST_AT_ONCE: usize = 1024;
/// A stream's pieces that the caller has not taken yet: beyond either the host is asked to wait.
const MOST_BYTES: usize = 256 * 1024;
const MOST_PIECES: usize = 1024;

tokio::task_local! {
    /// The queue in which the outcome of the call under way will arrive.
    static HOME: Queue;
}

/// Runs a call whose outcome will go to `queue`.
pub(super) async fn at_home<F: Future>(queue: &Queue, call: F) -> F::Output {
    HOME.scope(queue.clone(), call).await
}

/// Runs what goes on beside a call where that call's outcome will go.
pub(crate) fn same_home<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let home = HOME.try_with(Queue::clone).ok();
    async move {
        match home {
            Some(home) => HOME.scope(home, task).await,
            None => task.await,
        }
    }
}

/// A function of the host as the engine sees it: the queue in which it is asked.
pub struct HostFunction {
    way: Way,
    tag: u64,
    room: Arc<Semaphore>,
}

/// How a function is asked.
#[derive(Clone)]
enum Way {
    Queue(Queue),
    Following(Queue),
    Calling(Arc<dyn Fn(HostCall) + Send + Sync>),
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostFunction")
    }
}

impl HostFunction {
    /// A function that is asked in `queue`. `tag` comes back in every question, for the host to
    /// find the function by.
    pub fn new(queue: Queue, tag: u64) -> Self {
        Self::of(Way::Queue(queue), tag)
    }

    fn of(way: Way, tag: u64) -> Self {
        Self {
            way,
            tag,
            room: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// A function that is asked in the queue of the call that needs it, where there is one, and
    /// otherwise in `queue`: for hosts with several event loops, each with a queue of its own.
    pub fn following(queue: Queue, tag: u64) -> Self {
        Self::of(Way::Following(queue), tag)
    }

    /// A function that is asked by calling `run` on a thread of the engine, which it must not block.
    /// There is no queue for news: whoever answers asks for them.
    pub fn calling(run: impl Fn(HostCall) + Send + Sync + 'static) -> Self {
        Self::of(Way::Calling(Arc::new(run)), 0)
    }
}

impl Function for HostFunction {
    fn call(&self, request: FunctionRequest) -> Answering {
        let way = match &self.way {
            Way::Following(other) => Way::Queue(
                HOME.try_with(Queue::clone)
                    .unwrap_or_else(|_| other.clone()),
            ),
            way => way.clone(),
        };
        let (room, tag) = (Arc::clone(&self.room), self.tag);
        Box::pin(async move {
            let Ok(permit) = room.acquire_owned().await else {
                return Err(lost());
            };
            let mut asked = Asked::ask(way, tag, request, permit);
            let first = poll_fn(|cx| asked.poll(cx)).await;
            match first {
                Message::Whole(piece) => Ok(Answer::Whole(piece)),
                Message::Failed(failure) => Err(failure),
                first => Ok(Answer::stream(stream::unfold(
                    (Some(first), Some(asked)),
                    |(first, asked)| async {
                        let mut asked = asked?;
                        let message = match first {
                            Some(message) => message,
                            None => poll_fn(|cx| asked.poll(cx)).await,
                        };
                        match message {
                            Message::Piece(piece) | Message::Whole(piece) => {
                                Some((Ok(piece), (None, Some(asked))))
                            }
                            Message::Failed(failure) => Some((Err(failure), (None, None))),
                            Message::End => None,
                        }
                    },
                ))),
            }
        })
    }
}

fn lost() -> Failure {
    Failure::Lost("the program's function ended without an answer".to_owned())
}

/// How the host goes on with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next piece may come.
    Go,
    /// The piece was taken, and the next one has to wait until there is room.
    Full,
    /// Nobody listens any more.
    Gone,
}

/// A question to the host. Exactly one of [`HostCall::reply`], [`HostCall::end`] and
/// [`HostCall::fail`] ends it, and what comes after that is ignored; dropping it before fails the
/// call. Any thread may answer.
pub struct HostCall {
    ticket: u64,
    tag: u64,
    request: FunctionRequest,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The host has ended its answer.
    over: bool,
    /// The engine has let go.
    gone: bool,
    /// The host wants to be told when there is room.
    armed: bool,
    /// Threads in [`HostCall::wait`]. Waking nobody is a system call all the same.
    waiters: usize,
    waker: Option<Waker>,
}

enum Message {
    Whole(Piece),
    Piece(Piece),
    End,
    Failed(Failure),
}

impl State {
    fn flow(&self) -> Flow {
        if self.gone {
            Flow::Gone
        } else if self.bytes >= MOST_BYTES || self.messages.len() >= MOST_PIECES {
            Flow::Full
        } else {
            Flow::Go
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCall")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

impl HostCall {
    /// Its number in [`Event::ticket`].
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    /// What [`HostFunction::new`] was given.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// What is asked.
    pub fn request(&self) -> &FunctionRequest {
        &self.request
    }

    /// Answers all at once.
    pub fn reply(&self, piece: Piece) {
        self.put(Message::Whole(piece), true);
    }

    /// Adds a piece to the answer's stream.
    pub fn push(&self, piece: Piece) -> Flow {
        self.put(Message::Piece(piece), false)
    }

    /// Ends the answer's stream.
    pub fn end(&self) {
        self.put(Message::End, true);
    }

    /// Ends the answer by a failure.
    pub fn fail(&self, failure: Failure) {
        self.put(Message::Failed(failure), true);
    }

    /// Whether the next piece may come. On [`Flow::Full`] one [`HostEvent::Room`] follows.
    pub fn arm(&self) -> Flow {
        let mut state = self.shared.lock();
        let flow = state.flow();
        state.armed = flow == Flow::Full;
        flow
    }

    /// Blocks while there is no room, at most `limit`.
    pub fn wait(&self, limit: Duration) -> Flow {
        let mut state = self.shared.lock();
        state.waiters += 1;
        let (mut state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, limit, |state| state.flow() == Flow::Full)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiters -= 1;
        state.flow()
    }

    /// Whether nobody listens any more.
    pub fn is_gone(&self) -> bool {
        self.shared.lock().gone
    }

    fn put(&self, message: Message, last: bool) -> Flow {
        let mut state = self.shared.lock();
        if state.gone || state.over {
            return Flow::Gone;
        }
        if let Message::Piece(Piece::Text(text)) = &message {
            state.bytes += text.len();
        } else if let Message::Piece(Piece::Json(json)) = &message {
            state.bytes += json.len();
        }
        state.over = last;
        state.messages.push_back(message);
        let flow = state.flow();
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        flow
    }
}

impl Drop for HostCall {
    fn drop(&mut self) {
        self.fail(lost());
    }
}

/// The engine's end of a question.
struct Asked {
    ticket: u64,
    queue: Option<Queue>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Asked {
    fn ask(way: Way, tag: u64, request: FunctionRequest, permit: OwnedSemaphorePermit) -> Self {
        let ticket = next_ticket();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let call = HostCall {
            ticket,
            tag,
            request,
            shared: Arc::clone(&shared),
        };
        let queue = match way {
            Way::Queue(queue) | Way::Following(queue) => {
                // A closed queue drops the question, and that answers it.
                let kind = EventKind::Host(HostEvent::Call(call));
                queue.push(Event { ticket, kind });
                Some(queue)
            }
            Way::Calling(run) => {
                run(call);
                None
            }
        };
        Self {
            ticket,
            queue,
            shared,
            _permit: permit,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Message> {
        let mut state = self.shared.lock();
        let full = state.flow() == Flow::Full;
        let Some(message) = state.messages.pop_front() else {
            match &mut state.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        };
        if let Message::Piece(Piece::Text(text)) = &message {
            state.bytes -= text.len();
        } else if let Message::Piece(Piece::Json(json)) = &message {
            state.bytes -= json.len();
        }
        if full && state.flow() == Flow::Go {
            let (armed, waiters) = (std::mem::take(&mut state.armed), state.waiters);
            drop(state);
            self.tell(armed.then_some(HostEvent::Room), waiters);
        }
        Poll::Ready(message)
    }

    fn tell(&self, event: Option<HostEvent>, waiters: usize) {
        if waiters > 0 {
            self.shared.changed.notify_all();
        }
        if let (Some(event), Some(queue)) = (event, &self.queue) {
            queue.push(Event {
                ticket: self.ticket,
                kind: EventKind::Host(event),
            });
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.gone = true;
        state.waker = None;
        let (over, waiters) = (state.over, state.waiters);
        let left = std::mem::take(&mut state.messages);
        drop(state);
        drop(left);
        self.tell((!over).then_some(HostEvent::Gone), waiters);
    }
}
