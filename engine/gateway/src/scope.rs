//! For whom a call is made, said beside the key.

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_types::{Code, Error};

use crate::facts::header as names;

/// For whom calls are made: a level of the hierarchy, an end user, labels. Goes along with calls as the
/// headers of the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    customer: Option<HeaderValue>,
    team: Option<HeaderValue>,
    user: Option<HeaderValue>,
    tags: Option<HeaderValue>,
}

impl Scope {
    /// A scope that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The customer of that id pays.
    ///
    /// # Errors
    /// `invalid_request` for what is empty, or holds characters that no header carries.
    pub fn customer(mut self, id: &str) -> Result<Self, Error> {
        self.customer = Some(value("customer", id)?);
        Ok(self)
    }

    /// The team of that id pays, and the customer it belongs to.
    ///
    /// # Errors
    /// As [`customer`](Self::customer).
    pub fn team(mut self, id: &str) -> Result<Self, Error> {
        self.team = Some(value("team", id)?);
        Ok(self)
    }

    /// The configured user of that id pays, and whom they belong to; where there is none of that id, it
    /// is what an end user is called.
    ///
    /// # Errors
    /// As [`customer`](Self::customer).
    pub fn user(mut self, id: &str) -> Result<Self, Error> {
        self.user = Some(value("user", id)?);
        Ok(self)
    }

    /// Labels, for rules and for the choice of targets; they come on top of others.
    ///
    /// # Errors
    /// As [`customer`](Self::customer), and for one that holds a comma.
    pub fn tags<T: AsRef<str>>(mut self, tags: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        for tag in tags {
            let tag = tag.as_ref();
            if tag.contains(',') {
                let text = format!("the tag {tag:?} holds a comma");
                return Err(Error::new(Code::InvalidRequest, text).with_param("tags"));
            }
            self.tags = Some(joined(self.tags.as_ref(), &value("tags", tag)?));
        }
        Ok(self)
    }

    /// This scope, and what it does not say of an outer one.
    pub(crate) fn within(&self, outer: &Self) -> Self {
        let or = |own: &Option<HeaderValue>, other: &Option<HeaderValue>| {
            own.clone().or_else(|| other.clone())
        };
        Self {
            customer: or(&self.customer, &outer.customer),
            team: or(&self.team, &outer.team),
            user: or(&self.user, &outer.user),
            tags: match (&outer.tags, &self.tags) {
                (outer, Some(own)) => Some(joined(outer.as_ref(), own)),
                (outer, None) => outer.clone(),
            },
        }
    }

    /// Puts it into a call's headers. It replaces what they say, but for tags, which it adds to.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        };
        set(names::CUSTOMER, &self.customer);
        set(names::TEAM, &self.team);
        set(names::USER, &self.user);
        if let Some(tags) = &self.tags {
            let tags = joined(headers.get(&names::TAGS), tags);
            headers.insert(names::TAGS, tags);
        }
    }
}

fn value(param: &str, text: &str) -> Result<HeaderValue, Error> {
    let refused =
        |why: &str| Error::new(Code::InvalidRequest, format!("`{param}` {why}")).with_param(param);
    if text.trim().is_empty() {
        return Err(refused("is empty"));
    }
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| refused("holds a line break or another control character"))
}

fn joined(one: Option<&HeaderValue>, other: &HeaderValue) -> HeaderValue {
    let Some(one) = one else {
        return other.clone();
    };
    let both = [one.as_bytes(), b",", other.as_bytes()].concat();
    HeaderValue::from_bytes(&both).unwrap_or_else(|_| other.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_scope_says_what_it_says_and_adds_its_tags() {
        let outer = Scope::new().team("a").unwrap().tags(["x"]).unwrap();
        let inner = Scope::new()
            .user("Jürgen")
            .unwrap()
            .tags(["y", "z"])
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(names::TAGS, HeaderValue::from_static("w"));
        inner.within(&outer).write(&mut headers);
        assert_eq!(headers[names::TEAM], "a");
        assert_eq!(headers[names::USER].as_bytes(), "Jürgen".as_bytes());
        assert_eq!(headers[names::TAGS], "w,x,y,z");
        assert!(!headers.contains_key(names::CUSTOMER));
    }

    #[test]
    fn what_no_header_carries_is_refused() {
        for refused in [
            Scope::new().team(""),
            Scope::new().user("a\nb"),
            Scope::new().customer("\0"),
            Scope::new().tags(["a,b"]),
        ] {
            assert_eq!(refused.unwrap_err().code(), Code::InvalidRequest);
        }
    }
}
