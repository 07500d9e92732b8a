//! What is kept of writes and refusals.

use std::io;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use serde_json::Value;

use super::settings::Settings;
use super::stub::bearer;
use super::world::World;
use crate::api::{ExternalAccess, PluginRestrictions};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the guard is dropped, what this thread keeps for the audit is here.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter("audit=info")
            .with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }

    /// Who, what and how it ended, of each event.
    fn events(&self) -> Vec<String> {
        let text = self.text();
        let events = text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let names = [
                "caller",
                "act",
                "subject",
                "outcome",
                "request.method",
                "request.path",
            ];
            let words = names
                .iter()
                .filter_map(|name| event["fields"][name].as_str());
            let words: Vec<&str> = words.collect();
            let status = event["fields"].get("response.status");
            format!(
                "{}{}",
                words.join(" "),
                status.map_or_else(String::new, |it| format!(" {it}"))
            )
        });
        events.collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_write_and_every_refusal_is_kept_without_a_token() {
    let log = Log::default();
    let _listening = log.listen();
    let caller = ExternalAccess::with_token(
        &SecretString::from("the-secret-token"),
        "a-tool",
        PluginRestrictions::default(),
    );
    let world = World::start_with(Settings::guarded_for(vec![caller])).await;
    let good = bearer("the-secret-token");
    let entities = "/api/catalog/entities?filter=kind=secret-filter";
    world.request("GET", entities, &good).await;
    world.request("GET", entities, "").await;
    world
        .request("GET", entities, &bearer("the-wrong-token"))
        .await;
    let confirm = "/api/v1/removals/confirm";
    world
        .post_with(confirm, &good, r#"{"locations":[1]}"#)
        .await;
    world.stop().await;
    assert_eq!(
        log.events(),
        [
            "unknown GET /api/catalog/entities 401",
            "unknown GET /api/catalog/entities 401",
            "a-tool removals-confirm location 1 refused",
        ]
    );
    assert!(!log.text().contains("-token") && !log.text().contains("secret"));
}
