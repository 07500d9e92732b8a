//! Which file, or pattern of files, discovery looks for.

use freshet_runtime::config::{Mistakes, from_str};

use super::AppConfig;

/// What comes of a `catalogPath`: the path, or the paths of the mistakes.
fn read(written: &str) -> Result<String, Vec<String>> {
    let text = format!(
        "integrations: {{github: [{{host: github.com, token: t}}]}}\n\
         catalog: {{providers: {{github: {{a: {{organization: a, catalogPath: '{written}'}}}}}}}}\n"
    );
    let config = AppConfig::read(&from_str(&text).expect("YAML"));
    let paths = |mistakes: Mistakes| mistakes.fatal.into_iter().map(|it| it.path).collect();
    config
        .map(|config| config.store.providers[0].catalog_path.clone())
        .map_err(paths)
}

#[test]
fn a_catalog_path_may_be_a_pattern() {
    for (written, expected) in [
        ("/catalog-info.{yml,yaml}", "catalog-info.{yml,yaml}"),
        ("/[Cc]atalog-info.yaml", "[Cc]atalog-info.yaml"),
        ("/catalog-info.y?ml", "catalog-info.y?ml"),
        ("./catalog-info.yaml", "catalog-info.yaml"),
        ("/**/catalog-info.yaml", "**/catalog-info.yaml"),
    ] {
        assert_eq!(read(written).as_deref(), Ok(expected), "{written}");
    }
}

#[test]
fn a_catalog_path_that_matches_nothing_is_a_mistake() {
    let mistake = ["catalog.providers.github.a.catalogPath".to_owned()];
    for written in ["/backstage/", "/", "../catalog-info.yaml", "{1..1000}.yaml"] {
        assert_eq!(read(written), Err(mistake.to_vec()), "{written}");
    }
}
