//! A streamed answer, printed as it comes.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{
    future::poll_fn,
    io::{Write, stdout},
};

use serde_json::Value;
use tidegate::{CallContext, ReplyBody, Step};
use tidegate_examples::{chat, gateway, root};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Native: each frame is one event's data, and a stream that breaks is an error.
    let context = CallContext {
        native: true,
        ..root()
    };
    let reply = gateway()?
        .execute(context, chat("fast", "Hello", true))
        .await?;
    let ReplyBody::Stream(mut stream) = reply.body else {
        return Err("no stream".into());
    };
    loop {
        let mut frames = Vec::new();
        let step = poll_fn(|cx| stream.poll_frames(cx, &mut frames)).await;
        for frame in frames {
            let chunk: Value = serde_json::from_slice(&frame.data)?;
            print!(
                "{}",
                chunk["choices"][0]["delta"]["content"]
                    .as_str()
                    .unwrap_or_default()
            );
            stdout().flush()?;
        }
        match step {
            Step::More => {}
            Step::End(facts) => {
                println!("\ncost: {}", facts["x-tidegate-cost"].to_str()?);
                return Ok(());
            }
            Step::Failed(error) => return Err(error.into()),
        }
    }
}
