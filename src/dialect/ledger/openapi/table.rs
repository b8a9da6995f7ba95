//! Routes with what each takes and answers. Apart because it is the one way into the router of our
//! own API: a route that is not told of cannot be taken.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

use super::operation::Operation;
use crate::dialect::ledger::state::Ledger;

/// A router in the making.
pub(in crate::dialect::ledger) struct Table {
    prefix: &'static str,
    router: Router<Ledger>,
    listed: Vec<Listed>,
}

/// One route.
pub(in crate::dialect::ledger) struct Listed {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) operation: Operation,
}

impl Table {
    /// No routes yet; what follows stands under `prefix`.
    pub(in crate::dialect::ledger) fn under(prefix: &'static str) -> Self {
        Self {
            prefix,
            router: Router::new(),
            listed: Vec::new(),
        }
    }

    pub(in crate::dialect::ledger) fn get<H: Handler<T, Ledger>, T: 'static>(
        self,
        path: &str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.on((MethodFilter::GET, Method::GET), path, operation, handler)
    }

    pub(in crate::dialect::ledger) fn post<H: Handler<T, Ledger>, T: 'static>(
        self,
        path: &str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.on((MethodFilter::POST, Method::POST), path, operation, handler)
    }

    pub(in crate::dialect::ledger) fn patch<H: Handler<T, Ledger>, T: 'static>(
        self,
        path: &str,
        operation: Operation,
        handler: H,
    ) -> Self {
        let patch = (MethodFilter::PATCH, Method::PATCH);
        self.on(patch, path, operation, handler)
    }

    pub(in crate::dialect::ledger) fn delete<H: Handler<T, Ledger>, T: 'static>(
        self,
        path: &str,
        operation: Operation,
        handler: H,
    ) -> Self {
        let delete = (MethodFilter::DELETE, Method::DELETE);
        self.on(delete, path, operation, handler)
    }

    /// The routes as they are so far.
    pub(in crate::dialect::ledger) fn router(&self) -> Router<Ledger> {
        self.router.clone()
    }

    /// What is told of them.
    pub(in crate::dialect::ledger) fn listed(self) -> Vec<Listed> {
        self.listed
    }

    fn on<H: Handler<T, Ledger>, T: 'static>(
        mut self,
        (filter, method): (MethodFilter, Method),
        path: &str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.router = self.router.route(path, on(filter, handler));
        self.listed.push(Listed {
            method,
            path: format!("{}{path}", self.prefix),
            operation,
        });
        self
    }
}
