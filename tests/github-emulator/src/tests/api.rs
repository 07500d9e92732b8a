//! REST and GraphQL.

use http::StatusCode;
use serde_json::json;

use super::{CATALOG, TOKEN, World};
use crate::{Member, RepoOptions, RequestKind, Team, Visibility};

const LISTING: &str = r#"query Listing {
  organization(login: "acme") {
    repositories(first: 100) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id databaseId name nameWithOwner url isArchived isFork isEmpty visibility pushedAt
        repositoryTopics(first: 20) { nodes { topic { name } } }
        defaultBranchRef { name target { oid } }
        object(expression: "HEAD:catalog-info.yaml") { oid __typename ... on Blob { byteSize isBinary isTruncated text } }
        owner { login }
      }
    }
  }
  rateLimit { limit cost remaining used resetAt }
}"#;

#[tokio::test]
async fn a_page_of_a_hundred_repositories_is_one_query() {
    let world = World::start().await;
    let many: Vec<_> = (0..120)
        .map(|n| (format!("r{n}"), vec![(CATALOG, format!("kind: C{n}\n"))]))
        .collect();
    world.github.seed("acme", many).unwrap();
    let answer = world.graphql(LISTING).await.json();
    assert!(answer.get("errors").is_none(), "{answer}");
    let page = &answer["data"]["organization"]["repositories"];
    assert_eq!(page["totalCount"], 121);
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    assert_eq!(page["nodes"].as_array().unwrap().len(), 100);
    let node = &page["nodes"][3];
    assert_eq!(node["nameWithOwner"], "acme/r2");
    assert_eq!(node["visibility"], "PUBLIC");
    assert_eq!(node["object"]["text"], "kind: C2\n");
    assert_eq!(
        node["defaultBranchRef"]["target"]["oid"],
        world.github.head("acme/r2").unwrap().unwrap().as_str()
    );
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
    let next = LISTING.replace("first: 100)", &format!("first: 100, after: \"{cursor}\")"));
    let rest = world.graphql(&next).await.json();
    assert_eq!(
        rest["data"]["organization"]["repositories"]["nodes"]
            .as_array()
            .unwrap()
            .len(),
        21
    );
    let requests = world.github.requests();
    assert_eq!(requests[0].kind, RequestKind::Graphql);
    assert_eq!(
        (
            requests[0].operation.as_str(),
            requests[0].repositories_asked
        ),
        ("Listing", 100)
    );
    assert_eq!(world.github.count_api_calls(), 2);
}

#[tokio::test]
async fn one_missing_repository_is_null_with_an_error_and_the_others_are_there() {
    let world = World::start().await;
    let head = world.github.head("acme/pay").unwrap().unwrap();
    let query = format!(
        r#"{{ a: repository(owner: "acme", name: "pay") {{ id object(expression: "{head}:docs/a.md") {{ oid ... on Blob {{ text }} }} gone: object(expression: "HEAD:nothing") {{ oid }} }}
             b: repository(owner: "acme", name: "nope") {{ id }} }}"#
    );
    let answer = world.graphql(&query).await.json();
    assert_eq!(answer["data"]["a"]["object"]["text"], "A\n");
    assert_eq!(answer["data"]["a"]["gone"], json!(null));
    assert!(answer["data"].as_object().unwrap().contains_key("b"));
    assert_eq!(answer["data"]["b"], json!(null));
    assert_eq!(answer["errors"][0]["type"], "NOT_FOUND");
    assert_eq!(answer["errors"][0]["path"], json!(["b"]));
    assert_eq!(
        answer["errors"][0]["message"],
        "Could not resolve to a Repository with the name 'acme/nope'."
    );
    let id = answer["data"]["a"]["id"].as_str().unwrap();
    let again = world
        .graphql(&format!(
            r#"{{ nodes(ids: ["{id}", "R_x"]) {{ id ... on Repository {{ name }} }} }}"#
        ))
        .await
        .json();
    assert_eq!(
        again["data"]["nodes"],
        json!([{ "id": id, "name": "pay" }, null])
    );
}

