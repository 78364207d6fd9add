use super::*;

fn placed(kind: SessionKind, text: &str) -> String {
    let asked = asked(kind, text.as_bytes());
    let (name, place) = asked.model.unwrap();
    let spliced = with_model(kind, Message::text(text), &place, "new");
    format!("{name}|{}", String::from_utf8_lossy(spliced.payload()))
}

#[test]
fn only_the_name_of_the_model_is_replaced() {
    assert_eq!(
        placed(
            SessionKind::Responses,
            " {\"type\":\"response.create\", \"model\" : \"fast\",\"n\":1.0}"
        ),
        "fast| {\"type\":\"response.create\", \"model\" : \"new\",\"n\":1.0}"
    );
    assert_eq!(
        placed(
            SessionKind::Live,
            r#"{"setup":{"model":"models/fast","x":1e0}}"#
        ),
        r#"fast|{"setup":{"model":"models/new","x":1e0}}"#
    );
}

#[test]
fn messages_that_ask_for_a_response_are_told_apart() {
    let asks = |kind, text: &str| asked(kind, text.as_bytes());
    let create = asks(
        SessionKind::Realtime,
        r#"{"type":"response.create","event_id":"e1","response":{"max_output_tokens":7}}"#,
    );
    assert!(create.response);
    assert_eq!((create.id.as_deref(), create.most), (Some("e1"), Some(7)));
    let endless = r#"{"type":"session.update","session":{"max_output_tokens":"inf"}}"#;
    assert_eq!(asks(SessionKind::Realtime, endless).most, Some(u64::MAX));
    let sound = asks(
        SessionKind::Realtime,
        r#"{"type":"input_audio_buffer.append","audio":"QUJD"}"#,
    );
    assert!(!sound.response);
    assert_eq!(sound.adds, Heard { text: 0, sound: 4 });
    assert!(
        asks(
            SessionKind::Live,
            r#"{"client_content":{"turns":[],"turn_complete":true}}"#
        )
        .response
    );
    assert!(
        !asks(
            SessionKind::Live,
            r#"{"realtimeInput":{"audio":{"data":"QUI="}}}"#
        )
        .response
    );
    assert_eq!(asks(SessionKind::Live, "no JSON").adds.text, 7);
}

#[test]
fn usage_is_read_from_the_messages_that_end_a_response() {
    let done = told(
        SessionKind::Realtime,
        br#"{"type":"response.done","response":{"id":"r","status":"completed","usage":{"total_tokens":30,
        "input_tokens":20,"output_tokens":10,"input_token_details":{"cached_tokens":8}}}}"#,
    );
    let usage = done.usage.unwrap();
    assert!(done.over);
    assert_eq!(done.id.as_deref(), Some("r"));
    assert_eq!((usage.input, usage.output, usage.cache_read), (20, 10, 8));
    let heard = told(
        SessionKind::Realtime,
        br#"{"type":"conversation.item.input_audio_transcription.completed","transcript":"hi",
        "usage":{"type":"tokens","total_tokens":22,"input_tokens":13,"output_tokens":9}}"#,
    );
    assert_eq!(heard.beside.map(|usage| usage.input), Some(13));
    let turn = told(
        SessionKind::Live,
        br#"{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":5,"responseTokenCount":3}}"#,
    );
    assert!(turn.over);
    assert_eq!(
        turn.usage.map(|usage| (usage.input, usage.output)),
        Some((5, 3))
    );
    let failed = told(
        SessionKind::Responses,
        br#"{"type":"error","status":400,"error":{}}"#,
    );
    assert_eq!(failed.refused, Some(None));
}
