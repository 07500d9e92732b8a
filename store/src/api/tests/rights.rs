//! What users see and may do where the permission plugin decides.

use serde_json::{Value, json};
use uuid::Uuid;

use super::stub::bearer;
use super::users::{ANA, Installation};
use super::world::Answer;
use crate::api::PermissionPolicy;

const PAY: &str = "/api/catalog/entities/by-name/component/default/pay";
const TEAM: &str = "/api/catalog/entities/by-name/group/default/team-a";
const APPLY: &str = "/api/catalog/.well-known/backstage/permissions/apply-conditions";

impl Installation {
    /// As Ana, who has rights as the permission plugin says.
    async fn as_ana(&self, method: &str, target: &str, body: &Value) -> Answer {
        let token = self.users.user_token(ANA, &[]);
        let body = body.to_string();
        let headers = format!(
            "{}content-type: application/json\r\ncontent-length: {}\r\n",
            bearer(&token),
            body.len()
        );
        self.world.exchange(method, target, &headers, &body).await
    }

    async fn sees(&self, target: &str) -> Answer {
        self.as_ana("GET", target, &json!({})).await
    }

    /// Ana has every right for entities of this kind, and no other.
    fn allow_kind(&self, kind: &str) {
        self.backstage.decide(&json!({
            "id": "0", "result": "CONDITIONAL", "pluginId": "catalog", "resourceType": "catalog-entity",
            "conditions": {"rule": "IS_ENTITY_KIND", "resourceType": "catalog-entity", "params": {"kinds": [kind]}},
        }));
    }

    fn deny(&self) {
        self.backstage.decide(&json!({"id": "0", "result": "DENY"}));
    }

    fn allow(&self) {
        self.backstage
            .decide(&json!({"id": "0", "result": "ALLOW"}));
    }
}

