//! What callers may spend and how fast they may call: reserve an upper bound, then settle what it
//! really took.
//!
//! A reservation counts as used until it is settled, so that concurrent calls cannot overshoot together.
//! Budgets and limits are the same thing here: something is counted over a time, and there is a most of
//! it. Each call has a chain of accounts that all must admit it.
//!
//! Many engines can share the budgets of a store. Each borrows a part of what is left ([`cell`]) and
//! spends that without asking; what it spends it writes down first ([`Log`]), so that its death loses
//! nothing.

mod account;
mod book;
pub mod cell;
mod compile;
mod log;
mod measure;
mod span;
pub mod store;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

pub use account::{Account, Payers, Reservation, Short, Standing};
pub use book::{Refusal, Rule, TELL};
pub use compile::rules;
pub use log::{Held, Log, Settled};
pub use measure::{Amounts, Measure};
pub use span::{Calendar, Period, Span, Unit};

use self::{
    book::Book,
    cell::{Answer, Ask},
};
use crate::clock::Moment;

/// The accounts of an engine.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Whoever forgets an account, an end user's for one, forgets what it counted.
    accounts: Mutex<Accounts>,
    books: AtomicU32,
    calls: AtomicU64,
    log: Mutex<Option<Arc<dyn Log>>>,
}

#[derive(Debug, Default)]
struct Accounts {
    by_name: HashMap<Arc<str>, Weak<Account>>,
    /// So many, and those that nobody has any more are let go.
    most: usize,
}

/// What one book tells and asks, to be answered.
#[derive(Debug)]
pub struct Asking {
    account: Arc<Account>,
    /// For the store.
    pub ask: Ask,
}

impl Ledger {
    /// The account of that name, made when there is none.
    pub fn account(&self, name: &str) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_name.get(name).and_then(Weak::upgrade) {
            return account;
        }
        if accounts.by_name.len() >= accounts.most {
            accounts
                .by_name
                .retain(|_, account| account.strong_count() > 0);
            accounts.most = 2 * accounts.by_name.len() + 64;
        }
        let name: Arc<str> = Arc::from(name);
        let account = Arc::new(Account::new(Arc::clone(&name)));
        accounts.by_name.insert(name, Arc::downgrade(&account));
        account
    }

    /// As [`Ledger::account`], with these rules from now on; `shared`: its budgets are kept in a store
    /// that [`Ledger::asks`] and [`Ledger::hear`] speak with.
    pub fn configure(
        &self,
        name: &str,
        rules: Vec<Rule>,
        shared: bool,
        now: Moment,
    ) -> Arc<Account> {
        let account = self.account(name);
        account.configure(rules, shared, self, now);
        account
    }

    /// Where to write what is spent of shared budgets. What is known so far is written there at once.
    pub fn set_log(&self, log: Option<Arc<dyn Log>>) {
        if let Some(log) = &log {
            for account in self.all() {
                for book in account.books().iter().filter(|book| book.is_shared()) {
                    log.named(book.number, &book.key);
                }
            }
        }
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    fn log(&self) -> Option<Arc<dyn Log>> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn log_held(&self, call: u64, held: &[Held]) {
        if let Some(log) = self.log() {
            log.held(call, held);
        }
    }

    fn log_settled(&self, call: u64, settled: &[Settled]) {
        if let Some(log) = self.log() {
            log.settled(call, settled);
        }
    }

    fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    fn book(&self, key: Arc<str>, rule: Rule, shared: bool, now: Moment) -> Book {
        let number = self.books.fetch_add(1, Ordering::Relaxed);
        if shared && let Some(log) = self.log() {
            log.named(number, &key);
        }
        Book::new(key, rule, number, shared, now)
    }

    fn all(&self) -> Vec<Arc<Account>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts
            .by_name
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// What is to be told to the store and asked of it. `due`: also what no call waits for.
    pub fn asks(&self, now: Moment, due: bool) -> Vec<Asking> {
        let mut asks = Vec::new();
        for account in self.all() {
            let mut books = account.books();
            asks.extend(books.iter_mut().filter_map(|book| {
                let ask = book.ask(now, due)?;
                let account = Arc::clone(&account);
                Some(Asking { account, ask })
            }));
        }
        asks
    }

    /// Takes over the store's answers, in the order of what was asked. Gives the number of each book,
    /// with that of the telling that was heard.
    pub fn hear(&self, asked: &[Asking], answers: &[Answer]) -> Vec<(u32, u64)> {
        let mut heard = Vec::with_capacity(asked.len());
        for (Asking { account, ask }, answer) in asked.iter().zip(answers) {
            let mut books = account.books();
            if let Some(book) = books.iter_mut().find(|book| book.key == ask.key) {
                book.hear(ask, *answer);
                heard.push((book.number, ask.seq));
            }
            books.retain(|book| !book.is_over());
        }
        heard
    }

    /// Gives everything back: from now on nothing is kept beyond what calls under way need.
    pub fn close(&self) {
        for account in self.all() {
            for book in account.books().iter_mut() {
                book.close();
            }
        }
    }

    /// This is another process image than the one that borrowed: nothing that was lent is its own.
    pub fn forked(&self) {
        for account in self.all() {
            for book in account.books().iter_mut() {
                book.forked();
            }
        }
    }
}
