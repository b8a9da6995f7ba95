//! What the bodies of all requests may hold together. Apart from reading them: connections are
//! many, each may send the largest body, and only a bound for all keeps that from being the end.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory that bodies share; cheap to clone.
#[derive(Clone, Debug)]
pub struct BodyMemory {
    bytes_max: usize,
    per_address_max: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

impl BodyMemory {
    /// So many bytes for all; a quarter of them for one address, or one body of the largest size
    /// where that is more.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            per_address_max: (bytes_max / ADDRESSES_MIN)
                .max(BODY_BYTES_MAX)
                .min(bytes_max),
            held: Arc::default(),
        }
    }

    /// What one request from there holds: nothing yet.
    pub fn lease(&self, address: IpAddr) -> Lease {
        Lease(Arc::new(Leased {
            memory: self.clone(),
            address: neighbourhood(address),
            bytes: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bodies of one request hold: an extension of the request. All of it is given back when
/// the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Lease(Arc<Leased>);

#[derive(Debug)]
struct Leased {
    memory: BodyMemory,
    address: IpAddr,
    bytes: Mutex<usize>,
}

impl Lease {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// [`NoMemory`]; nothing is taken then.
    pub fn take(&self, bytes: usize) -> Result<(), NoMemory> {
        let Leased {
            memory,
            address,
            bytes: own,
        } = &*self.0;
        let mut held = memory.lock();
        let all = held.all.saturating_add(bytes);
        if all > memory.bytes_max {
            return Err(NoMemory::OfAll);
        }
        let here = held.by_address.get(address).copied().unwrap_or_default();
        let here = here.saturating_add(bytes);
        if here > memory.per_address_max {
            return Err(NoMemory::OfAddress);
        }
        held.all = all;
        held.by_address.insert(*address, here);
        drop(held);
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        *own = own.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let own = *self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.memory.lock();
        held.all = held.all.saturating_sub(own);
        if let Some(here) = held.by_address.get_mut(&self.address) {
            *here = here.saturating_sub(own);
            if *here == 0 {
                held.by_address.remove(&self.address);
            }
        }
    }
}

/// All memory of bodies is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMemory {
    /// By requests of everybody.
    #[error("the bodies of other requests take all memory there is for them: try again shortly")]
    OfAll,
    /// By requests of this address.
    #[error(
        "the bodies of requests from your address take all memory there is for them: send fewer \
         at a time, try again shortly"
    )]
    OfAddress,
}

/// What counts as one address: of IPv6 the first 64 bits, since one machine has all behind them.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// The largest body that any dialect takes, in bytes.
pub const BODY_BYTES_MAX: usize = 10 << 20;

/// So many addresses at least can send bodies at a time.
const ADDRESSES_MIN: usize = 4;
