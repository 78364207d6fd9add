//! Evaluation: a walk over the tree that allocates only where texts are joined.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    Situation, Undefined, Value, Variable,
    node::{Bool, Compare, Double, Int, List, Moment, Operator, Part, Str},
};

/// What names stand for at a place of an expression.
pub(super) struct Scope<'s> {
    situation: &'s dyn Situation,
    /// The element at hand of the innermost loop, and the loops around it.
    local: Option<(&'s str, &'s Scope<'s>)>,
    depth: usize,
}

type Evaluated<T> = Result<T, Undefined>;

impl<'s> Scope<'s> {
    pub(super) fn new(situation: &'s dyn Situation) -> Self {
        Self {
            situation,
            local: None,
            depth: 0,
        }
    }

    fn local(&self, depth: usize) -> &'s str {
        match self.local {
            Some((element, _)) if self.depth == depth + 1 => element,
            Some((_, around)) => around.local(depth),
            None => "",
        }
    }
}

pub(super) fn bool(node: &Bool, scope: &Scope<'_>) -> Evaluated<bool> {
    Ok(match node {
        Bool::Const(value) => *value,
        Bool::Variable(variable) => {
            matches!(scope.situation.value(*variable), Value::Bool(true))
        }
        Bool::Not(of) => !bool(of, scope)?,
        // Either side may decide alone, whatever the other one is: so CEL has it.
        Bool::And(a, b) => match bool(a, scope) {
            Ok(false) => false,
            Ok(true) => bool(b, scope)?,
            Err(undefined) => match bool(b, scope) {
                Ok(false) => false,
                _ => return Err(undefined),
            },
        },
        Bool::Or(a, b) => match bool(a, scope) {
            Ok(true) => true,
            Ok(false) => bool(b, scope)?,
            Err(undefined) => match bool(b, scope) {
                Ok(true) => true,
                _ => return Err(undefined),
            },
        },
        Bool::If(parts) => {
            let (test, yes, no) = &**parts;
            bool(if bool(test, scope)? { yes } else { no }, scope)?
        }
        Bool::Same(pair) => bool(&pair.0, scope)? == bool(&pair.1, scope)?,
        Bool::Is(variable, text) => {
            matches!(scope.situation.value(*variable), Value::String(value) if *value == **text)
        }
        Bool::Ints(how, pair) => fits(*how, int(&pair.0, scope)?.cmp(&int(&pair.1, scope)?)),
        Bool::Doubles(how, pair) => {
            match double(&pair.0, scope)?.partial_cmp(&double(&pair.1, scope)?) {
                Some(order) => fits(*how, order),
                None => *how == Compare::Unequal,
            }
        }
        Bool::Strings(how, pair) => {
            fits(*how, string(&pair.0, scope)?.cmp(&string(&pair.1, scope)?))
        }
        Bool::Moments(how, pair) => fits(*how, moment(&pair.0, scope).cmp(&moment(&pair.1, scope))),
        Bool::Lists(pair) => {
            let length = count(&pair.0, scope);
            let mut same = length == count(&pair.1, scope);
            for index in 0..length {
                same = same && element(&pair.0, index, scope)? == element(&pair.1, index, scope)?;
            }
            same
        }
        Bool::InList(pair) => {
            let wanted = string(&pair.0, scope)?;
            let mut undefined = None;
            for index in 0..count(&pair.1, scope) {
                match element(&pair.1, index, scope) {
                    Ok(Some(found)) if found == wanted => return Ok(true),
                    Ok(_) => {}
                    Err(error) => undefined = Some(error),
                }
            }
            return undefined.map_or(Ok(false), Err);
        }
        Bool::InMap(key, map) => {
            let key = string(key, scope)?;
            scope.situation.entry(*map, &key).is_some()
        }
        Bool::StartsWith(pair) => string(&pair.0, scope)?.starts_with(&*string(&pair.1, scope)?),
        Bool::EndsWith(pair) => string(&pair.0, scope)?.ends_with(&*string(&pair.1, scope)?),
        Bool::Contains(pair) => string(&pair.0, scope)?.contains(&*string(&pair.1, scope)?),
        Bool::Matches(pair) => pair.1.is_match(&string(&pair.0, scope)?),
        Bool::Healthy(target) => scope.situation.healthy(&string(target, scope)?),
        Bool::Exists(parts) => return some(&parts.0, &parts.1, scope, true),
        Bool::All(parts) => return some(&parts.0, &parts.1, scope, false).map(|found| !found),
        Bool::ExistsOne(parts) => {
            let mut found = 0;
            for index in 0..count(&parts.0, scope) {
                found += usize::from(at(&parts.0, index, &parts.1, scope)?);
            }
            found == 1
        }
    })
}

