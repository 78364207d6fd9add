//! SQLite and Postgres.
//!
//! A cell is one row, changed in a transaction that nobody else can change it in: SQLite has one writer
//! at a time, Postgres locks the rows, always in the same order.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{PgPool, SqlitePool, postgres, sqlite};
use tidegate_policy::ledger::{
    cell::Cell,
    store::{Cells, Change, Told, Unavailable},
};

use crate::cells;

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(5);
/// Connections at a time.
const CONNECTIONS: u32 = 4;

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn unavailable(error: sqlx::Error) -> Unavailable {
    // Never the URL: it may hold a password.
    Unavailable(error.to_string())
}

/// A SQLite file.
#[derive(Debug)]
pub(crate) struct Sqlite(SqlitePool);

/// Opens or makes the file.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite(url: &str) -> Result<Sqlite, Unavailable> {
    let options = sqlite::SqliteConnectOptions::from_str(url).map_err(unavailable)?;
    let options = options
        .create_if_missing(true)
        .journal_mode(sqlite::SqliteJournalMode::Wal)
        // What a killed process wrote is in the file; what a lost power supply takes is told again from
        // the journal, or counts as lent.
        .synchronous(sqlite::SqliteSynchronous::Normal)
        .busy_timeout(BUSY);
    let pool = sqlite::SqlitePoolOptions::new().max_connections(CONNECTIONS);
    let pool = pool.connect_with(options).await.map_err(unavailable)?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS tidegate_cells (key TEXT PRIMARY KEY, state TEXT NOT NULL) \
         WITHOUT ROWID",
    )
    .execute(&pool)
    .await
    .map_err(unavailable)?;
    Ok(Sqlite(pool))
}

impl Cells for Sqlite {
    fn change<'a>(&'a self, keys: &'a [Arc<str>], change: &'a mut Change<'_>) -> Told<'a, ()> {
        Box::pin(async move {
            let begun = self.0.begin_with("BEGIN IMMEDIATE").await;
            let mut transaction = begun.map_err(unavailable)?;
            for (position, key) in keys.iter().enumerate() {
                let found: Option<String> =
                    sqlx::query_scalar("SELECT state FROM tidegate_cells WHERE key = ?")
                        .bind(&**key)
                        .fetch_optional(&mut *transaction)
                        .await
                        .map_err(unavailable)?;
                let mut cell = found
                    .as_deref()
                    .map_or_else(|| Ok(Cell::default()), cells::read)?;
                change(position, &mut cell);
                sqlx::query("INSERT OR REPLACE INTO tidegate_cells (key, state) VALUES (?, ?)")
                    .bind(&**key)
                    .bind(cells::write(&cell)?)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            transaction.commit().await.map_err(unavailable)
        })
    }
}

/// A Postgres database.
#[derive(Debug)]
pub(crate) struct Postgres(PgPool);

/// Any number, the same everywhere: who makes the tables.
const MAKING: i64 = 0x7469_6465_6761_7465;

/// Connects, and makes the table.
#[cfg(feature = "postgres")]
pub(crate) async fn postgres(url: &str) -> Result<Postgres, Unavailable> {
    let options = postgres::PgConnectOptions::from_str(url).map_err(unavailable)?;
    let pool = postgres::PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(BUSY);
    let pool = pool.connect_with(options).await.map_err(unavailable)?;
    // `IF NOT EXISTS` alone fails when two make it at the same time.
    let mut making = pool.begin().await.map_err(unavailable)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MAKING)
        .execute(&mut *making)
        .await
        .map_err(unavailable)?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS tidegate_cells (key TEXT PRIMARY KEY, state TEXT NOT NULL)",
    )
    .execute(&mut *making)
    .await
    .map_err(unavailable)?;
    making.commit().await.map_err(unavailable)?;
    Ok(Postgres(pool))
}

impl Cells for Postgres {
    fn change<'a>(&'a self, keys: &'a [Arc<str>], change: &'a mut Change<'_>) -> Told<'a, ()> {
        Box::pin(async move {
            let names: Vec<String> = keys.iter().map(|key| String::from(&**key)).collect();
            let mut transaction = self.0.begin().await.map_err(unavailable)?;
            // Rows that are not there yet are made first, so that there is something to lock.
            sqlx::query(
                "INSERT INTO tidegate_cells (key, state) SELECT key, '{\"s\":{},\"l\":{}}' \
                 FROM UNNEST($1::text[]) AS key ORDER BY key ON CONFLICT (key) DO NOTHING",
            )
            .bind(&names)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            let rows: Vec<(String, String)> = sqlx::query_as(
                "SELECT key, state FROM tidegate_cells WHERE key = ANY($1) ORDER BY key FOR UPDATE",
            )
            .bind(&names)
            .fetch_all(&mut *transaction)
            .await
            .map_err(unavailable)?;
            let mut changed = (Vec::new(), Vec::new());
            for (key, state) in rows {
                // The database may order otherwise than we do.
                let Ok(position) = names.binary_search(&key) else {
                    continue;
                };
                let mut cell = cells::read(&state)?;
                change(position, &mut cell);
                changed.0.push(key);
                changed.1.push(cells::write(&cell)?);
            }
            sqlx::query(
                "UPDATE tidegate_cells SET state = new.state \
                 FROM UNNEST($1::text[], $2::text[]) AS new(key, state) \
                 WHERE tidegate_cells.key = new.key",
            )
            .bind(&changed.0)
            .bind(&changed.1)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)
        })
    }
}
