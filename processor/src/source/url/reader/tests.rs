use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;
use crate::source::url::policy::ReadingAllow;

const BYTES_MAX: usize = 64 * 1024;

/// A server with the pages the stories need; its address.
async fn server() -> SocketAddr {
    let tagged = |headers: HeaderMap| async move {
        if headers
            .get(IF_NONE_MATCH)
            .is_some_and(|tag| tag == "\"v1\"")
        {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(ETAG, "\"v1\"")], "tagged").into_response()
    };
    let endless = || async {
        let pieces = futures::stream::repeat_with(|| Ok::<_, io::Error>(vec![b'x'; 1024]));
        axum::body::Body::from_stream(pieces)
    };
    let slow = || async {
        let pieces = futures::stream::pending::<Result<Vec<u8>, io::Error>>();
        axum::body::Body::from_stream(pieces)
    };
    let app = Router::new()
        .route("/plain", get(|| async { "plain" }))
        .route("/tagged", get(tagged))
        .route("/endless", get(endless))
        .route("/slow", get(slow))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/once", get(|| async { Redirect::temporary("/plain") }))
        .route("/hops/{left}", get(redirect_often))
        .route(
            "/inside",
            get(|| async { Redirect::temporary("http://169.254.169.254/latest") }),
        )
        .route(
            "/elsewhere",
            get(|| async { Redirect::temporary("https://example.org/") }),
        )
        .route(
            "/local",
            get(|| async { Redirect::temporary("file:///etc/passwd") }),
        )
        .route(
            "/packed",
            get(|| async { ([(CONTENT_ENCODING, "gzip")], "x") }),
        )
        .route("/denied", get(|| async { StatusCode::FORBIDDEN }))
        .route("/busy", get(|| async { StatusCode::TOO_MANY_REQUESTS }))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with its runtime"
    )]
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Redirects so many times, and then to the plain page.
async fn redirect_often(Path(left): Path<usize>) -> Redirect {
    match left {
        0 | 1 => Redirect::temporary("/plain"),
        left => Redirect::temporary(&format!("/hops/{}", left - 1)),
    }
}

fn reader(hosts: &[&str], lookup: &Lookup, timeout: Duration) -> UrlReader {
    freshet_runtime::crypto::install_crypto_provider();
    let allow: Vec<ReadingAllow> = hosts
        .iter()
        .map(|host| ReadingAllow {
            host: (*host).to_owned(),
            paths: None,
        })
        .collect();
    UrlReader::with_lookup(UrlPolicy::new(&allow), lookup, timeout).expect("a reader")
}

async fn read(path: &str, held: &str) -> Fetched {
    let address = server().await;
    let reader = reader(&[&address.to_string()], &system_lookup(), READ_TIMEOUT);
    reader
        .read_page(&format!("http://{address}{path}"), held, BYTES_MAX)
        .await
}

