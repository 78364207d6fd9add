//! What is noted of an order that somebody asks to be explained.

use std::cell::RefCell;

use tidegate_policy::route::{Bucket, Group, Ranking, Standing};

/// Whether somebody asks why. Who only asks takes no turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// Nobody does: the call is made.
    Unasked,
    /// Asked without notes.
    Silent,
    /// What is found out is noted.
    Noted(&'a Notes),
}

/// How each group was ordered.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<Vec<Noted>>);

/// How one group was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Noted {
    group: *const Group,
    /// Standing and position of every member with a target that fits.
    pub(crate) members: Vec<(Standing, u16)>,
    pub(crate) bucket: Option<Bucket>,
}

impl<'a> Why<'a> {
    /// The same without notes.
    pub(crate) fn silently(self) -> Why<'a> {
        match self {
            Self::Unasked => Self::Unasked,
            _ => Self::Silent,
        }
    }

    pub(crate) fn note(self, ranking: &Ranking<'_>) {
        if let Self::Noted(notes) = self {
            let members = ranking.classes.iter();
            notes.0.borrow_mut().push(Noted {
                group: ranking.group,
                members: members
                    .map(|(standing, _, member)| (*standing, *member))
                    .collect(),
                bucket: ranking.bucket,
            });
        }
    }
}

impl Notes {
    /// What was noted of a group.
    pub(crate) fn of(&self, group: &Group) -> Option<Noted> {
        let notes = self.0.borrow();
        let found = notes.iter().find(|note| std::ptr::eq(note.group, group));
        found.cloned()
    }
}
