//! What all stores do with cells.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tidegate_policy::ledger::{
    cell::Cell,
    store::{Cells, Change, Told, Unavailable},
};

/// Cells in this process's memory, for engines of one process and for tests.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Arc<str>, Cell>>);

impl Cells for Memory {
    fn change<'a>(&'a self, keys: &'a [Arc<str>], change: &'a mut Change<'_>) -> Told<'a, ()> {
        Box::pin(async move {
            let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (position, key) in keys.iter().enumerate() {
                change(position, cells.entry(Arc::clone(key)).or_default());
            }
            Ok(())
        })
    }
}

/// A cell of its text in a store.
pub(crate) fn read(text: &str) -> Result<Cell, Unavailable> {
    serde_json::from_str(text).map_err(|error| Unavailable(format!("unreadable state: {error}")))
}

/// Its text.
pub(crate) fn write(cell: &Cell) -> Result<String, Unavailable> {
    serde_json::to_string(cell).map_err(|error| Unavailable(error.to_string()))
}
