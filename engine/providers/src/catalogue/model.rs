//! What is known of a model, and the rows in which it is written down.
//!
//! A row is `name key=value ...`. First what the model is: `kind` (chat when not said), `context`,
//! `max`, `takes`, `gives`, `can`. Then its prices, named and measured as in the configuration
//! (`hour` stands for 3600 times `second`). Prices behind a condition hold when it is met and inherit
//! the rest from the plain ones: `@flex` for a service, `>200000` for longer prompts, `since=DATE`,
//! `hours=FROM-TO` in UTC; the last that holds counts. `pictures=QUALITY/SIZE:PRICE,...` are prices per
//! picture. `@batch*0.5` makes a service of the plain
//! prices of tokens. `name = other` is another name of a model of the same vendor, and `like=v/m`
//! inherits what is not said from a model of another.

use tidegate_types::{
    Money, PicturePrices, Service,
    config::Dimension,
    rates::{Rates, Terms, When},
};

/// What is known of a model. What is not said of it is not known, which is no proof that it is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Name the vendor knows it by, without a date where the date makes no difference.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// Tokens of prompt and answer together; 0 when not known.
    pub context: u32,
    /// Most tokens it generates in one answer; 0 when not known.
    pub max_output: u32,
    /// What it takes in.
    pub takes: Modalities,
    /// What it makes.
    pub gives: Modalities,
    /// What it can do.
    pub can: Capabilities,
    /// What it costs, and when; empty when not known. The general terms come first.
    pub terms: Vec<Terms>,
    /// What a picture costs, by size and quality.
    pub pictures: PicturePrices,
    /// What answers computed in a region of one's choice cost on top, in thousandths.
    pub regional: u16,
    /// Sound is charged as at least this many seconds.
    pub least_seconds: u16,
    /// Whether a call's searches of the web are charged once, however many there are.
    pub search_once: bool,
}

/// Declares an enumeration whose members have names, and a set of them.
macro_rules! words {
    ($(#[$doc:meta])+ $one:ident; $(#[$set_doc:meta])+ $set:ident; $($(#[$member_doc:meta])+ $member:ident $word:literal),+ $(,)?) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $one { $($(#[$member_doc])+ $member),+ }

        impl $one {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// The name used in the catalogue and in lists of models.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $word),+ }
            }

            fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.as_str() == word)
            }
        }

        $(#[$set_doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set(u16);

        impl $set {
            /// Whether it is among them.
            pub const fn has(self, member: $one) -> bool {
                self.0 & (1 << member as u16) != 0
            }

            /// True when there is none.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Those there are.
            pub fn iter(self) -> impl Iterator<Item = $one> {
                $one::ALL.iter().copied().filter(move |member| self.has(*member))
            }

            fn listed(words: &str) -> Option<Self> {
                words.split(',').try_fold(Self(0), |set, word| {
                    Some(Self(set.0 | 1 << $one::named(word)? as u16))
                })
            }
        }
    };
}

words! {
    /// A kind of content.
    Modality;
    /// Kinds of content.
    Modalities;
    /// Words.
    Text "text",
    /// Pictures.
    Image "image",
    /// Sound.
    Audio "audio",
    /// Moving pictures.
    Video "video",
    /// Documents.
    Pdf "pdf",
    /// Vectors of an embedding.
    Vector "vector",
    /// Ranks and classes.
    Score "score",
}

words! {
    /// Something a model can do.
    Capability;
    /// What a model can do.
    Capabilities;
    /// Calls tools.
    Tools "tools",
    /// Calls several tools in one answer.
    ParallelTools "parallel_tools",
    /// Obeys a choice of tool.
    ToolChoice "tool_choice",
    /// Answers in JSON of a given schema.
    Schema "schema",
    /// Reasons before it answers.
    Reasoning "reasoning",
    /// Its prompts are cached.
    Cache "cache",
    /// Searches the web by itself.
    Search "search",
    /// Uses a computer.
    Computer "computer",
    /// Continues an answer that was begun for it.
    Prefill "prefill",
    /// Takes system messages.
    System "system",
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Kind {
    /// Conversations.
    #[default]
    Chat,
    /// Text completions.
    Completion,
    /// Embeddings.
    Embedding,
    /// Pictures.
    Image,
    /// Moving pictures.
    Video,
    /// Sound to text.
    Transcription,
    /// Text to sound.
    Speech,
    /// Live sessions.
    Realtime,
    /// Ranking documents.
    Rerank,
    /// Reading documents.
    Ocr,
    /// Judging content.
    Moderation,
    /// Searching the web.
    Search,
}

impl Kind {
    /// The name used in the catalogue and in lists of models.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::Embedding => "embedding",
            Self::Image => "image",
            Self::Video => "video",
            Self::Transcription => "transcription",
            Self::Speech => "speech",
            Self::Realtime => "realtime",
            Self::Rerank => "rerank",
            Self::Ocr => "ocr",
            Self::Moderation => "moderation",
            Self::Search => "search",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "chat" => Self::Chat,
            "completion" => Self::Completion,
            "embedding" => Self::Embedding,
            "image" => Self::Image,
            "video" => Self::Video,
            "transcription" => Self::Transcription,
            "speech" => Self::Speech,
            "realtime" => Self::Realtime,
            "rerank" => Self::Rerank,
            "ocr" => Self::Ocr,
            "moderation" => Self::Moderation,
            "search" => Self::Search,
            _ => return None,
        })
    }
}

