//! Every kind of credentials against a scripted identity service.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use ring::signature;
use serde_json::{Value, json};
use tidegate_types::{Segments, config};

use super::*;
use crate::transport::{HttpResponse, Sending, TransportError};

/// A time at which the tests begin: 2026-01-01.
const NOW: u64 = 1_767_225_600;
const KEY: &str = include_str!("tests/key.pem");

type Answer = Result<(u16, String), TransportError>;

type Answers = dyn Fn(&str, &str) -> Answer + Send + Sync;

/// An identity service that remembers what it was asked.
struct Service {
    asked: Mutex<Vec<(String, String, HeaderMap)>>,
    answer: Box<Answers>,
    pause: Duration,
}

struct Shared(Arc<Service>);

impl Transport for Shared {
    fn send(&self, request: HttpRequest) -> Sending {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let url = format!("{} {}", request.method, request.uri);
            let body = String::from_utf8(request.body.to_bytes().to_vec()).unwrap();
            tokio::time::sleep(service.pause).await;
            let answer = (service.answer)(&url, &body);
            let asked = (url, body, request.headers);
            service.asked.lock().unwrap().push(asked);
            let (status, text) = answer?;
            Ok(HttpResponse {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::from(text).into(),
            })
        })
    }
}

impl Service {
    fn new(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            answer: Box::new(answer),
            pause: Duration::from_millis(2),
        })
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn nth(&self, index: usize) -> (String, String, HeaderMap) {
        self.asked.lock().unwrap()[index].clone()
    }
}

fn around(service: &Arc<Service>, env: &[(&str, &str)]) -> Around {
    let env: HashMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Around {
        transport: Arc::new(Shared(Arc::clone(service))),
        env: Arc::new(move |name| env.get(name).cloned()),
        read: |path| std::fs::read(path),
    }
}

fn request() -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        uri: "https://bedrock-runtime.eu-west-3.amazonaws.com/model/m/converse"
            .parse()
            .unwrap(),
        headers: HeaderMap::new(),
        body: Segments::new(),
        rest: None,
        connect_timeout: Duration::ZERO,
        first_byte_timeout: Duration::ZERO,
    }
}

/// The value of `authorization` at that time.
async fn proof(authority: &Authority, now: u64) -> Result<String, CredentialsError> {
    let mut request = request();
    authority.apply(&mut request, now).await?;
    let value = &request.headers[header::AUTHORIZATION];
    assert!(value.is_sensitive() || request.headers.contains_key("x-amz-date"));
    Ok(value.to_str().unwrap().to_owned())
}

/// Id of the key that signed.
async fn signer(authority: &Authority, now: u64) -> Result<String, CredentialsError> {
    let text = proof(authority, now).await?;
    let (_, rest) = text.split_once("Credential=").unwrap();
    Ok(rest.split('/').next().unwrap().to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "it is an answer, which may fail")]
fn token(name: &str, seconds: u64) -> Answer {
    Ok((
        200,
        json!({ "access_token": name, "expires_in": seconds }).to_string(),
    ))
}

fn secret_of_azure() -> config::Azure {
    config::Azure {
        tenant_id: Some("t".to_owned()),
        client_id: Some("c".to_owned()),
        client_secret: Some("s3cr&t".to_owned().into()),
        ..config::Azure::default()
    }
}

