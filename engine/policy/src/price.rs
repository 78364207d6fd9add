//! What usage costs.

use tidegate_types::{
    Money, PicturePrices, Service, Usage,
    config::{Dimension, Price},
    rates::{Rates, Terms, When},
};

/// Everything a model can cost, compiled: looking a price up costs no more than a few comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    rows: Vec<Row>,
    pictures: PicturePrices,
    /// What regional answers cost on top, in thousandths of the price of tokens.
    regional: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    when: When,
    /// Nano-dollars per million units, with every default filled in.
    rates: [i64; Dimension::COUNT],
}

/// Dimensions of the prompt, of which each token is charged as one.
const PROMPT: &[Dimension] = &[
    Dimension::Input,
    Dimension::CacheRead,
    Dimension::CacheWrite,
    Dimension::CacheWrite1h,
    Dimension::AudioInput,
    Dimension::AudioCacheRead,
    Dimension::ImageInput,
    Dimension::ImageCacheRead,
    Dimension::VideoInput,
];

/// Dimensions of the answer, of which each token is charged as one.
const ANSWER: &[Dimension] = &[
    Dimension::Output,
    Dimension::Reasoning,
    Dimension::Citation,
    Dimension::AudioOutput,
    Dimension::ImageOutput,
    Dimension::VideoOutput,
];

/// Parts of a nano-dollar in which a call is summed up: rates are per million units, and time is
/// counted in millionths of its unit.
const PARTS: i128 = 1_000_000_000_000;

impl Sheet {
    /// The sheet of these terms, the general ones first; `regional` is what regional answers cost on
    /// top, in thousandths of the price of tokens.
    pub fn new(terms: &[Terms], regional: u16) -> Self {
        let rows = terms.iter().map(|terms| Row {
            when: terms.when,
            rates: filled(&terms.rates),
        });
        Self {
            rows: rows.collect(),
            pictures: PicturePrices::default(),
            regional,
        }
    }

    /// With prices of pictures by size and quality, which hold where no tokens are told.
    #[must_use]
    pub fn with_pictures(mut self, pictures: PicturePrices) -> Self {
        if self.rows.is_empty() && !pictures.is_empty() {
            self.rows.push(Row {
                when: When::default(),
                rates: filled(&Rates::default()),
            });
        }
        self.pictures = pictures;
        self
    }

    /// What `usage` costs at this moment, in seconds since 1970.
    ///
    /// Everything is summed up exactly and rounded once, up, to a nano-dollar.
    pub fn cost(&self, usage: &Usage, now: i64) -> Money {
        let Some(rates) = self.rates(usage, now) else {
            return Money::ZERO;
        };
        let mut sum = Sum {
            rates,
            tokens: 0,
            parts: 0,
        };
        sum.prompt(usage);
        sum.answer(usage);
        for (dimension, count) in [
            (Dimension::Character, usage.characters),
            (
                Dimension::Page,
                usage.pages.saturating_sub(usage.annotated_pages),
            ),
            (Dimension::AnnotatedPage, usage.annotated_pages),
            (Dimension::Search, usage.searches),
            (Dimension::FileSearch, usage.file_searches),
            (Dimension::SearchUnit, usage.search_units),
            (Dimension::Message, usage.messages),
            (Dimension::Request, 1),
        ] {
            sum.add(dimension, count, 1_000_000);
        }
        sum.add(Dimension::Second, usage.micros, 1);
        // The price is for an hour.
        sum.add(Dimension::CacheStorage, usage.cache_kept / 3_600, 1_000_000);
        let seconds = i128::from(usage.cache_kept % 3_600) * 1_000_000 / 3_600;
        sum.add(Dimension::CacheStorage, 1, seconds);
        match self.pictures.price(usage.picture) {
            Some(_) if usage.output > 0 => {}
            Some(each) => sum.add_at(each.saturating_mul(1_000_000), usage.images, 1_000_000),
            None => sum.add(Dimension::Image, usage.images, 1_000_000),
        }
        let thousandths = if usage.regional {
            1_000 + i128::from(self.regional)
        } else {
            1_000
        };
        rounded_up(
            sum.tokens
                .saturating_mul(thousandths)
                .saturating_mul(1_000)
                .saturating_add(sum.parts),
        )
    }

