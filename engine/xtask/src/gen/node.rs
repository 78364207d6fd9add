//! Error classes of the npm package.

use std::fmt::Write;

use tidegate_types::Code;

use crate::Generated;

const HEAD: &str =
    "// Written by `cargo xtask gen` from engine/types/src/error/table.rs. Do not edit.\n";

pub(crate) fn files() -> Vec<Generated> {
    vec![
        ("npm/tidegate/src/errors.gen.js", classes()),
        ("npm/tidegate/src/errors.gen.d.ts", declarations()),
    ]
}

fn classes() -> String {
    let mut text =
        format!("{HEAD}\"use strict\";\n\nconst {{ TidegateError }} = require(\"./error.js\");\n");
    for code in Code::ALL {
        let _ = write!(
            text,
            "\n/** {} {} */\nclass {} extends TidegateError {{\n  static code = {};\n  static slug = \"{}\";\n}}\n",
            code.meaning(),
            code.advice(),
            code.name(),
            code.number(),
            code.slug(),
        );
    }
    text.push_str("\nmodule.exports = {\n");
    for code in Code::ALL {
        let _ = writeln!(text, "  {},", code.name());
    }
    text.push_str("};\n");
    text
}

fn declarations() -> String {
    let mut text = format!("{HEAD}\nimport {{ TidegateError }} from \"../types/errors.js\";\n");
    for code in Code::ALL {
        let (number, slug) = (code.number(), code.slug());
        let _ = write!(
            text,
            "\n/** {} {} */\nexport class {} extends TidegateError {{\n  static readonly code: {number};\n  \
             static readonly slug: \"{slug}\";\n  readonly code: {number};\n  readonly slug: \"{slug}\";\n}}\n",
            code.meaning(),
            code.advice(),
            code.name(),
        );
    }
    union(&mut text, "The number of an error.", "ErrorCode", |code| {
        code.number().to_string()
    });
    union(&mut text, "The name of an error.", "ErrorSlug", |code| {
        format!("\"{}\"", code.slug())
    });
    text
}

/// A union type of one literal per code.
fn union(text: &mut String, doc: &str, name: &str, literal: impl Fn(&Code) -> String) {
    let literals: Vec<String> = Code::ALL.iter().map(literal).collect();
    let _ = write!(
        text,
        "\n/** {doc} */\nexport type {name} =\n  | {};\n",
        literals.join("\n  | ")
    );
}
