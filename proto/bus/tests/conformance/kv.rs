//! Key-value buckets.

use bytes::Bytes;

use super::Lab;
use freshet_bus::KvError;

pub(super) async fn run(lab: &impl Lab) {
    a_value_is_written_by_whoever_knows_its_revision(lab).await;
    a_deleted_key_can_be_created_again(lab).await;
    a_key_that_would_reach_other_keys_is_refused(lab).await;
}

async fn a_value_is_written_by_whoever_knows_its_revision(lab: &impl Lab) {
    let kv = lab
        .bus()
        .await
        .kv("quota_revisions")
        .await
        .expect("the bucket is created");
    assert_eq!(kv.get("a").await.expect("asked"), None);
    let created = kv
        .create("a", Bytes::from_static(b"1"))
        .await
        .expect("the key is new");
    let again = kv.create("a", Bytes::from_static(b"2")).await;
    assert!(
        matches!(again, Err(KvError::WrongRevision { .. })),
        "{again:?}"
    );
    let updated = kv
        .update("a", Bytes::from_static(b"3"), created)
        .await
        .expect("the revision is known");
    assert!(updated > created);
    let stale = kv.update("a", Bytes::from_static(b"4"), created).await;
    assert!(
        matches!(stale, Err(KvError::WrongRevision { .. })),
        "{stale:?}"
    );
    let entry = kv.get("a").await.expect("asked").expect("it has a value");
    assert_eq!(
        (entry.value.as_ref(), entry.revision),
        (b"3".as_slice(), updated)
    );
    let put = kv
        .put("a", Bytes::from_static(b"5"))
        .await
        .expect("written");
    assert!(put > updated);
}

async fn a_deleted_key_can_be_created_again(lab: &impl Lab) {
    let kv = lab
        .bus()
        .await
        .kv("quota_deleted")
        .await
        .expect("the bucket is created");
    let first = kv
        .create("a", Bytes::from_static(b"1"))
        .await
        .expect("the key is new");
    kv.put("b", Bytes::from_static(b"1"))
        .await
        .expect("written");
    kv.delete("a").await.expect("deleted");
    assert_eq!(kv.get("a").await.expect("asked"), None);
    assert_eq!(kv.keys().await.expect("asked"), ["b"]);
    let second = kv
        .create("a", Bytes::from_static(b"2"))
        .await
        .expect("the key is new again");
    assert!(second > first, "revisions never go back");
    let mut keys = kv.keys().await.expect("asked");
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
}

async fn a_key_that_would_reach_other_keys_is_refused(lab: &impl Lab) {
    let kv = lab
        .bus()
        .await
        .kv("quota_keys")
        .await
        .expect("the bucket is created");
    for key in ["*", ">", "a.*", "", "a b", "a..b"] {
        let refused = kv.put(key, Bytes::new()).await;
        assert!(
            matches!(refused, Err(KvError::InvalidKey { .. })),
            "{key:?}: {refused:?}"
        );
    }
    kv.put("component.default.=2A", Bytes::new())
        .await
        .expect("an encoded name is a key");
}