impl Model {
    /// A model of which nothing is known but its name.
    pub(super) fn unknown(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Chat,
            context: 0,
            max_output: 0,
            takes: Modalities(1 << Modality::Text as u16),
            gives: Modalities(1 << Modality::Text as u16),
            can: Capabilities(0),
            terms: Vec::new(),
            pictures: PicturePrices::default(),
            regional: 0,
            least_seconds: 0,
            search_once: false,
        }
    }

    /// Whether what it costs is known.
    pub fn is_priced(&self) -> bool {
        !self.terms.is_empty() || !self.pictures.is_empty()
    }

    /// What it usually costs: a short prompt, the standard service.
    pub fn rates(&self) -> Rates {
        self.terms
            .first()
            .map(|terms| terms.rates)
            .unwrap_or_default()
    }

    /// Reads the members of a row; `found` looks up models that the row refers to.
    pub(super) fn read(
        name: &'static str,
        members: &'static str,
        found: impl Fn(&str) -> Option<Self>,
    ) -> Option<Self> {
        let mut model = Self::unknown(name);
        let mut prices = Prices::default();
        for word in members.split_ascii_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "like" => {
                    model = found(value)?;
                    model.name = name;
                }
                "kind" => model.kind = Kind::named(value)?,
                "context" => model.context = value.parse().ok()?,
                "max" => model.max_output = value.parse().ok()?,
                "takes" => model.takes = Modalities::listed(value)?,
                "gives" => model.gives = Modalities::listed(value)?,
                "can" => model.can = Capabilities::listed(value)?,
                "pictures" => model.pictures = pictures(value)?,
                "regional" => model.regional = value.parse().ok()?,
                "least_seconds" => model.least_seconds = value.parse().ok()?,
                "search_once" => model.search_once = true,
                _ => prices.read(key, value)?,
            }
        }
        let terms = prices.end();
        if !terms.is_empty() {
            model.terms = terms;
        }
        Some(model)
    }
}

/// The prices of a row while it is read.
#[derive(Default)]
struct Prices {
    done: Vec<Terms>,
    when: When,
    rates: Rates,
    /// Services whose tokens cost a share of the plain prices, in thousandths.
    shares: Vec<(Service, i64)>,
}

impl Prices {
    fn read(&mut self, key: &str, value: &str) -> Option<()> {
        if let Some(word) = key.strip_prefix('@') {
            if let Some((service, share)) = word.split_once('*') {
                let share: Money = share.parse().ok()?;
                let service = Service::from_word(service)?;
                self.shares.push((service, share.nanos() / 1_000_000));
                return Some(());
            }
            self.next();
            self.when.service = Service::from_word(word)?;
        } else if let Some(above) = key.strip_prefix('>') {
            self.next();
            self.when.above = above.parse().ok()?;
        } else if key == "since" {
            self.next();
            self.when.since = tidegate_types::config::unix_seconds(&format!("{value}T00:00:00Z"))?;
        } else if key == "hours" {
            self.next();
            let (from, to) = value.split_once('-')?;
            self.when.hours = Some((minute(from)?, minute(to)?));
        } else {
            let amount: Money = value.parse().ok()?;
            let million = 1_000_000;
            if key == "hour" {
                let rate = (amount.nanos().checked_mul(million)? + 1_800) / 3_600;
                self.rates.set(Dimension::Second, rate);
            } else {
                let mut all = Dimension::ALL.iter();
                let dimension = *all.find(|dimension| dimension.as_str() == key)?;
                let rate = amount.nanos().checked_mul(million / dimension.per())?;
                self.rates.set(dimension, rate);
            }
        }
        Some(())
    }

    /// Ends the terms before a condition, unless it is one of several.
    fn next(&mut self) {
        if self.rates.is_empty() {
            return;
        }
        let base = self.done.first().map(|terms| terms.rates);
        self.done.push(Terms {
            when: self.when,
            rates: self.rates.or(&base.unwrap_or_default()),
        });
        self.when = When::default();
        self.rates = Rates::default();
    }

    fn end(mut self) -> Vec<Terms> {
        self.next();
        for (service, share) in self.shares {
            for index in 0..self.done.len() {
                let mut terms = self.done[index];
                if terms.when.service != Service::Standard {
                    continue;
                }
                terms.when.service = service;
                for dimension in Dimension::ALL {
                    let others = [Dimension::Character, Dimension::CacheStorage];
                    let is_token = dimension.per() != 1 && !others.contains(dimension);
                    if let Some(rate) = terms.rates.get(*dimension).filter(|_| is_token) {
                        terms.rates.set(*dimension, rate * share / 1_000);
                    }
                }
                self.done.push(terms);
            }
        }
        self.done
    }
}

/// Prices of pictures: `hd/1024x1792:0.12,low:0.01`.
fn pictures(text: &str) -> Option<PicturePrices> {
    let one = |entry: &str| {
        let (kind, price) = entry.split_once(':')?;
        let price: Money = price.parse().ok()?;
        Some((kind.parse().ok()?, price.nanos()))
    };
    text.split(',').map(one).collect()
}

/// The minute of the day that `07:30` is.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    Some(hour.parse::<u16>().ok()? * 60 + minute.parse::<u16>().ok()?)
}
