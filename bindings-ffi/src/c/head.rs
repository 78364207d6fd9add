//! Status and headers of an answer, laid out for C.

use std::{
    ffi::{CStr, c_char},
    ptr,
};

use http::HeaderMap;
use tidegate::Money;

/// What the gateway says about an answer. Texts are NULL where it says nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct tg_facts {
    /// Set to `sizeof(tg_facts)` before the call.
    pub struct_size: usize,
    /// Id under which the call was logged.
    pub request_id: *const c_char,
    /// `provider/model` that answered.
    pub target: *const c_char,
    /// Name of the provider key used, never its value.
    pub key: *const c_char,
    /// `hit-exact; age=SECONDS`, `miss` or `off`.
    pub cache: *const c_char,
    /// Dollars as a decimal.
    pub cost: *const c_char,
    /// Request members that the target's dialect could not carry, separated by commas.
    pub dropped: *const c_char,
    /// Name of the rule that applied.
    pub rule: *const c_char,
    /// The cost in nano-dollars (1e-9 USD); -1 when unknown.
    pub cost_nanos: i64,
    /// Microseconds the gateway itself took; -1 when unknown.
    pub overhead_us: i64,
    /// Tries made at all targets; 0 for a cached answer.
    pub attempts: u32,
    /// 1 when the gateway counted the tokens itself or had to guess the price, else 0.
    pub estimated: u32,
}

/// Size of `tg_facts` in ABI 1.
pub(super) const FACTS_V1: usize = size_of::<tg_facts>();

/// Status and headers, the latter as `name\0value\0name\0value\0`, so that each of them is a C
/// string and all of them are one array.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    packed: Vec<u8>,
}

impl Head {
    pub(super) fn new(status: u16, headers: &HeaderMap) -> Self {
        let mut packed = Vec::with_capacity(headers.len() * 48);
        for (name, value) in headers {
            packed.extend_from_slice(name.as_str().as_bytes());
            packed.push(0);
            // A header value holds no NUL: `http` refuses it.
            packed.extend_from_slice(value.as_bytes());
            packed.push(0);
        }
        Self { status, packed }
    }

    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut fields = self.packed.split_inclusive(|byte| *byte == 0);
        std::iter::from_fn(move || Some((fields.next()?, fields.next()?)))
    }

    /// The first value of a header, its NUL included. Case is ignored, as HTTP has it.
    pub(super) fn get(&self, name: &str) -> Option<&CStr> {
        self.pairs()
            .find(|(field, _)| field[..field.len() - 1].eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|(_, value)| CStr::from_bytes_with_nul(value).ok())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| value.to_str().ok())
    }

    /// Fills everything but `struct_size` from this head, and from `first` where it knows better.
    pub(super) fn facts(&self, first: Option<&Self>) -> tg_facts {
        let get = |name: &str| {
            first
                .and_then(|head| head.get(name))
                .or_else(|| self.get(name))
                .map_or(ptr::null(), CStr::as_ptr)
        };
        let text = |name: &str| {
            first
                .and_then(|head| head.text(name))
                .or_else(|| self.text(name))
        };
        tg_facts {
            struct_size: size_of::<tg_facts>(),
            request_id: get("x-tidegate-request-id"),
            target: get("x-tidegate-target"),
            key: get("x-tidegate-key"),
            cache: get("x-tidegate-cache"),
            cost: get("x-tidegate-cost"),
            dropped: get("x-tidegate-dropped"),
            rule: get("x-tidegate-rule"),
            cost_nanos: text("x-tidegate-cost")
                .and_then(|dollars| dollars.parse::<Money>().ok())
                .map_or(-1, Money::nanos),
            overhead_us: text("x-tidegate-overhead-us")
                .and_then(|micros| micros.parse().ok())
                .unwrap_or(-1),
            attempts: text("x-tidegate-attempts")
                .and_then(|attempts| attempts.parse().ok())
                .unwrap_or(0),
            estimated: u32::from(text("x-tidegate-usage") == Some("estimated")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_whatever_their_case_and_facts_are_read_from_them() {
        let mut headers = HeaderMap::new();
        headers.insert("x-tidegate-target", "mock/small".parse().unwrap());
        headers.insert("x-tidegate-cost", "0.000125".parse().unwrap());
        headers.insert("x-tidegate-usage", "estimated".parse().unwrap());
        headers.insert("x-tidegate-attempts", "2".parse().unwrap());
        let head = Head::new(200, &headers);
        assert_eq!(head.get("X-Tidegate-Target"), Some(c"mock/small"));
        assert_eq!(head.get("absent"), None);
        let facts = head.facts(None);
        assert_eq!(
            (facts.cost_nanos, facts.attempts, facts.overhead_us),
            (125_000, 2, -1)
        );
        assert!(facts.cache.is_null() && facts.estimated == 1);

        let mut last = HeaderMap::new();
        last.insert("x-tidegate-cost", "0.5".parse().unwrap());
        let facts = head.facts(Some(&Head::new(0, &last)));
        assert_eq!((facts.cost_nanos, facts.attempts), (500_000_000, 2));
    }
}
