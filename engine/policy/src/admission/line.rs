//! Who waits, and who is next. Everything here happens under the room's lock, and nothing blocks.

use std::{collections::VecDeque, sync::Arc, task::Waker, time::Duration};

use smallvec::SmallVec;
use tidegate_types::config::Priority;

use super::{
    controller::Controller,
    gate::{Seats, Way},
    room::{Granted, QueuePolicy, Refusal, Slot},
};
use crate::clock::Tick;

/// Calls that wait, by class and caller.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) policy: QueuePolicy,
    /// The highest class last.
    classes: [VecDeque<Flow>; 3],
    len: usize,
    tickets: u64,
    controller: Controller,
    /// Calls turned away because waiting took too long.
    pub(super) shed: u64,
}

/// The calls of one caller, who takes turns with the others of its class.
#[derive(Debug)]
struct Flow {
    caller: Option<Arc<str>>,
    calls: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    ticket: u64,
    since: Tick,
    ways: Vec<Way>,
    slot: Arc<Slot>,
}

/// Tasks to wake once the lock is given back.
pub(super) type Wakers = SmallVec<[Waker; 4]>;

/// Where a call stands in the line.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    number: u64,
    class: Priority,
    caller: Option<Arc<str>>,
}

impl Call {
    fn expected(&self, step: fn(&super::Gate)) {
        for need in self.ways.iter().flatten() {
            step(&need.gate);
        }
    }
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Calls that wait, of each class, the lowest first.
    pub(super) fn lengths(&self) -> [usize; 3] {
        let count = |flows: &VecDeque<Flow>| flows.iter().map(|flow| flow.calls.len()).sum();
        [0, 1, 2].map(|class: usize| count(&self.classes[class]))
    }

    pub(super) fn is_shedding(&self) -> bool {
        self.controller.is_dropping()
    }

