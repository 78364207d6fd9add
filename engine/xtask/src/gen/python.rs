//! Exception classes of the Python package.

use std::fmt::Write;

use tidegate_types::Code;

use crate::{Generated, NOTICE};

pub(crate) fn files() -> Vec<Generated> {
    vec![("bindings-python/python/tidegate/_errors_gen.py", errors())]
}

fn errors() -> String {
    let mut text = format!(
        "# {NOTICE}\n\"\"\"One class per error code of the engine.\"\"\"\n\nfrom ._error import TidegateError\n\n__all__ = [\n"
    );
    let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    for code in Code::ALL {
        let _ = write!(
            text,
            "\n\nclass {}(TidegateError):\n    \"\"\"{}\n\n    {}\n    \"\"\"\n\n    code = {}\n    slug = \"{}\"\n    status = {}\n    origin = \"{}\"\n    retry = \"{}\"\n",
            code.name(),
            code.meaning(),
            code.advice(),
            code.number(),
            code.slug(),
            code.status().as_u16(),
            code.origin().as_str(),
            code.retry().as_str(),
        );
    }
    text.push_str("\n\n#: Every class by its slug.\nBY_SLUG: dict[str, type[TidegateError]] = {\n");
    for code in Code::ALL {
        let _ = writeln!(text, "    \"{}\": {},", code.slug(), code.name());
    }
    text.push_str("}\n");
    text
}
