//! Calls about the server itself. Apart because they concern no room, and a caller that may not
//! give them is on record all the same.

use crate::dialect::auth::claims::{ALL_ROOMS, Right};
use crate::dialect::caller::Caller;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::ledger::write::{Asked, EVERY_ROOM, Need, Write};

/// Hands a request about the server itself back to a caller that may change all rooms, and says
/// nothing in another's name.
///
/// # Errors
/// 403, recorded under the name of the call.
pub(super) async fn of_all_rooms(
    ledger: &Ledger,
    asked: Asked,
    call: &'static str,
    what: &str,
) -> Result<Asked, Problem> {
    let is_granted = asked.claims().may(Right::Admin(ALL_ROOMS));
    let mismatch = Caller::new(asked.claims().clone(), asked.parts()).mismatch();
    if is_granted && mismatch.is_none() {
        return Ok(asked);
    }
    let write = Write::begin(ledger, asked, EVERY_ROOM, Need::Admin).await?;
    if let Some(mismatch) = mismatch.filter(|_| is_granted) {
        let problem = Problem::rejected(&mismatch);
        return Err(write.objected(call, mismatch, problem).await);
    }
    let detail = format!(
        "{what} of all rooms: the token needs the ledger's `admin`, and must not be for one room"
    );
    Err(write.not_granted(call, Problem::no_right(detail)).await)
}
