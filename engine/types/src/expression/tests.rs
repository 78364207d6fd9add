use std::borrow::Cow;

use proptest::prelude::*;

use super::{Expression, Kind, Situation, Undefined, Value, Variable};

/// A call as the tests know it.
struct Call {
    tools: Vec<String>,
    tags: Vec<String>,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            tools: vec!["search".to_owned(), "calc".to_owned()],
            tags: Vec::new(),
        }
    }
}

impl Situation for Call {
    fn value(&self, variable: Variable) -> Value<'_> {
        match variable {
            Variable::Model => Value::String(Cow::Borrowed("fast")),
            Variable::Endpoint => Value::String(Cow::Borrowed("chat")),
            Variable::Dialect => Value::String(Cow::Borrowed("openai")),
            Variable::Stream => Value::Bool(true),
            Variable::InputTokens => Value::Int(60_000),
            Variable::MaxOutputTokens | Variable::Bytes => Value::Int(0),
            Variable::BudgetUsed => Value::Double(81.5),
            Variable::LimitUsed => Value::Double(0.0),
            // A Saturday, half past eleven at night in Greenwich.
            Variable::Now => Value::Timestamp(1_798_327_800),
            _ => Value::String(Cow::Borrowed("alice")),
        }
    }

    fn list(&self, variable: Variable) -> &[String] {
        match variable {
            Variable::Tools => &self.tools,
            _ => &self.tags,
        }
    }

    fn entry(&self, variable: Variable, key: &str) -> Option<Cow<'_, str>> {
        (variable == Variable::Headers && key == "x-team").then_some(Cow::Borrowed("lab"))
    }

    fn size(&self, variable: Variable) -> usize {
        usize::from(variable == Variable::Headers)
    }

    fn healthy(&self, target: &str) -> bool {
        target == "a/m"
    }
}

fn holds(text: &str) -> Result<bool, Undefined> {
    Expression::compile(text, Kind::Bool)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .holds(&Call::default())
}