    /// How long the call has waited that has waited longest.
    pub(super) fn oldest(&self, now: Tick) -> Duration {
        let flows = self.classes.iter().flatten();
        let firsts = flows.filter_map(|flow| flow.calls.front());
        let since = firsts.map(|call| call.since).min();
        since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Puts a call at the end of its caller's line. When the room is full, a call of the lowest class
    /// leaves it, of the caller who has most; that may be the new one.
    pub(super) fn join(
        &mut self,
        class: Priority,
        caller: Option<Arc<str>>,
        ways: Vec<Way>,
        now: Tick,
        wakers: &mut Wakers,
    ) -> Result<(Ticket, Arc<Slot>), Refusal> {
        if self.len >= self.policy.size && !self.make_room(class, caller.as_ref(), wakers) {
            return Err(Refusal::Full);
        }
        self.tickets += 1;
        let call = Call {
            ticket: self.tickets,
            since: now,
            ways,
            slot: Arc::default(),
        };
        call.expected(super::Gate::expect);
        let slot = Arc::clone(&call.slot);
        let flows = &mut self.classes[class as usize];
        match flows.iter_mut().find(|flow| flow.caller == caller) {
            Some(flow) => flow.calls.push_back(call),
            None => flows.push_back(Flow {
                caller: caller.clone(),
                calls: VecDeque::from([call]),
            }),
        }
        self.len += 1;
        let ticket = Ticket {
            number: self.tickets,
            class,
            caller,
        };
        Ok((ticket, slot))
    }

    /// Turns the newest call of the longest flow away, if that is fairer than to refuse the new one.
    fn make_room(
        &mut self,
        class: Priority,
        caller: Option<&Arc<str>>,
        wakers: &mut Wakers,
    ) -> bool {
        let lowest = self.classes.iter().position(|flows| !flows.is_empty());
        let Some(lowest) = lowest.filter(|lowest| *lowest <= class as usize) else {
            return false;
        };
        let flows = &self.classes[lowest];
        let own = |flow: &Flow| flow.caller.as_ref() == caller;
        let length = |flow: &Flow| flow.calls.len();
        let mine = flows.iter().find(|flow| own(flow)).map_or(0, length);
        let longest = flows
            .iter()
            .enumerate()
            .max_by_key(|(_, flow)| length(flow));
        let Some((position, flow)) = longest else {
            return false;
        };
        // Among equals whoever was first stays.
        if lowest == class as usize && length(flow) <= mine + 1 {
            return false;
        }
        let last = length(flow) - 1;
        self.turn_away(lowest, position, last, Refusal::Full, wakers);
        true
    }

    /// Lets in whoever can go, higher classes first and callers in turn, then turns away whom the queue
    /// is too slow for. Gives how long those waited who went in last.
    pub(super) fn serve(&mut self, now: Tick, wakers: &mut Wakers) -> Option<Duration> {
        let mut waited = None;
        for class in (0..self.classes.len()).rev() {
            let mut passed = 0;
            while passed < self.classes[class].len() {
                let Some((position, way, seats)) = self.admit(class, passed) else {
                    passed += 1;
                    continue;
                };
                if let Some(call) = self.take(class, passed, position, true) {
                    let wait = now.since(call.since);
                    waited = waited.max(Some(wait));
                    wakers.extend(call.slot.fill(Ok(Granted { way, seats, wait })));
                }
            }
        }
        self.control(now, wakers);
        waited
    }

    /// The first call of a flow that can go, its position and its way.
    fn admit(&self, class: usize, flow: usize) -> Option<(usize, usize, Seats)> {
        let mut calls = self.classes[class].get(flow)?.calls.iter().enumerate();
        calls.find_map(|(position, call)| {
            let mut ways = call.ways.iter().enumerate();
            ways.find_map(|(way, needs)| Some((position, way, Seats::take(needs)?)))
        })
    }

    fn control(&mut self, now: Tick, wakers: &mut Wakers) {
        let target = self.policy.target_delay;
        let wait = self.oldest(now);
        if !self.controller.drops(wait, target, now) {
            return;
        }
        // The highest class only leaves by its own patience.
        let mut spared = self.classes[..Priority::High as usize].iter();
        let Some(class) = spared.position(|flows| !flows.is_empty()) else {
            return;
        };
        let flows = self.classes[class].iter().enumerate();
        if let Some((position, _)) = flows.max_by_key(|(_, flow)| flow.calls.len()) {
            self.shed += 1;
            self.turn_away(class, position, 0, Refusal::Shed, wakers);
        }
    }

    fn turn_away(
        &mut self,
        class: usize,
        flow: usize,
        call: usize,
        why: Refusal,
        wakers: &mut Wakers,
    ) {
        if let Some(call) = self.take(class, flow, call, false) {
            wakers.extend(call.slot.fill(Err(why)));
        }
    }

    /// Takes a call out. Its caller goes behind the others when it was `served`.
    fn take(&mut self, class: usize, flow: usize, call: usize, served: bool) -> Option<Call> {
        let flows = &mut self.classes[class];
        let calls = &mut flows.get_mut(flow)?.calls;
        let call = calls.remove(call)?;
        if calls.is_empty() {
            flows.remove(flow);
        } else if served && let Some(flow) = flows.remove(flow) {
            flows.push_back(flow);
        }
        call.expected(super::Gate::forget);
        self.len -= 1;
        Some(call)
    }

    /// Takes a call out whose caller does not wait any more, unless it was called already. Gives how
    /// long it has waited.
    pub(super) fn leave(&mut self, ticket: &Ticket, now: Tick) -> Option<Duration> {
        let class = ticket.class as usize;
        let mut flows = self.classes[class].iter();
        let flow = flows.position(|flow| flow.caller == ticket.caller)?;
        let calls = &self.classes[class][flow].calls;
        let call = calls.binary_search_by_key(&ticket.number, |call| call.ticket);
        let call = self.take(class, flow, call.ok()?, false)?;
        Some(now.since(call.since))
    }
}
