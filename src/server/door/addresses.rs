//! How much of the connections one address has. Apart because a bound for all alone lets one
//! machine take every place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dialect::body_memory::neighbourhood;

/// Counts what each address holds; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    held_max: usize,
    held: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Addresses {
    pub(super) fn new(held_max: usize) -> Self {
        Self {
            held_max,
            held: Arc::default(),
        }
    }

    /// A place of this address; `None` where it has all that one may have.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = neighbourhood(address);
        let mut held = self.lock();
        let count = held.entry(address).or_default();
        if *count >= self.held_max {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Place {
            addresses: self.clone(),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.addresses.lock();
        if let Some(count) = held.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}
