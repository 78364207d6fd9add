//! The budgets and limits of one of those who call: a key, its team, their customer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;

use super::{
    Ledger,
    book::{Book, Refusal, Room, Rule},
    log::{Held, Settled},
    measure::{Amounts, Measure},
};
use crate::clock::Moment;

/// What one of those who call may spend, and has spent.
#[derive(Debug)]
pub struct Account {
    name: Arc<str>,
    books: Mutex<Vec<Book>>,
}

/// How a budget or limit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it says.
    pub rule: Rule,
    /// Counted within its time; by all engines, as far as this one knows.
    pub spent: i64,
    /// Held back for calls of this engine under way.
    pub reserved: i64,
}

impl Standing {
    /// Percent used, what is held back included.
    pub fn percent(&self) -> f64 {
        let used = self.spent.saturating_add(self.reserved);
        used as f64 * 100.0 / self.rule.limit.max(1) as f64
    }
}

/// Why nothing was held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// It does not fit.
    Refused(Refusal),
    /// A shared budget has to be asked for more: exchange with the store, then try again.
    Lacking {
        /// What it is refused with when the store has no more.
        refusal: Refusal,
        /// Whether others hold what is lacking.
        others_hold: bool,
        /// Whether it is let through while the store does not answer.
        open: bool,
    },
}

/// Held back for a running call. Dropping it lets go of everything.
#[derive(Debug)]
pub struct Reservation {
    ledger: Arc<Ledger>,
    chain: Payers,
    label: Arc<str>,
    amounts: Amounts,
    at: Moment,
    number: u64,
    open: bool,
}

/// Those who pay for a call, outermost first.
pub type Payers = SmallVec<[Arc<Account>; 4]>;

type Guards<'c> = SmallVec<[MutexGuard<'c, Vec<Book>>; 4]>;

impl Account {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            books: Mutex::default(),
        }
    }

    /// Whose it is.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether it has a budget or limit of that measure.
    pub fn counts(&self, measure: Measure) -> bool {
        self.books().iter().any(|book| book.rule.measure == measure)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Vec<Book>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its budgets and limits stand.
    pub fn standing(&self, now: Moment) -> Vec<Standing> {
        let mut books = self.books();
        let mut standing = Vec::with_capacity(books.len());
        for book in books.iter_mut().filter(|book| !book.retired) {
            let (spent, reserved) = book.used(now);
            let rule = book.rule.clone();
            standing.push(Standing {
                rule,
                spent,
                reserved,
            });
        }
        standing
    }

    /// Takes over what is configured. What was counted stays for whatever counts the same thing over
    /// the same time, so that a changed configuration refills nothing.
    pub(super) fn configure(&self, rules: Vec<Rule>, shared: bool, ledger: &Ledger, now: Moment) {
        let mut books = self.books();
        let mut before: HashMap<Arc<str>, Book> = books
            .drain(..)
            .map(|book| (Arc::clone(&book.key), book))
            .collect();
        for rule in rules {
            let mut key = format!("{}/{}", self.name, rule.key());
            while books.iter().any(|book| *book.key == key) {
                key.push('+');
            }
            match before.remove(key.as_str()) {
                Some(mut book) if book.is_shared() == shared => {
                    book.rule = rule;
                    book.retired = false;
                    books.push(book);
                }
                _ => books.push(ledger.book(Arc::from(key), rule, shared, now)),
            }
        }
        // What they hold is to be given back, what they counted to be told.
        books.extend(before.into_values().filter_map(|mut book| {
            book.retire();
            (!book.is_over()).then_some(book)
        }));
    }
}

fn lock(chain: &Payers) -> Guards<'_> {
    // Always outermost first: two calls can never wait for each other.
    chain.iter().map(|account| account.books()).collect()
}

/// Looks whether everything fits. `waits` registers what is lacking with the books that a store may
/// fill.
fn check(
    chain: &Payers,
    guards: &mut Guards<'_>,
    label: &str,
    amounts: &Amounts,
    now: Moment,
    waits: bool,
) -> Result<(), Short> {
    let mut lacking: Option<Short> = None;
    for (account, books) in chain.iter().zip(guards.iter_mut()) {
        for book in books
            .iter_mut()
            .filter(|book| book.concerns(amounts, label))
        {
            let amount = amounts.of(book.rule.measure);
            match book.room(amount, now) {
                Room::Enough => {}
                Room::Refused => {
                    return Err(Short::Refused(book.refusal(&account.name, amount, now)));
                }
                Room::Lacking => match &mut lacking {
                    Some(Short::Lacking { open, .. }) => *open &= book.rule.open,
                    _ => {
                        lacking = Some(Short::Lacking {
                            refusal: book.refusal(&account.name, amount, now),
                            others_hold: book.others_hold(),
                            open: book.rule.open,
                        });
                    }
                },
            }
        }
    }
    if lacking.is_some() && waits {
        for books in guards.iter_mut() {
            for book in books
                .iter_mut()
                .filter(|book| book.concerns(amounts, label))
            {
                book.wait_for(amounts.of(book.rule.measure), now);
            }
        }
    }
    lacking.map_or(Ok(()), Err)
}

