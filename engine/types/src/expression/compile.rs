//! From CEL's syntax tree to a tree with settled types.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators as op},
    parser::Parser,
};

use super::{
    Kind, Variable,
    node::{Bool, Compare, Double, Int, List, Moment, Node, Operator, Part, Str},
};
use crate::config::suggest;

/// No expression a person writes is longer.
const LONGEST: usize = 4096;
/// Nor does it have a deeper tree.
const DEEPEST: usize = 100;
const TOO_DEEP: &str = "is nested too deeply";
/// The parser takes up to 100 KiB of stack for a pair of brackets.
const STACK: usize = 64 << 20;

type Compiled<T> = Result<T, String>;

/// Compiles `text`, which must give `wanted`.
pub(super) fn expression(text: &str, wanted: Kind) -> Compiled<Node> {
    if text.trim().is_empty() {
        return Err("empty; write an expression in CEL".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let node = on_a_large_stack(|| {
        let tree = Parser::new().parse(text).map_err(|errors| {
            let first = errors.errors.first();
            match first.map(|error| one_line(&error.msg)) {
                Some(message) if message.contains("Recursion limit") => TOO_DEEP.to_owned(),
                Some(message) => format!("is no CEL expression: {message}"),
                None => "is no CEL expression".to_owned(),
            }
        })?;
        let mut compiler = Compiler {
            locals: Vec::new(),
            depth: 0,
        };
        compiler.node(&tree)
    })?;
    if node.kind() == wanted {
        Ok(node)
    } else {
        Err(format!("gives a {}, but must give a {wanted}", node.kind()))
    }
}

/// The caller's own stack may be small, and an expression from a configuration must not overflow it.
/// The thread is there for its stack alone, and is joined at once.
fn on_a_large_stack(work: impl FnOnce() -> Compiled<Node> + Send) -> Compiled<Node> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let running = thread
            .spawn_scoped(scope, work)
            .map_err(|error| format!("cannot be compiled: {error}"))?;
        let done = running.join();
        done.unwrap_or_else(|_| Err("is no CEL expression".to_owned()))
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a loop over a list becomes.
type Loop = fn(Box<(List, Bool)>) -> Bool;

struct Compiler {
    /// Names of the loops' variables around the place at hand.
    locals: Vec<String>,
    /// How deep in the tree.
    depth: usize,
}

impl Compiler {
    fn node(&mut self, tree: &IdedExpr) -> Compiled<Node> {
        if self.depth == DEEPEST {
            return Err(TOO_DEEP.to_owned());
        }
        self.depth += 1;
        let node = self.below(tree);
        self.depth -= 1;
        node
    }

    fn below(&mut self, tree: &IdedExpr) -> Compiled<Node> {
        match &tree.expr {
            Expr::Literal(literal) => constant(literal),
            Expr::Ident(_) | Expr::Select(_) => self.name(tree),
            Expr::List(list) => {
                let elements = list.elements.iter().map(|element| self.string(element));
                Ok(Node::List(List::Const(elements.collect::<Result<_, _>>()?)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("maps and messages cannot be written in a rule".to_owned())
            }
        }
    }

    /// A variable, or `has(map.key)` and `map.key`, which are other spellings of `in` and `[]`.
    fn name(&mut self, tree: &IdedExpr) -> Compiled<Node> {
        if let Expr::Ident(name) = &tree.expr
            && let Some(depth) = self.locals.iter().rposition(|local| local == name)
        {
            return Ok(Node::String(Str::Local(depth)));
        }
        let full = path(tree).ok_or("members can only be taken of variables")?;
        let tested = matches!(&tree.expr, Expr::Select(select) if select.test);
        if let Some(variable) = Variable::find(&full) {
            if tested {
                return Ok(Node::Bool(Bool::Const(true)));
            }
            return Ok(match variable.kind() {
                Kind::Bool => Node::Bool(Bool::Variable(variable)),
                Kind::Int => Node::Int(Int::Variable(variable)),
                Kind::Double => Node::Double(Double::Variable(variable)),
                Kind::String => Node::String(Str::Variable(variable)),
                Kind::List => Node::List(List::Variable(variable)),
                Kind::Map => Node::Map(variable),
                Kind::Timestamp => Node::Timestamp(Moment::Now),
            });
        }
        if let Some((map, key)) = full.rsplit_once('.')
            && let Some(map) = Variable::find(map).filter(|map| map.kind() == Kind::Map)
        {
            let key = Box::new(Str::Const(key.into()));
            return Ok(if tested {
                Node::Bool(Bool::InMap(key, map))
            } else {
                Node::String(Str::Entry(map, key))
            });
        }
        let known = Variable::ALL.iter().map(|variable| variable.name());
        let hint = suggest::hint(&full, known.clone());
        let list = if hint.is_empty() {
            format!("; there are {}", known.collect::<Vec<_>>().join(", "))
        } else {
            hint
        };
        Err(format!("unknown variable {}{list}", suggest::quote(&full)))
    }

    fn call(&mut self, call: &CallExpr) -> Compiled<Node> {
        let mut args: Vec<&IdedExpr> = call.target.iter().map(AsRef::as_ref).collect();
        args.extend(&call.args);
        let name = call.func_name.as_str();
        match (name, args.as_slice()) {
            (op::LOGICAL_NOT, [of]) => Ok(Node::Bool(Bool::Not(Box::new(self.bool(of)?)))),
            (op::LOGICAL_AND, [a, b]) => Ok(Node::Bool(Bool::And(
                Box::new(self.bool(a)?),
                Box::new(self.bool(b)?),
            ))),
            (op::LOGICAL_OR, [a, b]) => Ok(Node::Bool(Bool::Or(
                Box::new(self.bool(a)?),
                Box::new(self.bool(b)?),
            ))),
            (op::CONDITIONAL, [test, yes, no]) => self.conditional(test, yes, no),
            (op::NEGATE, [of]) => match self.node(of)? {
                Node::Int(Int::Const(number)) => number
                    .checked_neg()
                    .map(|number| Node::Int(Int::Const(number)))
                    .ok_or_else(|| "a number is too large".to_owned()),
                Node::Int(of) => Ok(Node::Int(Int::Negative(Box::new(of)))),
                Node::Double(of) => Ok(Node::Double(Double::Negative(Box::new(of)))),
                other => Err(misfit("-", &[other.kind()])),
            },
            (op::IN, [element, of]) => self.membership(element, of),
            (op::INDEX, [of, index]) => match self.node(of)? {
                Node::Map(map) => Ok(Node::String(Str::Entry(map, Box::new(self.string(index)?)))),
                Node::List(list) => match self.node(index)? {
                    Node::Int(index) => Ok(Node::String(Str::Element(Box::new((list, index))))),
                    other => Err(misfit("[]", &[Kind::List, other.kind()])),
                },
                other => Err(misfit("[]", &[other.kind()])),
            },
            (_, [a, b]) if comparison(name).is_some() => {
                self.comparison(comparison(name).unwrap_or(Compare::Equal), a, b)
            }
            (_, [a, b]) if operator(name).is_some() => {
                self.arithmetic(operator(name).unwrap_or(Operator::Add), a, b)
            }
            _ => self.function(name, &args),
        }
    }

    fn function(&mut self, name: &str, args: &[&IdedExpr]) -> Compiled<Node> {
        let pair = |compiler: &mut Self| -> Compiled<Option<Box<(Str, Str)>>> {
            match args {
                [a, b] => Ok(Some(Box::new((compiler.string(a)?, compiler.string(b)?)))),
                _ => Ok(None),
            }
        };
        let node = match name {
            "startsWith" => pair(self)?.map(|pair| Node::Bool(Bool::StartsWith(pair))),
            "endsWith" => pair(self)?.map(|pair| Node::Bool(Bool::EndsWith(pair))),
            "contains" => pair(self)?.map(|pair| Node::Bool(Bool::Contains(pair))),
            "matches" => match args {
                [text, pattern] => Some(self.pattern(text, pattern)?),
                _ => None,
            },
            "lowerAscii" | "upperAscii" => match args {
                [text] => {
                    let text = Box::new(self.string(text)?);
                    Some(Node::String(if name == "lowerAscii" {
                        Str::Lower(text)
                    } else {
                        Str::Upper(text)
                    }))
                }
                _ => None,
            },
            "healthy" => match args {
                [target] => Some(Node::Bool(Bool::Healthy(Box::new(self.string(target)?)))),
                _ => None,
            },
            "size" => match args {
                [of] => Some(Node::Int(match self.node(of)? {
                    Node::String(text) => Int::Length(Box::new(text)),
                    Node::List(list) => Int::Count(Box::new(list)),
                    Node::Map(map) => Int::Entries(map),
                    other => return Err(misfit("size", &[other.kind()])),
                })),
                _ => None,
            },
            "int" | "double" | "string" => match args {
                [of] => Some(conversion(name, self.node(of)?)?),
                _ => None,
            },
            "timestamp" => match args {
                [of] => Some(moment(of)?),
                _ => None,
            },
            _ => {
                let Some(part) = part(name) else {
                    let hint = suggest::hint(name, FUNCTIONS.iter().copied());
                    let name = suggest::quote(name);
                    return Err(format!("there is no function {name}{hint}"));
                };
                match args {
                    [of] => Some(self.part(part, of, None)?),
                    [of, zone] => Some(self.part(part, of, Some(zone))?),
                    _ => None,
                }
            }
        };
        node.ok_or_else(|| format!("{name} does not take {} arguments", args.len()))
    }

    fn conditional(&mut self, test: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Compiled<Node> {
        let test = self.bool(test)?;
        match (self.node(yes)?, self.node(no)?) {
            (Node::Bool(yes), Node::Bool(no)) => {
                Ok(Node::Bool(Bool::If(Box::new((test, yes, no)))))
            }
            (Node::Int(yes), Node::Int(no)) => Ok(Node::Int(Int::If(Box::new((test, yes, no))))),
            (Node::Double(yes), Node::Double(no)) => {
                Ok(Node::Double(Double::If(Box::new((test, yes, no)))))
            }
            (Node::String(yes), Node::String(no)) => {
                Ok(Node::String(Str::If(Box::new((test, yes, no)))))
            }
            (yes, no) => Err(misfit("? :", &[yes.kind(), no.kind()])),
        }
    }

    fn membership(&mut self, element: &IdedExpr, of: &IdedExpr) -> Compiled<Node> {
        let element = self.string(element)?;
        match self.node(of)? {
            Node::List(list) => Ok(Node::Bool(Bool::InList(Box::new((element, list))))),
            Node::Map(map) => Ok(Node::Bool(Bool::InMap(Box::new(element), map))),
            other => Err(misfit("in", &[Kind::String, other.kind()])),
        }
    }

    fn comparison(&mut self, compare: Compare, a: &IdedExpr, b: &IdedExpr) -> Compiled<Node> {
        let equality = matches!(compare, Compare::Equal | Compare::Unequal);
        let node = match (self.node(a)?, self.node(b)?) {
            (Node::String(Str::Variable(variable)), Node::String(Str::Const(text)))
            | (Node::String(Str::Const(text)), Node::String(Str::Variable(variable)))
                if equality =>
            {
                negated(Bool::Is(variable, text), compare)
            }
            (Node::String(a), Node::String(b)) => Bool::Strings(compare, Box::new((a, b))),
            (Node::Int(a), Node::Int(b)) => Bool::Ints(compare, Box::new((a, b))),
            (Node::Double(a), Node::Double(b)) => Bool::Doubles(compare, Box::new((a, b))),
            (Node::Int(a), Node::Double(b)) => {
                Bool::Doubles(compare, Box::new((Double::Whole(Box::new(a)), b)))
            }
            (Node::Double(a), Node::Int(b)) => {
                Bool::Doubles(compare, Box::new((a, Double::Whole(Box::new(b)))))
            }
            (Node::Timestamp(a), Node::Timestamp(b)) => Bool::Moments(compare, Box::new((a, b))),
            (Node::Bool(a), Node::Bool(b)) if equality => {
                negated(Bool::Same(Box::new((a, b))), compare)
            }
            (Node::List(a), Node::List(b)) if equality => {
                negated(Bool::Lists(Box::new((a, b))), compare)
            }
            (a, b) => return Err(misfit(sign(compare), &[a.kind(), b.kind()])),
        };
        Ok(Node::Bool(node))
    }

    fn arithmetic(&mut self, operator: Operator, a: &IdedExpr, b: &IdedExpr) -> Compiled<Node> {
        match (self.node(a)?, self.node(b)?) {
            (Node::Int(a), Node::Int(b)) => {
                Ok(Node::Int(Int::Arithmetic(operator, Box::new((a, b)))))
            }
            (Node::Double(a), Node::Double(b)) if operator != Operator::Remainder => {
                Ok(Node::Double(Double::Arithmetic(operator, Box::new((a, b)))))
            }
            (Node::String(a), Node::String(b)) if operator == Operator::Add => {
                Ok(Node::String(Str::Joined(Box::new((a, b)))))
            }
            (a, b) => Err(misfit("arithmetic", &[a.kind(), b.kind()])),
        }
    }

    fn pattern(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Compiled<Node> {
        let text = self.string(text)?;
        let Str::Const(pattern) = self.string(pattern)? else {
            return Err("the pattern of matches must be written out".to_owned());
        };
        let pattern = regex_lite::Regex::new(&pattern)
            .map_err(|error| format!("the pattern of matches: {}", one_line(&error.to_string())))?;
        Ok(Node::Bool(Bool::Matches(Box::new((text, pattern)))))
    }

    fn part(&mut self, part: Part, of: &IdedExpr, zone: Option<&IdedExpr>) -> Compiled<Node> {
        let of = match self.node(of)? {
            Node::Timestamp(of) => of,
            other => return Err(misfit("a part of a moment", &[other.kind()])),
        };
        let zone = match zone {
            None => jiff::tz::TimeZone::UTC,
            Some(zone) => match self.string(zone)? {
                Str::Const(name) => time_zone(&name)?,
                _ => return Err("a time zone must be written out".to_owned()),
            },
        };
        Ok(Node::Int(Int::Part(part, Box::new(of), zone)))
    }

    /// The macros `exists`, `all` and `exists_one`, as the parser writes them out.
    fn comprehension(&mut self, of: &ComprehensionExpr) -> Compiled<Node> {
        let list = match self.node(&of.iter_range)? {
            Node::List(list) => list,
            other => return Err(misfit("exists", &[other.kind()])),
        };
        let (make, test): (Loop, &IdedExpr) = match &of.loop_step.expr {
            Expr::Call(step) => match (step.func_name.as_str(), step.args.as_slice()) {
                (op::LOGICAL_OR, [_, test]) => (Bool::Exists, test),
                (op::LOGICAL_AND, [_, test]) => (Bool::All, test),
                (op::CONDITIONAL, [test, ..]) if is_count(&of.accu_init) => (Bool::ExistsOne, test),
                _ => return Err(MACROS.to_owned()),
            },
            _ => return Err(MACROS.to_owned()),
        };
        if of.iter_var2.is_some() {
            return Err("a loop has one variable".to_owned());
        }
        self.locals.push(of.iter_var.clone());
        let test = self.bool(test);
        self.locals.pop();
        Ok(Node::Bool(make(Box::new((list, test?)))))
    }

    fn bool(&mut self, tree: &IdedExpr) -> Compiled<Bool> {
        match self.node(tree)? {
            Node::Bool(node) => Ok(node),
            other => Err(format!("a {} stands where a bool must", other.kind())),
        }
    }

    fn string(&mut self, tree: &IdedExpr) -> Compiled<Str> {
        match self.node(tree)? {
            Node::String(node) => Ok(node),
            other => Err(format!("a {} stands where a string must", other.kind())),
        }
    }
}

const MACROS: &str = "of the macros there are has, exists, exists_one and all";

const FUNCTIONS: &[&str] = &[
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "lowerAscii",
    "upperAscii",
    "healthy",
    "size",
    "int",
    "double",
    "string",
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfYear",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
];

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Double(_) => Kind::Double,
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Timestamp(_) => Kind::Timestamp,
        }
    }
}

fn constant(literal: &LiteralValue) -> Compiled<Node> {
    match literal {
        LiteralValue::Boolean(value) => Ok(Node::Bool(Bool::Const(**value))),
        LiteralValue::Int(value) => Ok(Node::Int(Int::Const(**value))),
        LiteralValue::UInt(value) => i64::try_from(**value)
            .map(|value| Node::Int(Int::Const(value)))
            .map_err(|_| "a number is too large".to_owned()),
        LiteralValue::Double(value) => Ok(Node::Double(Double::Const(**value))),
        LiteralValue::String(value) => Ok(Node::String(Str::Const(value.inner().into()))),
        LiteralValue::Bytes(_) | LiteralValue::Null => {
            Err("bytes and null mean nothing here".to_owned())
        }
    }
}

/// `a.b.c` of a chain of members.
fn path(tree: &IdedExpr) -> Option<String> {
    match &tree.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

fn is_count(tree: &IdedExpr) -> bool {
    matches!(&tree.expr, Expr::Literal(LiteralValue::Int(_)))
}

fn negated(node: Bool, compare: Compare) -> Bool {
    if compare == Compare::Unequal {
        Bool::Not(Box::new(node))
    } else {
        node
    }
}

fn misfit(what: &str, kinds: &[Kind]) -> String {
    let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
    format!("{what} does not go with {}", kinds.join(" and "))
}

fn conversion(name: &str, of: Node) -> Compiled<Node> {
    match (name, of) {
        ("int", Node::Double(of)) => Ok(Node::Int(Int::Truncated(Box::new(of)))),
        ("int", Node::Timestamp(of)) => Ok(Node::Int(Int::Seconds(Box::new(of)))),
        ("int", of @ Node::Int(_))
        | ("double", of @ Node::Double(_))
        | ("string", of @ Node::String(_)) => Ok(of),
        ("double", Node::Int(of)) => Ok(Node::Double(Double::Whole(Box::new(of)))),
        ("string", Node::Int(of)) => Ok(Node::String(Str::Written(Box::new(of)))),
        (name, of) => Err(misfit(name, &[of.kind()])),
    }
}

fn moment(of: &IdedExpr) -> Compiled<Node> {
    let Expr::Literal(LiteralValue::String(text)) = &of.expr else {
        return Err("the moment of timestamp must be written out".to_owned());
    };
    crate::config::unix_seconds(text.inner())
        .map(|seconds| Node::Timestamp(Moment::Const(seconds)))
        .ok_or_else(|| "not a moment; write it as 2026-12-31T23:59:59Z (RFC 3339)".to_owned())
}

/// A name of the time zone database, or a distance from UTC such as `+02:00`.
fn time_zone(name: &str) -> Compiled<jiff::tz::TimeZone> {
    let distance = |text: &str| -> Option<i32> {
        let (sign, rest) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        let (hours, minutes) = rest.split_once(':')?;
        let part = |text: &str, most: i32| {
            let number = (text.len() == 2)
                .then(|| text.parse::<i32>().ok())
                .flatten()?;
            (0..=most).contains(&number).then_some(number)
        };
        Some(sign * (part(hours, 23)? * 3600 + part(minutes, 59)? * 60))
    };
    if let Some(seconds) = distance(name)
        && let Ok(offset) = jiff::tz::Offset::from_seconds(seconds)
    {
        return Ok(offset.to_time_zone());
    }
    jiff::tz::TimeZone::get(name)
        .map_err(|_| format!("there is no time zone {}", suggest::quote(name)))
}

fn comparison(name: &str) -> Option<Compare> {
    Some(match name {
        op::EQUALS => Compare::Equal,
        op::NOT_EQUALS => Compare::Unequal,
        op::LESS => Compare::Less,
        op::LESS_EQUALS => Compare::LessOrEqual,
        op::GREATER => Compare::Greater,
        op::GREATER_EQUALS => Compare::GreaterOrEqual,
        _ => return None,
    })
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Equal => "==",
        Compare::Unequal => "!=",
        Compare::Less => "<",
        Compare::LessOrEqual => "<=",
        Compare::Greater => ">",
        Compare::GreaterOrEqual => ">=",
    }
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        op::ADD => Operator::Add,
        op::SUBSTRACT => Operator::Subtract,
        op::MULTIPLY => Operator::Multiply,
        op::DIVIDE => Operator::Divide,
        op::MODULO => Operator::Remainder,
        _ => return None,
    })
}

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "getFullYear" => Part::FullYear,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfYear" => Part::DayOfYear,
        "getDayOfWeek" => Part::DayOfWeek,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        "getSeconds" => Part::Seconds,
        _ => return None,
    })
}
