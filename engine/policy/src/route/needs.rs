//! What a request needs of a model.

use tidegate_types::config::Capabilities;

/// A set of things that a request may need and a model may lack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs(u8);

impl Needs {
    /// Nothing in particular.
    pub const NONE: Self = Self(0);
    /// To call tools.
    pub const TOOLS: Self = Self(1);
    /// To take pictures.
    pub const IMAGES: Self = Self(1 << 1);
    /// To take sound.
    pub const AUDIO: Self = Self(1 << 2);
    /// To take moving pictures.
    pub const VIDEO: Self = Self(1 << 3);
    /// To take documents.
    pub const DOCUMENTS: Self = Self(1 << 4);
    /// To answer in JSON of a given schema.
    pub const STRUCTURED: Self = Self(1 << 5);
    /// To reason.
    pub const REASONING: Self = Self(1 << 6);

    /// This set, with `other` in it where `wanted`.
    #[must_use]
    pub fn with(self, other: Self, wanted: bool) -> Self {
        if wanted { Self(self.0 | other.0) } else { self }
    }

    /// What only one of the two holds.
    #[must_use]
    pub fn differs(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    /// What of this set is not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the two have something in common.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What a configuration says can be done, and what cannot.
    pub fn told(capabilities: &Capabilities) -> (Self, Self) {
        let said = [
            (Self::TOOLS, capabilities.tools),
            (Self::IMAGES, capabilities.images),
            (Self::AUDIO, capabilities.audio),
            (Self::VIDEO, capabilities.video),
            (Self::DOCUMENTS, capabilities.documents),
            (Self::STRUCTURED, capabilities.structured_output),
            (Self::REASONING, capabilities.reasoning),
        ];
        let set = |wanted: bool| {
            said.iter().fold(Self::NONE, |set, (need, said)| {
                set.with(*need, *said == Some(wanted))
            })
        };
        (set(true), set(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_goes_into_one_of_two_sets() {
        let (can, cannot) = Needs::told(&Capabilities {
            tools: Some(true),
            images: Some(false),
            reasoning: Some(false),
            ..Capabilities::default()
        });
        assert_eq!(can, Needs::TOOLS);
        assert_eq!(cannot, Needs::IMAGES.with(Needs::REASONING, true));
        assert!(cannot.meets(Needs::IMAGES) && !cannot.meets(Needs::AUDIO));
        assert_eq!(cannot.without(Needs::IMAGES), Needs::REASONING);
        assert!(Needs::told(&Capabilities::default()).0.is_empty());
    }
}