#[tokio::test]
async fn graphql_refuses_what_github_refuses() {
    let world = World::start().await;
    let unbounded = world
        .graphql(r#"{ organization(login: "acme") { repositories { totalCount } } }"#)
        .await
        .json();
    assert_eq!(
        unbounded["errors"][0]["type"],
        "MISSING_PAGINATION_BOUNDARIES"
    );
    let large = world
        .graphql(r#"{ organization(login: "acme") { repositories(first: 101) { totalCount } } }"#)
        .await
        .json();
    assert_eq!(large["errors"][0]["type"], "EXCESSIVE_PAGINATION");
    let unknown = world.graphql("{ nonsense }").await;
    assert_eq!(unknown.status, StatusCode::OK);
    assert!(unknown.json()["errors"][0]["message"].is_string());
    let anonymous = world
        .send(
            "POST",
            "/graphql",
            &[],
            r#"{"query":"{viewer{login}}"}"#.into(),
        )
        .await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn people_are_listed() {
    let world = World::start().await;
    let member = Member {
        login: "grace".to_owned(),
        name: "Grace".to_owned(),
        email: "grace@example.com".to_owned(),
    };
    let team = Team {
        slug: "core".to_owned(),
        name: "Core".to_owned(),
        description: String::new(),
        parent: None,
        members: vec!["grace".to_owned()],
    };
    world.github.set_people("acme", vec![member], vec![team]);
    let query = r#"{ organization(login: "acme") { membersWithRole(first: 5) { nodes { login } } teams(first: 5) { nodes { slug combinedSlug parentTeam { slug } members(first: 5) { nodes { login } } } } } }"#;
    let answer = world.graphql(query).await.json();
    assert_eq!(
        answer["data"]["organization"]["membersWithRole"]["nodes"],
        json!([{ "login": "grace" }])
    );
    let team = &answer["data"]["organization"]["teams"]["nodes"][0];
    assert_eq!(
        (&team["combinedSlug"], &team["members"]["nodes"]),
        (&json!("acme/core"), &json!([{ "login": "grace" }]))
    );
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one repository, asked for in every way there is"
)]
async fn files_are_read_by_branch_and_by_commit_in_every_representation() {
    let world = World::start().await;
    let old = world.github.head("acme/pay").unwrap().unwrap();
    world
        .github
        .commit_quietly("acme/pay", &[(CATALOG, Some("kind: API\n"))], "Change")
        .unwrap();
    let raw = |accept| {
        vec![
            ("authorization", format!("token {TOKEN}")),
            ("accept", accept),
        ]
    };
    for (reference, expected) in [("main", "kind: API\n"), (old.as_str(), "kind: Component\n")] {
        let headers = raw("application/vnd.github.raw".to_owned());
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = world
            .get_as(
                &format!("/api/v3/repos/acme/pay/contents/{CATALOG}?ref={reference}"),
                &headers,
            )
            .await;
        assert_eq!(answer.text(), expected);
    }
    let described = world
        .get(&format!("/repos/acme/pay/contents/{CATALOG}"))
        .await;
    assert_eq!(described.json()["content"], "a2luZDogQVBJCg==\n");
    let tag = described.header("etag").unwrap().to_owned();
    let authorization = format!("Bearer {TOKEN}");
    let again = world
        .get_as(
            &format!("/repos/acme/pay/contents/{CATALOG}"),
            &[("if-none-match", &tag), ("authorization", &authorization)],
        )
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let directory = world.get("/repos/acme/pay/contents/docs").await.json();
    assert_eq!(
        directory
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["path"])
            .collect::<Vec<_>>(),
        ["docs/a.md", "docs/b.md"]
    );
    let tree = world
        .get("/repos/acme/pay/git/trees/main?recursive=1")
        .await
        .json();
    assert_eq!(
        tree["tree"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["path"])
            .collect::<Vec<_>>(),
        [CATALOG, "docs", "docs/a.md", "docs/b.md"]
    );
    let blob = world
        .get(&format!(
            "/repos/acme/pay/git/blobs/{}",
            described.json()["sha"].as_str().unwrap()
        ))
        .await;
    assert_eq!(blob.json()["size"], 10);
    let missing = world.get("/repos/acme/pay/contents/nothing").await;
    assert_eq!(
        (missing.status, missing.json()["message"].as_str()),
        (StatusCode::NOT_FOUND, Some("Not Found"))
    );
    assert!(
        missing.header("x-ratelimit-remaining").is_some()
            && missing.header("x-github-request-id").is_some()
    );
}

#[tokio::test]
async fn a_commit_answers_with_its_sha_alone_if_asked() {
    let world = World::start().await;
    let authorization = format!("Bearer {TOKEN}");
    let head = world.github.head("acme/pay").unwrap().unwrap();
    let answer = world
        .get_as(
            "/api/v3/repos/acme/pay/commits/main",
            &[
                ("accept", "application/vnd.github.sha"),
                ("authorization", &authorization),
            ],
        )
        .await;
    assert_eq!(answer.text(), head.as_str());
    assert_eq!(
        world
            .get("/api/v3/repos/acme/pay/commits/main")
            .await
            .json()["sha"],
        head.as_str()
    );
    assert_eq!(
        world
            .get("/api/v3/repos/acme/pay/commits/nothing")
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn the_list_of_repositories_is_paged_by_links() {
    let world = World::start().await;
    world
        .github
        .seed(
            "acme",
            vec![("b", vec![("x", "1")]), ("c", vec![("x", "1")])],
        )
        .unwrap();
    let first = world.get("/api/v3/orgs/acme/repos?per_page=2").await;
    assert_eq!(first.json().as_array().unwrap().len(), 2);
    let links = first.links(world.github.base_url());
    let second = world.get(&links["next"]).await;
    assert_eq!(second.json()[0]["full_name"], "acme/c");
    assert!(!second.links(world.github.base_url()).contains_key("next"));
}

#[tokio::test]
async fn a_renamed_repository_keeps_its_id_and_its_old_name_leads_to_it() {
    let world = World::start().await;
    let id = world.github.repository_id("acme/pay").unwrap();
    world.github.rename_repo("acme/pay", "payments").unwrap();
    assert_eq!(
        world.get("/api/v3/repos/acme/payments").await.json()["id"],
        id
    );
    let old = world
        .get(&format!("/api/v3/repos/acme/pay/contents/{CATALOG}"))
        .await;
    assert_eq!(old.status, StatusCode::MOVED_PERMANENTLY);
    let target = old
        .header("location")
        .unwrap()
        .trim_start_matches(world.github.base_url())
        .to_owned();
    let onward = world.get(&target).await;
    let present = onward
        .header("location")
        .unwrap()
        .trim_start_matches(world.github.base_url())
        .to_owned();
    assert_eq!(world.get(&present).await.json()["path"], CATALOG);
    let asked = world
        .graphql(r#"{ repository(owner: "acme", name: "pay") { nameWithOwner databaseId } }"#)
        .await
        .json();
    assert_eq!(
        asked["data"]["repository"],
        json!({ "nameWithOwner": "acme/payments", "databaseId": id })
    );
}

#[tokio::test]
async fn a_private_repository_is_shown_to_the_token_only() {
    let world = World::start().await;
    let options = RepoOptions {
        visibility: Visibility::Private,
        ..RepoOptions::default()
    };
    world.github.create_repo("acme", "secret", options).unwrap();
    assert_eq!(world.get("/repos/acme/secret").await.status, StatusCode::OK);
    assert_eq!(
        world.get_as("/repos/acme/secret", &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.get_as("/repos/acme/pay", &[]).await.status,
        StatusCode::OK
    );
    let wrong = world
        .get_as("/repos/acme/pay", &[("authorization", "Bearer wrong")])
        .await;
    assert_eq!(
        (wrong.status, wrong.json()["message"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("Bad credentials"))
    );
    let empty = world.graphql(r#"{ repository(owner: "acme", name: "secret") { isEmpty visibility defaultBranchRef { name } object(expression: "HEAD:x") { oid } } }"#).await.json();
    assert_eq!(
        empty["data"]["repository"],
        json!({ "isEmpty": true, "visibility": "PRIVATE", "defaultBranchRef": null, "object": null })
    );
}

#[tokio::test]
async fn the_owner_of_repositories_lists_them_in_the_order_asked_for() {
    let world = World::start().await;
    world
        .github
        .seed(
            "acme",
            vec![("Zebra", vec![("x", "1")]), ("ant", vec![("x", "1")])],
        )
        .unwrap();
    let query = r#"query($login: String!, $after: String) { repositoryOwner(login: $login) { login
        repositories(first: 2, after: $after, isFork: false, orderBy: {field: NAME, direction: ASC}) { pageInfo { endCursor } nodes { name } } } }"#;
    let mut names = Vec::new();
    let mut after = json!(null);
    for _ in 0..2 {
        let answer = world
            .graphql_with(query, json!({ "login": "ACME", "after": after }))
            .await
            .json();
        let page = &answer["data"]["repositoryOwner"]["repositories"];
        assert!(page.is_object(), "{answer}");
        names.extend(
            page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["name"].as_str().unwrap().to_owned()),
        );
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(names, ["ant", "pay", "Zebra"]);
}

#[tokio::test]
async fn many_repositories_are_asked_by_node_id_and_pinned_to_a_commit_in_one_query() {
    let world = World::start().await;
    let head = world.github.head("acme/pay").unwrap().unwrap();
    let listed = world.graphql(r#"{ repositoryOwner(login: "acme") { repositories(first: 100, after: null, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { ...I } } } }
        fragment I on Repository { id databaseId }"#).await.json();
    let id = listed["data"]["repositoryOwner"]["repositories"]["nodes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let query = format!(
        r#"query Repositories {{
            r0: node(id: "{id}") {{ ... on Repository {{ ...I commit: object(expression: "{head}") {{ oid }} branch: object(expression: "refs/heads/main") {{ oid }}
                p0: object(expression: "{head}:catalog-info.yaml") {{ __typename oid ... on Blob {{ byteSize isBinary isTruncated text }} }}
                p1: object(expression: "refs/heads/main:docs") {{ __typename oid ... on Tree {{ entries {{ name type }} }} }} }} }}
            r1: node(id: "R_gone") {{ ... on Repository {{ ...I }} }} }}
        fragment I on Repository {{ id databaseId name url isArchived isEmpty owner {{ login }} defaultBranchRef {{ name target {{ oid }} }} }}"#
    );
    let answer = world.graphql(&query).await.json();
    let r0 = &answer["data"]["r0"];
    assert_eq!(
        (&r0["commit"]["oid"], &r0["branch"]["oid"]),
        (&json!(head.as_str()), &json!(head.as_str())),
        "{answer}"
    );
    assert_eq!(
        (&r0["p0"]["__typename"], &r0["p0"]["text"]),
        (&json!("Blob"), &json!("kind: Component\n"))
    );
    assert_eq!(
        r0["p1"]["entries"][0],
        json!({ "name": "a.md", "type": "blob" })
    );
    assert_eq!(
        (&answer["data"]["r1"], &answer["errors"][0]["type"]),
        (&json!(null), &json!("NOT_FOUND"))
    );
    let asked = world.github.requests().pop().unwrap();
    assert_eq!(
        (asked.operation.as_str(), asked.repositories_asked),
        ("Repositories", 2)
    );
}