/// Whether the test gives `wanted` for some element.
fn some(list: &List, test: &Bool, scope: &Scope<'_>, wanted: bool) -> Evaluated<bool> {
    let mut undefined = None;
    for index in 0..count(list, scope) {
        match at(list, index, test, scope) {
            Ok(found) if found == wanted => return Ok(true),
            Ok(_) => {}
            Err(error) => undefined = Some(error),
        }
    }
    undefined.map_or(Ok(false), Err)
}

/// What the test gives for the element at `index`.
fn at(list: &List, index: usize, test: &Bool, scope: &Scope<'_>) -> Evaluated<bool> {
    let element = element(list, index, scope)?.unwrap_or_default();
    let inner = Scope {
        situation: scope.situation,
        local: Some((&element, scope)),
        depth: scope.depth + 1,
    };
    bool(test, &inner)
}

pub(super) fn int(node: &Int, scope: &Scope<'_>) -> Evaluated<i64> {
    let whole = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    Ok(match node {
        Int::Const(value) => *value,
        Int::Variable(variable) => match scope.situation.value(*variable) {
            Value::Int(value) => value,
            _ => 0,
        },
        Int::Negative(of) => int(of, scope)?.checked_neg().ok_or(Undefined::Overflow)?,
        Int::Arithmetic(operator, pair) => {
            let (a, b) = (int(&pair.0, scope)?, int(&pair.1, scope)?);
            let value = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide | Operator::Remainder if b == 0 => {
                    return Err(Undefined::DivisionByZero);
                }
                Operator::Divide => a.checked_div(b),
                Operator::Remainder => a.checked_rem(b),
            };
            value.ok_or(Undefined::Overflow)?
        }
        Int::If(parts) => {
            let (test, yes, no) = &**parts;
            int(if bool(test, scope)? { yes } else { no }, scope)?
        }
        Int::Length(text) => whole(string(text, scope)?.chars().count()),
        Int::Count(list) => whole(count(list, scope)),
        Int::Entries(map) => whole(scope.situation.size(*map)),
        Int::Part(part, of, zone) => part_of(*part, moment(of, scope), zone),
        Int::Truncated(of) => truncated(double(of, scope)?)?,
        Int::Seconds(of) => moment(of, scope),
    })
}

fn truncated(value: f64) -> Evaluated<i64> {
    // The largest doubles below 2^63 are still whole numbers of 64 bits.
    if value.abs() < 9_223_372_036_854_775_808.0 {
        Ok(value as i64)
    } else {
        Err(Undefined::Overflow)
    }
}

fn double(node: &Double, scope: &Scope<'_>) -> Evaluated<f64> {
    Ok(match node {
        Double::Const(value) => *value,
        Double::Variable(variable) => match scope.situation.value(*variable) {
            Value::Double(value) => value,
            _ => 0.0,
        },
        Double::Negative(of) => -double(of, scope)?,
        Double::Arithmetic(operator, pair) => {
            let (a, b) = (double(&pair.0, scope)?, double(&pair.1, scope)?);
            match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                Operator::Remainder => a % b,
            }
        }
        Double::If(parts) => {
            let (test, yes, no) = &**parts;
            double(if bool(test, scope)? { yes } else { no }, scope)?
        }
        Double::Whole(of) => int(of, scope)? as f64,
    })
}

