use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use proptest::prelude::*;
use tidegate_types::config::Priority;

use super::*;
use crate::Clock;

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    clock: Arc<Clock>,
    room: Arc<Room>,
}

impl World {
    fn new(size: usize, target_millis: u64) -> Self {
        let clock = Arc::new(Clock::new());
        let room = Room::new(&clock);
        room.configure(QueuePolicy {
            size,
            max_wait: Duration::from_secs(2),
            target_delay: Duration::from_millis(target_millis),
        });
        Self { clock, room }
    }

    fn calm() -> Self {
        Self::new(1000, 1_000_000)
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn wait(&self, class: Priority, who: &str, ways: Vec<Way>) -> Result<Call, Refusal> {
        let waiting = self.room.wait(class, Some(Arc::from(who)), ways)?;
        Ok(Call::new(waiting))
    }
}

struct Call {
    waiting: Pin<Box<Waiting>>,
    bell: Arc<Bell>,
}

impl Call {
    fn new(waiting: Waiting) -> Self {
        Self {
            waiting: Box::pin(waiting),
            bell: Arc::default(),
        }
    }

    fn poll(&mut self) -> Poll<Result<Granted, Refusal>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.waiting.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn rings(&self) -> usize {
        self.bell.0.load(Ordering::SeqCst)
    }