fn uid(number: u128) -> String {
    format!("/api/catalog/entities/by-uid/{}", Uuid::from_u128(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_some_entities_sees_no_others() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    all.allow_kind("Group");
    let entities = "/api/catalog/entities";
    assert_eq!(all.sees(entities).await.names(), "team-a");
    let filtered = format!("{entities}?filter=kind=component&filter=kind=group");
    assert_eq!(all.sees(&filtered).await.names(), "team-a");
    let page = all
        .sees(&format!("{entities}/by-query?limit=1"))
        .await
        .json();
    assert_eq!(page["totalItems"], 1);
    assert_eq!(page["items"][0]["metadata"]["name"], "team-a");
    assert_eq!(page["pageInfo"], json!({}));
    let page = json!({"query": {"$not": {"kind": "group"}}});
    let page = all
        .as_ana("POST", &format!("{entities}/by-query"), &page)
        .await;
    assert_eq!(page.json()["totalItems"], 0);
    let refs = json!({"entityRefs": ["component:default/pay", "group:default/team-a"]});
    let found = all
        .as_ana("POST", &format!("{entities}/by-refs"), &refs)
        .await
        .json();
    assert_eq!(found["items"][0], Value::Null);
    assert_eq!(found["items"][1]["metadata"]["name"], "team-a");
    let facets = all
        .sees("/api/catalog/entity-facets?facet=kind")
        .await
        .json();
    assert_eq!(
        facets["facets"]["kind"],
        json!([{"value": "Group", "count": 1}])
    );
    for (target, status) in [(PAY, 404), (TEAM, 200), (&*uid(2), 404), (&*uid(3), 200)] {
        assert_eq!(all.sees(target).await.status, status, "{target}");
    }
    assert_eq!(all.sees(&format!("{PAY}/ancestry")).await.status, 403);
    all.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_nothing_is_shown_nothing_on_any_route() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    all.deny();
    let refs = json!({"entityRefs": ["component:default/pay"]});
    for (method, target, body, status, shown) in [
        ("GET", "/api/catalog/entities", json!({}), 200, "[]"),
        (
            "GET",
            "/api/catalog/entities/by-query",
            json!({}),
            200,
            r#"{"items":[],"totalItems":0,"pageInfo":{}}"#,
        ),
        (
            "POST",
            "/api/catalog/entities/by-query",
            json!({}),
            200,
            r#"{"items":[],"totalItems":0,"pageInfo":{}}"#,
        ),
        (
            "POST",
            "/api/catalog/entities/by-refs",
            refs,
            200,
            r#"{"items":[null]}"#,
        ),
        (
            "GET",
            "/api/catalog/entity-facets?facet=kind",
            json!({}),
            200,
            r#"{"facets":{"kind":[]}}"#,
        ),
        (
            "POST",
            "/api/catalog/entity-facets",
            json!({"facets": ["kind"]}),
            200,
            r#"{"facets":{"kind":[]}}"#,
        ),
        ("GET", "/api/catalog/locations", json!({}), 200, "[]"),
        (
            "POST",
            "/api/catalog/locations/by-query",
            json!({}),
            200,
            r#"{"items":[],"totalItems":0,"pageInfo":{}}"#,
        ),
        ("GET", PAY, json!({}), 404, ""),
        ("GET", &uid(2), json!({}), 404, ""),
        ("GET", &format!("{PAY}/ancestry"), json!({}), 403, ""),
        ("GET", "/api/v1/changes", json!({}), 403, ""),
        ("GET", "/api/v1/cycles", json!({}), 403, ""),
        ("GET", "/api/v1/dangling", json!({}), 403, ""),
        ("GET", "/api/v1/impact", json!({}), 403, ""),
        ("GET", "/api/v1/owned", json!({}), 403, ""),
        ("GET", "/api/v1/paths", json!({}), 403, ""),
        ("GET", "/api/v1/problems", json!({}), 403, ""),
        ("GET", "/api/v1/removals", json!({}), 403, ""),
        ("GET", "/api/v1/sources", json!({}), 403, ""),
        ("GET", "/api/v1/refreshes/none", json!({}), 403, ""),
    ] {
        let answer = all.as_ana(method, target, &body).await;
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.body, shown, "{method} {target}");
        }
        assert!(!answer.body.contains("team-a"), "{method} {target}");
    }
    all.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_refused_before_anything_is() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    let location = json!({"type": "url", "target": "https://github.com/acme/pay/blob/main/c.yaml"});
    let one = format!("/api/catalog/locations/{}", Uuid::nil());
    let refresh = json!({"entityRef": "component:default/pay"});
    let writes = [
        (
            "POST",
            "/api/catalog/locations".to_owned(),
            location.clone(),
            201,
        ),
        (
            "POST",
            "/api/catalog/locations?dryRun=true".to_owned(),
            location.clone(),
            501,
        ),
        ("PUT", one.clone(), location, 404),
        ("DELETE", one, json!({}), 404),
        ("POST", "/api/catalog/refresh".to_owned(), refresh, 200),
        ("DELETE", uid(2), json!({}), 204),
        (
            "POST",
            "/api/v1/removals/confirm".to_owned(),
            json!({"locations": [1]}),
            404,
        ),
    ];
    all.deny();
    for (method, target, body, _) in &writes {
        let answer = all.as_ana(method, target, body).await;
        assert_eq!(answer.status, 403, "{method} {target}: {}", answer.body);
        assert_eq!(answer.json()["error"]["name"], "NotAllowedError");
    }
    all.allow();
    for (method, target, body, status) in &writes {
        let answer = all.as_ana(method, target, body).await;
        assert_eq!(answer.status, *status, "{method} {target}: {}", answer.body);
    }
    all.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_for_some_entities_is_one_for_these() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    let refresh = |entity_ref: &str| json!({"entityRef": entity_ref});
    all.allow_kind("Group");
    for (method, target, body) in [
        ("DELETE", uid(2), json!({})),
        ("DELETE", uid(77), json!({})),
        (
            "POST",
            "/api/catalog/refresh".to_owned(),
            refresh("component:default/pay"),
        ),
        (
            "POST",
            "/api/catalog/refresh".to_owned(),
            refresh("component:default/none"),
        ),
    ] {
        let answer = all.as_ana(method, &target, &body).await;
        assert_eq!(answer.status, 403, "{target}: {}", answer.body);
    }
    all.allow_kind("Component");
    let pay = refresh("Component:default/Pay");
    assert_eq!(
        all.as_ana("POST", "/api/catalog/refresh", &pay)
            .await
            .status,
        200
    );
    assert_eq!(all.as_ana("DELETE", &uid(2), &json!({})).await.status, 204);
    all.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_in_the_body_of_a_refresh_counts() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    all.deny();
    let plugin = all.search.plugin_token("search", &[]);
    let body =
        |token: &str| json!({"entityRef": "component:default/pay", "authorizationToken": token});
    let refresh = "/api/catalog/refresh";
    assert_eq!(
        all.as_ana("POST", refresh, &body(&plugin)).await.status,
        200
    );
    assert_eq!(
        all.as_ana("POST", refresh, &body("nobody")).await.status,
        401
    );
    let headers = bearer(&plugin);
    let ana = body(&all.users.user_token(ANA, &[])).to_string();
    let answer = all.world.post_with(refresh, &headers, &ana).await;
    assert_eq!(answer.status, 403);
    all.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_plugins_have_conditions_applied() {
    let all = Installation::start(PermissionPolicy::default()).await;
    let token = all.search.plugin_token("search", &[]);
    let ask = async |items: Value| {
        let body = json!({ "items": items }).to_string();
        all.world.post_with(APPLY, &bearer(&token), &body).await
    };
    let owned = json!({"rule": "IS_ENTITY_OWNER", "resourceType": "catalog-entity", "params": {"claims": ["group:default/team-a"]}});
    let item = |resource: Value, conditions: &Value| json!({"id": "1", "resourceRef": resource, "resourceType": "catalog-entity", "conditions": conditions});
    let (pay, site) = ("component:default/pay", "component:default/site");
    let not_owned = json!({"not": owned});
    let answer = ask(json!([
        item(json!(pay), &owned),
        item(json!([site, pay, "component:default/none"]), &owned),
        item(json!([site, "component:default/none"]), &not_owned),
    ]))
    .await;
    assert_eq!(
        answer.json(),
        json!({"items": [
            {"id": "1", "result": "ALLOW"},
            {"id": "1", "result": ["DENY", "ALLOW", "DENY"]},
            {"id": "1", "result": ["ALLOW", "DENY"]},
        ]})
    );
    let old = json!({"rule": "IS_OLD", "resourceType": "catalog-entity"});
    for (items, message) in [
        (
            json!([item(json!(pay), &old)]),
            "Permission rule 'IS_OLD' does not exist for resource type 'catalog-entity'",
        ),
        (
            json!([{"id": "1", "resourceRef": "a", "resourceType": "b", "conditions": old}]),
            "Unexpected resource types: b.",
        ),
    ] {
        let answer = ask(items).await;
        assert_eq!(answer.status, 400);
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["name"], &error["message"]),
            (&json!("InputError"), &json!(message))
        );
    }
    assert_eq!(all.world.post_with(APPLY, "", "{}").await.status, 401);
    let metadata = "/api/catalog/.well-known/backstage/permissions/metadata";
    let metadata = all
        .world
        .request("GET", metadata, &bearer(&token))
        .await
        .json();
    assert_eq!(metadata["rules"].as_array().map(Vec::len), Some(6));
    all.world.stop().await;
}