#[track_caller]
fn check(page: &Fetched, expected: FailureKind) {
    match page {
        Fetched::Failed(failure) => assert_eq!(failure.kind, expected, "{}", failure.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_page_is_read_with_something_that_tells_its_versions_apart() {
    let version = version_of(b"plain");
    let bytes = Bytes::from_static(b"plain");
    let content = Fetched::Content {
        version: version.clone(),
        bytes,
    };
    assert_eq!(read("/plain", "").await, content);
    assert_eq!(read("/once", "").await, content);
    let unchanged = |version: &str| Fetched::Unchanged {
        version: version.to_owned(),
    };
    assert_eq!(read("/plain", &version).await, unchanged(&version));
    assert_eq!(
        read("/tagged", "etag:\"v1\"").await,
        unchanged("etag:\"v1\"")
    );
    let Fetched::Content { version, .. } = read("/tagged", "etag:\"v0\"").await else {
        panic!("no content")
    };
    assert_eq!(version, "etag:\"v1\"");
}

#[tokio::test]
async fn what_is_missing_is_gone_and_what_fails_proves_nothing() {
    assert!(matches!(read("/nothing", "").await, Fetched::Absent { .. }));
    check(&read("/denied", "").await, FailureKind::Denied);
    check(&read("/busy", "").await, FailureKind::RateLimited);
    check(&read("/broken", "").await, FailureKind::Unreachable);
    check(&read("/packed", "").await, FailureKind::Unreadable);
}

#[tokio::test]
async fn a_redirect_leads_nowhere_that_was_not_allowed() {
    check(&read("/inside", "").await, FailureKind::Refused);
    check(&read("/elsewhere", "").await, FailureKind::Refused);
    check(&read("/local", "").await, FailureKind::Refused);
    check(&read("/round", "").await, FailureKind::Refused);
}

#[tokio::test]
async fn five_redirects_are_followed_and_no_sixth() {
    assert!(matches!(
        read(&format!("/hops/{HOPS_MAX}"), "").await,
        Fetched::Content { .. }
    ));
    let Fetched::Failed(failure) = read(&format!("/hops/{}", HOPS_MAX + 1), "").await else {
        panic!("it is followed")
    };
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(
        failure
            .message
            .ends_with("/plain is not read: it is redirect 6 of one reading"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn an_answer_of_the_longest_length_is_read() {
    let address = server().await;
    let reader = reader(&[&address.to_string()], &system_lookup(), READ_TIMEOUT);
    let url = format!("http://{address}/plain");
    let length = "plain".len();
    assert!(matches!(
        reader.read_page(&url, "", length).await,
        Fetched::Content { .. }
    ));
    assert!(matches!(
        reader.read_page(&url, "", length - 1).await,
        Fetched::TooLarge { .. }
    ));
}

#[tokio::test]
async fn whoever_reads_of_a_refused_redirect_learns_from_where_to_where() {
    for (path, to) in [
        ("/elsewhere", "https://example.org/"),
        ("/inside", "http://169.254.169.254/latest"),
        ("/round", "/round"),
    ] {
        let Fetched::Failed(failure) = read(path, "").await else {
            panic!("{path} is not refused")
        };
        let from = format!("{path} redirects, and ");
        assert!(failure.message.contains(&from), "{}", failure.message);
        assert!(
            failure.message.contains(&format!("{to} is not read")),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    assert!(matches!(
        read("/endless", "").await,
        Fetched::TooLarge { .. }
    ));
    let address = server().await;
    let host = address.to_string();
    let reader = reader(&[&host], &system_lookup(), Duration::from_millis(200));
    let page = reader
        .read_page(&format!("http://{address}/slow"), "", BYTES_MAX)
        .await;
    check(&page, FailureKind::Unreachable);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let address = server().await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    // Public at first, and inside ever after.
    let flipping: Lookup = Arc::new(move |_| {
        let turn = counted.fetch_add(1, Ordering::SeqCst);
        let found = if turn == 0 {
            vec!["192.168.0.1:0".parse().expect("an address"), address]
        } else {
            vec![address]
        };
        Box::pin(async move { Ok(found) })
    });
    let reader = reader(&["example.com"], &flipping, Duration::from_secs(5));
    let page = reader
        .read_page("https://example.com/plain", "", BYTES_MAX)
        .await;
    let Fetched::Failed(failure) = &page else {
        panic!("{page:?}")
    };
    assert!(
        failure
            .message
            .contains("no address that may be connected to"),
        "{}",
        failure.message
    );
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_address_in_any_spelling_is_judged_as_what_it_is() {
    let hosts = [
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "10.0.0.1",
        "0.0.0.0",
    ];
    let reader = reader(&hosts, &system_lookup(), Duration::from_secs(5));
    for url in [
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[64:ff9b::169.254.169.254]/x",
        "https://10.0.0.1/x",
        "https://0.0.0.0/x",
        "https://0/x",
        "https://github.com@169.254.169.254/x",
        "https://169.254.169.254./x",
        "http://169.254.169.254/x",
        "gopher://127.0.0.1/x",
        "not a url",
    ] {
        check(
            &reader.read_page(url, "", BYTES_MAX).await,
            FailureKind::Refused,
        );
    }
}