    fn granted(&mut self) -> Option<Granted> {
        match self.poll() {
            Poll::Ready(Ok(granted)) => Some(granted),
            _ => None,
        }
    }
}

fn way(needs: &[(&Arc<Gate>, u32)]) -> Way {
    let need = |(gate, most): &(&Arc<Gate>, u32)| Need {
        gate: Arc::clone(gate),
        most: *most,
    };
    needs.iter().map(need).collect()
}

#[test]
fn a_place_is_taken_at_every_gate_or_at_none() {
    let world = World::calm();
    let (target, provider) = (Gate::new(&world.room), Gate::new(&world.room));
    let both = way(&[(&target, 2), (&provider, 1)]);
    let seats = world.room.enter(&both).unwrap();
    assert!(world.room.enter(&both).is_none());
    assert_eq!((target.taken(), provider.taken()), (1, 1));
    drop(seats);
    assert_eq!((target.taken(), provider.taken()), (0, 0));
}

#[test]
fn a_call_that_waits_is_woken_with_its_place_and_nobody_overtakes_it() {
    let world = World::calm();
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let seats = world.room.enter(&one).unwrap();
    let mut call = world
        .wait(Priority::Normal, "a", vec![one.clone()])
        .unwrap();
    assert!(call.poll().is_pending());
    drop(seats);
    assert_eq!(call.rings(), 1);
    assert!(world.room.enter(&one).is_none(), "the place is given away");
    assert!(call.granted().is_some());
    assert_eq!(
        (gate.taken(), gate.waiting()),
        (0, 0),
        "its seats were dropped"
    );
}

#[test]
fn a_call_that_leaves_gives_the_place_it_was_given_to_the_next() {
    let world = World::calm();
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let seats = world.room.enter(&one).unwrap();
    let first = world
        .wait(Priority::Normal, "a", vec![one.clone()])
        .unwrap();
    let second = world
        .wait(Priority::Normal, "a", vec![one.clone()])
        .unwrap();
    let mut third = world
        .wait(Priority::Normal, "a", vec![one.clone()])
        .unwrap();
    assert!(third.poll().is_pending());
    drop(second);
    assert_eq!(world.room.waiting(), 2);
    drop(seats);
    drop(first);
    assert_eq!(third.rings(), 1);
    assert!(third.granted().is_some());
    assert_eq!(
        (world.room.waiting(), gate.taken(), gate.waiting()),
        (0, 0, 0)
    );
}

#[test]
fn callers_take_turns_however_many_calls_one_has_waiting() {
    let world = World::calm();
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let mut seats = world.room.enter(&one);
    let mut calls = Vec::new();
    for who in ["noisy"; 50].into_iter().chain(["quiet", "quiet", "root"]) {
        let call = world
            .wait(Priority::Normal, who, vec![one.clone()])
            .unwrap();
        calls.push((who, call));
    }
    let mut served = Vec::new();
    for _ in 0..6 {
        drop(seats.take());
        for (who, call) in &mut calls {
            if let Some(granted) = call.granted() {
                served.push(*who);
                seats = Some(granted.seats);
                break;
            }
        }
        calls.retain(|(_, call)| call.rings() == 0);
    }
    assert_eq!(
        served,
        ["noisy", "quiet", "root", "noisy", "quiet", "noisy"]
    );
}

#[test]
fn whoever_can_go_goes_past_those_who_cannot() {
    let world = World::calm();
    let gates = [0; 3].map(|_| Gate::new(&world.room));
    let provider = Gate::new(&world.room);
    let ways = gates
        .each_ref()
        .map(|gate| way(&[(gate, 1), (&provider, 10)]));
    let held = ways.each_ref().map(|way| world.room.enter(way).unwrap());
    let mut first = world
        .wait(Priority::High, "a", vec![ways[0].clone()])
        .unwrap();
    let either = vec![ways[1].clone(), ways[2].clone()];
    let mut second = world.wait(Priority::Low, "a", either).unwrap();
    let [zero, one, two] = held;
    drop(two);
    assert!(first.poll().is_pending());
    assert_eq!(second.granted().unwrap().way, 1);
    // Others wait at the provider; that is no reason not to use what is free.
    assert!(world.room.enter(&ways[2]).is_some());
    drop((zero, one));
    assert!(first.granted().is_some());
}

#[test]
fn higher_classes_go_first_and_are_never_turned_away_to_shorten_the_wait() {
    let world = World::new(1000, 100);
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let mut seats = world.room.enter(&one);
    let [mut low, mut normal, mut high] =
        Priority::ALL.map(|class| world.wait(class, "a", vec![one.clone()]).unwrap());
    world.advance(90);
    drop(seats.take());
    seats = Some(high.granted().unwrap().seats);
    assert!(low.poll().is_pending() && normal.poll().is_pending());
    let mut high = world.wait(Priority::High, "b", vec![one.clone()]).unwrap();
    let mut turned = Vec::new();
    for step in 0..60 {
        world.advance(10);
        drop(world.wait(Priority::High, "c", vec![one.clone()]).unwrap());
        for (name, call) in [("low", &mut low), ("normal", &mut normal)] {
            if matches!(call.poll(), Poll::Ready(Err(Refusal::Shed))) {
                turned.push((name, step));
                call.waiting = Box::pin(world.room.wait(Priority::High, None, vec![]).unwrap());
            }
        }
    }
    // The wait became too long 10 ms after the first step, and 100 ms of that are borne.
    assert_eq!(
        turned.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["low", "normal"]
    );
    assert!(
        turned[0].1 >= 10 && turned[1].1 >= turned[0].1 + 10,
        "{turned:?}"
    );
    assert_eq!(world.room.load().shed, 2);
    assert_eq!(
        world.wait(Priority::Low, "d", vec![one.clone()]).err(),
        Some(Refusal::Shed),
        "who would wait too long does not begin to"
    );
    drop(seats);
    assert!(high.granted().is_some());
}

#[test]
fn a_full_room_turns_away_the_newest_of_whoever_has_most() {
    let world = World::new(4, 1_000_000);
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let _seats = world.room.enter(&one);
    let join = |class, who| world.wait(class, who, vec![one.clone()]);
    let mut noisy: Vec<_> = (0..4)
        .map(|_| join(Priority::Normal, "noisy").unwrap())
        .collect();
    assert_eq!(join(Priority::Normal, "noisy").err(), Some(Refusal::Full));
    let mut quiet = join(Priority::Normal, "quiet").unwrap();
    assert!(matches!(noisy[3].poll(), Poll::Ready(Err(Refusal::Full))));
    let _second = join(Priority::Normal, "quiet").unwrap();
    assert!(matches!(noisy[2].poll(), Poll::Ready(Err(Refusal::Full))));
    assert_eq!(
        join(Priority::Normal, "quiet").err(),
        Some(Refusal::Full),
        "two each"
    );
    assert_eq!(join(Priority::Low, "third").err(), Some(Refusal::Full));
    assert!(
        join(Priority::High, "noisy").is_ok(),
        "a higher class gets in"
    );
    assert!(quiet.poll().is_pending());
}

#[test]
fn the_delay_is_remembered_for_some_seconds() {
    let world = World::calm();
    let gate = Gate::new(&world.room);
    let one = way(&[(&gate, 1)]);
    let seats = world.room.enter(&one);
    let call = world.wait(Priority::Normal, "a", vec![one]).unwrap();
    world.advance(700);
    let near = |delay: Duration, millis: u64| {
        let delay = delay.as_millis();
        assert!(delay.abs_diff(u128::from(millis)) < 60, "{delay}");
    };
    near(world.room.queue_delay(), 700);
    drop(call);
    near(world.room.queue_delay(), 700);
    world.advance(5000);
    near(world.room.queue_delay(), 257);
    drop(seats);
}

/// What a caller may do next.
#[derive(Debug, Clone)]
enum Step {
    Enter(usize),
    Wait(usize, u8, usize),
    Leave(usize),
    Cancel(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4usize).prop_map(Step::Enter),
        (0..4usize, 0..4u8, 0..3usize).prop_map(|(way, who, class)| Step::Wait(way, who, class)),
        (0..16usize).prop_map(Step::Leave),
        (0..16usize).prop_map(Step::Cancel),
        (1..200u64).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever happens: caps hold, nobody is forgotten, and nobody waits while there is room.
    #[test]
    fn caps_hold_and_nobody_waits_while_there_is_room(steps in steps(), caps in [1..4u32, 1..4, 1..5]) {
        let world = World::new(6, 150);
        let gates = [0; 3].map(|_| Gate::new(&world.room));
        // Two targets of one provider, and both as alternatives.
        let kinds = [
            vec![way(&[(&gates[0], caps[0]), (&gates[2], caps[2])])],
            vec![way(&[(&gates[1], caps[1]), (&gates[2], caps[2])])],
            vec![
                way(&[(&gates[0], caps[0]), (&gates[2], caps[2])]),
                way(&[(&gates[1], caps[1]), (&gates[2], caps[2])]),
            ],
            vec![way(&[(&gates[2], UNCAPPED)])],
        ];
        let mut running: Vec<Seats> = Vec::new();
        let mut waiting: Vec<(usize, Call)> = Vec::new();
        for step in steps {
            match step {
                Step::Enter(kind) => running.extend(world.room.enter(&kinds[kind][0])),
                Step::Wait(kind, who, class) => {
                    let class = Priority::ALL[class];
                    if let Ok(mut call) = world.wait(class, &who.to_string(), kinds[kind].clone()) {
                        match call.poll() {
                            Poll::Ready(Ok(granted)) => running.push(granted.seats),
                            Poll::Ready(Err(_)) => {}
                            Poll::Pending => waiting.push((kind, call)),
                        }
                    }
                }
                Step::Leave(position) if !running.is_empty() => {
                    running.swap_remove(position % running.len());
                }
                Step::Cancel(position) if !waiting.is_empty() => {
                    waiting.swap_remove(position % waiting.len());
                }
                Step::Leave(_) | Step::Cancel(_) => {}
                Step::Advance(millis) => world.advance(millis),
            }
            // Only who was woken looks.
            let mut still = Vec::new();
            for (kind, mut call) in waiting {
                if call.rings() == 0 {
                    still.push((kind, call));
                    continue;
                }
                if let Poll::Ready(Ok(granted)) = call.poll() {
                    running.push(granted.seats);
                }
            }
            waiting = still;
            let capped = [caps[0], caps[1]];
            for (gate, cap) in gates.iter().zip(capped) {
                prop_assert!(gate.taken() <= cap);
            }
            let uncapped = running.len() as u32;
            prop_assert!(gates[2].taken() == uncapped);
            prop_assert_eq!(world.room.waiting(), waiting.len());
            for (kind, _) in &waiting {
                for way in &kinds[*kind] {
                    let free = way.iter().all(|need| need.gate.has_room(need.most));
                    prop_assert!(!free, "{kind} waits in vain");
                }
            }
        }
        drop(running);
        for (_, call) in &waiting {
            prop_assert!(call.rings() <= 1);
        }
        drop(waiting);
        let left: BTreeSet<u32> = gates.iter().map(|gate| gate.taken() + gate.waiting()).collect();
        prop_assert_eq!(left, BTreeSet::from([0]));
        prop_assert_eq!(world.room.waiting(), 0);
    }
}

#[test]
fn threads_lose_no_wake_up() {
    const EACH: usize = 400;
    let world = World::calm();
    let gate = Gate::new(&world.room);
    let most = AtomicUsize::new(0);
    let served = std::sync::Mutex::new(BTreeMap::<usize, usize>::new());
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (world, gate, most, served) = (&world, &gate, &most, &served);
            scope.spawn(move || {
                let one = way(&[(gate, 2)]);
                for _ in 0..EACH {
                    let seats = world.room.enter(&one).unwrap_or_else(|| {
                        let who = Arc::from(thread.to_string());
                        let ways = vec![one.clone()];
                        let waiting = world.room.wait(Priority::Normal, Some(who), ways).unwrap();
                        block_on(waiting).unwrap().seats
                    });
                    most.fetch_max(gate.taken() as usize, Ordering::SeqCst);
                    std::thread::yield_now();
                    drop(seats);
                    *served.lock().unwrap().entry(thread).or_default() += 1;
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 2);
    assert_eq!((gate.taken(), gate.waiting()), (0, 0));
    assert!(
        served
            .into_inner()
            .unwrap()
            .values()
            .all(|count| *count == EACH)
    );
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Fails instead of hanging when nobody wakes the thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        std::thread::park_timeout(Duration::from_secs(20));
    }
    panic!("nobody woke the call");
}
