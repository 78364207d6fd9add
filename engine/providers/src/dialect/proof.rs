//! Proofs of reasoning on their way through other vendors' dialects.
//!
//! A proof is worth something to the vendor that gave it, and makes any other refuse the request.
//! Callers send it back wherever the conversation goes next, so it must show whose it is. Anthropic's
//! signatures are bare in the neutral form; what a provider of the Responses dialect encrypted is
//! marked there, with the id of its item, without which it cannot be verified. In the Responses
//! dialect it is the other way round: its own is bare, and another vendor's is marked.

use std::borrow::Cow;

use tidegate_types::chat::Text;

use super::media;

/// Starts a neutral proof that came from the Responses dialect; `id:content` follows.
const RESPONSES: &str = "responses:";

/// Starts an `encrypted_content` that is another vendor's signature.
const SIGNATURE: &str = "signature:";

/// Starts an `encrypted_content` that is another vendor's hidden reasoning.
const REDACTED: &str = "redacted:";

/// What an `encrypted_content` is in the neutral form.
#[derive(Debug)]
pub(crate) enum Proof<'a> {
    /// The vendor's own, marked with the id of its item.
    Own(Text<'a>),
    /// The signature of reasoning whose words stand beside it.
    Signature(Text<'a>),
    /// Reasoning that another vendor hides.
    Redacted(Text<'a>),
}

/// Reads the `encrypted_content` of the reasoning item `id`.
pub(crate) fn read<'a>(content: &Text<'a>, id: Option<&Text<'a>>) -> Proof<'a> {
    if let Some(signature) = after(content, SIGNATURE) {
        return Proof::Signature(signature);
    }
    if let Some(hidden) = after(content, REDACTED) {
        return Proof::Redacted(hidden);
    }
    let id = id.map(Text::decode).filter(|id| !id.contains(':'));
    let id = id.unwrap_or_default();
    Proof::Own(Text::plain(format!("{RESPONSES}{id}:{}", content.decode())))
}

/// True when the proof came from a provider of the Responses dialect: nobody else accepts it.
pub(crate) fn of_responses(proof: &Text<'_>) -> bool {
    match proof {
        Text::Escaped(text) => text.starts_with(RESPONSES),
        Text::Plain(text) => text.starts_with(RESPONSES),
    }
}

/// The id of the item (empty if it had none) and the content that a provider of the Responses
/// dialect encrypted; `None` when the proof is another vendor's.
pub(crate) fn own<'a>(proof: &Text<'a>) -> Option<(Text<'a>, Text<'a>)> {
    let rest = after(proof, RESPONSES)?;
    match rest {
        Text::Escaped(text) => {
            let (id, content) = text.split_once(':')?;
            Some((Text::Escaped(id), Text::Escaped(content)))
        }
        Text::Plain(text) => {
            let (id, content) = text.split_once(':')?;
            Some((Text::plain(id.to_owned()), Text::plain(content.to_owned())))
        }
    }
}

/// Another vendor's signature as `encrypted_content`.
pub(crate) fn signature(signature: &Text<'_>) -> Text<'static> {
    Text::plain(format!("{SIGNATURE}{}", signature.decode()))
}

/// Another vendor's hidden reasoning as `encrypted_content`.
pub(crate) fn redacted(data: &Text<'_>) -> Text<'static> {
    Text::plain(format!("{REDACTED}{}", data.decode()))
}

fn after<'a>(text: &Text<'a>, mark: &str) -> Option<Text<'a>> {
    match text {
        Text::Escaped(text) => text.strip_prefix(mark).map(Text::Escaped),
        Text::Plain(Cow::Borrowed(text)) => text.strip_prefix(mark).map(Text::plain),
        Text::Plain(Cow::Owned(text)) => text
            .strip_prefix(mark)
            .map(|rest| Text::plain(rest.to_owned())),
    }
}

/// True for a proof that Anthropic did not make.
pub(crate) fn is_foreign(proof: &Text<'_>) -> bool {
    of_responses(proof) || is_gemini(proof)
}

/// Stands between a tool call's id and the proof of the reasoning that led to the call.
const JOINT: &str = "__proof_";

/// In front of Gemini's proofs where reasoning is told with a proof.
const OF_GEMINI: &str = "gemini.";

/// The id of a tool call with its proof inside, in the characters Anthropic allows for ids: letters,
/// digits, `_` and `-`. The history that comes back brings the proof along.
pub(crate) fn carry<'a>(id: &Text<'a>, signature: Option<&Text<'a>>) -> Text<'a> {
    let Some(signature) = signature.filter(|signature| !signature.is_empty()) else {
        return id.clone();
    };
    let mut whole = id.decode().into_owned();
    whole.push_str(JOINT);
    base64url(signature.decode().as_bytes(), &mut whole);
    Text::plain(whole)
}

/// The id and the proof that [`carry`] made one.
pub(crate) fn take(id: Text<'_>) -> (Text<'_>, Option<Text<'_>>) {
    let whole = id.decode();
    let parts = whole.rsplit_once(JOINT);
    let found = parts.and_then(|(id, proof)| Some((id.to_owned(), media::decode_text(proof)?)));
    match found {
        Some((id, proof)) if !proof.is_empty() => (Text::plain(id), Some(Text::plain(proof))),
        _ => (id, None),
    }
}

/// A proof of Gemini's, marked as such.
pub(crate) fn gemini<'a>(signature: &Text<'_>) -> Text<'a> {
    Text::plain(format!("{OF_GEMINI}{}", signature.decode()))
}

