//! Size and quality of pictures, by which some vendors charge.

use std::{cmp::Reverse, collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How well a picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Quality {
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `standard`.
    Standard,
    /// `high`.
    High,
    /// `hd`.
    Hd,
    /// `xhigh`.
    ExtraHigh,
    /// `max`.
    Max,
}

impl Quality {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::Standard, "standard"),
        (Self::High, "high"),
        (Self::Hd, "hd"),
        (Self::ExtraHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    fn from_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find_map(|(quality, name)| (*name == word).then_some(*quality))
    }

    fn as_str(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find_map(|(quality, name)| (*quality == self).then_some(*name))
            .unwrap_or_default()
    }
}

/// Quality and size of a picture, as far as they are known: `hd/1024x1792`, `low`, `512x512`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Picture {
    quality: Option<Quality>,
    /// Width and height in pixels.
    size: Option<(u32, u32)>,
}

/// What is taken where nobody says a size.
const USUAL: (u32, u32) = (1024, 1024);

impl Picture {
    /// What a request or an answer says of its pictures; `auto` and what is no size say nothing.
    pub fn said(quality: Option<&str>, size: Option<&str>) -> Self {
        Self {
            quality: quality.and_then(Quality::from_word),
            size: size.and_then(pixels),
        }
    }

    /// This, and `other` where this says nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            quality: self.quality.or(other.quality),
            size: self.size.or(other.size),
        }
    }

    /// How far a price for `listed` is from one for this, the nearest first: the quality counts before
    /// the size, and the next larger size before a smaller one. Where nothing is said, what vendors
    /// make unasked comes first.
    fn distance(self, listed: Self) -> (u8, u64) {
        let quality = match (self.quality, listed.quality) {
            (asked, listed) if asked == listed => 0,
            (_, None) => 1,
            (None, Some(Quality::Standard | Quality::Medium)) => 2,
            _ => 3,
        };
        let area = |(width, height)| u64::from(width) * u64::from(height);
        let size = match (self.size, listed.size) {
            (asked, listed) if asked == listed => 0,
            (_, None) => 1,
            (None, Some(USUAL)) => 2,
            (None, Some(size)) => 3 + area(size),
            (Some(asked), Some(listed)) if area(listed) >= area(asked) => {
                2 + area(listed) - area(asked)
            }
            (Some(asked), Some(listed)) => u64::MAX / 2 + area(asked) - area(listed),
        };
        (quality, size)
    }
}

/// Width and height of `1024x1536`; vendors and lists also write `1024-x-1536` and `1024*1536`.
fn pixels(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(['x', '*'])?;
    let number = |text: &str| text.parse().ok().filter(|pixels| *pixels > 0);
    let width = number(width.trim_end_matches('-'))?;
    Some((width, number(height.trim_start_matches('-'))?))
}

impl FromStr for Picture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no quality, size or QUALITY/SIZE; an example is \"hd/1024x1792\", and \
                 qualities are low, medium, standard, high, hd, xhigh and max"
            )
        };
        let (quality, size) = match text.split_once('/') {
            Some((quality, size)) => (Some(quality), Some(size)),
            None if pixels(text).is_some() => (None, Some(text)),
            None => (Some(text), None),
        };
        let read = Self::said(quality, size);
        let whole =
            quality.is_none() == read.quality.is_none() && size.is_none() == read.size.is_none();
        whole.then_some(read).ok_or_else(wrong)
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quality.map_or("", Quality::as_str))?;
        if self.quality.is_some() && self.size.is_some() {
            f.write_str("/")?;
        }
        match self.size {
            Some((width, height)) => write!(f, "{width}x{height}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Picture {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Picture> for String {
    fn from(picture: Picture) -> Self {
        picture.to_string()
    }
}

impl schemars::JsonSchema for Picture {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Picture".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "quality and size of a picture, or one of them: hd/1024x1792, low, 512x512",
            "type": "string",
        })
    }
}

/// Nano-dollars per picture, by size and quality.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PicturePrices(BTreeMap<Picture, i64>);

impl PicturePrices {
    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a picture of this kind costs, or else the nearest kind that is listed; of two as near the
    /// dearer. `None` where nothing is listed.
    pub fn price(&self, picture: Picture) -> Option<i64> {
        let near =
            |(listed, price): &(&Picture, &i64)| (picture.distance(**listed), Reverse(**price));
        self.0.iter().min_by_key(near).map(|(_, price)| *price)
    }

    /// The most a picture of this kind can cost, whatever is not known of it.
    pub fn most(&self, picture: Picture) -> Option<i64> {
        let exact = self.0.get(&picture).copied();
        exact.or_else(|| self.0.values().max().copied())
    }
}

impl FromIterator<(Picture, i64)> for PicturePrices {
    fn from_iter<I: IntoIterator<Item = (Picture, i64)>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str) -> Picture {
        text.parse().unwrap()
    }

    #[test]
    fn kinds_of_pictures_are_read_and_written() {
        for text in ["hd/1024x1792", "low", "512x512"] {
            assert_eq!(picture(text).to_string(), text);
        }
        assert_eq!(picture("low/1024-x-1536"), picture("low/1024x1536"));
        for wrong in ["", "x", "0x4", "low/", "auto/1x1", "hd/1024", "-1x4"] {
            assert!(wrong.parse::<Picture>().is_err(), "{wrong}");
        }
        let said = Picture::said(Some("auto"), Some("auto"));
        assert_eq!(said, Picture::default());
        assert_eq!(said.or(picture("hd/1x1")), picture("hd/1x1"));
    }

    #[test]
    fn the_nearest_kind_that_is_listed_is_charged() {
        let prices: PicturePrices = [
            ("standard/1024x1024", 40),
            ("standard/1024x1792", 80),
            ("hd/1024x1024", 80),
            ("hd/1024x1792", 120),
        ]
        .into_iter()
        .map(|(kind, price)| (picture(kind), price))
        .collect();
        for (quality, size, want) in [
            (Some("hd"), Some("1024x1792"), 120),
            (Some("hd"), None, 80),
            (None, Some("1024x1792"), 80),
            (None, None, 40),
            // Turned on its side it is as large; what is larger than all is charged as the largest.
            (Some("standard"), Some("1792x1024"), 80),
            (Some("standard"), Some("1200x1024"), 80),
            (Some("standard"), Some("4096x4096"), 80),
        ] {
            let price = prices.price(Picture::said(quality, size));
            assert_eq!(price, Some(want), "{quality:?} {size:?}");
        }
        assert_eq!(prices.most(picture("standard/1024x1024")), Some(40));
        assert_eq!(prices.most(Picture::default()), Some(120));
        assert_eq!(PicturePrices::default().price(Picture::default()), None);
    }
}
