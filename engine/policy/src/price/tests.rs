use proptest::prelude::*;
use tidegate_types::config::PriceTier;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "prices are optional members")]
fn dollars(text: &str) -> Option<Money> {
    Some(text.parse().unwrap())
}

/// A moment in November 2026, at that minute of the day.
fn at(minute: i64) -> i64 {
    20_770 * 86_400 + minute * 60
}

fn cost(price: &Price, usage: &Usage) -> String {
    Sheet::from(price).cost(usage, at(0)).to_string()
}

#[test]
fn cached_tokens_are_charged_at_their_own_rate() {
    let price = Price {
        input: dollars("3"),
        output: dollars("15"),
        cache_read: dollars("0.3"),
        cache_write: dollars("3.75"),
        ..Price::default()
    };
    let usage = Usage {
        input: 1_000,
        output: 10,
        cache_read: 600,
        cache_write: 300,
        ..Usage::default()
    };
    // 100 x 3 + 600 x 0.3 + 300 x 3.75 + 10 x 15 = 1755 per million
    assert_eq!(cost(&price, &usage), "0.001755");
}

#[test]
fn a_call_is_rounded_once() {
    let price = Price {
        input: dollars("0.0000003"),
        output: dollars("0.0000003"),
        ..Price::default()
    };
    let usage = Usage {
        input: 1_000,
        output: 1_000,
        ..Usage::default()
    };
    // Two times 0.3 of a nano-dollar: one, and not two.
    assert_eq!(cost(&price, &usage), "0.000000001");
}

#[test]
fn every_token_is_charged_as_one_kind() {
    let price = Price {
        input: dollars("1"),
        output: dollars("2"),
        cache_read: dollars("0.1"),
        audio_input: dollars("10"),
        audio_cache_read: dollars("0.4"),
        audio_output: dollars("20"),
        image_input: dollars("5"),
        reasoning: dollars("3"),
        ..Price::default()
    };
    let usage = Usage {
        input: 1_000,
        cache_read: 200,
        audio_input: 300,
        audio_cache_read: 100,
        image_input: 50,
        output: 100,
        audio_output: 60,
        reasoning: 30,
        ..Usage::default()
    };
    // cached: 100 sound, 100 other; sound 200, pictures 50, plain 550; said 60, thought 30, plain 10
    let micros = 100 * 4 / 10 + 100 / 10 + 200 * 10 + 50 * 5 + 550 + 60 * 20 + 30 * 3 + 10 * 2;
    assert_eq!(Sheet::from(&price).cost(&usage, 0).nanos(), micros * 1_000);
    // Kinds that together exceed the whole do not make it longer.
    let odd = Usage {
        input: 10,
        audio_input: 100,
        image_input: 100,
        ..Usage::default()
    };
    assert_eq!(cost(&price, &odd), "0.0001");
}

#[test]
fn the_service_that_answered_and_the_length_of_the_prompt_decide() {
    let price: Price = serde_json::from_str(
        r#"{"input":1,"output":10,"search":0.01,"tiers":[{"above":1000,"input":2}],
            "services":{"priority":{"input":4},"batch":{"input":0.5,"output":5,"tiers":[{"above":1000,"input":1}]}}}"#,
    )
    .unwrap();
    let of = |service, input| {
        let usage = Usage {
            input,
            output: 100,
            searches: 2,
            service,
            ..Usage::default()
        };
        cost(&price, &usage)
    };
    assert_eq!(of(Service::Standard, 1_000), "0.022");
    assert_eq!(of(Service::Standard, 1_001), "0.023002");
    assert_eq!(of(Service::Priority, 2_000), "0.029");
    assert_eq!(of(Service::Batch, 2_000), "0.0225");
    assert_eq!(of(Service::Flex, 1_000), "0.022");
}

#[test]
fn units_that_are_no_tokens_have_prices_of_their_own() {
    let price: Price = serde_json::from_str(
        r#"{"second":"0.000030834","character":15,"image":0.04,"page":0.002,"annotated_page":0.003,
            "search_unit":0.002,"request":0.005,"message":0.004,"file_search":0.0025}"#,
    )
    .unwrap();
    let usage = Usage {
        micros: 1_500_000,
        characters: 1_000,
        images: 2,
        pages: 3,
        annotated_pages: 1,
        search_units: 1,
        messages: 1,
        file_searches: 2,
        ..Usage::default()
    };
    // 0.000046251 + 0.015 + 0.08 + 0.004 + 0.003 + 0.002 + 0.004 + 0.005 + 0.005
    assert_eq!(cost(&price, &usage), "0.118046251");
}

