//! What an engine writes down of shared budgets before it tells the store, so that nothing is forgotten
//! when it dies.

use std::fmt::Debug;

/// Held back in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The book's number.
    pub book: u32,
    /// The part of its time.
    pub part: u64,
    /// How much.
    pub amount: i64,
}

/// Spent of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The book's number.
    pub book: u32,
    /// The telling that it goes with.
    pub seq: u64,
    /// The part of its time.
    pub part: u64,
    /// How much.
    pub amount: i64,
}

/// Where it is written. What was given to it must outlive this process when the method returns.
pub trait Log: Send + Sync + Debug {
    /// A book is called `number` from now on.
    fn named(&self, number: u32, key: &str);
    /// A call is about to be made that takes this at most.
    fn held(&self, call: u64, books: &[Held]);
    /// It took this.
    fn settled(&self, call: u64, books: &[Settled]);
}
