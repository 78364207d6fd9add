//! Expressions in CEL, the Common Expression Language, over what is known of a call.
//!
//! The text is parsed by the `cel` crate and compiled when the configuration is loaded: unknown names,
//! wrong types and functions that do not exist are mistakes of the configuration, told with the place
//! they stand at. What is left to evaluate cannot fail but for a map that lacks a key, a division by
//! zero or an overflow, and costs tens of nanoseconds.

mod compile;
mod eval;
mod node;
#[cfg(test)]
mod tests;
mod variable;

use std::{borrow::Cow, sync::Arc};

pub use variable::{Variable, variables};

use node::Node;

/// A compiled expression. Serialises as its text.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Arc<str>,
    node: Arc<Node>,
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A floating point number.
    Double,
    /// Text.
    String,
    /// A list of texts.
    List,
    /// A map from text to text.
    Map,
    /// A moment.
    Timestamp,
}

/// The value of a [`Variable`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Seconds since 1970, UTC.
    Timestamp(i64),
}

/// What is known of a call. Answers are looked up only when an expression asks for them.
pub trait Situation {
    /// The value of a variable that is neither a list nor a map.
    fn value(&self, variable: Variable) -> Value<'_>;

    /// The elements of a list.
    fn list(&self, variable: Variable) -> &[String];

    /// The entry of a map.
    fn entry(&self, variable: Variable, key: &str) -> Option<Cow<'_, str>>;

    /// The number of entries of a map.
    fn size(&self, variable: Variable) -> usize;

    /// Whether the target called `provider/model` can take calls now.
    fn healthy(&self, target: &str) -> bool;
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// A map was asked for a key it does not have. `'key' in map` asks whether it does.
    #[error("there is no entry {0:?}")]
    NoEntry(String),
    /// A division or a remainder by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A whole number beyond 64 bits.
    #[error("a number is too large")]
    Overflow,
}

impl Expression {
    /// Compiles an expression that gives `kind`.
    ///
    /// # Errors
    /// What is wrong and where, in one line.
    pub fn compile(text: &str, kind: Kind) -> Result<Self, String> {
        let node = compile::expression(text, kind)?;
        Ok(Self {
            text: Arc::from(text),
            node: Arc::new(node),
        })
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds; for expressions compiled as [`Kind::Bool`].
    ///
    /// # Errors
    /// [`Undefined`]; `&&` and `||` swallow it where the other side decides.
    pub fn holds(&self, situation: &dyn Situation) -> Result<bool, Undefined> {
        match &*self.node {
            Node::Bool(node) => eval::bool(node, &eval::Scope::new(situation)),
            _ => Ok(false),
        }
    }

    /// The text it gives; for expressions compiled as [`Kind::String`].
    ///
    /// # Errors
    /// [`Undefined`].
    pub fn string(&self, situation: &dyn Situation) -> Result<String, Undefined> {
        match &*self.node {
            Node::String(node) => {
                eval::string(node, &eval::Scope::new(situation)).map(Cow::into_owned)
            }
            _ => Ok(String::new()),
        }
    }

    /// The number it gives; for expressions compiled as [`Kind::Int`].
    ///
    /// # Errors
    /// [`Undefined`].
    pub fn int(&self, situation: &dyn Situation) -> Result<i64, Undefined> {
        match &*self.node {
            Node::Int(node) => eval::int(node, &eval::Scope::new(situation)),
            _ => Ok(0),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::List => "list(string)",
            Self::Map => "map(string, string)",
            Self::Timestamp => "timestamp",
        })
    }
}
