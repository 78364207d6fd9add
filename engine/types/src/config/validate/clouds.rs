//! Clouds, proofs and quirks of a provider.

use super::{
    super::{Auth, Aws, Azure, Google, Provider, Quirk, load::place::Place, suggest},
    Report, header_secret,
    providers::base_url,
};

pub(super) fn check(provider: &Provider, place: &Place, report: Report<'_>) {
    if let Some(aws) = &provider.aws {
        self::aws(aws, &place.then("aws"), report);
    }
    if let Some(azure) = &provider.azure {
        self::azure(azure, provider, &place.then("azure"), report);
    }
    if let Some(google) = &provider.google {
        self::google(google, &place.then("google"), report);
    }
    if let Some(quirks) = &provider.quirks {
        self::quirks(quirks, &place.then("quirks"), report);
    }
    auth(provider, place, report);
    for (name, value) in &provider.variables {
        let place = place.then("variables").then(name);
        if name.is_empty() || name.contains(['{', '}']) {
            let message = "is no name that can stand between braces in `base_url`";
            report(&place, message.to_owned());
        } else if value.trim().is_empty() {
            report(&place, "empty".to_owned());
        }
    }
    if let Some(url) = &provider.base_url {
        for name in unfilled(url, provider) {
            let place = place.then("variables");
            let message = format!(
                "{} stands in base_url and has no value here",
                suggest::quote(name)
            );
            report(&place, message);
        }
    }
    for name in provider.query.keys().filter(|name| name.is_empty()) {
        report(&place.then("query").then(name), "empty".to_owned());
    }
}

/// Names in a base URL that nothing fills; `{region}` is AWS's own.
fn unfilled<'u>(url: &'u str, provider: &Provider) -> Vec<&'u str> {
    url.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| *name != "region" && !provider.variables.contains_key(*name))
        .collect()
}

fn auth(provider: &Provider, place: &Place, report: Report<'_>) {
    let has_key = provider.api_key.is_some() || !provider.keys.is_empty();
    let message = match provider.auth {
        Some(Auth::Aws | Auth::Azure | Auth::Google) if has_key => {
            "proves who asks without a key; leave api_key and keys out, or leave auth out"
        }
        Some(Auth::None) if has_key => "none, but there are keys; leave one of them out",
        Some(Auth::Ibm) if provider.keys.len() > 1 => {
            "exchanges one key for tokens; give several accounts as several providers"
        }
        _ => return,
    };
    report(&place.then("auth"), message.to_owned());
}

fn aws(aws: &Aws, place: &Place, report: Report<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if let Some(region) = &aws.region
        && (region.is_empty() || !region.bytes().all(plain))
    {
        let message = "is no name of a region; it looks like eu-west-3";
        report(&place.then("region"), message.to_owned());
    }
    match (&aws.access_key_id, &aws.secret_access_key) {
        (Some(_), None) => report(
            &place.then("secret_access_key"),
            "missing beside access_key_id".to_owned(),
        ),
        (None, Some(_)) => report(
            &place.then("access_key_id"),
            "missing beside secret_access_key".to_owned(),
        ),
        _ => {}
    }
    if aws.access_key_id.is_some() && (aws.source.is_some() || aws.profile.is_some()) {
        let message = "given beside access_key_id, which is used instead; leave one out";
        let name = if aws.source.is_some() {
            "source"
        } else {
            "profile"
        };
        report(&place.then(name), message.to_owned());
    }
    if aws.external_id.is_some() && aws.role_arn.is_none() {
        report(
            &place.then("role_arn"),
            "missing beside external_id".to_owned(),
        );
    }
    if let Some(arn) = &aws.role_arn
        && !arn.starts_with("arn:")
    {
        let message = "is no ARN of a role; it looks like arn:aws:iam::123456789012:role/name";
        report(&place.then("role_arn"), message.to_owned());
    }
    for (name, url) in [
        ("sts_endpoint", &aws.sts_endpoint),
        ("container_endpoint", &aws.container_endpoint),
        ("metadata_endpoint", &aws.metadata_endpoint),
    ] {
        endpoint(url.as_deref(), &place.then(name), report);
    }
}

