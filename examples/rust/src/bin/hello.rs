//! One call, its target and its cost.
#![expect(clippy::print_stdout, reason = "an example prints")]

use serde_json::Value;
use tidegate::ReplyBody;
use tidegate_examples::{chat, gateway, root};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reply = gateway()?
        .execute(root(), chat("fast", "Hello", false))
        .await?;
    if let ReplyBody::Complete(body) = reply.body {
        let body: Value = serde_json::from_slice(&body)?;
        println!(
            "{}",
            body["choices"][0]["message"]["content"]
                .as_str()
                .unwrap_or_default()
        );
    }
    let facts = reply.head.facts;
    println!("target: {}", facts.target.unwrap_or_default());
    println!("cost: {}", facts.cost.unwrap_or_default());
    Ok(())
}