fn file(name: &str, text: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!(
        "tidegate-credentials-{}-{number}-{name}",
        std::process::id()
    ));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_hundred_calls_at_once_ask_for_one_token_and_renew_it_once_before_it_expires() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let service = Service::new(move |_, _| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        token(&format!("t{number}"), 3600)
    });
    let authority = Authority::azure(&secret_of_azure(), &around(&service, &[]));
    let many = async |now: u64| {
        let calls = (0..100).map(|_| proof(&authority, now));
        let all = futures_util::future::join_all(calls).await;
        all.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(service.count(), 0, "nothing is asked before the first call");
    assert!(many(NOW).await.iter().all(|value| value == "Bearer t0"));
    assert!(
        many(NOW + 3000)
            .await
            .iter()
            .all(|value| value == "Bearer t0")
    );
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // Five minutes before the end one call renews it; the others use what is still good.
    let renewed = many(NOW + 3301).await;
    assert_eq!(
        renewed.iter().filter(|value| *value == "Bearer t1").count(),
        1
    );
    assert!(
        many(NOW + 3302)
            .await
            .iter()
            .all(|value| value == "Bearer t1")
    );
    assert_eq!(count.load(Ordering::SeqCst), 2);
    // Long after its end all wait for the next.
    assert!(
        many(NOW + 9000)
            .await
            .iter()
            .all(|value| value == "Bearer t2")
    );
    assert_eq!(count.load(Ordering::SeqCst), 3);
    authority.forget();
    assert_eq!(proof(&authority, NOW + 9001).await.unwrap(), "Bearer t3");
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_old_token_in_use_and_a_failure_is_shared() {
    let down = Arc::new(AtomicUsize::new(0));
    let state = Arc::clone(&down);
    let service = Service::new(move |_, _| match state.load(Ordering::SeqCst) {
        0 => token("t", 3600),
        1 => Ok((503, "{}".to_owned())),
        _ => Err(TransportError::ConnectFailed(
            "id.example:443: refused".to_owned(),
        )),
    });
    let authority = Authority::azure(&secret_of_azure(), &around(&service, &[]));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer t");
    down.store(1, Ordering::SeqCst);
    assert_eq!(proof(&authority, NOW + 3400).await.unwrap(), "Bearer t");
    assert_eq!(proof(&authority, NOW + 3405).await.unwrap(), "Bearer t");
    assert_eq!(service.count(), 2, "it is not asked for again at once");
    assert_eq!(proof(&authority, NOW + 3411).await.unwrap(), "Bearer t");
    assert_eq!(service.count(), 3);
    down.store(2, Ordering::SeqCst);
    let calls = (0..100).map(|_| proof(&authority, NOW + 3601));
    for result in futures_util::future::join_all(calls).await {
        assert!(
            matches!(result, Err(CredentialsError::Unavailable(_))),
            "{result:?}"
        );
    }
    assert_eq!(service.count(), 4, "one request fails for all who waited");
    down.store(0, Ordering::SeqCst);
    assert_eq!(proof(&authority, NOW + 3602).await.unwrap(), "Bearer t");
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_keep_the_others_waiting() {
    let service = Arc::new(Service {
        asked: Mutex::default(),
        answer: Box::new(|_, _| token("t", 3600)),
        pause: Duration::from_millis(50),
    });
    let authority = Authority::azure(&secret_of_azure(), &around(&service, &[]));
    let gone = tokio::time::timeout(Duration::from_millis(5), proof(&authority, NOW));
    let (gone, stays) = futures_util::future::join(gone, proof(&authority, NOW)).await;
    assert!(gone.is_err());
    assert_eq!(stays.unwrap(), "Bearer t");
}

#[tokio::test]
async fn refusals_say_why_and_never_hold_a_secret() {
    let service = Service::new(|_, body| {
        let sent = body.split("client_secret=").nth(1).unwrap().to_owned();
        let said = format!("AADSTS7000215: Invalid client secret 's3cr&t' ({sent})");
        Ok((
            401,
            json!({ "error": "invalid_client", "error_description": said }).to_string(),
        ))
    });
    let authority = Authority::azure(&secret_of_azure(), &around(&service, &[]));
    let error = proof(&authority, NOW).await.unwrap_err();
    let CredentialsError::Refused(text) = &error else {
        panic!("{error:?}");
    };
    assert!(
        text.contains("invalid_client: AADSTS7000215")
            && text.contains("login.microsoftonline.com")
    );
    assert!(!text.contains("s3cr"), "{text}");
    assert_eq!(format!("{authority:?}"), "Authority(azure)");
}

#[tokio::test]
async fn entra_grants_tokens_to_applications_with_secrets_certificates_and_federated_tokens() {
    let service = Service::new(|_, _| token("t", 3600));
    let with = |change: &dyn Fn(&mut config::Azure)| {
        let mut config = secret_of_azure();
        config.client_secret = None;
        change(&mut config);
        Authority::azure(&config, &around(&service, &[]))
    };
    let secret = Authority::azure(&secret_of_azure(), &around(&service, &[]));
    proof(&secret, NOW).await.unwrap();
    let (url, body, _) = service.nth(0);
    assert_eq!(
        url,
        "POST https://login.microsoftonline.com/t/oauth2/v2.0/token"
    );
    assert_eq!(
        body,
        "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default&\
         client_secret=s3cr%26t"
    );
    let path = file("federated", "one\n");
    let federated = with(&|config| {
        config.federated_token_file = Some(path.clone());
        config.authority_host = Some("https://login.example/".to_owned());
    });
    proof(&federated, NOW).await.unwrap();
    let (url, body, _) = service.nth(1);
    assert_eq!(url, "POST https://login.example/t/oauth2/v2.0/token");
    assert!(body.ends_with("&client_assertion=one"), "{body}");
    std::fs::write(&path, "two").unwrap();
    proof(&federated, NOW + 4000).await.unwrap();
    assert!(service.nth(2).1.ends_with("&client_assertion=two"));

    let path = file("certificate", KEY);
    let certificate = with(&|config| config.client_certificate = Some(path.clone()));
    proof(&certificate, NOW).await.unwrap();
    let (_, body, _) = service.nth(3);
    let (header, claims) = verified(body.rsplit_once("client_assertion=").unwrap().1);
    assert!(header["x5t"].is_string() && header["x5t#S256"].is_string());
    assert_eq!(claims["iss"], "c");
    assert_eq!(
        claims["aud"],
        "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    );

    let missing = with(&|config| config.federated_token_file = Some("/nowhere/token".to_owned()));
    let error = proof(&missing, NOW).await.unwrap_err();
    assert!(matches!(error, CredentialsError::Missing(_)), "{error:?}");
}

#[tokio::test]
async fn managed_identities_ask_the_machine_and_given_tokens_nobody() {
    let service = Service::new(|_, _| {
        Ok((
            200,
            json!({ "access_token": "m", "expires_on": (NOW + 100).to_string() }).to_string(),
        ))
    });
    let on_machine = config::Azure {
        managed_identity: Some(true),
        client_id: Some("mine".to_owned()),
        ..config::Azure::default()
    };
    let authority = Authority::azure(&on_machine, &around(&service, &[]));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer m");
    let (url, _, headers) = service.nth(0);
    assert_eq!(
        url,
        "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&\
         resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=mine"
    );
    assert_eq!(headers["metadata"], "true");
    // `expires_on` was believed.
    proof(&authority, NOW + 101).await.unwrap();
    assert_eq!(service.count(), 2);

    let app = [
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi"),
        ("IDENTITY_HEADER", "hh"),
    ];
    let authority = Authority::azure(&config::Azure::default(), &around(&service, &app));
    proof(&authority, NOW).await.unwrap();
    let (url, _, headers) = service.nth(2);
    assert!(url.starts_with("GET http://127.0.0.1:41/msi?api-version=2019-08-01&resource="));
    assert_eq!(headers["x-identity-header"], "hh");

    let given = [("AZURE_OPENAI_AD_TOKEN", "given")];
    let authority = Authority::azure(&config::Azure::default(), &around(&service, &given));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer given");
    assert_eq!(service.count(), 3);
}

/// Header and claims of a statement whose signature is right.
fn verified(jwt: &str) -> (Value, Value) {
    let parts: Vec<&str> = jwt.split('.').collect();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    signature::UnparsedPublicKey::new(
        &signature::RSA_PKCS1_2048_8192_SHA256,
        include_bytes!("tests/pub.der"),
    )
    .verify(signed.as_bytes(), &decode(parts[2]))
    .unwrap();
    let json = |text: &str| serde_json::from_slice(&decode(text)).unwrap();
    (json(parts[0]), json(parts[1]))
}

fn service_account() -> String {
    json!({
        "type": "service_account",
        "project_id": "p-of-account",
        "client_email": "a@p.iam.gserviceaccount.com",
        "private_key": KEY,
        "private_key_id": "kid",
        "token_uri": "http://127.0.0.1:9/token",
    })
    .to_string()
}

#[tokio::test]
async fn service_accounts_sign_for_their_tokens() {
    let service = Service::new(|_, _| token("g", 3600));
    let config = config::Google {
        credentials: Some(service_account().into()),
        ..config::Google::default()
    };
    let around = around(&service, &[]);
    assert_eq!(
        google_project(&config, &around).as_deref(),
        Some("p-of-account")
    );
    let authority = Authority::google(&config, &around);
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer g");
    let (url, body, _) = service.nth(0);
    assert_eq!(url, "POST http://127.0.0.1:9/token");
    let (grant, assertion) = body.split_once("&assertion=").unwrap();
    assert_eq!(
        grant,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    );
    let (header, claims) = verified(assertion);
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "JWT", "kid": "kid" })
    );
    assert_eq!(
        claims,
        json!({
            "iss": "a@p.iam.gserviceaccount.com",
            "sub": "a@p.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "http://127.0.0.1:9/token",
            "iat": NOW,
            "exp": NOW + 3600,
        })
    );
    let spoiled = config::Google {
        credentials: Some(service_account().replace("PRIVATE KEY", "X").into()),
        ..config::Google::default()
    };
    let error = proof(&Authority::google(&spoiled, &around), NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, CredentialsError::Missing(_)) && !error.to_string().contains("MII"));
}

