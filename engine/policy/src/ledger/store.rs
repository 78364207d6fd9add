//! Where the budgets are kept that engines share.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use super::cell::{Answer, Ask, Cell, Written};
use crate::clock::Moment;

/// A store's answer, to be waited for.
pub type Told<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// The store did not do what it was asked, or it is not known whether it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Keeps [cells](super::cell::Cell), and changes each of them by one at a time.
pub trait Store: Send + Sync + Debug {
    /// Each ask is booked and answered by [`Cell::exchange`](super::cell::Cell::exchange). Every ask has
    /// another key.
    fn exchange<'a>(
        &'a self,
        engine: &'a Arc<str>,
        asks: Vec<Ask>,
        now: Moment,
    ) -> Told<'a, Vec<Answer>>;

    /// What an engine wrote down that is no more is booked by
    /// [`Cell::reconcile`](super::cell::Cell::reconcile).
    fn reconcile<'a>(
        &'a self,
        engine: &'a Arc<str>,
        written: Vec<(Arc<str>, Vec<Written>)>,
        now: Moment,
    ) -> Told<'a, ()>;
}

/// What is done to the cell at a position of the keys. It may be done again, to a newer state.
pub type Change<'a> = dyn FnMut(usize, &mut Cell) + Send + 'a;

/// Keeps cells by key: all that a [`Store`] needs.
pub trait Cells: Send + Sync + Debug {
    /// Changes the cells of these keys; nobody else changes one meanwhile. What was not there is empty,
    /// and what is empty afterwards need not be kept. Keys differ and are in order.
    fn change<'a>(&'a self, keys: &'a [Arc<str>], change: &'a mut Change<'_>) -> Told<'a, ()>;
}

impl<C: Cells> Store for C {
    fn exchange<'a>(
        &'a self,
        engine: &'a Arc<str>,
        asks: Vec<Ask>,
        now: Moment,
    ) -> Told<'a, Vec<Answer>> {
        Box::pin(async move {
            // In order, so that two engines never wait for each other.
            let mut order: Vec<usize> = (0..asks.len()).collect();
            order.sort_by(|one, other| asks[*one].key.cmp(&asks[*other].key));
            let keys: Vec<_> = order.iter().map(|at| Arc::clone(&asks[*at].key)).collect();
            let mut answers = vec![Answer::default(); asks.len()];
            self.change(&keys, &mut |position, cell| {
                let at = order[position];
                answers[at] = cell.exchange(engine, &asks[at], now);
            })
            .await?;
            Ok(answers)
        })
    }

    fn reconcile<'a>(
        &'a self,
        engine: &'a Arc<str>,
        mut written: Vec<(Arc<str>, Vec<Written>)>,
        now: Moment,
    ) -> Told<'a, ()> {
        Box::pin(async move {
            written.sort_by(|one, other| one.0.cmp(&other.0));
            let keys: Vec<_> = written.iter().map(|(key, _)| Arc::clone(key)).collect();
            self.change(&keys, &mut |position, cell| {
                cell.reconcile(engine, &written[position].1, now);
            })
            .await
        })
    }
}