/// True for what [`gemini`] made.
pub(crate) fn is_gemini(signature: &Text<'_>) -> bool {
    signature.decode().starts_with(OF_GEMINI)
}

/// The proof as Gemini gave it, if it is one of Gemini's.
pub(crate) fn from_gemini<'a>(signature: &Text<'_>) -> Option<Text<'a>> {
    let characters = signature.decode();
    let own = characters.strip_prefix(OF_GEMINI)?;
    Some(Text::plain(own.to_owned()))
}

/// The start of what [`armoured`] makes: `tidegate:` in base64.
const ARMOUR: &str = "dGlkZWdhdGU6";

/// A foreign proof as base64, for the members that Amazon's and Google's packages read as bytes.
pub(crate) fn armoured(proof: &str) -> Text<'static> {
    let mut whole = ARMOUR.to_owned();
    base64url(proof.as_bytes(), &mut whole);
    let mut whole = whole.replace('-', "+").replace('_', "/");
    whole.extend(std::iter::repeat_n('=', whole.len().wrapping_neg() % 4));
    Text::plain(whole)
}

/// The proof that [`armoured`] wrapped.
pub(crate) fn unarmoured(base64: &Text<'_>) -> Option<Text<'static>> {
    let whole = base64.decode();
    Some(Text::plain(media::decode_text(
        whole.strip_prefix(ARMOUR)?,
    )?))
}

/// Appends base64 with the URL-safe alphabet and no padding (RFC 4648, section 5).
fn base64url(bytes: &[u8], out: &mut String) {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = (bits << 8) | u32::from(chunk.get(at).copied().unwrap_or_default());
        }
        for place in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * place)) & 63;
            out.push(char::from(SIGNS[six as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn proofs_come_back_to_their_vendor_and_to_no_other() {
        let id = Text::Escaped("rs_1");
        let Proof::Own(own_proof) = read(&Text::Escaped("gAAA"), Some(&id)) else {
            panic!("marked as foreign")
        };
        assert!(of_responses(&own_proof));
        let (back, content) = own(&own_proof).unwrap();
        assert!(back.is("rs_1") && content.is("gAAA"));
        let anthropic = Text::Escaped("ErUB+/=");
        assert!(!of_responses(&anthropic) && own(&anthropic).is_none());
        assert!(
            matches!(read(&signature(&anthropic), Some(&id)), Proof::Signature(text) if text == anthropic)
        );
        assert!(
            matches!(read(&redacted(&anthropic), None), Proof::Redacted(text) if text == anthropic)
        );
        // Through a second gateway the mark stays what it is.
        assert!(
            matches!(read(&signature(&own_proof), None), Proof::Signature(text) if of_responses(&text))
        );
    }

    #[test]
    fn an_id_without_a_proof_stays_as_it_is() {
        for id in ["call_1", "toolu_01", "x__proof_", "x__proof_!", ""] {
            let (taken, proof) = take(Text::plain(id));
            assert!(taken.is(id) && proof.is_none(), "{id}");
        }
        assert!(carry(&Text::plain("a"), Some(&Text::Escaped(""))).is("a"));
    }

    #[test]
    fn the_mark_tells_whose_a_proof_is() {
        let marked = gemini(&Text::Escaped("AY\\/8="));
        assert!(is_gemini(&marked) && from_gemini(&marked).unwrap().is("AY/8="));
        assert!(from_gemini(&Text::plain("EqQB")).is_none());
    }

    proptest! {
        #[test]
        fn what_was_carried_is_taken_off_again(id in "[a-z_0-9-]{0,12}", proof in ".{1,40}") {
            let whole = carry(&Text::plain(id.as_str()), Some(&Text::plain(proof.as_str())));
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            prop_assert!(whole.decode().chars().all(allowed));
            let (taken, found) = take(whole);
            prop_assert!(taken.is(&id) && found.is_some_and(|found| found.is(&proof)));
            let safe = armoured(&proof);
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
            prop_assert!(safe.decode().len().is_multiple_of(4) && safe.decode().chars().all(allowed));
            prop_assert!(unarmoured(&safe).is_some_and(|found| found.is(&proof)));
            prop_assert!(unarmoured(&Text::plain(proof)).is_none());
        }
    }
}