#[tokio::test]
async fn default_credentials_are_looked_for_in_googles_order() {
    let service = Service::new(|url, _| {
        if url.contains("computeMetadata") {
            token("machine", 3600)
        } else {
            token("person", 3600)
        }
    });
    let user = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "cs",
        "refresh_token": "rt", "quota_project_id": "payer",
    });
    let named = file("adc.json", &service_account());
    let folder = Path::new(&named).with_extension("folder");
    std::fs::create_dir_all(&folder).unwrap();
    let written = folder.join("application_default_credentials.json");
    std::fs::write(&written, user.to_string()).unwrap();
    let folder = folder.to_str().unwrap();
    let none = config::Google::default();

    let both = [
        ("GOOGLE_APPLICATION_CREDENTIALS", &*named),
        ("CLOUDSDK_CONFIG", folder),
    ];
    let around_both = around(&service, &both);
    assert_eq!(
        google_project(&none, &around_both).as_deref(),
        Some("p-of-account")
    );
    proof(&Authority::google(&none, &around_both), NOW)
        .await
        .unwrap();
    assert!(service.nth(0).1.contains("&assertion="));

    let around_written = around(&service, &both[1..]);
    assert_eq!(
        google_project(&none, &around_written).as_deref(),
        Some("payer")
    );
    let mut sent = request();
    let authority = Authority::google(&none, &around_written);
    authority.apply(&mut sent, NOW).await.unwrap();
    assert_eq!(sent.headers["x-goog-user-project"], "payer");
    let (url, body, _) = service.nth(1);
    assert_eq!(url, "POST https://oauth2.googleapis.com/token");
    assert_eq!(
        body,
        "grant_type=refresh_token&client_id=id&client_secret=cs&refresh_token=rt"
    );

    let machine = [
        ("CLOUDSDK_CONFIG", "/nowhere"),
        ("GCE_METADATA_HOST", "127.0.0.1:7"),
    ];
    let authority = Authority::google(&none, &around(&service, &machine));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer machine");
    let (url, _, headers) = service.nth(2);
    assert_eq!(
        url,
        "GET http://127.0.0.1:7/computeMetadata/v1/instance/service-accounts/default/token"
    );
    assert_eq!(headers["metadata-flavor"], "Google");

    let broken = [("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/adc.json")];
    let error = proof(&Authority::google(&none, &around(&service, &broken)), NOW).await;
    assert!(
        matches!(error, Err(CredentialsError::Missing(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn workloads_elsewhere_exchange_their_token_and_may_impersonate() {
    let service = Service::new(|url, _| {
        if url.contains("generateAccessToken") {
            let made = json!({ "accessToken": "account", "expireTime": "2026-01-01T01:00:00Z" });
            Ok((200, made.to_string()))
        } else if url.contains("/subject") {
            Ok((200, json!({ "id": "from-url" }).to_string()))
        } else {
            token("federated", 3600)
        }
    });
    let external = |source: Value, account: Option<&str>| {
        let mut text = json!({
            "type": "external_account", "audience": "//iam.googleapis.com/x",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "http://127.0.0.1:1/sts", "credential_source": source,
        });
        if let Some(url) = account {
            text["service_account_impersonation_url"] = json!(url);
        }
        config::Google {
            credentials: Some(text.to_string().into()),
            ..config::Google::default()
        }
    };
    let plain = external(json!({ "file": file("subject", "from-file\n") }), None);
    let authority = Authority::google(&plain, &around(&service, &[]));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer federated");
    let (url, body, _) = service.nth(0);
    assert_eq!(url, "POST http://127.0.0.1:1/sts");
    assert!(body.ends_with("&subject_token=from-file"), "{body}");
    assert!(body.contains("audience=%2F%2Fiam.googleapis.com%2Fx&"));

    let source = json!({
        "url": "http://127.0.0.1:1/subject", "headers": { "x-who": "me" },
        "format": { "type": "json", "subject_token_field_name": "id" },
    });
    let account = "http://127.0.0.1:1/v1/projects/-/serviceAccounts/a@b:generateAccessToken";
    let authority = Authority::google(&external(source, Some(account)), &around(&service, &[]));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer account");
    assert_eq!(service.nth(1).2["x-who"], "me");
    assert!(service.nth(2).1.ends_with("&subject_token=from-url"));
    let (_, body, headers) = service.nth(3);
    assert_eq!(headers[header::AUTHORIZATION], "Bearer federated");
    assert!(body.contains("cloud-platform"));
    // The hour the answer named is over.
    proof(&authority, NOW + 3601).await.unwrap();
    assert_eq!(service.count(), 7);

    let aws = external(json!({ "environment_id": "aws1" }), None);
    let error = proof(&Authority::google(&aws, &around(&service, &[])), NOW).await;
    assert!(matches!(error, Err(CredentialsError::Missing(_))));

    let impersonate = config::Google {
        token: Some("own".to_owned().into()),
        impersonate: Some("a@b".to_owned()),
        iam_endpoint: Some("http://127.0.0.1:1".to_owned()),
        ..config::Google::default()
    };
    let authority = Authority::google(&impersonate, &around(&service, &[]));
    assert_eq!(proof(&authority, NOW).await.unwrap(), "Bearer account");
    assert_eq!(service.nth(7).0, format!("POST {account}"));
}

fn keys(id: &str, until: u64) -> String {
    let until = if until == NOW + 3600 {
        "2026-01-01T01:00:00Z"
    } else {
        "2026-01-01T02:00:00Z"
    };
    format!(
        "<R><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials></R>"
    )
}

#[expect(clippy::needless_pass_by_value, reason = "tests make it on the spot")]
fn aws(config: config::Aws, around: &Around) -> Authority {
    let region = aws_region(Some(&config), around).unwrap_or_else(|| "eu-west-3".to_owned());
    Authority::aws(&config, region, "bedrock", around)
}

#[tokio::test]
async fn keys_of_aws_are_looked_for_in_the_order_of_its_sdks() {
    let service = Service::new(|url, _| {
        if url.contains("sts.") {
            Ok((200, keys("ROLE", NOW + 3600)))
        } else {
            Ok((
                200,
                json!({ "AccessKeyId": "BOX", "SecretAccessKey": "s", "Token": "t",
                "Expiration": "2026-01-01T01:00:00Z" })
                .to_string(),
            ))
        }
    });
    let credentials = file(
        "credentials",
        "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
    );
    let config = file("config", "[default]\nregion = ap-south-1\n");
    let identity = file("token", "jwt\n");
    let all: Vec<(&str, &str)> = vec![
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SHARED_CREDENTIALS_FILE", &credentials),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &identity),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "auth"),
    ];
    let none = config::Aws::default();
    let given = config::Aws {
        access_key_id: Some("GIVEN".to_owned()),
        secret_access_key: Some("s".to_owned().into()),
        ..none.clone()
    };
    let find = async |config: &config::Aws, env: &[(&str, &str)]| {
        signer(&aws(config.clone(), &around(&service, env)), NOW)
            .await
            .unwrap()
    };
    assert_eq!(find(&given, &all).await, "GIVEN");
    assert_eq!(find(&none, &all).await, "ENV");
    assert_eq!(find(&none, &all[2..]).await, "FILE");
    let named = config::Aws {
        profile: Some("default".to_owned()),
        ..none.clone()
    };
    assert_eq!(find(&named, &all).await, "FILE");
    assert_eq!(service.count(), 0);
    assert_eq!(find(&none, &all[4..]).await, "ROLE");
    let (url, body, _) = service.nth(0);
    assert_eq!(url, "POST https://sts.eu-west-3.amazonaws.com/");
    assert!(
        body.starts_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"),
        "{body}"
    );
    assert!(body.ends_with(&format!(
        "&RoleSessionName=tidegate-{NOW}&WebIdentityToken=jwt"
    )));
    assert_eq!(find(&none, &all[6..]).await, "BOX");
    let (url, _, headers) = service.nth(1);
    assert_eq!(url, "GET http://169.254.170.2/v2/c");
    assert_eq!(headers[header::AUTHORIZATION], "auth");
    assert_eq!(
        aws_region(None, &around(&service, &all)).as_deref(),
        Some("ap-south-1")
    );
    let only = config::Aws {
        source: Some(config::AwsSource::Container),
        ..none
    };
    assert_eq!(find(&only, &all).await, "BOX");
}

#[tokio::test]
async fn instances_answer_the_second_version_of_the_protocol() {
    let service = Service::new(|url, _| {
        Ok(match url.rsplit_once("/latest").unwrap().1 {
            "/api/token" => (200, "session".to_owned()),
            "/meta-data/iam/security-credentials/" => (200, "my-role\n".to_owned()),
            "/meta-data/iam/security-credentials/my-role" => (
                200,
                json!({ "Code": "Success", "AccessKeyId": "BOX", "SecretAccessKey": "s",
                    "Token": "t", "Expiration": "2026-01-01T01:00:00Z" })
                .to_string(),
            ),
            _ => (404, String::new()),
        })
    });
    let env = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/"),
        ("HOME", "/nowhere"),
    ];
    let authority = aws(config::Aws::default(), &around(&service, &env));
    assert_eq!(signer(&authority, NOW).await.unwrap(), "BOX");
    assert_eq!(service.nth(0).0, "PUT http://127.0.0.1:1/latest/api/token");
    assert_eq!(service.nth(2).2["x-aws-ec2-metadata-token"], "session");
    assert_eq!(signer(&authority, NOW + 3000).await.unwrap(), "BOX");
    assert_eq!(service.count(), 3);
    signer(&authority, NOW + 3400).await.unwrap();
    assert_eq!(service.count(), 6, "renewed before they expire");

    let off = [("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nowhere")];
    let error = signer(&aws(config::Aws::default(), &around(&service, &off)), NOW).await;
    assert!(
        matches!(error, Err(CredentialsError::Missing(_))),
        "{error:?}"
    );
    let nobody = Service::new(|_, _| Err(TransportError::ConnectTimeout));
    let error = signer(&aws(config::Aws::default(), &around(&nobody, &env)), NOW).await;
    assert!(
        matches!(error, Err(CredentialsError::Missing(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn roles_are_assumed_along_a_chain_of_profiles() {
    let service = Service::new(|_, body| {
        let id = if body.contains("role%2Fouter") {
            "OUTER"
        } else {
            "INNER"
        };
        Ok((200, keys(id, NOW + 3600)))
    });
    let text = "[profile outer]\nrole_arn=arn:aws:iam::1:role/outer\nsource_profile=inner\nexternal_id=x\n\
                [profile inner]\nrole_arn=arn:aws:iam::1:role/inner\nsource_profile=base\n\
                role_session_name=named\nduration_seconds=900\n[profile base]\naws_access_key_id=BASE\n\
                aws_secret_access_key=s\n[profile loop]\nrole_arn=r\nsource_profile=loop\n\
                [profile program]\ncredential_process=/bin/x\n[profile env]\nrole_arn=r\n\
                credential_source=Environment\n";
    let config = file("profiles", text);
    let env = [
        ("AWS_CONFIG_FILE", &*config),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    let with = |profile: &str| {
        let config = config::Aws {
            profile: Some(profile.to_owned()),
            sts_endpoint: Some("http://127.0.0.1:1".to_owned()),
            ..config::Aws::default()
        };
        aws(config, &around(&service, &env))
    };
    assert_eq!(signer(&with("outer"), NOW).await.unwrap(), "OUTER");
    let (url, body, headers) = service.nth(0);
    assert_eq!(url, "POST http://127.0.0.1:1/");
    assert!(
        body.contains("RoleSessionName=named&DurationSeconds=900"),
        "{body}"
    );
    let signed = |headers: &HeaderMap| headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
    assert!(signed(&headers).contains("Credential=BASE/") && signed(&headers).contains("/sts/"));
    let (_, body, headers) = service.nth(1);
    assert!(body.ends_with("&ExternalId=x"), "{body}");
    assert!(signed(&headers).contains("Credential=INNER/"));
    assert_eq!(headers["x-amz-security-token"], "t");
    assert_eq!(signer(&with("env"), NOW).await.unwrap(), "INNER");
    for (profile, why) in [
        ("loop", "leads back to itself"),
        ("program", "credential_process"),
        ("absent", "no AWS profile"),
    ] {
        let error = signer(&with(profile), NOW).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let role = config::Aws {
        role_arn: Some("arn:aws:iam::1:role/outer".to_owned()),
        sts_endpoint: Some("http://127.0.0.1:1".to_owned()),
        ..config::Aws::default()
    };
    assert_eq!(
        signer(&aws(role, &around(&service, &env)), NOW)
            .await
            .unwrap(),
        "OUTER"
    );
}

#[tokio::test]
async fn a_role_that_is_refused_is_told_in_the_services_words() {
    let service = Service::new(|_, _| {
        let text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User may not assume r\
                    </Message></Error></ErrorResponse>";
        Ok((403, text.to_owned()))
    });
    let role = config::Aws {
        access_key_id: Some("ID".to_owned()),
        secret_access_key: Some("topsecret".to_owned().into()),
        role_arn: Some("r".to_owned()),
        ..config::Aws::default()
    };
    let error = signer(&aws(role, &around(&service, &[])), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        CredentialsError::Refused(
            "identity service sts.eu-west-3.amazonaws.com: 403 AccessDenied: User may not assume r"
                .to_owned()
        )
    );
}

mod ibm;