impl Ledger {
    /// Holds back what a call at `label` (`provider/model`) takes at most, in every account of the
    /// chain or in none.
    ///
    /// # Errors
    /// [`Short`], of the first budget or limit that it does not fit into.
    pub fn reserve(
        self: &Arc<Self>,
        chain: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
        now: Moment,
    ) -> Result<Reservation, Short> {
        let mut guards = lock(chain);
        check(chain, &mut guards, label, &amounts, now, true)?;
        Ok(self.hold(chain, guards, label, amounts, now))
    }

    /// Holds back what a call takes, whether there is room or not: for when the store does not answer
    /// and calls are let through all the same.
    pub fn reserve_anyway(
        self: &Arc<Self>,
        chain: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
        now: Moment,
    ) -> Reservation {
        self.hold(chain, lock(chain), label, amounts, now)
    }

    fn hold(
        self: &Arc<Self>,
        chain: &Payers,
        mut guards: Guards<'_>,
        label: &Arc<str>,
        amounts: Amounts,
        now: Moment,
    ) -> Reservation {
        let mut held: SmallVec<[Held; 8]> = SmallVec::new();
        for books in &mut guards {
            for book in books
                .iter_mut()
                .filter(|book| book.concerns(&amounts, label))
            {
                let amount = amounts.of(book.rule.measure);
                book.reserve(amount, now);
                if book.is_shared() {
                    held.push(Held {
                        book: book.number,
                        part: book.part(now),
                        amount,
                    });
                }
            }
        }
        drop(guards);
        let number = self.number();
        if !held.is_empty() {
            self.log_held(number, &held);
        }
        Reservation {
            ledger: Arc::clone(self),
            chain: chain.clone(),
            label: Arc::clone(label),
            amounts,
            at: now,
            number,
            open: true,
        }
    }

    /// Whether that much could be held back now. Nothing changes.
    ///
    /// # Errors
    /// The refusal, of those that need no store to tell.
    pub fn would_reserve(
        &self,
        chain: &Payers,
        label: &str,
        amounts: &Amounts,
        now: Moment,
    ) -> Result<(), Refusal> {
        let mut guards = lock(chain);
        match check(chain, &mut guards, label, amounts, now, false) {
            Err(Short::Refused(refusal)) => Err(refusal),
            Ok(()) | Err(Short::Lacking { .. }) => Ok(()),
        }
    }

    /// The first budget, or limit of tokens, that is used up, for a refusal before any work is done.
    pub fn exhausted(&self, chain: &Payers, now: Moment) -> Option<Refusal> {
        for account in chain {
            for book in account.books().iter_mut() {
                let counts = book.rule.hard && !book.is_shared() && book.rule.models.is_empty();
                if counts && book.rule.measure != Measure::Requests {
                    let (spent, _) = book.used(now);
                    if spent >= book.rule.limit {
                        return Some(book.refusal(&account.name, 0, now));
                    }
                }
            }
        }
        None
    }

    /// Counts what was consumed without having been held back.
    pub fn charge(
        self: &Arc<Self>,
        chain: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
        now: Moment,
    ) {
        let nothing = Reservation {
            ledger: Arc::clone(self),
            chain: chain.clone(),
            label: Arc::clone(label),
            amounts: Amounts {
                requests: amounts.requests,
                ..Amounts::default()
            },
            at: now,
            number: self.number(),
            open: true,
        };
        nothing.settle(amounts, now);
    }
}

impl Reservation {
    /// What is held back.
    pub fn amounts(&self) -> &Amounts {
        &self.amounts
    }

    /// Ends the reservation and counts what the call took.
    pub fn settle(mut self, actual: Amounts, now: Moment) {
        self.end(Some((&actual, now)));
    }

    fn end(&mut self, actual: Option<(&Amounts, Moment)>) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let mut settled: SmallVec<[Settled; 8]> = SmallVec::new();
        let mut guards = lock(&self.chain);
        for books in &mut guards {
            let those = books.iter_mut();
            for book in those.filter(|book| book.counts(&self.amounts, &self.label)) {
                let measure = book.rule.measure;
                book.release(self.amounts.of(measure), self.at);
                let amount = actual.map_or(0, |(actual, _)| actual.of(measure));
                let (seq, part) = match actual {
                    Some((_, now)) => book.count(amount, self.at, now),
                    None => (0, 0),
                };
                if book.is_shared() {
                    settled.push(Settled {
                        book: book.number,
                        seq,
                        part,
                        amount,
                    });
                }
            }
        }
        drop(guards);
        if !settled.is_empty() {
            self.ledger.log_settled(self.number, &settled);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.end(None);
    }
}
