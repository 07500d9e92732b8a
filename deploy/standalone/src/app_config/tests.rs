use std::time::Duration;

use freshet_model::location::LocationRef;
use freshet_model::rules::allows;
use freshet_runtime::config::from_str;
use freshet_store::{
    DatabaseConfig, LocationConflict, LocationWrites, OrphanStrategy, RegistrationConfig,
};
use secrecy::ExposeSecret as _;

use super::*;

const GOOD: &str = r"
backend:
  listen: 127.0.0.1:7107
  auth: { keys: [] }
  database:
    client: pg
    connection: { host: db.acme.example, port: 5433, user: freshet, password: p@ss/word, database: catalog }
    pool: { max: 7 }
integrations:
  github:
    - { host: github.com, token: t0ken }
  gitlab: []
catalog:
  orphanStrategy: delete
  rules:
    - allow: [Component, System]
  providers:
    github:
      acme:
        organization: acme
        catalogPath: /catalog/all.yaml
        filters: { branch: develop, repository: 'pay-.*' }
        schedule: { frequency: { minutes: 30 }, timeout: { minutes: 3 }, initialDelay: PT15S }
    gitlab: { whatever: 1 }
events:
  modules: { github: { webhookSecret: hook-secret } }
freshet:
  bus: { nats: { url: 'nats://nats:4222', replicas: 3 } }
  webhooks: { listen: ':7108' }
techdocs: { builder: local }
";

pub(super) fn read(text: &str) -> Result<AppConfig, Mistakes> {
    AppConfig::read(&from_str(text).expect("YAML"))
}

#[test]
fn a_backstage_configuration_is_understood() {
    let config = read(GOOD).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(config.listeners.api.to_string(), "127.0.0.1:7107");
    assert_eq!(config.listeners.webhooks.to_string(), "0.0.0.0:7108");
    assert_eq!(
        config.ingestor.webhooks[0].secrets[0].expose_secret(),
        "hook-secret"
    );
    assert_eq!(
        config.ingestor.schedules[0].frequency,
        Duration::from_secs(1800)
    );
    assert_eq!(
        config.ingestor.schedules[0].initial_delay,
        Duration::from_secs(15)
    );
    assert_eq!(config.store.providers[0].catalog_path, "catalog/all.yaml");
    assert_eq!(config.store.providers[0].branch.as_deref(), Some("develop"));
    let kinds = config.store.rules[0].allow.iter();
    let kinds: Vec<&str> = kinds.map(|allowed| allowed.kind.as_str()).collect();
    assert_eq!(kinds, ["Component", "System"]);
    let DatabaseConfig::Postgres { url, pool_max, .. } = config.store.database else {
        panic!("not PostgreSQL")
    };
    assert_eq!(pool_max, 7);
    assert_eq!(
        url.expose_secret(),
        "postgres://freshet:p%40ss%2Fword@db.acme.example:5433/catalog?sslmode=prefer"
    );
}

#[test]
fn an_empty_configuration_is_the_embedded_default() {
    let config = read("{}").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(matches!(config.bus, BusConfig::Memory));
    assert_eq!(config.listeners.api.to_string(), "127.0.0.1:7007");
    assert_eq!(config.listeners.webhooks.to_string(), "127.0.0.1:7008");
    assert_eq!(config.listeners.admin.to_string(), "127.0.0.1:7009");
    assert!(matches!(
        config.store.database,
        DatabaseConfig::Sqlite { .. }
    ));
}

#[track_caller]
pub(super) fn check_mistakes(text: &str, expected: &[&str]) {
    let mistakes = match read(text) {
        Ok(_) => panic!("no mistakes"),
        Err(mistakes) => mistakes,
    };
    let paths: Vec<&str> = mistakes
        .fatal
        .iter()
        .map(|mistake| mistake.path.as_str())
        .collect();
    assert_eq!(paths, expected, "{mistakes}");
}

