//! A compiled expression: a tree whose types are settled.

use super::Variable;

#[derive(Debug)]
pub(super) enum Node {
    Bool(Bool),
    Int(Int),
    Double(Double),
    String(Str),
    List(List),
    Map(Variable),
    Timestamp(Moment),
}

#[derive(Debug)]
pub(super) enum Bool {
    Const(bool),
    Variable(Variable),
    Not(Box<Bool>),
    And(Box<Bool>, Box<Bool>),
    Or(Box<Bool>, Box<Bool>),
    If(Box<(Bool, Bool, Bool)>),
    Same(Box<(Bool, Bool)>),
    Ints(Compare, Box<(Int, Int)>),
    Doubles(Compare, Box<(Double, Double)>),
    Strings(Compare, Box<(Str, Str)>),
    /// The commonest comparison by far: a variable with a text that is written out.
    Is(Variable, Box<str>),
    Moments(Compare, Box<(Moment, Moment)>),
    Lists(Box<(List, List)>),
    InList(Box<(Str, List)>),
    InMap(Box<Str>, Variable),
    StartsWith(Box<(Str, Str)>),
    EndsWith(Box<(Str, Str)>),
    Contains(Box<(Str, Str)>),
    Matches(Box<(Str, regex_lite::Regex)>),
    Healthy(Box<Str>),
    /// Whether the test holds for some element; the element is the local variable of that depth.
    Exists(Box<(List, Bool)>),
    All(Box<(List, Bool)>),
    ExistsOne(Box<(List, Bool)>),
}

#[derive(Debug)]
pub(super) enum Int {
    Const(i64),
    Variable(Variable),
    Negative(Box<Int>),
    Arithmetic(Operator, Box<(Int, Int)>),
    If(Box<(Bool, Int, Int)>),
    /// Characters of a text.
    Length(Box<Str>),
    Count(Box<List>),
    Entries(Variable),
    /// Part of a moment as clocks in a time zone show it.
    Part(Part, Box<Moment>, jiff::tz::TimeZone),
    Truncated(Box<Double>),
    Seconds(Box<Moment>),
}

#[derive(Debug)]
pub(super) enum Double {
    Const(f64),
    Variable(Variable),
    Negative(Box<Double>),
    Arithmetic(Operator, Box<(Double, Double)>),
    If(Box<(Bool, Double, Double)>),
    Whole(Box<Int>),
}

#[derive(Debug)]
pub(super) enum Str {
    Const(Box<str>),
    Variable(Variable),
    Entry(Variable, Box<Str>),
    /// The element at hand of the loop of that depth, counted from the outermost.
    Local(usize),
    Element(Box<(List, Int)>),
    Joined(Box<(Str, Str)>),
    Lower(Box<Str>),
    Upper(Box<Str>),
    If(Box<(Bool, Str, Str)>),
    Written(Box<Int>),
}

#[derive(Debug)]
pub(super) enum List {
    Const(Vec<Str>),
    Variable(Variable),
}

#[derive(Debug)]
pub(super) enum Moment {
    Now,
    Const(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Parts of a moment, as CEL's timestamp functions name and count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    /// 0 to 11.
    Month,
    /// Day of the month, 1 to 31.
    Date,
    /// Day of the month, 0 to 30.
    DayOfMonth,
    /// 0 to 365.
    DayOfYear,
    /// 0, which is Sunday, to 6.
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
}
