//! The key `tg-deckhand` spends its budget until it is refused.
#![expect(clippy::print_stdout, reason = "an example prints")]

use tidegate::{CallContext, Secret};
use tidegate_examples::{chat, gateway, root};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = gateway()?;
    for number in 1..=50 {
        let key = Some(Secret::new("tg-deckhand".to_owned()));
        let context = CallContext { key, ..root() };
        match gateway.execute(context, chat("fast", "Hello", false)).await {
            Ok(reply) => {
                println!(
                    "call {number}: ${}",
                    reply.head.facts.cost.unwrap_or_default()
                );
            }
            Err(error) => {
                println!("call {number}: refused, {}", error.code().slug());
                return Ok(());
            }
        }
    }
    Err("the budget never ended".into())
}
