//! The sample organisation as tables.

use self::ApiKind::{AsyncApi, Grpc, OpenApi};

pub(super) struct Domain {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) owner: &'static str,
}

pub(super) struct System {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) owner: &'static str,
    pub(super) domain: &'static str,
}

pub(super) struct Resource {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) kind: &'static str,
    pub(super) owner: &'static str,
    pub(super) system: &'static str,
}

pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) purpose: &'static str,
    pub(super) kind: &'static str,
    pub(super) parent: Option<&'static str>,
}

pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) team: &'static str,
}

/// Format of an interface definition.
#[derive(Clone, Copy)]
pub(super) enum ApiKind {
    OpenApi,
    Grpc,
    AsyncApi,
}

#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) purpose: &'static str,
    pub(super) kind: &'static str,
    pub(super) lifecycle: &'static str,
    pub(super) owner: &'static str,
    pub(super) system: &'static str,
    pub(super) language: &'static str,
    pub(super) api: Option<ApiKind>,
    /// Components whose interface is used.
    pub(super) consumes: &'static [&'static str],
    /// Resources.
    pub(super) depends_on: &'static [&'static str],
}

pub(super) const DOMAINS: &[Domain] = &[
    Domain {
        name: "commerce",
        purpose: "Everything a customer sees and pays for.",
        owner: "commerce",
    },
    Domain {
        name: "fulfilment",
        purpose: "From the order to the doorstep.",
        owner: "fulfilment",
    },
    Domain {
        name: "platform",
        purpose: "What every other team builds on.",
        owner: "platform",
    },
];

pub(super) const SYSTEMS: &[System] = &[
    System {
        name: "storefront",
        purpose: "The shop on the web and on the phone.",
        owner: "storefront-team",
        domain: "commerce",
    },
    System {
        name: "ordering",
        purpose: "Baskets, orders and their states.",
        owner: "checkout-team",
        domain: "commerce",
    },
    System {
        name: "payments",
        purpose: "Taking and returning money.",
        owner: "payments-team",
        domain: "commerce",
    },
    System {
        name: "discovery",
        purpose: "Finding products.",
        owner: "search-team",
        domain: "commerce",
    },
    System {
        name: "warehousing",
        purpose: "Where things are and how many.",
        owner: "warehouse-team",
        domain: "fulfilment",
    },
    System {
        name: "delivery",
        purpose: "Parcels, carriers and routes.",
        owner: "shipping-team",
        domain: "fulfilment",
    },
    System {
        name: "accounts",
        purpose: "Who somebody is and what they may do.",
        owner: "identity-team",
        domain: "platform",
    },
    System {
        name: "insight",
        purpose: "Events, reports and forecasts.",
        owner: "data-team",
        domain: "platform",
    },
    System {
        name: "operations",
        purpose: "Running and building all of it.",
        owner: "reliability-team",
        domain: "platform",
    },
];

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        name: "orders-db",
        purpose: "PostgreSQL with all orders.",
        kind: "database",
        owner: "checkout-team",
        system: "ordering",
    },
    Resource {
        name: "baskets-cache",
        purpose: "Redis with open baskets.",
        kind: "cache",
        owner: "checkout-team",
        system: "ordering",
    },
    Resource {
        name: "ledger-db",
        purpose: "PostgreSQL with every booking.",
        kind: "database",
        owner: "payments-team",
        system: "payments",
    },
    Resource {
        name: "products-db",
        purpose: "PostgreSQL with the assortment.",
        kind: "database",
        owner: "search-team",
        system: "discovery",
    },
    Resource {
        name: "search-index",
        purpose: "OpenSearch over the assortment.",
        kind: "search-index",
        owner: "search-team",
        system: "discovery",
    },
    Resource {
        name: "stock-db",
        purpose: "PostgreSQL with stock by place.",
        kind: "database",
        owner: "warehouse-team",
        system: "warehousing",
    },
    Resource {
        name: "parcels-db",
        purpose: "PostgreSQL with parcels under way.",
        kind: "database",
        owner: "shipping-team",
        system: "delivery",
    },
    Resource {
        name: "accounts-db",
        purpose: "PostgreSQL with accounts.",
        kind: "database",
        owner: "identity-team",
        system: "accounts",
    },
    Resource {
        name: "event-stream",
        purpose: "NATS JetStream for business events.",
        kind: "queue",
        owner: "data-team",
        system: "insight",
    },
    Resource {
        name: "data-lake",
        purpose: "Object storage for analytics.",
        kind: "bucket",
        owner: "data-team",
        system: "insight",
    },
    Resource {
        name: "media-bucket",
        purpose: "Object storage for pictures.",
        kind: "bucket",
        owner: "storefront-team",
        system: "storefront",
    },
    Resource {
        name: "build-cluster",
        purpose: "Machines that build and test.",
        kind: "cluster",
        owner: "reliability-team",
        system: "operations",
    },
];

