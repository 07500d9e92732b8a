//! How a story begins: what is on GitHub, and what the configuration says.

use serde_json::{Value, json};

use crate::backends::Profile;
use crate::setup::{ORGANIZATION, TOKEN};
use freshet_github_emulator::{GithubEmulator, Options, RepoOptions};

/// GitHub's own host: stories that compare addresses literally give it to the emulator.
pub const GITHUB: &str = "github.com";

/// A repository of the organisation: its name, its files.
pub type Staged = (String, Vec<(String, Vec<u8>)>);

/// What is there before the first line of a story.
#[derive(Clone, Debug)]
pub struct Stage {
    /// With which real parts.
    pub profile: Profile,
    /// On GitHub.
    pub repositories: Vec<Staged>,
    /// Changes to the usual configuration, as a JSON merge patch.
    pub overlay: Value,
    /// Whether the emulator says that it is `https://github.com`.
    pub named_github: bool,
    /// What a caller of the API has to send, if not everybody may call.
    pub api_token: Option<&'static str>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            profile: Profile::Embedded,
            repositories: Vec::new(),
            overlay: json!({}),
            named_github: false,
            api_token: None,
        }
    }
}

impl Stage {
    /// GitHub under its own name, with these repositories, no discovery, and these `catalog.locations` of type `url`.
    #[must_use]
    pub fn registered(repositories: &[(&str, &[(&str, &str)])], targets: &[&str]) -> Self {
        let locations: Vec<Value> = targets
            .iter()
            .map(|target| json!({"type": "url", "target": target}))
            .collect();
        Self {
            repositories: repositories.iter().copied().map(staged).collect(),
            overlay: json!({"catalog": {"providers": null, "locations": locations}}),
            named_github: true,
            ..Self::default()
        }
    }

    /// Whether the organisation is discovered, unlike one whose files are registered one by one.
    #[must_use]
    pub fn is_discovered(&self) -> bool {
        self.overlay.pointer("/catalog/providers") != Some(&Value::Null)
    }

    /// An emulator with the organisation and these repositories in it.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn github(&self) -> GithubEmulator {
        let options = Options {
            token: Some(TOKEN.to_owned()),
            web: self.named_github.then(|| format!("https://{GITHUB}")),
            ..Options::default()
        };
        let github = GithubEmulator::start(options)
            .await
            .expect("the emulator starts");
        github.create_org(ORGANIZATION);
        for (name, files) in &self.repositories {
            github
                .create_repo(ORGANIZATION, name, RepoOptions::default())
                .expect("a repository is made");
            let files: Vec<(&str, &[u8])> = files
                .iter()
                .map(|(path, content)| (path.as_str(), content.as_slice()))
                .collect();
            github
                .commit_bytes_quietly(&format!("{ORGANIZATION}/{name}"), &files, "Begin")
                .expect("its files are committed");
        }
        github
    }
}

/// A repository of text files.
#[must_use]
pub fn staged((name, files): (&str, &[(&str, &str)])) -> Staged {
    let files = files
        .iter()
        .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
        .collect();
    (name.to_owned(), files)
}