    /// The most a call can cost that consumes no more than `most` says of anything, whichever service
    /// answers and whenever. `fast` says whether the quick copy of the model may be what answers:
    /// it is dear, and nobody gets it who did not ask for it.
    pub fn bound(&self, most: &Usage, fast: bool) -> Money {
        let mut dearest = [0; Dimension::COUNT];
        for row in &self.rows {
            if row.when.above < most.input.max(1) && (fast || row.when.service != Service::Fast) {
                for (most, rate) in dearest.iter_mut().zip(row.rates) {
                    *most = rate.max(*most);
                }
            }
        }
        let rate = |dimensions: &[Dimension]| {
            let rates = dimensions
                .iter()
                .map(|dimension| dearest[*dimension as usize]);
            i128::from(rates.max().unwrap_or_default())
        };
        let tokens = (rate(PROMPT).saturating_mul(most.input.into()))
            .saturating_add(rate(ANSWER).saturating_mul(most.output.into()))
            .saturating_mul(1_000 + i128::from(self.regional))
            .saturating_mul(1_000);
        let listed = self.pictures.most(most.picture).map(i128::from);
        let picture = listed.map_or_else(
            || rate(&[Dimension::Image]),
            |each| each.saturating_mul(1_000_000),
        );
        let pages = &[Dimension::Page, Dimension::AnnotatedPage];
        let units = [
            (rate(&[Dimension::Character]), most.characters),
            (picture, most.images),
            (rate(pages), most.pages.max(most.annotated_pages)),
            (rate(&[Dimension::Search]), most.searches),
            (rate(&[Dimension::FileSearch]), most.file_searches),
            (rate(&[Dimension::SearchUnit]), most.search_units),
            (rate(&[Dimension::Message]), most.messages),
            (rate(&[Dimension::Request]), 1),
        ];
        let units = units.iter().fold(0_i128, |sum, (rate, count)| {
            sum.saturating_add(
                rate.saturating_mul((*count).into())
                    .saturating_mul(1_000_000),
            )
        });
        let time = rate(&[Dimension::Second]).saturating_mul(most.micros.into());
        let kept = rate(&[Dimension::CacheStorage])
            .saturating_mul(i128::from(most.cache_kept.div_ceil(3_600)))
            .saturating_mul(1_000_000);
        let all = tokens.saturating_add(units).saturating_add(time);
        rounded_up(all.saturating_add(kept))
    }

    /// Whether the quick copy of the model has a price of its own.
    pub fn has_fast(&self) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| row.when.service == Service::Fast)
    }

    /// Whether it has a price of this kind, at any time and for any service.
    pub fn charges(&self, dimension: Dimension) -> bool {
        let mut rows = self.rows.iter();
        dimension == Dimension::Image && !self.pictures.is_empty()
            || rows.any(|row| row.rates[dimension as usize] != 0)
    }

    fn rates(&self, usage: &Usage, now: i64) -> Option<&[i64; Dimension::COUNT]> {
        let of = |service| {
            self.rows.iter().rfind(|row| {
                row.when.service == service
                    && (row.when.above == 0 || usage.input > row.when.above)
                    && row.when.is_now(now)
            })
        };
        // A service without a price of its own costs what everyone pays.
        let row = of(usage.service).or_else(|| of(Service::Standard));
        row.map(|row| &row.rates)
    }
}

impl From<&Price> for Sheet {
    fn from(price: &Price) -> Self {
        let pictures = price.pictures.iter();
        Self::new(&price.terms(), 0)
            .with_pictures(pictures.map(|(kind, each)| (*kind, each.nanos())).collect())
    }
}