pub(super) fn string<'a>(node: &'a Str, scope: &'a Scope<'_>) -> Evaluated<Cow<'a, str>> {
    Ok(match node {
        Str::Const(text) => Cow::Borrowed(text),
        Str::Variable(variable) => match scope.situation.value(*variable) {
            Value::String(text) => text,
            _ => Cow::Borrowed(""),
        },
        Str::Entry(map, key) => {
            let key = string(key, scope)?;
            let entry = scope.situation.entry(*map, &key);
            entry.ok_or_else(|| Undefined::NoEntry(key.into_owned()))?
        }
        Str::Local(depth) => Cow::Borrowed(scope.local(*depth)),
        Str::Element(pair) => {
            let index = int(&pair.1, scope)?;
            let found = match usize::try_from(index) {
                Ok(index) => element(&pair.0, index, scope)?,
                Err(_) => None,
            };
            found.ok_or_else(|| Undefined::NoEntry(index.to_string()))?
        }
        Str::Joined(pair) => {
            let mut text = string(&pair.0, scope)?.into_owned();
            text.push_str(&string(&pair.1, scope)?);
            Cow::Owned(text)
        }
        Str::Lower(text) => Cow::Owned(string(text, scope)?.to_ascii_lowercase()),
        Str::Upper(text) => Cow::Owned(string(text, scope)?.to_ascii_uppercase()),
        Str::If(parts) => {
            let (test, yes, no) = &**parts;
            string(if bool(test, scope)? { yes } else { no }, scope)?
        }
        Str::Written(of) => Cow::Owned(int(of, scope)?.to_string()),
    })
}

fn count(list: &List, scope: &Scope<'_>) -> usize {
    match list {
        List::Const(elements) => elements.len(),
        List::Variable(variable) => scope.situation.list(*variable).len(),
    }
}

fn element<'a>(
    list: &'a List,
    index: usize,
    scope: &'a Scope<'_>,
) -> Evaluated<Option<Cow<'a, str>>> {
    match list {
        List::Const(elements) => {
            let element = elements.get(index).map(|element| string(element, scope));
            element.transpose()
        }
        List::Variable(variable) => {
            let element = scope.situation.list(*variable).get(index);
            Ok(element.map(|element| Cow::Borrowed(element.as_str())))
        }
    }
}

fn moment(node: &Moment, scope: &Scope<'_>) -> i64 {
    match node {
        Moment::Const(seconds) => *seconds,
        Moment::Now => match scope.situation.value(Variable::Now) {
            Value::Timestamp(seconds) => seconds,
            _ => 0,
        },
    }
}

fn part_of(part: Part, seconds: i64, zone: &jiff::tz::TimeZone) -> i64 {
    let Ok(moment) = jiff::Timestamp::from_second(seconds) else {
        return 0;
    };
    let shown = moment.to_zoned(zone.clone());
    match part {
        Part::FullYear => shown.year().into(),
        Part::Month => i64::from(shown.month()) - 1,
        Part::Date => shown.day().into(),
        Part::DayOfMonth => i64::from(shown.day()) - 1,
        Part::DayOfYear => i64::from(shown.day_of_year()) - 1,
        Part::DayOfWeek => shown.weekday().to_sunday_zero_offset().into(),
        Part::Hours => shown.hour().into(),
        Part::Minutes => shown.minute().into(),
        Part::Seconds => shown.second().into(),
    }
}

fn fits(how: Compare, order: Ordering) -> bool {
    match how {
        Compare::Equal => order.is_eq(),
        Compare::Unequal => order.is_ne(),
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
    }
}
