//! A request as a vendor's SDK makes it, answered by the engine instead of the vendor: anything that
//! speaks the `http` crate's types can be pointed here.
#![expect(clippy::print_stdout, reason = "an example prints")]

use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tidegate::wire::Trust;
use tidegate_examples::gateway;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = json!({ "model": "fast", "messages": [{ "role": "user", "content": "Hello" }] });
    let request = Request::builder()
        .method(Method::POST)
        .uri("https://api.openai.com/v1/chat/completions")
        .header(header::AUTHORIZATION, "Bearer tg-captain")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes().into())?;
    let answer = gateway()?.handle(request, Trust::Process).await;
    println!("status: {}", answer.status());
    let body = answer.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body)?;
    println!(
        "{}",
        body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default()
    );
    Ok(())
}