fn azure(azure: &Azure, provider: &Provider, place: &Place, report: Report<'_>) {
    if azure.endpoint.is_some() && (azure.resource.is_some() || provider.base_url.is_some()) {
        let other = if azure.resource.is_some() {
            "resource"
        } else {
            "base_url"
        };
        report(
            &place.then("endpoint"),
            format!("give either endpoint or {other}, not both"),
        );
    }
    endpoint(azure.endpoint.as_deref(), &place.then("endpoint"), report);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if let Some(name) = &azure.resource
        && (name.is_empty() || !name.bytes().all(plain))
    {
        let message = "is no name of a resource; an address goes into endpoint";
        report(&place.then("resource"), message.to_owned());
    }
    if let Some(version) = &azure.api_version
        && (version.is_empty() || !version.bytes().all(plain))
    {
        let message = "is no version; it looks like 2024-10-21, or is v1";
        report(&place.then("api_version"), message.to_owned());
    }
    for (model, deployment) in &azure.deployments {
        if deployment.trim().is_empty() {
            report(
                &place.then("deployments").then(model),
                "empty; name the deployment".to_owned(),
            );
        }
    }
    let proofs: Vec<&str> = [
        ("token", azure.token.is_some()),
        ("client_secret", azure.client_secret.is_some()),
        ("client_certificate", azure.client_certificate.is_some()),
        ("federated_token_file", azure.federated_token_file.is_some()),
        ("managed_identity", azure.managed_identity == Some(true)),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if let [first, second, ..] = proofs[..] {
        let message = format!("given beside {first}; one proof is enough");
        report(&place.then(second), message);
    }
    if let Some(token) = &azure.token {
        header_secret(token.expose(), &place.then("token"), report);
    }
    endpoint(
        azure.authority_host.as_deref(),
        &place.then("authority_host"),
        report,
    );
    endpoint(
        azure.metadata_endpoint.as_deref(),
        &place.then("metadata_endpoint"),
        report,
    );
}

fn google(google: &Google, place: &Place, report: Report<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte);
    for (name, value) in [("project", &google.project), ("location", &google.location)] {
        if let Some(value) = value
            && (value.is_empty() || !value.bytes().all(plain))
        {
            let message = format!("is no name of a {name}");
            report(&place.then(name), message);
        }
    }
    let given: Vec<&str> = [
        ("token", google.token.is_some()),
        ("credentials", google.credentials.is_some()),
        ("credentials_file", google.credentials_file.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if let [first, second, ..] = given[..] {
        let message = format!("given beside {first}; one is enough");
        report(&place.then(second), message);
    }
    if let Some(token) = &google.token {
        header_secret(token.expose(), &place.then("token"), report);
    }
    if let Some(text) = &google.credentials
        && !text.expose().trim_start().starts_with('{')
    {
        let message = "is no JSON; a path goes into credentials_file";
        report(&place.then("credentials"), message.to_owned());
    }
    endpoint(
        google.iam_endpoint.as_deref(),
        &place.then("iam_endpoint"),
        report,
    );
}

fn quirks(quirks: &[Quirk], place: &Place, report: Report<'_>) {
    for (index, quirk) in quirks.iter().enumerate() {
        if quirks[..index].contains(quirk) {
            report(&place.at(index), "given twice".to_owned());
        }
    }
    for (one, other) in [
        (Quirk::MaxTokens, Quirk::MaxCompletionTokens),
        (Quirk::ToolChoiceAny, Quirk::NoToolChoiceRequired),
        (Quirk::ReasoningField, Quirk::NoReasoningHistory),
    ] {
        let at = |quirk| quirks.iter().position(|given| *given == quirk);
        if let (Some(_), Some(second)) = (at(one), at(other)) {
            let message = "contradicts another of the list";
            report(&place.at(second), message.to_owned());
        }
    }
}

fn endpoint(url: Option<&str>, place: &Place, report: Report<'_>) {
    if let Some(url) = url
        && let Err(message) = base_url(url)
    {
        report(place, message);
    }
}