#[track_caller]
pub(super) fn check_warnings(text: &str, expected: &[&str]) {
    let config = read(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let warnings = config.warnings.iter();
    let paths: Vec<&str> = warnings.map(|warning| warning.path.as_str()).collect();
    assert_eq!(paths, expected, "{text}");
}

#[test]
fn every_mistake_is_named_with_its_path() {
    check_mistakes(
        "backend: {listen: nowhere, database: {client: mysql}}\ncatalog: {typo: 1, providers: {github: {a: {host: ghe.acme.example}}}}\nfreshet: {bus: redis, odd: 1}\n",
        &[
            "backend.database.client",
            "backend.listen",
            "catalog.providers.github.a.host",
            "catalog.providers.github.a.organization",
            "freshet.bus",
            "freshet.odd",
        ],
    );
    check_mistakes(
        "integrations: {github: [{host: github.com, token: t}]}\nfreshet: {webhooks: {listen: ':7008'}}\n",
        &["freshet.webhooks.listen"],
    );
}

#[test]
fn a_hook_secret_names_one_host() {
    const HOSTS: &str = "integrations: {github: [{host: ghe.acme.example, apiBaseUrl: 'https://ghe.acme.example/api/v3'}, {host: github.com}]}\n";
    let hooks = |theirs: &str| {
        format!(
            "{HOSTS}freshet: {{webhooks: {{github: [{{host: github.com, secret: new, previousSecret: old}}, {theirs}]}}}}\n"
        )
    };
    check_mistakes(
        &hooks("{host: ghe.acme.example, secret: old}"),
        &["freshet.webhooks.github[1].secret"],
    );
    let config = read(&hooks("{host: ghe.acme.example, secret: other}"));
    assert_eq!(
        config.map(|config| config.ingestor.webhooks.len()).ok(),
        Some(2)
    );
    check_warnings(
        &format!("{HOSTS}events: {{modules: {{github: {{webhookSecret: s}}}}}}\n"),
        &["events.modules.github.webhookSecret"],
    );
}

#[track_caller]
fn check_catalog_mistake(catalog: &str, expected: &str) {
    let text = format!(
        "integrations: {{github: [{{host: github.com, token: t}}]}}\ncatalog: {{{catalog}}}\n"
    );
    check_mistakes(&text, &[expected]);
}

#[test]
fn locations_and_the_rules_for_them_are_read() {
    let config = read(
        "catalog: {orphanStrategy: keep, readonly: true, defaultLocationConflictStrategy: refresh, processors: {annotateScmSlug: {}}, locations: [{type: url, target: 'https://github.com/a/b/blob/main/c.yaml', rules: [{allow: [User]}]}, {type: file, target: '/srv/*.yaml'}]}",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let targets: Vec<&str> = config
        .store
        .roots
        .iter()
        .map(|root| root.target.as_str())
        .collect();
    assert_eq!(
        targets,
        ["https://github.com/a/b/blob/main/c.yaml", "/srv/*.yaml"]
    );
    assert_eq!(config.store.orphan_strategy, OrphanStrategy::Keep);
    let registration = RegistrationConfig {
        writes: LocationWrites::Refused,
        on_conflict: LocationConflict::Refresh,
        ..RegistrationConfig::default()
    };
    assert_eq!(config.store.registration, registration);
    assert_eq!(config.store.scm_slug_kinds, ["Component"]);
    assert!(config.processor.file_locations);
    let origin = |target| LocationRef::new("url", target).expect("a location");
    let allows = |target, kind| allows(&config.store.rules, &origin(target), kind, None);
    assert!(allows(targets[0], "User"));
    assert!(allows(targets[0], "Component"));
    assert!(!allows("https://github.com/a/b/blob/main/d.yaml", "User"));
}

#[test]
fn a_pattern_beside_an_exact_target_is_a_mistake() {
    check_catalog_mistake(
        "rules: [{allow: [API], locations: [{type: url, exact: a, pattern: b}]}]",
        "catalog.rules[0].locations[0].pattern",
    );
}

#[test]
fn a_rule_of_one_location_names_kinds_only() {
    check_catalog_mistake(
        "locations: [{type: file, target: /a.yaml, rules: [{allow: [{kind: API}]}]}]",
        "catalog.locations[0].rules[0].allow",
    );
}

#[test]
fn a_rule_a_kind_or_a_host_that_means_nothing_is_a_mistake() {
    check_catalog_mistake("rules: [{allow: [5]}]", "catalog.rules[0].allow[0]");
    check_catalog_mistake("rules: [{locations: []}]", "catalog.rules[0].allow");
    check_catalog_mistake("orphanStrategy: maybe", "catalog.orphanStrategy");
    check_catalog_mistake(
        "defaultLocationConflictStrategy: merge",
        "catalog.defaultLocationConflictStrategy",
    );
    check_mistakes(
        "freshet: {kinds: [{kind: 'no kind'}], placeholders: {repositories: [acme]}, recheck: {files: {seconds: 0}}}\n",
        &[
            "freshet.kinds[0]",
            "freshet.kinds[0]",
            "freshet.placeholders.repositories[0]",
            "freshet.recheck.files",
        ],
    );
}

#[test]
fn empty_lists_are_read_as_nothing_allowed() {
    let origin = LocationRef::new("url", "https://example.com/a.yaml").expect("a location");
    for rules in ["[]", "[{allow: []}]", "[{allow: [API], locations: []}]"] {
        let config = read(&format!("catalog: {{rules: {rules}}}\n"));
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert!(
            !allows(&config.store.rules, &origin, "API", None),
            "{rules}"
        );
    }
}

#[test]
fn an_empty_value_of_rules_is_the_default() {
    let origin = LocationRef::new("url", "https://example.com/a.yaml").expect("a location");
    let usual = read("{}").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    for catalog in ["{rules: }", "{rules: null}", ""] {
        let config = read(&format!("catalog: {catalog}\n"));
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let shown = |config: &AppConfig| format!("{:?}", config.store.rules);
        assert_eq!(shown(&config), shown(&usual), "{catalog}");
        let allows = |kind| allows(&config.store.rules, &origin, kind, None);
        for kind in ["Component", "API", "Location"] {
            assert!(allows(kind), "{kind} with {catalog}");
        }
        assert!(!allows("Group"), "{catalog}");
    }
}

#[test]
fn rules_of_types_exact_targets_and_patterns_are_read() {
    let config = read(
        "catalog: {rules: [{allow: [{kind: Resource, spec.type: Database}]}, {allow: [User], locations: [{type: url, exact: 'https://a.b/C.yaml'}]}, {allow: [Group], locations: [{type: url, pattern: 'https://A.b/*.yaml'}]}]}\n",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let check = |target, kind, spec_type, expected: bool| {
        let origin = LocationRef::new("url", target).expect("a location");
        let allowed = allows(&config.store.rules, &origin, kind, spec_type);
        assert_eq!(allowed, expected, "{kind} {spec_type:?} in {target}");
    };
    check("https://a.b/C.yaml", "resource", Some("DATABASE"), true);
    check("https://a.b/C.yaml", "Resource", None, false);
    check("https://a.b/C.yaml", "User", None, true);
    check("https://a.b/c.yaml", "User", None, false);
    check("https://a.b/c.yaml", "Group", None, true);
    check("https://a.b/d/c.yaml", "Group", None, false);
}

#[test]
fn a_pattern_that_no_url_is_spelled_like_is_warned_of() {
    for (pattern, is_warned_of) in [
        ("https://a.b/a%20b/*.yaml", true),
        ("https://a.b:443/**", true),
        ("!https://a.b/%7Bx%7D/**", true),
        ("https://A.b/a b/{c,d}/?.yaml", false),
        ("https://a.b:4430/%3B/**", false),
        ("**/*.yaml", false),
    ] {
        let locations = format!("[{{type: url, pattern: '{pattern}'}}]");
        let text = format!("catalog: {{rules: [{{allow: [API], locations: {locations}}}]}}\n");
        let paths = ["catalog.rules[0].locations[0].pattern"];
        check_warnings(&text, &paths[..usize::from(is_warned_of)]);
    }
}

#[test]
fn a_rule_of_one_location_says_what_it_allows() {
    check_catalog_mistake(
        "locations: [{type: file, target: /a.yaml, rules: [{}]}]",
        "catalog.locations[0].rules[0].allow",
    );
}

#[test]
fn a_mistake_in_a_kind_names_the_kind_and_where_it_stands() {
    for (kind, said) in [
        ("{kind: Robot, schema: {type: 5}}", "Robot"),
        ("{kind: Robot, relation: []}", "Robot"),
        (
            "{kind: System, relations: [{field: spec..x, forward: a}]}",
            "System",
        ),
        ("{kind: Nobody}", "Nobody"),
        ("{schema: {}}", "without a name"),
    ] {
        let text = format!("freshet: {{kinds: [{{kind: Group}}, {kind}]}}\n");
        let Err(mistakes) = read(&text) else {
            panic!("no mistake in {kind}")
        };
        for mistake in &mistakes.fatal {
            assert_eq!(mistake.path, "freshet.kinds[1]", "{kind}");
            assert!(mistake.message.contains(said), "{mistakes}");
        }
    }
}

#[test]
fn what_else_freshet_is_told_reaches_the_services() {
    let config = read(
        "backend: {reading: {allow: [{host: '*.acme.example', paths: [/catalog/]}]}}\nfreshet: {placeholders: {repositories: ['github.com/acme/*']}, codeowners: true, limits: {documents: 7, depth: 9}, removals: {percent: 5, entities: 7, wait: {minutes: 1}}, recheck: {files: {seconds: 1}, urls: {minutes: 3}}}\n",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(config.processor.reading_allow[0].host, "*.acme.example");
    assert_eq!(config.processor.placeholders, ["github.com/acme/*"]);
    assert!(config.processor.codeowners);
    assert!(!config.processor.file_locations);
    let limits = config.processor.limits;
    assert_eq!((limits.documents, limits.depth), (7, 9));
    let removals = config.store.removals;
    assert_eq!((removals.percent, removals.entities), (5, 7));
    assert_eq!(removals.wait, Duration::from_secs(60));
    let recheck = config.store.recheck;
    assert_eq!(recheck.files, Duration::from_secs(1));
    assert_eq!(recheck.urls, Duration::from_secs(180));
    assert_eq!(recheck.repositories, Duration::from_secs(600));
}

#[test]
fn a_token_has_eight_characters_and_a_share_is_of_a_hundred() {
    let access = |token: &str| {
        let options = format!("{{token: {token}, subject: ci}}");
        format!("backend: {{auth: {{externalAccess: [{{type: static, options: {options}}}]}}}}\n")
    };
    assert!(read(&access("12345é78")).is_ok());
    let path = "backend.auth.externalAccess[0].options.token";
    check_mistakes(&access("12345é7"), &[path]);
    let share = |percent: u32| format!("freshet: {{removals: {{percent: {percent}}}}}\n");
    assert!(read(&share(100)).is_ok());
    check_mistakes(&share(101), &["freshet.removals.percent"]);
}

#[test]
fn a_kind_and_a_relation_may_be_added() {
    let config = read(
        "freshet: {kinds: [{kind: Pipeline, apiVersions: [acme.example/v1], schema: {type: object}, relations: [{field: spec.deploys, defaultKind: Component, forward: deploys, reverse: deployedBy}]}, {kind: Component, relations: [{field: spec.runbook, defaultKind: Resource, forward: explainedBy}]}]}",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(
        config
            .processor
            .kinds
            .names()
            .any(|kind| kind == "Pipeline")
    );
    let usual = read("{}").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_ne!(config.store.fingerprint, usual.store.fingerprint);
}

#[track_caller]
fn check_provider_mistake(keys: &str, expected: &str) {
    check_catalog_mistake(
        &format!("providers: {{github: {{acme: {{organization: acme, {keys}}}}}}}"),
        &format!("catalog.providers.github.acme.{expected}"),
    );
}

#[test]
fn a_filter_that_cannot_be_matched_is_a_mistake() {
    check_provider_mistake(
        "filters: {repository: '(?!legacy-).*'}",
        "filters.repository",
    );
    check_provider_mistake("filters: {repository: 'a)(b'}", "filters.repository");
}

#[test]
fn certificates_of_a_database_are_taken_as_they_are_written() {
    let config = read(
        "backend: {database: {client: pg, connection: {host: db, ssl: {ca: [A, B], cert: C, key: K}}}}\n",
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let DatabaseConfig::Postgres { tls, .. } = config.store.database else {
        panic!("not PostgreSQL")
    };
    let text = |pem: Option<secrecy::SecretString>| pem.map(|pem| pem.expose_secret().to_owned());
    assert_eq!(text(tls.root_certificates).as_deref(), Some("A\nB"));
    assert_eq!(text(tls.client_certificate).as_deref(), Some("C"));
    assert_eq!(text(tls.client_key).as_deref(), Some("K"));
}

#[test]
fn links_start_where_the_api_is_reached() {
    let base_url = |backend: &str| {
        let config = read(&format!("backend: {{{backend}}}\n"));
        config
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
            .store
            .base_url
    };
    assert_eq!(
        base_url("baseUrl: 'https://backstage.acme.example/'"),
        "https://backstage.acme.example"
    );
    assert_eq!(
        base_url("listen: '127.0.0.1:7107'"),
        "http://127.0.0.1:7107"
    );
    check_mistakes(
        "backend: {baseUrl: backstage.acme.example}\n",
        &["backend.baseUrl"],
    );
}

#[test]
fn a_star_counts_for_nothing_in_browsers_that_send_cookies() {
    let cors = |text: &str| {
        let config = read(&format!("backend: {{cors: {text}}}\n"));
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let cors = config.store.cors.expect("CORS");
        (cors.origins, cors.methods, config.warnings.len())
    };
    let star = || vec!["*".to_owned()];
    assert_eq!(
        cors("{origin: ['*'], methods: '*', credentials: true}"),
        (Vec::new(), Vec::new(), 2)
    );
    assert_eq!(cors("{origin: '*', methods: '*'}"), (star(), star(), 0));
}

#[track_caller]
fn check_swept_again(change: (&str, &str), expected: bool) {
    let settings = |text: &str| {
        let config = read(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.ingestor.schedules[0].settings.clone()
    };
    assert!(GOOD.contains(change.0), "{change:?}");
    let changed = GOOD.replacen(change.0, change.1, 1);
    assert_eq!(settings(GOOD) != settings(&changed), expected, "{change:?}");
}

#[test]
fn a_provider_told_to_read_something_else_is_swept_again() {
    check_swept_again(("organization: acme", "organization: globex"), true);
    check_swept_again(("/catalog/all.yaml", "catalog-info.yaml"), true);
    check_swept_again(("branch: develop", "branch: main"), true);
    check_swept_again(("'pay-.*'", "'web-.*'"), true);
    for filter in [
        "allowArchived: true",
        "allowForks: false",
        "visibility: [private]",
        "topic: {include: [a]}",
        "topic: {exclude: [a]}",
    ] {
        check_swept_again(("'pay-.*'", &format!("'pay-.*', {filter}")), true);
    }
    check_swept_again(("/catalog/all.yaml", "catalog/all.yaml"), false);
    check_swept_again(("minutes: 30", "minutes: 40"), false);
}

#[test]
fn addresses_and_filters_are_read_before_anything_starts() {
    check_mistakes(
        "integrations: {github: [{host: github.com, apiBaseUrl: api.github.com}]}\nfreshet: {bus: {nats: {url: 'nats://'}}, telemetry: {logFilter: 'freshet=loud', otlpEndpoint: collector, progressEvery: 1ms}}\n",
        &[
            "freshet.bus.nats.url",
            "freshet.telemetry.logFilter",
            "freshet.telemetry.otlpEndpoint",
            "freshet.telemetry.progressEvery",
            "integrations.github[0].apiBaseUrl",
        ],
    );
    for address in ["nats://u:p@a:4222, tls://b", "localhost:4222", "a,b:4222"] {
        let text = format!("freshet: {{bus: {{nats: {{url: '{address}'}}}}}}\n");
        assert!(read(&text).is_ok(), "{address}");
    }
}