#[test]
fn hours_dates_and_regions_change_the_price() {
    let terms = |hours, since, input: i64| {
        let mut rates = Rates::default();
        rates.set(Dimension::Input, input);
        Terms {
            when: When {
                hours,
                since,
                ..When::default()
            },
            rates,
        }
    };
    let sheet = Sheet::new(
        &[
            terms(None, 0, 1_000_000),
            terms(Some((60, 240)), 0, 2_000_000),
            terms(None, at(1_440), 5_000_000),
        ],
        100,
    );
    let usage = Usage {
        input: 10,
        ..Usage::default()
    };
    assert_eq!(sheet.cost(&usage, at(0)).nanos(), 10);
    assert_eq!(sheet.cost(&usage, at(60)).nanos(), 20);
    assert_eq!(sheet.cost(&usage, at(2_000)).nanos(), 50);
    let abroad = Usage {
        regional: true,
        ..usage
    };
    assert_eq!(sheet.cost(&abroad, at(0)).nanos(), 11);
    assert_eq!(sheet.bound(&usage, false).nanos(), 55);
}

fn amount() -> impl Strategy<Value = Option<Money>> {
    proptest::option::of((0..200_000_000_000_i64).prop_map(Money::from_nanos))
}

fn price() -> impl Strategy<Value = Price> {
    let rates = || proptest::collection::vec(amount(), Dimension::COUNT);
    let tiers = proptest::collection::vec((0..3_000_u64, rates()), 0..3);
    (rates(), tiers, rates()).prop_map(|(base, tiers, flex)| {
        let read = |rates: &[Option<Money>]| -> Price {
            let members = Dimension::ALL
                .iter()
                .zip(rates)
                .filter_map(|(dimension, rate)| {
                    Some((dimension.as_str().to_owned(), serde_json::json!((*rate)?)))
                });
            serde_json::from_value(serde_json::Value::Object(members.collect())).unwrap()
        };
        let mut price = read(&base);
        price.tiers = tiers
            .iter()
            .map(|(above, rates)| PriceTier {
                above: *above,
                input: rates[0],
                output: rates[1],
                audio_output: rates[2],
                image_cache_read: rates[3],
                ..PriceTier::default()
            })
            .collect();
        price.services.insert(Service::Priority, read(&flex));
        price
    })
}

proptest! {
    #[test]
    fn a_bound_is_never_less_than_the_cost(
        price in price(),
        most in proptest::collection::vec(0..4_000_u64, 11),
        share in proptest::collection::vec(0..=100_u64, 24),
        service in 0..3_usize,
        regional in 0..300_u16,
        abroad: bool,
    ) {
        let most = Usage {
            input: most[0], output: most[1], characters: most[2], micros: most[3] * 1_000_003,
            images: most[4], pages: most[5], annotated_pages: most[5], searches: most[6],
            file_searches: most[7], search_units: most[8], messages: most[9],
            ..Usage::default()
        };
        let of = |whole: u64, index: usize| whole * share[index] / 100;
        let input = of(most.input, 0);
        let output = of(most.output, 1);
        let usage = Usage {
            input, output,
            cache_read: of(input, 2), cache_write: of(input, 3), cache_write_1h: of(input, 4),
            audio_input: of(input, 5), audio_cache_read: of(input, 6), image_input: of(input, 7),
            image_cache_read: of(input, 8), video_input: of(input, 9), reasoning: of(output, 10),
            citations: of(output, 11), audio_output: of(output, 12), image_output: of(output, 13),
            video_output: of(output, 14), characters: of(most.characters, 15),
            micros: of(most.micros, 16), images: of(most.images, 17), pages: of(most.pages, 18),
            annotated_pages: of(most.pages, 19), searches: of(most.searches, 20),
            file_searches: of(most.file_searches, 21), search_units: of(most.search_units, 22),
            messages: of(most.messages, 23),
            service: [Service::Standard, Service::Priority, Service::Batch][service],
            regional: abroad,
            ..Usage::default()
        };
        let sheet = Sheet::new(&price.terms(), regional);
        prop_assert!(sheet.bound(&most, false) >= sheet.cost(&usage, at(0)));
    }
}