#[test]
fn expressions_are_evaluated_as_cel_has_it() {
    for text in [
        "request.input_tokens > 50000 && key.id == 'alice'",
        "request.model in ['slow', 'fast'] && !(request.model in [])",
        "'search' in request.tools && size(request.tools) == 2",
        "request.tools.exists(t, t.startsWith('se')) && request.tools.all(t, size(t) > 3)",
        "request.tools.exists_one(t, t == 'calc')",
        "request.tools.exists(a, request.tools.exists(b, a + b == 'searchcalc'))",
        "request.tools[1] == 'calc'",
        "request.headers['x-team'] == 'lab' && 'x-team' in request.headers",
        "has(request.headers.missing) == false",
        "'x' in request.headers ? false : request.stream",
        "request.endpoint.matches('^ch.t$') && request.model.upperAscii() == 'FAST'",
        "budget.used >= 80.0 && budget.used > 80 && int(budget.used) == 81",
        "now.getDayOfWeek() == 6 && now.getHours() == 23 && now.getMinutes() == 30",
        "now.getHours('Europe/Paris') == 0 && now.getDayOfWeek('+01:00') == 0",
        "now.getMonth() == 11 && now.getDate() == 26 && now.getFullYear() == 2026",
        "now < timestamp('2027-01-01T00:00:00Z')",
        "healthy('a/m') && !healthy('b/m')",
        "7 / 2 == 3 && -7 % 2 == -1 && 1.0 / 2.0 == 0.5",
        "string(request.input_tokens) + 'x' == '60000x'",
        // The side that decides, decides: whichever it is.
        "request.headers['none'] == 'x' || true",
        "!(request.headers['none'] == 'x' && false)",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    assert_eq!(
        holds("request.headers['none'] == 'x'"),
        Err(Undefined::NoEntry("none".to_owned()))
    );
    assert_eq!(
        holds("1 / request.bytes == 1"),
        Err(Undefined::DivisionByZero)
    );
    assert_eq!(
        holds("9223372036854775807 + request.input_tokens > 0"),
        Err(Undefined::Overflow)
    );
}

#[test]
fn mistakes_are_told_when_an_expression_is_compiled() {
    for (text, told) in [
        ("", "empty"),
        ("request.model ==", "is no CEL expression"),
        (
            "request.modle == 'x'",
            "unknown variable \"request.modle\", did you mean \"request.model\"?",
        ),
        ("request.model", "gives a string, but must give a bool"),
        ("request.model == 3", "== does not go with string and int"),
        ("request.model && true", "a string stands where a bool must"),
        (
            "request.model.startWith('x')",
            "there is no function \"startWith\", did you mean \"startsWith\"?",
        ),
        (
            "request.model.startsWith()",
            "startsWith does not take 1 arguments",
        ),
        ("request.model.matches('(')", "the pattern of matches"),
        (
            "now.getHours('Mars/Base') == 1",
            "there is no time zone \"Mars/Base\"",
        ),
        ("now > timestamp('tomorrow')", "not a moment"),
        ("request.tools.map(t, t) == []", "of the macros there are"),
        ("{'a': 1} == {'a': 1}", "maps and messages"),
        ("1 in [1, 2]", "a int stands where a string must"),
        ("99999999999999999999 > 1", "is no CEL expression"),
    ] {
        let error = Expression::compile(text, Kind::Bool).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn an_expression_of_any_depth_is_refused_or_evaluated() {
    for depth in [10, 60, 90, 95, 200, 2_000] {
        let text = format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        let _ = Expression::compile(&text, Kind::Bool).map(|e| e.holds(&Call::default()));
        let text = format!("{}true", "!".repeat(depth));
        let _ = Expression::compile(&text, Kind::Bool).map(|e| e.holds(&Call::default()));
    }
}

#[test]
fn the_page_about_rules_lists_every_variable() {
    let page = include_str!("../../../../docs/concepts/rules.md");
    for (name, kind, meaning) in super::variables() {
        let row = format!("| `{name}` | {kind} | {meaning} |");
        assert!(
            page.contains(&row),
            "docs/concepts/rules.md lacks this row:\n{row}"
        );
    }
}

/// Expressions over numbers, texts and truth, all of whose types are right.
fn truth() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (-5i64..6).prop_map(|n| format!("({n})")),
        Just("request.input_tokens".to_owned()),
        Just("size(request.tools)".to_owned()),
    ]
    .prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), "[-+*/%]", inner).prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    });
    let text = prop_oneof![
        "[a-c]{0,2}".prop_map(|text| format!("'{text}'")),
        Just("request.model".to_owned()),
        Just("key.id".to_owned()),
    ];
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("request.stream".to_owned()),
        (number.clone(), "(<|<=|==|!=|>|>=)", number)
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text.clone(), "(<|<=|==|!=|>|>=)", text.clone())
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text.clone(), text.clone()).prop_map(|(a, b)| format!("{a} in [{b}, 'x']")),
        text.clone()
            .prop_map(|a| format!("request.tools.exists(t, t > {a})")),
        text.prop_map(|a| format!("request.tools.all(t, t != {a})")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

proptest! {
    /// The crate's own interpreter is the judge.
    #[test]
    fn what_is_compiled_means_what_cel_means(text in truth()) {
        let mut context = cel::Context::default();
        let request: std::collections::HashMap<&str, cel::Value> = [
            ("model", "fast".into()),
            ("stream", true.into()),
            ("input_tokens", 60_000i64.into()),
            ("tools", vec!["search", "calc"].into()),
        ].into();
        context.add_variable_from_value("request", request);
        context.add_variable_from_value("key", std::collections::HashMap::from([("id", "alice")]));
        let judged = cel::Program::compile(&text).unwrap().execute(&context).ok();
        let ours = holds(&text).ok();
        prop_assert_eq!(ours.map(cel::Value::Bool), judged, "{}", text);
    }
}