/// What was summed up so far.
struct Sum<'a> {
    rates: &'a [i64; Dimension::COUNT],
    /// Tokens times their rates.
    tokens: i128,
    /// Everything else, in parts of a nano-dollar.
    parts: i128,
}

impl Sum<'_> {
    fn add(&mut self, dimension: Dimension, count: u64, scale: i128) {
        self.add_at(self.rates[dimension as usize], count, scale);
    }

    fn add_at(&mut self, rate: i64, count: u64, scale: i128) {
        let rate = i128::from(rate);
        let parts = rate.saturating_mul(count.into()).saturating_mul(scale);
        self.parts = self.parts.saturating_add(parts);
    }

    /// Takes up to `count` of the tokens that are `left`, and says how many.
    fn take(&mut self, dimension: Dimension, count: u64, left: &mut u64) -> u64 {
        let taken = count.min(*left);
        *left -= taken;
        let rate = i128::from(self.rates[dimension as usize]);
        self.tokens = self
            .tokens
            .saturating_add(rate.saturating_mul(taken.into()));
        taken
    }

    /// Every token of the prompt once: as what it is, and as plain prompt when it is nothing else.
    fn prompt(&mut self, usage: &Usage) {
        let mut left = usage.input;
        let mut cached = usage.cache_read.min(left);
        let before = cached;
        let audio = self.take(
            Dimension::AudioCacheRead,
            usage.audio_cache_read,
            &mut cached,
        );
        let image = self.take(
            Dimension::ImageCacheRead,
            usage.image_cache_read,
            &mut cached,
        );
        let plain = cached;
        self.take(Dimension::CacheRead, plain, &mut cached);
        left -= before;
        self.take(Dimension::CacheWrite, usage.cache_write, &mut left);
        self.take(Dimension::CacheWrite1h, usage.cache_write_1h, &mut left);
        let audio = usage.audio_input.saturating_sub(audio);
        self.take(Dimension::AudioInput, audio, &mut left);
        let image = usage.image_input.saturating_sub(image);
        self.take(Dimension::ImageInput, image, &mut left);
        self.take(Dimension::VideoInput, usage.video_input, &mut left);
        let rest = left;
        self.take(Dimension::Input, rest, &mut left);
    }

    fn answer(&mut self, usage: &Usage) {
        let mut left = usage.output;
        self.take(Dimension::AudioOutput, usage.audio_output, &mut left);
        self.take(Dimension::ImageOutput, usage.image_output, &mut left);
        self.take(Dimension::VideoOutput, usage.video_output, &mut left);
        self.take(Dimension::Reasoning, usage.reasoning, &mut left);
        self.take(Dimension::Citation, usage.citations, &mut left);
        let rest = left;
        self.take(Dimension::Output, rest, &mut left);
    }
}

/// Rates with what nobody said filled in as `Price` documents it.
fn filled(rates: &Rates) -> [i64; Dimension::COUNT] {
    use Dimension as D;
    let mut filled = [0; D::COUNT];
    let or = |filled: &[i64; D::COUNT], other: D| filled[other as usize];
    // In the order of declaration, which every default points back in.
    for dimension in D::ALL {
        let otherwise = match dimension {
            D::CacheRead | D::CacheWrite | D::AudioInput | D::ImageInput | D::VideoInput => {
                or(&filled, D::Input)
            }
            D::CacheWrite1h => or(&filled, D::CacheWrite),
            D::AudioCacheRead | D::ImageCacheRead => or(&filled, D::CacheRead),
            D::Reasoning | D::Citation | D::AudioOutput | D::ImageOutput | D::VideoOutput => {
                or(&filled, D::Output)
            }
            D::AnnotatedPage => or(&filled, D::Page),
            _ => 0,
        };
        filled[*dimension as usize] = rates.get(*dimension).unwrap_or(otherwise);
    }
    filled
}

fn rounded_up(parts: i128) -> Money {
    let nanos = parts.div_euclid(PARTS) + i128::from(parts.rem_euclid(PARTS) > 0);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
