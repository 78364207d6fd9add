use crate::Generated;

pub(crate) fn files() -> Vec<Generated> {
    Vec::new()
}
