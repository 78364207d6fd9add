//! What callers may spend: reserve an upper bound, then settle what it really cost.
//!
//! A reservation counts as spent until it is settled, so that concurrent calls cannot overshoot
//! together. Dropping a reservation releases it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tidegate_types::{
    Money,
    config::{Budget, BudgetMode},
};

use crate::{clock::Tick, window::Window};

/// The budgets of one identity.
#[derive(Debug, Default)]
pub struct Account {
    books: Mutex<Vec<Book>>,
}

#[derive(Debug)]
struct Book {
    limit: Money,
    mode: BudgetMode,
    spent: Window,
    reserved: i64,
}

/// Why a call does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The budget's limit.
    pub limit: Money,
    /// Spent and reserved in the window.
    pub used: Money,
    /// What the call could cost at most.
    pub wanted: Money,
    /// Time until enough has left the window.
    pub retry_after: Duration,
}

/// Money held back for a running call.
#[derive(Debug)]
pub struct Reservation {
    account: Arc<Account>,
    amount: Money,
}

impl Account {
    /// Takes over the configured budgets. Spending so far is kept for budgets that stand at the
    /// same position, so that a reload does not refill them.
    pub fn configure(&self, budgets: &[Budget], now: Tick) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.truncate(budgets.len());
        for (position, budget) in budgets.iter().enumerate() {
            match books.get_mut(position) {
                Some(book) => {
                    book.limit = budget.limit;
                    book.mode = budget.mode;
                    book.spent.resize(budget.per.get(), now);
                }
                None => books.push(Book {
                    limit: budget.limit,
                    mode: budget.mode,
                    spent: Window::new(budget.per.get()),
                    reserved: 0,
                }),
            }
        }
    }

    /// Holds back `bound` in every budget, or in none.
    ///
    /// # Errors
    /// [`Refusal`] of the first hard budget it does not fit into.
    pub fn reserve(self: &Arc<Self>, bound: Money, now: Tick) -> Result<Reservation, Refusal> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        fits(&mut books, bound, now)?;
        for book in books.iter_mut() {
            book.reserved = book.reserved.saturating_add(bound.nanos());
        }
        drop(books);
        Ok(Reservation {
            account: Arc::clone(self),
            amount: bound,
        })
    }

    /// Whether `bound` could be held back now. Nothing changes.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn would_reserve(&self, bound: Money, now: Tick) -> Result<(), Refusal> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        fits(&mut books, bound, now)
    }

    /// Books what was spent without having been reserved.
    pub fn charge(self: &Arc<Self>, cost: Money, now: Tick) {
        let amount = Money::ZERO;
        let nothing = Reservation {
            account: Arc::clone(self),
            amount,
        };
        nothing.settle(cost, now);
    }

    /// The first hard budget that is used up, for a refusal before any work is done.
    pub fn exhausted(&self, now: Tick) -> Option<Refusal> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books
            .iter_mut()
            .filter(|book| book.mode == BudgetMode::Hard)
            .find_map(|book| {
                let spent = book.spent.sum(now);
                (spent >= book.limit.nanos()).then(|| Refusal {
                    limit: book.limit,
                    used: Money::from_nanos(spent),
                    wanted: Money::ZERO,
                    retry_after: book.spent.frees(now, spent - book.limit.nanos() + 1),
                })
            })
    }

    /// Spent and reserved per budget, with its limit.
    pub fn usage(&self, now: Tick) -> Vec<(Money, Money, Money)> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books
            .iter_mut()
            .map(|book| {
                let spent = Money::from_nanos(book.spent.sum(now));
                (spent, Money::from_nanos(book.reserved), book.limit)
            })
            .collect()
    }
}

fn fits(books: &mut [Book], bound: Money, now: Tick) -> Result<(), Refusal> {
    for book in books
        .iter_mut()
        .filter(|book| book.mode == BudgetMode::Hard)
    {
        let used = book.spent.sum(now).saturating_add(book.reserved);
        let after = used.saturating_add(bound.nanos());
        // A budget that is used up refuses even calls that cost nothing: their bound may be a guess.
        if after > book.limit.nanos() || used >= book.limit.nanos() {
            let excess = after.saturating_sub(book.limit.nanos()).max(1);
            return Err(Refusal {
                limit: book.limit,
                used: Money::from_nanos(used),
                wanted: bound,
                retry_after: book.spent.frees(now, excess),
            });
        }
    }
    Ok(())
}

impl Reservation {
    /// What is held back.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Ends the reservation and books what the call cost.
    pub fn settle(mut self, actual: Money, now: Tick) {
        self.book(Some((actual, now)));
    }

    fn book(&mut self, actual: Option<(Money, Tick)>) {
        let amount = std::mem::take(&mut self.amount);
        let mut books = self
            .account
            .books
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for book in books.iter_mut() {
            book.reserved = book.reserved.saturating_sub(amount.nanos()).max(0);
            if let Some((actual, now)) = actual {
                book.spent.add(now, actual.nanos());
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.amount != Money::ZERO {
            self.book(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidegate_types::config;

    fn account(limit: i64) -> Arc<Account> {
        let account = Arc::new(Account::default());
        account.configure(
            &[Budget {
                limit: Money::from_nanos(limit),
                per: config::Duration(Duration::from_mins(1)),
                mode: BudgetMode::Hard,
            }],
            Tick(0),
        );
        account
    }

    #[test]
    fn concurrent_reservations_never_overshoot_together() {
        let account = account(1_000);
        let admitted: i64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let account = Arc::clone(&account);
                    scope.spawn(move || {
                        let mut spent = 0;
                        for _ in 0..1_000 {
                            if let Ok(held) = account.reserve(Money::from_nanos(7), Tick(5)) {
                                held.settle(Money::from_nanos(7), Tick(5));
                                spent += 7;
                            }
                        }
                        spent
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(admitted, 994);
    }

    proptest! {
        #[test]
        fn spent_and_reserved_stay_within_a_hard_budget(
            steps in prop::collection::vec((0u8..3, 0i64..400, 0u64..30), 0..60)
        ) {
            let account = account(1_000);
            let mut now = 0u64;
            let mut held = Vec::new();
            for (step, amount, pass) in steps {
                now += pass * 1_000_000_000;
                match step {
                    0 => held.extend(account.reserve(Money::from_nanos(amount), Tick(now)).ok()),
                    1 => if let Some(one) = held.pop() {
                        let actual = Money::from_nanos(one.amount().nanos().min(amount));
                        one.settle(actual, Tick(now));
                    },
                    _ => drop(held.pop()),
                }
                let (spent, reserved, limit) = account.usage(Tick(now))[0];
                prop_assert!(spent.saturating_add(reserved) <= limit);
                let open: i64 = held.iter().map(|one: &Reservation| one.amount().nanos()).sum();
                prop_assert_eq!(reserved.nanos(), open);
            }
        }
    }
}
