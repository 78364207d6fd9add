//! Where Tidegate keeps what many engines share.
//!
//! - [`connect`]: the store of a URL: SQLite, Postgres or Redis
//! - [`journal`]: what an engine has spent and not told a store yet

mod cells;
pub mod journal;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;

use std::sync::Arc;

use tidegate_policy::ledger::store::{Store, Told, Unavailable};

pub use self::cells::Memory;

/// Which kind of store a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of this host: `sqlite://path`.
    Sqlite,
    /// `postgres://user:password@host/database`.
    Postgres,
    /// Redis or Valkey: `redis://host:port/database`, with TLS `rediss://`.
    Redis,
}

impl Kind {
    /// The kind that a URL's scheme names; `None` for others.
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "redis" | "rediss" | "valkey" | "valkeys" => Some(Self::Redis),
            _ => None,
        }
    }
}

/// Connects to the store of a URL, and makes what it lacks: the file, the tables. Needs a runtime of
/// tokio, which the connections then belong to.
///
/// # Errors
/// [`Unavailable`] when it does not answer, and for URLs of no kind of store.
pub fn connect(url: &str) -> Told<'_, Arc<dyn Store>> {
    Box::pin(async move {
        let store: Arc<dyn Store> = match Kind::of(url) {
            #[cfg(feature = "sqlite")]
            Some(Kind::Sqlite) => Arc::new(sql::sqlite(url).await?),
            #[cfg(feature = "postgres")]
            Some(Kind::Postgres) => Arc::new(sql::postgres(url).await?),
            #[cfg(feature = "redis")]
            Some(Kind::Redis) => Arc::new(redis::connect(url).await?),
            _ => return Err(Unavailable("no such kind of store".to_owned())),
        };
        Ok(store)
    })
}
