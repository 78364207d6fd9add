//! Redis and Valkey.
//!
//! A cell is one key, so that a cluster can keep each where it likes. It is read, changed here, and
//! written if nobody else has written it meanwhile; otherwise changed again.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future;
use redis::{Client, RedisError, Script, aio::ConnectionManager};
use tidegate_policy::ledger::{
    cell::Cell,
    store::{Cells, Change, Told, Unavailable},
};

use crate::cells;

/// Others who write the same cell at the same time are few: an engine asks one after the other.
const MOST_TRIES: usize = 200;

/// Writes the second argument where the first still stands; gives what stands there otherwise.
const SWAP: &str = "
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  return false
end
return now";

/// A Redis server.
pub(crate) struct Redis {
    connection: ConnectionManager,
    swap: Script,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis")
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn unavailable(error: RedisError) -> Unavailable {
    Unavailable(error.to_string())
}

pub(crate) async fn connect(url: &str) -> Result<Redis, Unavailable> {
    let client = Client::open(url).map_err(unavailable)?;
    let connection = ConnectionManager::new(client).await.map_err(unavailable)?;
    Ok(Redis {
        connection,
        swap: Script::new(SWAP),
    })
}

impl Redis {
    async fn change_one(
        &self,
        key: &str,
        position: usize,
        change: &Mutex<&mut Change<'_>>,
    ) -> Result<(), Unavailable> {
        let mut connection = self.connection.clone();
        let key = format!("tidegate:cell:{key}");
        let found: Option<String> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .map_err(unavailable)?;
        let mut found = found.unwrap_or_default();
        for _ in 0..MOST_TRIES {
            let mut cell = if found.is_empty() {
                Cell::default()
            } else {
                cells::read(&found)?
            };
            {
                let mut change = change.lock().unwrap_or_else(PoisonError::into_inner);
                change(position, &mut cell);
            }
            let newer: Option<String> = self
                .swap
                .key(&key)
                .arg(&found)
                .arg(cells::write(&cell)?)
                .invoke_async(&mut connection)
                .await
                .map_err(unavailable)?;
            match newer {
                None => return Ok(()),
                Some(newer) => found = newer,
            }
        }
        Err(Unavailable(
            "too many others write the same budget".to_owned(),
        ))
    }
}

impl Cells for Redis {
    fn change<'a>(&'a self, keys: &'a [Arc<str>], change: &'a mut Change<'_>) -> Told<'a, ()> {
        Box::pin(async move {
            let change = Mutex::new(change);
            let each = keys.iter().enumerate();
            let each = each.map(|(position, key)| self.change_one(key, position, &change));
            future::try_join_all(each).await.map(drop)
        })
    }
}