const fn team(
    name: &'static str,
    title: &'static str,
    purpose: &'static str,
    parent: &'static str,
) -> Group {
    Group {
        name,
        title,
        purpose,
        kind: "team",
        parent: Some(parent),
    }
}

const fn unit(name: &'static str, title: &'static str, purpose: &'static str) -> Group {
    Group {
        name,
        title,
        purpose,
        kind: "business-unit",
        parent: Some("everyone"),
    }
}

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "everyone",
        title: "Everyone",
        purpose: "The whole company.",
        kind: "organization",
        parent: None,
    },
    unit("commerce", "Commerce", "Selling."),
    unit("fulfilment", "Fulfilment", "Delivering."),
    unit("platform", "Platform", "Enabling."),
    team(
        "storefront-team",
        "Storefront",
        "Builds the shop.",
        "commerce",
    ),
    team(
        "checkout-team",
        "Checkout",
        "Builds baskets and orders.",
        "commerce",
    ),
    team("payments-team", "Payments", "Moves money.", "commerce"),
    team(
        "search-team",
        "Search",
        "Helps customers find things.",
        "commerce",
    ),
    team(
        "warehouse-team",
        "Warehouse",
        "Knows where everything is.",
        "fulfilment",
    ),
    team(
        "shipping-team",
        "Shipping",
        "Gets parcels to people.",
        "fulfilment",
    ),
    team("identity-team", "Identity", "Knows who is who.", "platform"),
    team(
        "data-team",
        "Data",
        "Makes numbers out of events.",
        "platform",
    ),
    team(
        "reliability-team",
        "Reliability",
        "Keeps it running.",
        "platform",
    ),
];

const fn user(name: &'static str, title: &'static str, team: &'static str) -> User {
    User { name, title, team }
}

pub(super) const USERS: &[User] = &[
    user("ada", "Ada Lindqvist", "checkout-team"),
    user("amara", "Amara Okafor", "checkout-team"),
    user("ben", "Ben Sorensen", "checkout-team"),
    user("carla", "Carla Moreno", "payments-team"),
    user("chen", "Chen Wei", "payments-team"),
    user("dmitri", "Dmitri Volkov", "payments-team"),
    user("elena", "Elena Rossi", "storefront-team"),
    user("farid", "Farid Haddad", "storefront-team"),
    user("greta", "Greta Holm", "storefront-team"),
    user("hana", "Hana Suzuki", "search-team"),
    user("ivan", "Ivan Petrov", "search-team"),
    user("jonas", "Jonas Weber", "warehouse-team"),
    user("kemi", "Kemi Adeyemi", "warehouse-team"),
    user("lars", "Lars Nygaard", "shipping-team"),
    user("mei", "Mei Tanaka", "shipping-team"),
    user("nadia", "Nadia Karim", "identity-team"),
    user("oscar", "Oscar Lima", "identity-team"),
    user("priya", "Priya Nair", "data-team"),
    user("quentin", "Quentin Dubois", "data-team"),
    user("rosa", "Rosa Delgado", "data-team"),
    user("sven", "Sven Eriksson", "reliability-team"),
    user("tara", "Tara Singh", "reliability-team"),
    user("uma", "Uma Patel", "platform"),
    user("viktor", "Viktor Horak", "everyone"),
];

