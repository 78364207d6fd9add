//! The first target of the route `brave` fails; the second answers.
#![expect(clippy::print_stdout, reason = "an example prints")]

use tidegate_examples::{chat, gateway, root};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reply = gateway()?
        .execute(root(), chat("brave", "Is anybody there?", false))
        .await?;
    let facts = reply.head.facts;
    println!("target: {}", facts.target.unwrap_or_default());
    println!("attempts: {}", facts.attempts);
    Ok(())
}
