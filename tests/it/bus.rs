//! The bus on a real server: the conformance suite, and what only a restart of the server shows.

use freshet_bus::conformance::{self, Lab};
use freshet_bus::{Bus, nats};

use freshet_tests::nats::NatsServer;

struct NatsLab {
    server: NatsServer,
}

impl Lab for NatsLab {
    async fn bus(&self) -> Bus {
        connect(&self.server).await
    }

    async fn interrupt(&self, _bus: &Bus) {
        self.server.kill9();
    }

    async fn resume(&self, _bus: &Bus) {
        self.server.restart().await;
    }
}

async fn connect(server: &NatsServer) -> Bus {
    Bus::connect(&nats::Config::new(server.url(), "it")).await.expect("the server is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nats_bus_conforms() {
    let lab = NatsLab { server: NatsServer::start().await };
    conformance::run_all(&lab).await;
}