/// A component in production; the table below reads: name, title, purpose, type, owner, system, language.
const fn c(
    head: [&'static str; 7],
    api: Option<ApiKind>,
    consumes: &'static [&'static str],
    depends_on: &'static [&'static str],
) -> Component {
    let [name, title, purpose, kind, owner, system, language] = head;
    Component {
        name,
        title,
        purpose,
        kind,
        lifecycle: "production",
        owner,
        system,
        language,
        api,
        consumes,
        depends_on,
    }
}

const fn experimental(component: Component) -> Component {
    Component {
        lifecycle: "experimental",
        ..component
    }
}

const fn deprecated(component: Component) -> Component {
    Component {
        lifecycle: "deprecated",
        ..component
    }
}

#[rustfmt::skip]
pub(super) const COMPONENTS: &[Component] = &[
    c(["web-shop", "Web shop", "The shop in the browser.", "website", "storefront-team", "storefront", "typescript"], None, &["storefront-gateway"], &["media-bucket"]),
    c(["mobile-app", "Mobile app", "The shop on the phone.", "mobile-app", "storefront-team", "storefront", "kotlin"], None, &["storefront-gateway"], &[]),
    c(["storefront-gateway", "Storefront gateway", "One door for all shop clients.", "service", "storefront-team", "storefront", "go"], Some(OpenApi), &["checkout", "product-catalog", "product-search", "login"], &[]),
    c(["content-service", "Content service", "Texts and pictures of the shop.", "service", "storefront-team", "storefront", "go"], Some(OpenApi), &[], &["media-bucket"]),
    c(["design-system", "Design system", "Buttons that look alike.", "library", "storefront-team", "storefront", "typescript"], None, &[], &[]),
    c(["checkout", "Checkout", "Turns a basket into an order.", "service", "checkout-team", "ordering", "rust"], Some(OpenApi), &["baskets", "orders", "payment-gateway", "stock"], &["orders-db"]),
    c(["baskets", "Baskets", "Keeps what is about to be bought.", "service", "checkout-team", "ordering", "rust"], Some(Grpc), &["product-catalog"], &["baskets-cache"]),
    c(["orders", "Orders", "Keeps what was bought and its state.", "service", "checkout-team", "ordering", "rust"], Some(OpenApi), &[], &["orders-db", "event-stream"]),
    c(["order-events", "Order events", "Publishes what happens to orders.", "service", "checkout-team", "ordering", "rust"], Some(AsyncApi), &["orders"], &["event-stream"]),
    experimental(c(["gift-cards", "Gift cards", "Sells and redeems vouchers.", "service", "checkout-team", "ordering", "rust"], Some(OpenApi), &["ledger"], &["orders-db"])),
    c(["payment-gateway", "Payment gateway", "Talks to card networks and banks.", "service", "payments-team", "payments", "java"], Some(OpenApi), &["ledger", "fraud-check"], &["ledger-db"]),
    c(["ledger", "Ledger", "Books every movement of money.", "service", "payments-team", "payments", "java"], Some(Grpc), &[], &["ledger-db"]),
    c(["refunds", "Refunds", "Gives money back.", "service", "payments-team", "payments", "java"], Some(OpenApi), &["payment-gateway", "orders"], &["ledger-db"]),
    c(["fraud-check", "Fraud check", "Says no to stolen cards.", "service", "payments-team", "payments", "python"], Some(Grpc), &["event-collector"], &[]),
    c(["invoicing", "Invoicing", "Writes invoices.", "service", "payments-team", "payments", "java"], None, &["orders", "ledger"], &["ledger-db"]),
    deprecated(c(["paper-invoices", "Paper invoices", "Prints invoices.", "service", "payments-team", "payments", "perl"], None, &["ledger"], &[])),
    c(["product-catalog", "Product catalog", "What is sold, and for how much.", "service", "search-team", "discovery", "go"], Some(OpenApi), &[], &["products-db"]),
    c(["product-search", "Product search", "Finds products by words.", "service", "search-team", "discovery", "go"], Some(OpenApi), &["product-catalog"], &["search-index"]),
    c(["recommendations", "Recommendations", "Guesses what else is wanted.", "service", "search-team", "discovery", "python"], Some(Grpc), &["event-collector"], &["data-lake"]),
    c(["index-builder", "Index builder", "Keeps the search index true.", "service", "search-team", "discovery", "go"], None, &["product-catalog"], &["search-index", "event-stream"]),
    experimental(c(["picture-search", "Picture search", "Finds products by photo.", "service", "search-team", "discovery", "python"], None, &["product-search"], &["media-bucket"])),
    c(["stock", "Stock", "How many of what are where.", "service", "warehouse-team", "warehousing", "rust"], Some(Grpc), &[], &["stock-db"]),
    c(["picking", "Picking", "Tells people what to fetch.", "service", "warehouse-team", "warehousing", "kotlin"], Some(OpenApi), &["stock", "orders"], &["stock-db"]),
    c(["replenishment", "Replenishment", "Orders what is about to run out.", "service", "warehouse-team", "warehousing", "python"], None, &["stock", "forecasts"], &["stock-db"]),
    c(["scanner-app", "Scanner app", "Runs on the handhelds.", "mobile-app", "warehouse-team", "warehousing", "kotlin"], None, &["picking"], &[]),
    c(["parcels", "Parcels", "Knows where each parcel is.", "service", "shipping-team", "delivery", "go"], Some(OpenApi), &["carriers"], &["parcels-db"]),
    c(["carriers", "Carriers", "Speaks to each carrier in its language.", "service", "shipping-team", "delivery", "go"], Some(Grpc), &[], &[]),
    c(["labels", "Labels", "Prints shipping labels.", "service", "shipping-team", "delivery", "go"], Some(OpenApi), &["carriers", "parcels"], &["media-bucket"]),
    c(["tracking-page", "Tracking page", "Shows customers where it is.", "website", "shipping-team", "delivery", "typescript"], None, &["parcels"], &[]),
    experimental(c(["route-planner", "Route planner", "Plans the last mile.", "service", "shipping-team", "delivery", "rust"], None, &["parcels", "forecasts"], &["parcels-db"])),
    c(["login", "Login", "Signs people in.", "service", "identity-team", "accounts", "rust"], Some(OpenApi), &["profiles"], &["accounts-db"]),
    c(["profiles", "Profiles", "Names, addresses, preferences.", "service", "identity-team", "accounts", "rust"], Some(OpenApi), &[], &["accounts-db"]),
    c(["permissions", "Permissions", "Who may do what.", "service", "identity-team", "accounts", "rust"], Some(Grpc), &["profiles"], &["accounts-db"]),
    c(["auth-middleware", "Auth middleware", "Checks tokens in every service.", "library", "identity-team", "accounts", "go"], None, &["permissions"], &[]),
    c(["event-collector", "Event collector", "Takes in what happens everywhere.", "service", "data-team", "insight", "rust"], Some(AsyncApi), &[], &["event-stream", "data-lake"]),
    c(["forecasts", "Forecasts", "Says what will be bought.", "service", "data-team", "insight", "python"], Some(OpenApi), &["event-collector"], &["data-lake"]),
    c(["reports", "Reports", "Numbers for people who ask.", "website", "data-team", "insight", "typescript"], None, &["forecasts"], &["data-lake"]),
    c(["deployer", "Deployer", "Puts new versions into production.", "service", "reliability-team", "operations", "go"], Some(OpenApi), &["permissions"], &["build-cluster"]),
    c(["build-images", "Build images", "What everything is built in.", "library", "reliability-team", "operations", "shell"], None, &[], &["build-cluster"]),
    c(["status-page", "Status page", "Says whether it works.", "website", "reliability-team", "operations", "typescript"], None, &["deployer"], &[]),
];
