//! UmaDB over gRPC on loopback, the server on threads of its own in this process: it makes groups
//! of what waits, and syncs each.

use std::net::TcpListener;
use std::path::Path;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_core::mvcc::StorageOptions;
use umadb_dcb::DcbEventStoreAsync as _;
use umadb_server::{ServerOptions, start_server_with_options};

use crate::umadb::{event, query};
use crate::{Caller, Fallible, Peer};

struct Served {
    runtime: Runtime,
    client: AsyncUmaDbClient,
    stop: oneshot::Sender<()>,
}

pub(crate) fn open(dir: &Path) -> Fallible<Box<dyn Peer>> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let options = ServerOptions {
        listen_addr: address.clone(),
        tls: None,
        api_key: None,
        storage: StorageOptions::default().db_path(dir),
    };
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = Runtime::new().expect("threads for the server");
        runtime
            .block_on(start_server_with_options(options, stopped))
            .expect("a server");
    });
    let runtime = Runtime::new()?;
    let client = loop {
        let client = UmaDbClient::new(format!("http://{address}"));
        if let Ok(client) = runtime.block_on(client.connect_async()) {
            break client;
        }
    };
    Ok(Box::new(Served {
        runtime,
        client,
        stop,
    }))
}

impl Peer for Served {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        Ok(Box::new(Asking(self)))
    }

    fn read(&self) -> Fallible<u64> {
        self.runtime.block_on(async {
            let mut found = self.client.read(Some(query()), None, false, None).await?;
            Ok(found.collect_with_head().await?.0.len() as u64)
        })
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        let _ = self.stop.send(());
        Ok(())
    }
}

struct Asking<'a>(&'a Served);

impl Caller for Asking<'_> {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        let append = self.0.client.append(vec![event(payload)], None, None);
        self.0.runtime.block_on(append)?;
        Ok(())
    }
}
